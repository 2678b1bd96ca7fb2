// The only place where elements are made.  Texts become text nodes, whatever is in them.

const byId = (id) => document.getElementById(id);

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

// A text of unknown script: it finds its own direction and turns nothing around it.
const foreign = (name, className, content) => element(name, {className, dir: "auto"}, content);

function option(value, name) {
  return element("option", {value}, name);
}

function chip(row) {
  return element("span", {className: `chip ${toneOf(row)}`}, row.standing);
}

// --- clips: a file is opened when it comes into view, and let go when it leaves

const RELEASE = "300px";
let playingAll = false;

const views = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) isIntersecting ? attach(target) : release(target);
}, {rootMargin: RELEASE});

function attach(video) {
  if (!video.hasAttribute("src")) {
    video.preload = "metadata";
    video.src = video.dataset.file;
  }
  if (playingAll) start(video);
}

function release(video) {
  if (!video.hasAttribute("src")) return;
  video.pause();
  video.removeAttribute("src");
  video.load();
}

// Some browsers refuse to play what nobody has clicked; then the controls are there.
function start(video) {
  video.play().catch(() => {});
}

function clip(row, {lazy}) {
  const video = element("video", {controls: !lazy, loop: true, muted: true, playsInline: true});
  video.preload = lazy ? "none" : "auto";
  video.dataset.file = fileUrl(row.file);
  video.setAttribute("aria-label", `Clip ${row.id}`);
  const broken = element("p", {className: "note warn", hidden: true, dir: "auto"}, `${row.file} can't be played here.`);
  video.addEventListener("error", () => {
    if (video.hasAttribute("src")) [video.hidden, broken.hidden] = [true, false];
  });
  if (lazy) {
    views.observe(video);
    video.addEventListener("click", playClicked);
  } else video.src = video.dataset.file;
  return [video, broken];
}

// Without controls, which would hide a third of a small picture, a click plays; then the controls take over.
function playClicked(event) {
  if (event.target.controls) return;
  event.target.controls = true;
  attach(event.target);
  start(event.target);
}

// Controls are there while a mouse or the keyboard is at the card, and while the clip plays.
function showControls(article) {
  const video = article.querySelector("video");
  if (!video) return;
  const here = () => {
    video.controls = true;
  };
  const gone = () => {
    video.controls = !video.paused && !playingAll;
  };
  article.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && here());
  article.addEventListener("pointerleave", gone);
  article.addEventListener("focusin", here);
  article.addEventListener("focusout", gone);
}

function frame(row, options) {
  return element("div", {className: "frame"}, ...(row.file ? clip(row, options) : [reason(row)]));
}

function reason(row) {
  const [hint, told] = reasonOf(row);
  return element("div", {className: `note ${toneOf(row)}`}, element("p", {}, hint), told && foreign("p", "told", told));
}
