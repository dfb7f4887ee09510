// The seam card of one tool call, built and kept up to date in the page.
//
// Same markup as templates/components/seam.html. Whatever a model or an API said goes in as text,
// never as markup.
//
//   const card = createSeam({ name: "get_invoice", state: "running", arguments: "{…}" });
//   updateSeam(card, { state: "done", result: "{…}", status: 200, duration: "142 ms" });
//   card.querySelector(".seam-actions").append(button);   // it shows itself when it is not empty

import { icon, setIcon } from "./icon.js";

export const STATES = {
  queued: ["Queued", "clock"],
  running: ["Running", "loader-circle"],
  waiting: ["Waits for a person", "hand"],
  done: ["Done", "check"],
  failed: ["Failed", "circle-alert"],
  withheld: ["Withheld", "shield"],
  locked: ["Vault locked", "lock"],
  denied: ["Denied", "ban"],
  unknown: ["Outcome unknown", "circle-question-mark"],
  stopped: ["Stopped", "square"],
};

// Facts that show as plain text somewhere in the card: fact -> selector.
const TEXTS = {
  name: ".seam-name",
  time: ".seam-time",
  arguments: ".seam-arguments .seam-code",
  result: ".seam-result .seam-code",
  method: ".seam-method",
  host: ".seam-host",
  path: ".seam-path",
  status: ".seam-status",
  duration: ".seam-duration",
  credential: ".seam-credential .chip-label",
  quiet: ".seam-quiet",
  reason: ".seam-reason",
};

export function createSeam(facts) {
  const card = element("section", "seam");
  card.setAttribute("role", "group");
  const state = element("span", "seam-state", [
    icon("clock"), element("span", "seam-word"), " ", element("span", "seam-time"),
  ]);
  const line = element("div", "seam-line");
  line.setAttribute("aria-hidden", "true");
  card.append(
    element("header", "seam-head", [element("span", "seam-name"), state]),
    element("div", "seam-sides", [modelSide(), line, apiSide()]),
    element("p", "seam-reason"),
    element("div", "seam-actions"),
  );
  updateSeam(card, { state: "queued", ...facts });
  return card;
}

// Only the facts that are given change; null takes one away.
export function updateSeam(card, facts) {
  for (const [fact, selector] of Object.entries(TEXTS)) {
    if (fact in facts) card.querySelector(selector).textContent = facts[fact] ?? "";
  }
  if (facts.state) showState(card, facts.state);
  hideEmpty(card);
  const word = card.querySelector(".seam-word").textContent;
  card.setAttribute("aria-label", `Tool call ${card.querySelector(".seam-name").textContent}, ${word}`);
}

function showState(card, state) {
  const [word, picture] = STATES[state] ?? STATES.stopped;
  card.dataset.state = state;
  const title = state === "waiting" ? "What the API would get" : "What the API got";
  card.querySelector(".seam-api > .seam-title").textContent = title;
  card.querySelector(".seam-word").textContent = word;
  setIcon(card.querySelector(".seam-state .icon"), picture);
}

function hideEmpty(card) {
  const lacks = (selector) => card.querySelector(selector).textContent === "";
  card.querySelector(".seam-arguments").hidden = lacks(TEXTS.arguments);
  card.querySelector(".seam-result").hidden = lacks(TEXTS.result);
  card.querySelector(".seam-request").hidden = lacks(TEXTS.host);
  card.querySelector(".seam-credential").hidden = lacks(TEXTS.credential);
  card.querySelector(".seam-quiet").hidden = lacks(TEXTS.quiet);
  card.querySelector(".seam-answer").hidden = lacks(TEXTS.status);
  card.querySelector(".seam-after").hidden = lacks(TEXTS.duration);
  card.querySelector(".seam-reason").hidden = lacks(TEXTS.reason);
}

function modelSide() {
  return element("div", "seam-model", [
    element("p", "seam-title", ["What the model saw"]),
    part("arguments", "Arguments"),
    part("result", "Result"),
  ]);
}

function part(kind, label) {
  return element("div", `seam-part seam-${kind}`, [
    element("span", "seam-label", [label]), element("pre", "seam-code"),
  ]);
}

function apiSide() {
  const chip = element("span", "chip chip-sealed", [
    icon("lock"), element("span", "visually-hidden", ["Credential "]), element("span", "chip-label"),
  ]);
  chip.title = "Sealed. No model sees what is behind this label.";
  return element("div", "seam-api", [
    element("p", "seam-title"),
    element("p", "seam-request", [
      element("span", "seam-method"), " ",
      element("span", "seam-url", [element("span", "seam-host"), element("span", "seam-path")]),
    ]),
    element("p", "seam-credential", [chip]),
    element("p", "seam-answer", [
      "Status ", element("span", "seam-status"),
      element("span", "seam-after", [" after ", element("span", "seam-duration")]),
    ]),
    element("p", "seam-quiet"),
  ]);
}

function element(tag, className, children = []) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}
