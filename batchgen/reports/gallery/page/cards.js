// The cards of one page.

const cards = byId("cards");

function card(row) {
  const open = element("button", {type: "button", className: "id"}, element("bdi", {}, row.id));
  open.addEventListener("click", () => showDetail(row));
  const body = element(
    "div",
    {className: "body"},
    element("div", {className: "head"}, open, chip(row)),
    foreign("p", "prompt", row.prompt),
    element("p", {className: "facts"}, briefFacts(row)),
    metadataLine(row),
  );
  body.addEventListener("click", (event) => {
    if (!event.target.closest("button") && getSelection().isCollapsed) showDetail(row);
  });
  const article = element("article", {className: row.left ? "left" : ""}, frame(row, {lazy: true}), body);
  showControls(article);
  return article;
}

function briefFacts(row) {
  const facts = [row.model, `${row.resolution} ${row.duration} s`];
  if (row.bytes) facts.push(sizeOf(row.bytes));
  if (priceOf(row)) facts.push(priceOf(row));
  if (row.charged === "perhaps") facts.push("perhaps charged");
  if (row.warnings) facts.push(numberOf(row.warnings.length, "warning", "warnings"));
  if (row.left) facts.push("no longer in the job file");
  return facts.join(" · ");
}

function metadataLine(row) {
  const pairs = metadataOf(row);
  if (pairs.length === 0) return "";
  const shown = pairs.slice(0, 6).map(([key, value]) =>
    element("span", {className: "pair"}, element("bdi", {className: "key"}, key), " ", element("bdi", {}, value)),
  );
  return element("p", {className: "metadata"}, ...shown);
}

function showCards(shown) {
  views.disconnect();
  for (const video of cards.querySelectorAll("video")) release(video);
  cards.replaceChildren(...shown.map(card));
}

// --- keys: from card to card, by where they stand

function focusCard(offset) {
  const all = [...cards.children];
  const here = all.indexOf(document.activeElement?.closest("article"));
  const next = all[here < 0 ? 0 : here + offset];
  next?.querySelector("button.id").focus();
  next?.scrollIntoView({block: "nearest"});
  return next !== undefined;
}

// How many cards stand beside each other.
function columns() {
  return getComputedStyle(cards).gridTemplateColumns.split(" ").length;
}

function togglePlaying() {
  playingAll = !playingAll;
  byId("playing").setAttribute("aria-pressed", String(playingAll));
  for (const video of cards.querySelectorAll("video[src]")) playingAll ? start(video) : video.pause();
}

function toggleOne() {
  const video = document.activeElement?.closest("article")?.querySelector("video");
  if (!video) return;
  attach(video);
  video.paused ? start(video) : video.pause();
}
