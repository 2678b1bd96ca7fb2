// Everything about one clip.

const detail = byId("detail");
let shownRow = null;

function showDetail(row) {
  shownRow = row;
  for (const video of cards.querySelectorAll("video")) video.pause();
  byId("detail-title").replaceChildren(element("bdi", {}, row.id), " ", chip(row));
  byId("detail-body").replaceChildren(frame(row, {lazy: false}), facts(row));
  const place = shown.indexOf(rows.indexOf(row));
  byId("detail-previous").disabled = place <= 0;
  byId("detail-next").disabled = place < 0 || place === shown.length - 1;
  if (!detail.open) detail.showModal();
  detail.scrollTop = 0;
  const video = detail.querySelector("video");
  if (video && !matchMedia("(prefers-reduced-motion: reduce)").matches) start(video);
  remember();
}

function stepDetail(offset) {
  const place = shown.indexOf(rows.indexOf(shownRow)) + offset;
  if (shownRow === null || place < 0 || place >= shown.length) return;
  goToPage(Math.floor(place / wanted.size));
  showDetail(rows[shown[place]]);
}

detail.addEventListener("close", () => {
  const row = shownRow;
  shownRow = null;
  byId("detail-body").replaceChildren();
  const place = shown.indexOf(rows.indexOf(row)) - wanted.page * wanted.size;
  cards.children[place]?.querySelector("button.id").focus();
  remember();
});

function facts(row) {
  const list = element("dl");
  const say = (name, value) => {
    if (value) list.append(element("dt", {}, name), element("dd", {dir: "auto"}, value));
  };
  for (const warning of row.warnings ?? []) say("Warning", warning);
  say("Made from", row.made_from);
  say("Status", row.status === row.standing ? row.status : `${row.standing} (${row.status})`);
  say("Error", row.error && `${row.error.code}: ${row.error.message} (${row.error.stage})`);
  say("Dismissed", row.dismissed);
  say("Model", row.model);
  say("Ordered", formatOf(row));
  for (const [key, value] of Object.entries(row.options ?? {})) say(key, value);
  say("Clip", clipFacts(row));
  say("File", row.file && element("a", {href: fileUrl(row.file)}, element("bdi", {}, row.file)));
  say("Price", [priceOf(row), row.charged && `charged: ${row.charged}`].filter(Boolean).join(", "));
  say("Task id", row.task_id);
  say("Submitted", row.submitted_at && timeOf(row.submitted_at));
  say("Finished", row.finished_at && timeOf(row.finished_at) + wait(row));
  say("Submissions", row.submissions > 1 ? String(row.submissions) : "");
  say("Edition", row.edition);
  say("From", row.source + (row.left ? " (no longer in the job file)" : ""));
  const about = element("div", {className: "about"}, foreign("p", "whole prompt", row.prompt));
  const pairs = metadataOf(row);
  if (pairs.length) about.append(metadataTable(pairs));
  about.append(list);
  return about;
}

function clipFacts(row) {
  if (!row.bytes) return row.width ? `${row.width} × ${row.height}` : "";
  const seconds = row.seconds ? `, ${row.seconds.toFixed(1)} s` : "";
  return `${row.width} × ${row.height}${seconds}, ${sizeOf(row.bytes)}`;
}

function wait(row) {
  const seconds = Math.round(waited(row) / 1000);
  return seconds > 0 ? ` (after ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")})` : "";
}

// Each value finds the clips that share it.
function metadataTable(pairs) {
  const list = element("dl", {className: "pairs"});
  for (const [key, value] of pairs) {
    const same = element("button", {type: "button", className: "same", dir: "auto", title: "All clips with this value"}, value || "(empty)");
    same.addEventListener("click", () => {
      detail.close();
      change({...NOTHING_WANTED, size: wanted.size, key, value});
    });
    list.append(element("dt", {dir: "auto"}, key), element("dd", {}, same));
  }
  return list;
}
