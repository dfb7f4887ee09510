/* The items of an answer: message, reasoning, tool call, a call that waits for a person, and one that the client must make.
 *
 * Each view has `element`, `apply(event, kind, action, announcer)` for its streamed parts, `done(item, announcer)` when
 * it is final, `settle(item)` to equal what is stored, `close()` when the turn ends, and `broken`, true when it broke off.
 */
import { ApprovalCard } from "./approvals.js";
import { MarkdownView } from "./markdown.js";
import { ToolCard } from "./toolcard.js";
import { say } from "./words.js";

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export class MessageView {
  constructor() {
    this.element = element("div", "turn-message");
    this.parts = new Map();
    this.broken = false;
  }

  #part(index, refusal) {
    let part = this.parts.get(index);
    if (part) return part;
    const box = element("div", refusal ? "turn-refusal" : "md");
    if (!refusal) box.dataset.markdown = "";
    const later = [...this.element.children].find((child) => Number(child.dataset.part) > index);
    box.dataset.part = index;
    this.element.insertBefore(box, later ?? null);
    part = refusal ? new PlainView(box) : new MarkdownView(box);
    this.parts.set(index, part);
    return part;
  }

  apply(event, kind, action, announcer) {
    const part = this.#part(event.content_index ?? 0, kind === "refusal");
    if (action === "delta") {
      part.push(event.delta);
      announcer.push(event.delta);
    } else if (action === "done") {
      const text = event.text ?? event.refusal;
      if (text !== undefined && text !== part.text) part.set(text);
      else part.finish();
    }
  }

  done(item, announcer) {
    this.broken = item.status === "incomplete";
    this.settle(item);
    this.close();
    announcer.finish("");
  }

  settle(item) {
    (item.content ?? []).forEach((content, index) => {
      const refusal = content.type === "refusal";
      const text = refusal ? content.refusal : content.text;
      if (text === undefined || (!text && !this.parts.has(index))) return;
      const part = this.#part(index, refusal);
      if (part.text !== text.replace(/\r\n?/g, "\n")) part.set(text);
    });
  }

  close() {
    for (const part of this.parts.values()) part.finish();
  }

  source() {
    return [...this.parts.values()].map((part) => part.text).join("\n\n");
  }
}

class PlainView {
  constructor(box) {
    this.box = box;
    this.text = "";
  }

  push(delta) {
    this.set(this.text + delta);
  }

  set(text) {
    this.text = text;
    this.box.textContent = text;
  }

  finish() {}
}

export class ReasoningView {
  constructor() {
    this.body = element("div", "turn-reasoning-body");
    this.element = element("details", "turn-reasoning more", element("summary", "", "Thinking"), this.body);
    this.element.hidden = true; // until there is a summary to read
    this.parts = new Map();
    this.broken = false;
  }

  #part(index) {
    if (!this.parts.has(index)) {
      const box = element("div", "md");
      this.body.append(box);
      this.parts.set(index, new MarkdownView(box));
      this.element.hidden = false;
    }
    return this.parts.get(index);
  }

  apply(event, kind, action) {
    const part = this.#part(event.summary_index ?? event.content_index ?? 0);
    if (action === "delta") part.push(event.delta);
    else if (action === "done") part.finish();
  }

  done(item) {
    this.broken = item.status === "incomplete";
    (item.summary ?? []).forEach((summary, index) => {
      const part = this.#part(index);
      if (part.text !== summary.text) part.set(summary.text);
    });
    this.close();
  }

  close() {
    for (const part of this.parts.values()) part.finish();
  }
}

/** A card in words: whose call, its state, and why. */
function spoken(card) {
  return `${card.getAttribute("aria-label")}. ${card.querySelector(".seam-reason").textContent}`;
}

export class ApprovalView {
  constructor(item) {
    this.card = new ApprovalCard(item);
    this.element = this.card.element;
    this.asks = item.id;
    this.broken = false;
    this.taken = false; // by the call that was decided
  }

  /** The view of the call, in the card that asked. */
  decided(item) {
    this.taken = true;
    return new ToolView(item, this.element);
  }

  done(item, announcer) {
    this.broken = item.status === "incomplete";
    this.settle(item);
    announcer.say(spoken(this.element));
  }

  settle(item) {
    if (this.taken) return;
    if (this.broken) this.close();
    else this.card.update(item);
  }

  close() {
    if (!this.taken) this.card.abandon();
  }
}

export class ToolView {
  constructor(item, element) {
    this.card = new ToolCard(item, element);
    this.element = this.card.element;
    this.broken = false;
  }

  apply(event, kind, action, announcer) {
    if (kind === "mcp_call_arguments") {
      if (action === "delta") this.card.pushArguments(event.delta);
      else this.card.setArguments(event.arguments ?? this.card.arguments);
    } else if (action === "in_progress") {
      this.card.run();
      announcer.say(this.element.getAttribute("aria-label"));
    }
  }

  done(item, announcer) {
    this.broken = item.status === "incomplete";
    this.settle(item);
    announcer.say(spoken(this.element));
  }

  settle(item) {
    this.card.update(item);
  }

  close() {
    this.card.abandon();
  }
}

export class FunctionView {
  constructor(item) {
    this.element = element("p", "turn-function");
    this.#show(item);
  }

  #show(item) {
    this.element.textContent = `${say("tools", "client")} ${item.name ?? ""}`;
  }

  done(item) {
    this.#show(item);
  }
}
