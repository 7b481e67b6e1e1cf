// Keeps the figures of a page fresh and remembers what is folded. Without it, a page shows the
// figures of the moment at which it was loaded. It writes texts and attributes only, never markup.
"use strict";

const EVERY_MS = 1000;
const AFTER_A_FAILURE_MS = 5000;
const loadedWith = Number(document.body.dataset.requests);
const lost = document.querySelector(".lost");

function text(element, said) {
  if (element && element.textContent !== said) element.textContent = said;
}

function showGauges(gauges) {
  for (const element of document.querySelectorAll("[data-gauge]")) {
    const gauge = gauges[element.dataset.gauge];
    if (!gauge) continue;
    element.querySelector("meter").value = gauge.used;
    text(element.querySelector(".figure"), gauge.text);
    text(element.querySelector(".resets"), gauge.resets);
  }
}

function showFaults(faults) {
  for (const element of document.querySelectorAll("[data-fault]")) {
    const fired = faults[element.dataset.fault];
    if (fired === undefined) continue; // taken away elsewhere; the next load shows it
    const times = Number(element.dataset.times);
    text(element.querySelector("b"), String(fired));
    element.querySelector(".spent").hidden = times === 0 || fired < times;
  }
}

function showNewer(total) {
  const link = document.querySelector(".newer");
  const count = total - loadedWith;
  if (!link || count <= 0) return;
  text(link, count === 1 ? "Show 1 newer request" : `Show ${count.toLocaleString("en")} newer requests`);
  link.hidden = false;
}

async function refresh() {
  try {
    const answer = await fetch("/sandbox/gauges", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const told = await answer.json();
    showGauges(told.gauges);
    showFaults(told.faults);
    showNewer(told.requests);
    text(lost, "");
    return EVERY_MS;
  } catch {
    text(lost, "The sandbox does not answer. The figures are those of its last answer.");
    return AFTER_A_FAILURE_MS;
  }
}

async function keepFresh() {
  const wait = document.hidden ? EVERY_MS : await refresh();
  setTimeout(keepFresh, wait);
}

// What is folded and opened outlives loading the page again, in this tab.
const place = `folded:${location.pathname}`;

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(place)) ?? {};
  } catch {
    return {};
  }
}

function remember(event) {
  if (!event.target.id) return;
  try {
    const folded = { ...remembered(), [event.target.id]: event.target.open };
    sessionStorage.setItem(place, JSON.stringify(folded));
  } catch {
    // Storage may be switched off or full: then nothing is remembered.
  }
}

function restore() {
  for (const [id, open] of Object.entries(remembered())) {
    const element = document.getElementById(id);
    if (element instanceof HTMLDetailsElement) element.open = open;
  }
}

function offerFolding() {
  const button = document.querySelector(".fold");
  const groups = [...document.querySelectorAll("details.group")];
  if (!button || groups.length < 2) return;
  const name = () => text(button, groups.some((group) => group.open) ? "Fold all" : "Unfold all");
  button.addEventListener("click", () => {
    const open = !groups.some((group) => group.open);
    for (const group of groups) group.open = open;
  });
  document.addEventListener("toggle", name, true);
  button.hidden = false;
  name();
}

if (document.querySelector(".board")) {
  restore();
  document.addEventListener("toggle", remember, true);
  offerFolding();
}
keepFresh();
