// Which rows are shown, and in which order: no part of the page is touched here.

const plain = (text) => text.normalize("NFKC").toLowerCase();
const texts = [];  // what is searched of each row, made when it is first needed

function textOf(number) {
  return texts[number] ??= plain(searched(rows[number]).join("\n"));
}

function* fields(row) {
  yield row.id;
  yield row.prompt;
  yield row.made_from;
  yield row.task_id;
  yield row.model;
  yield row.standing;
  yield row.status;
  yield row.source;
  yield row.edition;
  yield row.dismissed;
  yield row.error?.code;
  yield row.error?.message;
  for (const [key, value] of metadataOf(row)) yield `${key}:${value}`;
}

const searched = (row) => [...fields(row)].filter(Boolean);

// `fox "in the snow" -rain` as [{text: "fox", without: false}, ...].
function termsOf(query) {
  const terms = [];
  for (const [, minus, quoted, word] of query.matchAll(/(-?)(?:"([^"]*)"?|(\S+))/gu)) {
    const text = plain(quoted ?? word);
    if (text) terms.push({text, without: minus === "-"});
  }
  return terms;
}

// The numbers of the rows that fit, as they stand in the job file.
function found(wanted) {
  const terms = termsOf(wanted.search);
  const fits = (row, number) =>
    (wanted.standings.size === 0 || wanted.standings.has(row.standing)) &&
    (!wanted.model || row.model === wanted.model) &&
    (!wanted.format || formatOf(row) === wanted.format) &&
    (!wanted.key || hasMetadata(row, wanted.key, wanted.value)) &&
    terms.every((term) => textOf(number).includes(term.text) !== term.without);
  const numbers = [];
  for (let number = 0; number < rows.length; number += 1) if (fits(rows[number], number)) numbers.push(number);
  return numbers;
}

function hasMetadata(row, key, value) {
  if (!Object.hasOwn(row.metadata ?? {}, key)) return false;
  return value === "" || row.metadata[key] === value;
}

const collator = new Intl.Collator(undefined, {numeric: true});
const text = (field) => (one, other) => compare(one[field] ?? "", other[field] ?? "");
const number = (of) => (one, other) => (of(one) ?? 0) - (of(other) ?? 0);
const reversed = (order) => (one, other) => order(other, one);
const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
// What has no value comes last, whichever way the rest goes.
const having = (of, order) => (one, other) => Number(!of(one)) - Number(!of(other)) || order(one, other);
const waited = (row) =>
  row.finished_at && row.submitted_at ? Date.parse(row.finished_at) - Date.parse(row.submitted_at) : 0;

const SORTS = {
  "": {name: "job file order"},
  "newest": {name: "newest first", order: having((row) => row.finished_at, reversed(text("finished_at")))},
  "oldest": {name: "oldest first", order: having((row) => row.finished_at, text("finished_at"))},
  "id": {name: "id", order: (one, other) => collator.compare(one.id, other.id)},
  "prompt": {name: "prompt", order: (one, other) => collator.compare(one.prompt, other.prompt)},
  "status": {name: "status", order: number((row) => Object.keys(STANDINGS).indexOf(row.standing))},
  "largest": {name: "largest file", order: reversed(number((row) => row.bytes))},
  "slowest": {name: "longest wait", order: reversed(number(waited))},
  "dearest": {name: "highest price", order: reversed(number((row) => Number(row.price ?? 0)))},
};

function sorted(numbers, sort) {
  const {order} = SORTS[sort] ?? {};
  return order ? numbers.sort((one, other) => order(rows[one], rows[other]) || one - other) : numbers;
}

// How many rows have each value: [value, number], the most frequent first where `byNumber`.
function tally(values, byNumber = true) {
  const numbers = new Map();
  for (const value of values) numbers.set(value, (numbers.get(value) ?? 0) + 1);
  const order = ([one, many], [other, more]) => (byNumber && more - many) || collator.compare(one, other);
  return [...numbers].sort(order);
}
