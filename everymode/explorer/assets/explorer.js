"use strict";
// The pages work without this script. It shows the next view while a control is moved, moves through grids by arrow
// keys, and marks when all images are in.

const STEP = 250; // at least so many milliseconds between two views of a moving control
const ready = () => {
  const images = [...document.images].filter((image) => image.loading !== "lazy" || image.complete);
  if (images.every((image) => image.complete)) document.body.dataset.ready = "1";
};

function settled(root) {
  const waits = [...root.querySelectorAll("img")].map((image) =>
    image.complete ? null : new Promise((done) => { image.onload = image.onerror = done; }),
  );
  return Promise.all(waits);
}

// Changes an element into another one and keeps what is equal, so that images stay until the next ones are there.
function morph(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) { old.replaceWith(next); return; }
  if (old.nodeType === Node.TEXT_NODE) { if (old.data !== next.data) old.data = next.data; return; }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "tabindex") old.removeAttribute(name);
  for (const { name, value } of [...next.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const before = [...old.childNodes];
  const after = [...next.childNodes];
  if (before.length !== after.length) { old.replaceChildren(...after); return; }
  before.forEach((child, index) => morph(child, after[index]));
}

// An image that the server was too busy for is asked for again, three times.
document.addEventListener("error", (event) => {
  const image = event.target;
  if (!(image instanceof HTMLImageElement)) return;
  const tries = Number(image.dataset.tries ?? 0);
  if (tries >= 3) return;
  image.dataset.tries = String(tries + 1);
  const source = image.getAttribute("src");
  setTimeout(() => {
    if (image.isConnected && image.getAttribute("src") === source) image.src = source;
  }, 2000);
}, true);

const live = { wanted: null, started: 0, abort: null, timer: 0 };

function addressOf(form) {
  const values = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") values.append(name, value);
  const query = values.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return form.getAttribute("action") + (query ? `?${query}` : "");
}

// The style of a page is taken out before it is parsed: its nonce is not the one of this page.
async function fetched(address, signal) {
  const reply = await fetch(address, { signal, headers: { Accept: "text/html" } });
  let style = "";
  const text = (await reply.text()).replace(/<style[^>]*>([^<]*)<\/style>/, (_, css) => { style = css; return ""; });
  return { page: new DOMParser().parseFromString(text, "text/html"), style };
}

async function show(address) {
  live.abort?.abort();
  const abort = (live.abort = new AbortController());
  live.started = performance.now();
  document.body.classList.add("busy");
  delete document.body.dataset.ready;
  try {
    const { page: next, style } = await fetched(address, abort.signal);
    const view = document.getElementById("view");
    const error = document.getElementById("error");
    const status = document.getElementById("status");
    const from = next.getElementById("view");
    if (!from) {
      const message = next.getElementById("error");
      if (message && error) error.replaceWith(document.adoptNode(message));
      else if (message) view.before(document.adoptNode(message));
      status.textContent = next.getElementById("status")?.textContent ?? "";
      return;
    }
    error?.remove();
    const own = document.getElementById("page-style");
    if (own.textContent !== style) own.textContent = style;
    const [link, command] = [document, next].map((each) => each.getElementById("command-link"));
    if (link && command) link.href = command.getAttribute("href");
    morph(view, document.adoptNode(from));
    rove();
    document.title = next.title;
    history.replaceState(null, "", address);
    await settled(document.getElementById("view"));
    if (abort.signal.aborted) return;
    const milliseconds = Math.round(performance.now() - live.started);
    status.textContent = `${next.getElementById("status").textContent}, ${milliseconds.toLocaleString()} ms`;
  } catch (error) {
    if (error.name !== "AbortError") document.getElementById("status").textContent = "The explorer does not answer.";
  } finally {
    if (live.abort === abort) {
      document.body.classList.remove("busy");
      ready();
      if (live.wanted !== address) later();
    }
  }
}

function later() {
  clearTimeout(live.timer);
  const wait = STEP - (performance.now() - live.started);
  if (wait > 0) live.timer = setTimeout(later, wait);
  else show(live.wanted);
}

const runOf = (select) => select.selectedOptions[0]?.parentElement.label;

// Another run may have other labels and sizes, so its page is loaded without them.
function openRun(form, select) {
  const values = new URLSearchParams({ [select.name]: select.value });
  const others = ["seeds", "seed", "truncation", "left", "right"].filter((name) => name !== select.name);
  for (const name of others) if (form.elements[name]?.value) values.set(name, form.elements[name].value);
  location.href = `${form.getAttribute("action")}?${values}`;
}

function want(form) {
  live.wanted = addressOf(form);
  later();
}

function rove() {
  for (const grid of document.querySelectorAll("[role=grid]")) {
    const cells = [...grid.querySelectorAll("[role=gridcell] a")];
    if (!cells.some((cell) => cell.tabIndex === 0 && cell.hasAttribute("tabindex"))) {
      cells.forEach((cell, index) => { cell.tabIndex = index ? -1 : 0; });
    }
  }
}

document.addEventListener("keydown", (event) => {
  const cell = event.target.closest?.("[role=gridcell] a");
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...cell.closest("[role=grid]").querySelectorAll("[role=row]")]
    .map((row) => [...row.querySelectorAll("[role=gridcell] a")])
    .filter((row) => row.length);
  const y = rows.findIndex((row) => row.includes(cell));
  const x = rows[y].indexOf(cell);
  const last = rows[y].length - 1;
  const target = {
    ArrowLeft: [y, x - 1], ArrowRight: [y, x + 1], ArrowUp: [y - 1, x], ArrowDown: [y + 1, x],
    Home: [y, 0], End: [y, last], PageUp: [0, x], PageDown: [rows.length - 1, x],
  }[event.key];
  const found = target && rows[target[0]]?.[target[1]];
  if (!target) return;
  event.preventDefault();
  found?.focus();
});

// The focused cell is the one tab stop of its grid.
document.addEventListener("focusin", (event) => {
  const cell = event.target.closest?.("[role=gridcell] a");
  if (!cell) return;
  for (const other of cell.closest("[role=grid]").querySelectorAll("[role=gridcell] a[tabindex='0']")) other.tabIndex = -1;
  cell.tabIndex = 0;
});

// A click on a sample shows its page in a dialog; with a modifier, or without this script, it is a link.
async function enlarge(link) {
  const { page } = await fetched(link.href);
  const view = page.getElementById("view");
  if (!view) { location.href = link.href; return; }
  for (const element of view.querySelectorAll("[id]")) element.removeAttribute("id");
  view.removeAttribute("id");
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  heading.id = "dialog-title";
  heading.textContent = page.querySelector("h1").textContent;
  const close = document.createElement("button");
  close.className = "close plain";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(heading, document.adoptNode(view), close);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[role=gridcell] a[data-png]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  enlarge(link).catch(() => { location.href = link.href; });
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("form");
  if (event.target.type === "range") {
    const output = form?.querySelector(`output[for="${event.target.id}"]`);
    if (output) output.textContent = String(Number(event.target.value));
  }
  if (form?.dataset.live !== undefined && event.target.type === "range") want(form);
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("form");
  if (form?.dataset.live === undefined || event.target.type === "range") return;
  if (event.target.dataset.run === undefined || runOf(event.target) === event.target.dataset.run) want(form);
  else openRun(form, event.target);
});

document.addEventListener("DOMContentLoaded", () => {
  rove();
  settled(document).then(ready);
});
window.addEventListener("load", ready);
