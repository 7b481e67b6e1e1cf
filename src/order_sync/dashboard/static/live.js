// Keeps a page fresh: the part in <main data-live> is asked for again every few seconds and put in
// the place of the old one, unless somebody is selecting or typing in it. Without it, a page shows
// the moment at which it was loaded.
"use strict";

const EVERY_MS = 3000;
const AFTER_A_FAILURE_MS = 10000;
const main = document.querySelector("main[data-live]");
const lost = document.querySelector(".lost");
const news = document.querySelector(".news");

function isInUse() {
  const selection = document.getSelection();
  return document.hidden || (selection && !selection.isCollapsed) || main.querySelector(":focus");
}

// The browser makes nodes of the answer, and nodes are moved: markup is never written by hand.
function freshPage() {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.responseType = "document";
    request.open("GET", location.href);
    request.onload = () => resolve(request.status === 200 ? request.response : null);
    request.onerror = () => resolve(null);
    request.send();
  });
}

function figures() {
  const told = [...main.querySelectorAll("[data-told]")];
  return new Map(told.map((one) => [one.dataset.told, one.textContent]));
}

// For screen readers: only what differs, since the whole part is exchanged each time.
function tellChanges(before) {
  const changed = [...figures()].filter(([name, figure]) => before.get(name) !== figure);
  if (changed.length) news.textContent = changed.map((one) => one.join(": ")).join(", ");
}

async function refresh() {
  if (isInUse()) return EVERY_MS;
  const fresh = (await freshPage())?.querySelector("main");
  if (!fresh) {
    lost.textContent = "The dashboard does not answer. The figures are those of its last answer.";
    return AFTER_A_FAILURE_MS;
  }
  lost.textContent = "";
  const scrolled = [...main.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const before = figures();
  main.replaceChildren(...fresh.childNodes);
  tellChanges(before);
  [...main.querySelectorAll(".scroll")].forEach((one, n) => (one.scrollLeft = scrolled[n] ?? 0));
  return EVERY_MS;
}

async function keepFresh() {
  const wait = await refresh();
  setTimeout(keepFresh, wait);
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey;
  if (event.key !== "/" || isTyping) return;
  event.preventDefault();
  document.querySelector("#find").focus();
});

if (main) setTimeout(keepFresh, EVERY_MS);
