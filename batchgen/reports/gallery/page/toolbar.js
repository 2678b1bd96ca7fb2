// What can be chosen: filled from the rows, and set to what is wanted.

const SIZES = [24, 60, 120, 240];
const MOST_VALUES = 500;  // a longer list is no list to choose from; the search finds the rest

function fillToolbar() {
  fillStandings();
  fillSelect("model", "any", once("model", () => tally(rows.map((row) => row.model))));
  fillSelect("format", "any", once("format", () => tally(rows.map(formatOf))));
  fillSelect("key", "any", once("key", () => tally(keys(), false)));
  fillSelect("value", "any value", wanted.key ? once(`value ${wanted.key}`, () => tally(valuesOf(wanted.key)).slice(0, MOST_VALUES)) : []);
  byId("key").parentElement.hidden = byId("key").length === 1;
  byId("value-label").hidden = !wanted.key;
  byId("reset").hidden = !isNarrowed();
}

// Counted once for as many rows as there are.
const counts = new Map();

function once(what, count) {
  const known = counts.get(what);
  if (known?.rows === rows.length) return known.value;
  const value = count();
  counts.set(what, {rows: rows.length, value});
  return value;
}

function* keys() {
  for (const row of rows) if (row.metadata) yield* Object.keys(row.metadata);
}

function* valuesOf(key) {
  for (const row of rows) if (hasMetadata(row, key, "")) yield row.metadata[key];
}

function fillSelect(id, any, choices) {
  const select = byId(id);
  const options = choices.map(([value, number]) => option(value, `${shortened(value)} (${number.toLocaleString()})`));
  if (wanted[id] && !choices.some(([value]) => value === wanted[id])) options.push(option(wanted[id], shortened(wanted[id])));
  select.replaceChildren(option("", any), ...options);
  select.value = wanted[id];
  select.classList.toggle("set", Boolean(wanted[id]));
}

const shortened = (value) => (value.length > 40 ? `${value.slice(0, 39)}…` : value);

function fillStandings() {
  const numbers = new Map(once("standing", () => tally(rows.map((row) => row.standing))));
  const names = Object.keys(STANDINGS).filter((name) => numbers.has(name) || wanted.standings.has(name));
  byId("standings").replaceChildren(...names.map((name) => standingButton(name, numbers.get(name) ?? 0)));
}

function standingButton(name, number) {
  const button = element(
    "button",
    {type: "button", className: `chip ${STANDINGS[name].tone}`},
    name,
    element("span", {className: "number"}, ` ${number.toLocaleString()}`),
  );
  button.setAttribute("aria-pressed", String(wanted.standings.has(name)));
  button.addEventListener("click", () => {
    const standings = new Set(wanted.standings);
    if (!standings.delete(name)) standings.add(name);
    change({standings});
    [...byId("standings").children].find((other) => other.firstChild.data === name)?.focus();
  });
  return button;
}

function isNarrowed() {
  const {search, standings, model, format, key, sort} = wanted;
  return Boolean(search || standings.size || model || format || key || sort);
}

// --- the address keeps what is wanted, so that a view can be marked, sent and gone back to

const NOTHING_WANTED = {search: "", standings: new Set(), model: "", format: "", key: "", value: "", sort: "", page: 0, size: 60};
const WORDS = ["search", "model", "format", "key", "value", "sort"];

function fromAddress(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const read = {...NOTHING_WANTED, standings: new Set(given.getAll("status"))};
  for (const word of WORDS) read[word] = given.get(word) ?? "";
  read.page = Math.max(0, (Number.parseInt(given.get("page"), 10) || 1) - 1);
  read.size = SIZES.find((size) => String(size) === given.get("size")) ?? NOTHING_WANTED.size;
  return {read, id: given.get("id")};
}

function toAddress() {
  const given = new URLSearchParams();
  for (const word of WORDS) if (wanted[word]) given.set(word, wanted[word]);
  for (const standing of wanted.standings) given.append("status", standing);
  if (wanted.page > 0) given.set("page", String(wanted.page + 1));
  if (wanted.size !== NOTHING_WANTED.size) given.set("size", String(wanted.size));
  if (shownRow !== null) given.set("id", shownRow.id);
  return `#${given}`;
}
