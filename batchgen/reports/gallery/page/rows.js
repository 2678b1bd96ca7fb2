// The rows: those that stand in the page, and those that files beside it hand over, part after part.

const about = JSON.parse(document.getElementById("about").textContent);
const rows = JSON.parse(document.getElementById("rows").textContent);
const total = rows.length + about.parts.reduce((sum, part) => sum + part.rows, 0);

// Loads the parts in their order.  `told` is called after each, with the problem if one can't be had.
function loadParts(told) {
  let due = 0;
  window.galleryPart = (number, text) => {
    if (number !== due) return;
    for (const row of JSON.parse(text)) rows.push(row);
    due += 1;
  };
  function next() {
    if (due === about.parts.length) return;
    const asked = due;
    const script = document.createElement("script");
    script.src = about.parts[due].file;
    script.onload = script.onerror = () => {
      script.remove();
      if (due === asked) {
        told(`${about.parts[due].file} can't be read. If the gallery was rebuilt, reload this page.`);
        return;
      }
      told(null);
      setTimeout(next);
    };
    document.head.append(script);
  }
  next();
}

const STANDINGS = {
  "delivered": {tone: "good", hint: ""},
  "unknown": {tone: "warn", hint: "The answer to the order was lost: perhaps accepted, perhaps charged."},
  "failed": {tone: "bad", hint: "The service could not make this clip."},
  "refused": {tone: "bad", hint: "The service refused this order."},
  "missing": {tone: "warn", hint: "The clip was stored and is no longer there, or no longer whole."},
  "held": {tone: "warn", hint: "Edited after it was paid for; held."},
  "waiting to be downloaded": {tone: "busy", hint: "Made by the service; not downloaded yet."},
  "under way": {tone: "busy", hint: "The service is working on it."},
  "not submitted": {tone: "quiet", hint: "Not submitted yet."},
  "dismissed": {tone: "quiet", hint: "Settled by hand."},
};

const toneOf = (row) => (STANDINGS[row.standing] ?? {tone: "quiet"}).tone;

// Why there is no clip: in our words, and in those of the service.
function reasonOf(row) {
  if (row.dismissed) return ["Settled by hand.", row.dismissed];
  const hint = (STANDINGS[row.standing] ?? {hint: ""}).hint;
  const {code, message} = row.error ?? {};
  if (!code || row.standing === "missing") return [hint, ""];
  return [hint, message && message !== code ? `${message} (${code})` : code];
}

const formatOf = (row) => `${row.resolution}, ${row.duration} s`;
const fileUrl = (file) => file.split("/").map(encodeURIComponent).join("/");
const metadataOf = (row) => Object.entries(row.metadata ?? {});

function sizeOf(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${unit && bytes < 99.95 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function priceOf(row) {
  return row.price ? `${row.price} ${row.currency ?? ""}`.trim() : "";
}

const timeFormat = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});
const timeOf = (stamp) => timeFormat.format(new Date(stamp));

function numberOf(number, one, many) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}
