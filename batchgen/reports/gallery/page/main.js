// Puts what is wanted on the page, and listens.

let {read: wanted, id: linked} = fromAddress(location.hash);
let shown = [];  // the numbers of the rows that fit, in their order

const PATIENCE = 120;  // milliseconds after the last key before the search begins
const REFRESH = 400;  // milliseconds between two looks at rows that are still coming in

function change(changes) {
  wanted = {...wanted, page: 0, ...changes};
  refresh();
  scrollToTop();
}

function refresh() {
  shown = sorted(found(wanted), wanted.sort);
  fillToolbar();
  if (document.activeElement !== byId("search")) byId("search").value = wanted.search;
  byId("sort").value = wanted.sort;
  goToPage(wanted.page);
}

function pages() {
  return Math.max(1, Math.ceil(shown.length / wanted.size));
}

let onPage = "";

function goToPage(page) {
  wanted.page = rows.length === total ? Math.min(Math.max(page, 0), pages() - 1) : page;
  const numbers = shown.slice(wanted.page * wanted.size, (wanted.page + 1) * wanted.size);
  if (numbers.join() !== onPage) {
    onPage = numbers.join();
    showCards(numbers.map((number) => rows[number]));
  }
  showCount(numbers.length);
  byId("pages").hidden = shown.length <= SIZES[0];
  byId("page").value = wanted.page + 1;
  byId("page").max = pages();
  byId("of").textContent = `of ${pages().toLocaleString()}`;
  byId("size").value = wanted.size;
  byId("previous").disabled = wanted.page === 0;
  byId("next").disabled = wanted.page >= pages() - 1;
  remember();
}

function showCount(number) {
  const first = (wanted.page * wanted.size + 1).toLocaleString();
  const last = (wanted.page * wanted.size + number).toLocaleString();
  const parts = [];
  if (shown.length === 0) parts.push(rows.length ? "No clip fits." : "There are no jobs yet.");
  else if (pages() > 1) parts.push(`${first}–${last} of ${numberOf(shown.length, "job", "jobs")}`);
  else parts.push(numberOf(shown.length, "job", "jobs"));
  if (shown.length && shown.length < rows.length) parts.push(`(${rows.length.toLocaleString()} in all)`);
  if (rows.length < total) parts.push(`· loading, ${rows.length.toLocaleString()} of ${total.toLocaleString()} so far`);
  byId("count").textContent = problem || parts.join(" ");
}

function turn(pagesOn) {
  const page = wanted.page + pagesOn;
  if (page < 0 || page >= pages()) return;
  goToPage(page);
  scrollToTop();
}

function scrollToTop() {
  if (scrollY > cards.offsetTop) scrollTo(0, byId("toolbar").offsetTop);
}

function remember() {
  if (location.hash !== toAddress() && !linked) history.replaceState(null, "", toAddress());
}

// --- rows that come in while people look at the first

let problem = "";
let due = null;

function arrived(told) {
  problem = told ?? "";
  if (problem || rows.length === total) {
    clearTimeout(due);
    due = null;
    everythingIsHere();
  } else {
    due ??= setTimeout(() => {
      due = null;
      refresh();
    }, REFRESH);
  }
}

function everythingIsHere() {
  refresh();
  document.body.dataset.ready = "yes";
  const row = linked && rows.find((one) => one.id === linked);
  linked = null;
  if (row) showDetail(row);
  else remember();
}

// --- listening

function listen() {
  let typed = null;
  byId("search").addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => change({search: byId("search").value.trim()}), PATIENCE);
  });
  for (const id of ["model", "format", "value", "sort"]) {
    byId(id).addEventListener("change", () => change({[id]: byId(id).value}));
  }
  byId("key").addEventListener("change", () => change({key: byId("key").value, value: ""}));
  byId("reset").addEventListener("click", () => {
    byId("search").value = "";
    change({...NOTHING_WANTED, size: wanted.size});
    byId("search").focus();
  });
  byId("more").addEventListener("click", () => {
    const open = document.body.classList.toggle("filtering");
    byId("more").setAttribute("aria-expanded", String(open));
  });
  byId("playing").addEventListener("click", togglePlaying);
  byId("help").addEventListener("click", () => byId("keys").showModal());
  byId("keys-close").addEventListener("click", () => byId("keys").close());
  byId("previous").addEventListener("click", () => turn(-1));
  byId("next").addEventListener("click", () => turn(1));
  byId("page").addEventListener("change", () => turn(Number(byId("page").value) - 1 - wanted.page));
  byId("size").addEventListener("change", () => {
    const first = wanted.page * wanted.size;
    wanted.size = Number(byId("size").value);
    goToPage(Math.floor(first / wanted.size));
  });
  byId("detail-previous").addEventListener("click", () => stepDetail(-1));
  byId("detail-next").addEventListener("click", () => stepDetail(1));
  byId("detail-close").addEventListener("click", () => detail.close());
  for (const dialog of [detail, byId("keys")]) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
  document.addEventListener("keydown", pressed);
  addEventListener("hashchange", () => {
    ({read: wanted, id: linked} = fromAddress(location.hash));
    if (detail.open) detail.close();
    everythingIsHere();
  });
}

const KEYS = {
  "/": () => (byId("search").focus(), byId("search").select(), true),
  "?": () => (byId("keys").showModal(), true),
  "p": () => (togglePlaying(), true),
  "n": () => (turn(1), true),
  "b": () => (turn(-1), true),
  "ArrowRight": () => focusCard(1),
  "ArrowLeft": () => focusCard(-1),
  "ArrowDown": () => focusCard(columns()),
  "ArrowUp": () => focusCard(-columns()),
};
const DETAIL_KEYS = {ArrowRight: () => stepDetail(1), ArrowLeft: () => stepDetail(-1)};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const on = event.target;
  if (detail.open) {
    if (on.tagName !== "VIDEO" && DETAIL_KEYS[event.key]) DETAIL_KEYS[event.key]();
    return;
  }
  if (byId("keys").open) return;
  if (["INPUT", "SELECT", "VIDEO", "TEXTAREA"].includes(on.tagName)) {
    if (event.key === "Escape" && on.id === "search") on.blur();
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (arrow && !on.closest("article") && event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
  if (event.key === " " && on.closest("article")) {
    toggleOne();
    event.preventDefault();
  } else if (KEYS[event.key]?.()) event.preventDefault();
}

function begin() {
  document.title = `${about.job_file} – gallery`;
  byId("title").replaceChildren(element("bdi", {}, about.job_file));
  if (about.simulated) byId("title").append(" ", element("span", {className: "chip busy"}, "simulated"));
  byId("sentence").textContent = about.sentence;
  byId("foot").textContent = `Made with batchgen ${about.version}.`;
  byId("sort").replaceChildren(...Object.entries(SORTS).map(([value, {name}]) => option(value, name)));
  byId("size").replaceChildren(...SIZES.map((size) => option(String(size), String(size))));
  byId("search").value = wanted.search;
  document.body.classList.toggle("filtering", isNarrowed());
  byId("more").setAttribute("aria-expanded", String(isNarrowed()));
  listen();
  if (about.parts.length === 0) everythingIsHere();
  else {
    refresh();
    loadParts(arrived);
  }
}

begin();
