/* Tool calls that wait for a person: their cards, and the two answers.
 *
 * What was decided comes as `deny_web:approval` frames, apart from the numbered events, since a turn that waits has no
 * host that could number one. They may come before the card's own event, so each is kept.
 */
import { createSeam, updateSeam } from "../seam.js";
import { pretty } from "./json.js";
import { say } from "./words.js";

const STATE_OF_VERDICT = { waiting: "waiting", approved: "queued", denied: "denied", expired: "denied" };
const verdicts = new Map(); // request id -> waiting, approved, denied, expired, stopped

/** The card of one `mcp_approval_request`. */
export class ApprovalCard {
  constructor(item) {
    this.id = item.id;
    this.element = createSeam({ name: item.name ?? "", state: "waiting", quiet: say("approvals", "unsent") });
    this.element.dataset.request = item.id;
  }

  /** The request is whole: it can be decided, unless it was. */
  update(item) {
    const { method = "", host = "", credential = "" } = item["deny_web:request"] ?? {};
    updateSeam(this.element, { name: item.name, arguments: pretty(item.arguments ?? ""), method, host, credential: credential ?? "" });
    show(this.element, this.id, verdicts.get(this.id) ?? "waiting");
  }

  /** The turn ended, and nobody had decided. */
  abandon() {
    if (this.element.dataset.state === "waiting") show(this.element, this.id, "stopped");
  }
}

/** Sends decisions, and shows those that arrive. `send(id, approve)` answers false where there is no connection. */
export class Approvals {
  constructor(root, { announcer, send }) {
    this.root = root;
    this.announcer = announcer;
    this.send = send;
    root.addEventListener("submit", (event) => this.#submit(event));
  }

  #submit(event) {
    const form = event.target.closest("form[data-approval]");
    if (!form) return;
    // Without a connection the form goes out as any other.
    if (!this.send(form.dataset.approval, event.submitter?.value === "true")) return;
    event.preventDefault();
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    // The buttons go with the answer; whoever uses a keyboard stays at the card.
    const card = form.closest(".seam");
    card.tabIndex = -1;
    card.focus();
  }

  /** A request was decided, here or elsewhere. */
  decided(id, verdict) {
    const before = verdicts.get(id);
    verdicts.set(id, verdict);
    const card = this.#card(id);
    // A call that goes on in this card knows better.
    if (!card || before === verdict || card.dataset.state !== "waiting") return;
    show(card, id, verdict);
    if (verdict !== "waiting") this.announcer.say(`${card.getAttribute("aria-label")}. ${say("approvals", verdict)}`);
  }

  /** The decision was not taken. */
  refused(id, code) {
    const card = this.#card(id);
    if (!card) return;
    for (const button of card.querySelectorAll("form[data-approval] button")) button.disabled = false;
    const sentence = say("approvals", code === "server_error" ? "failed" : "late");
    updateSeam(card, { reason: sentence });
    this.announcer.say(sentence);
  }

  #card(id) {
    return this.root.querySelector(`.seam[data-request="${CSS.escape(id)}"]`);
  }
}

function show(card, id, verdict) {
  const waits = verdict === "waiting";
  const state = STATE_OF_VERDICT[verdict] ?? "stopped";
  updateSeam(card, { state, reason: say("approvals", verdict) });
  if (waits) updateSeam(card, { quiet: say("approvals", "unsent") });
  else if (state === "queued") updateSeam(card, { quiet: say("tools", "queued") });
  else updateSeam(card, { method: "", host: "", credential: "", quiet: say("tools", "unsent") });
  const actions = card.querySelector(".seam-actions");
  const known = actions.querySelector("form[data-approval]");
  if (!waits) actions.replaceChildren();
  else if (!known) actions.append(...form(id));
}

function form(id) {
  const template = document.getElementById("approval-actions");
  if (!template) return []; // whoever may only read
  const made = template.content.firstElementChild.cloneNode(true);
  made.action = made.getAttribute("action").replace("/ID/", `/${id}/`);
  made.dataset.approval = id;
  return [made];
}
