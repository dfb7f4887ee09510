/* One answer: applies the numbered events of a response to its <article>.
 *
 * Items stand in the order of their output index. A part is made when its first event comes, whichever that is, since
 * a reader that joins late may have missed the ones before.
 */
import { copy } from "../copy.js";
import { ApprovalView, FunctionView, MessageView, ReasoningView, ToolView } from "./items.js";
import { say } from "./words.js";

const STATUS_OF_ENDING = {
  "response.completed": "completed",
  "response.incomplete": "incomplete",
  "response.failed": "failed",
  "response.cancelled": "cancelled",
};
const VIEW_OF_ITEM = { message: MessageView, mcp_call: ToolView, mcp_approval_request: ApprovalView, reasoning: ReasoningView, function_call: FunctionView };
const VIEW_OF_EVENT = {
  output_text: MessageView,
  refusal: MessageView,
  mcp_call: ToolView,
  mcp_call_arguments: ToolView,
  reasoning_summary_text: ReasoningView,
  reasoning_text: ReasoningView,
};

export class Turn {
  /** `announcer` speaks; `onRetry(turn)` is called by the Retry button. */
  constructor(article, { announcer, onRetry }) {
    this.article = article;
    this.announcer = announcer;
    this.onRetry = onRetry;
    this.items = new Map(); // output index -> view
    this.list = article.querySelector("[data-items]");
    this.foot = article.querySelector("[data-foot]");
    this.written = this.active && this.list.childElementCount > 0; // by the server: it waits; its events tell it again
    this.#bindFoot();
  }

  get responseId() {
    return this.article.dataset.responseId;
  }

  get active() {
    return this.article.dataset.status === "in_progress";
  }

  apply(event) {
    if (this.written) this.#clear();
    const [, kind, action] = event.type.split(".");
    if (event.type in STATUS_OF_ENDING) this.#finish(STATUS_OF_ENDING[event.type], event.response);
    else if (kind === "output_item") this.#item(event, action);
    else if (VIEW_OF_EVENT[kind]) this.#part(event, kind, action);
  }

  /** The event log is gone: show what is stored instead. */
  rebuild(response) {
    this.#clear();
    (response.output ?? []).forEach((item, index) => this.#item({ item, output_index: index }, "done"));
    if (response.status in { queued: 1, in_progress: 1 }) return;
    this.#finish(response.status, response);
  }

  #clear() {
    this.written = false;
    this.items.clear();
    this.list.replaceChildren();
  }

  #part(event, kind, action) {
    const view = this.#view(event.output_index, VIEW_OF_EVENT[kind], {});
    view.apply(event, kind, action, this.announcer);
  }

  #item(event, action) {
    const { item } = event;
    const View = VIEW_OF_ITEM[item.type];
    if (!View) return;
    const known = this.items.has(event.output_index);
    const view = this.#view(event.output_index, View, item);
    if (action === "done") view.done(item, this.announcer);
    else if (!known) this.#markAbandoned(event.output_index);
  }

  /** An item that broke off before a later one began: its host died, and the answer starts again below it. */
  #markAbandoned(before) {
    for (const [index, view] of this.items) {
      if (index < before && view.broken) view.element.classList.add("is-abandoned");
    }
  }

  #view(index, View, item) {
    let view = this.items.get(index);
    if (view) return view;
    view = this.#decided(item) ?? new View(item);
    this.items.set(index, view);
    if (view.element.parentNode === this.list) return view;
    view.element.dataset.index = index;
    const later = [...this.list.children].find((child) => Number(child.dataset.index) > index);
    this.list.insertBefore(view.element, later ?? null);
    this.article.dataset.started = "";
    return view;
  }

  /** A call that a person decided goes on in the card that asked. */
  #decided(item) {
    const asked = item.approval_request_id && [...this.items.values()].find((view) => view.asks === item.approval_request_id);
    return asked ? asked.decided(item) : undefined;
  }

  #finish(status, response) {
    // A reader that came after the log was gone has seen only the end of it.
    const missed = (response.output ?? []).some((item, index) => item.type in VIEW_OF_ITEM && !this.items.has(index));
    if (missed) {
      this.rebuild({ ...response, status });
      return;
    }
    // What was counted out must equal what is stored; a difference is repaired rather than shown.
    (response.output ?? []).forEach((item, index) => this.items.get(index)?.settle?.(item));
    for (const view of this.items.values()) view.close?.();
    this.article.dataset.status = status;
    this.#note(status, response);
    this.announcer.finish(status === "completed" ? "" : this.foot.querySelector("[data-note]").textContent);
  }

  #note(status, response) {
    const note = this.foot.querySelector("[data-note]");
    let text = "";
    if (status === "failed") text = say("failed", response.error?.["deny_web:code"] ?? response.error?.code);
    else if (status === "incomplete") text = say("incomplete", response["deny_web:reason"] ?? response.incomplete_details?.["deny_web:reason"] ?? response.incomplete_details?.reason);
    else if (status === "cancelled") text = say("incomplete", "stopped");
    this.note(text, status === "failed" ? "stop" : "quiet");
  }

  /** A sentence under the answer, with a Retry button beside it. */
  note(text, tone) {
    const note = this.foot.querySelector("[data-note]");
    note.textContent = text;
    note.dataset.tone = tone;
    note.hidden = !text;
    // A call that met a locked vault is worth asking for again; the style hides the button as long as it is locked.
    this.foot.querySelector("[data-retry]").hidden = !text && !this.list.querySelector(".seam[data-state='locked']");
    this.foot.hidden = false;
  }

  #bindFoot() {
    this.foot.querySelector("[data-copy-answer]").addEventListener("click", () => copy(this.source()));
    this.foot.querySelector("[data-retry]").addEventListener("click", () => this.onRetry(this));
  }

  /** The answer's Markdown, as the model wrote it. */
  source() {
    if (this.items.size) return [...this.items.values()].map((view) => view.source?.() ?? "").filter(Boolean).join("\n\n");
    return [...this.list.querySelectorAll("[data-markdown]")].map((element) => element.dataset.source ?? element.textContent).join("\n\n");
  }
}
