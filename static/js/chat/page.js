/* The chat page: puts the parts together and decides what happens when a message is sent, answered or refused. */
import { Announcer } from "./announce.js";
import { Approvals } from "./approvals.js";
import { Composer } from "./composer.js";
import { Pending } from "./pending.js";
import { Rail } from "./rail.js";
import { Scroller } from "./scroll.js";
import { ChatSocket } from "./socket.js";
import { Sync } from "./sync.js";
import { Transcript } from "./transcript.js";
import { Vault } from "./vault.js";
import { say } from "./words.js";

const OFFLINE_AFTER = 1500; // ms; a shorter gap is not worth a word

class ChatPage {
  constructor(root) {
    this.root = root;
    this.slug = root.dataset.slug;
    this.base = root.dataset.base; // "/t/SLUG/chat/"
    this.conversation = root.dataset.conversation;
    this.find = (selector) => root.querySelector(selector);
    this.rail = new Rail(this.find("[data-rail]"));
    this.announcer = new Announcer(this.find("[data-announce]"));
    this.transcript = new Transcript(this.find("[data-transcript]"), { announcer: this.announcer, onRetry: (turn) => this.retry(turn) });
    this.scroller = new Scroller(this.find("[data-pane]"), this.find("[data-newest]"));
    this.vault = new Vault(this.find("[data-vault]"), document.getElementById("unlock"));
    this.approvals = new Approvals(root, { announcer: this.announcer, send: (id, approve) => this.socket.approve(id, approve) });
    this.pending = new Pending(this.slug);
    this.composer = new Composer(this.find("[data-composer]"), { draftKey: this.#draftKey(), onSend: (text) => this.send(text), onStop: () => this.stop() });
    this.sync = new Sync({ known: () => this.transcript.lastId, onChange: () => this.refresh(), onGone: () => this.composer.close(say("page", "deleted")) });
    this.#bind();
    this.#connect();
    if (this.conversation) this.sync.watch(this.#url("state/"));
  }

  #draftKey() {
    return `chat-draft:${this.slug}:${this.conversation || "new"}`;
  }

  #url(tail = "") {
    return `${this.base}${this.conversation}/${tail}`;
  }

  #bind() {
    for (const starter of this.root.querySelectorAll("[data-starter]")) {
      starter.addEventListener("click", () => this.send(starter.dataset.starter));
    }
    this.root.addEventListener("click", (event) => event.target.closest("[data-ask-unlock]") && this.vault.ask());
  }

  #connect() {
    const url = new URL(this.root.dataset.socket, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new ChatSocket(url.href);
    const on = (name, act) => this.socket.addEventListener(name, (event) => act(event.detail));
    on("event", (detail) => this.received(detail));
    on("refused", (frame) => this.refused(frame));
    on("gone", (frame) => this.gone(frame));
    on("approval", (frame) => this.approvals.decided(frame.approval_request_id, frame.state));
    on("snapshot", ({ response }) => this.transcript.turns.get(response.id)?.rebuild(response));
    on("vault", (frame) => this.vault.show(frame));
    on("active", (frame) => this.activeElsewhere(frame));
    on("up", () => this.#connection(""));
    on("down", () => (this.offlineTimer ??= setTimeout(() => this.#connection(say("page", "reconnecting")), OFFLINE_AFTER)));
    on("signed-out", () => this.#leave("signed_out"));
    on("forbidden", () => this.#leave("forbidden"));
    this.#resume();
    this.socket.connect();
  }

  /** Goes on where this page was before a reload: the open answer, and a message that nobody has acknowledged. */
  #resume() {
    const active = this.transcript.active;
    if (active) this.socket.follow(active.dataset.responseId);
    const waiting = this.pending.restore(this.conversation);
    if (waiting && !this.find(`article[data-token="${CSS.escape(waiting.token)}"]`)) this.#begin(waiting);
    else if (waiting) this.pending.clear();
    this.#busy();
  }

  send(text) {
    if (this.transcript.active) return;
    this.#begin({ text, token: crypto.randomUUID(), parent: this.transcript.lastId, conversation: this.conversation });
  }

  /** Sends the question again as a branch beside the answer that failed, which leaves the page, not the store. */
  retry(turn) {
    if (this.transcript.active) return;
    const text = this.transcript.textOf(turn);
    const parent = turn.article.dataset.parent;
    const putBack = this.transcript.remove(turn);
    this.#begin({ text, token: crypto.randomUUID(), parent, branch: true, conversation: this.conversation }, putBack);
  }

  #begin(send, putBack = () => {}) {
    const turn = this.transcript.add({ text: send.text, parent: send.parent, token: send.token });
    this.pending.keep(send, { turn, putBack });
    const frame = { type: "response.create", input: [{ type: "message", role: "user", content: [{ type: "input_text", text: send.text }] }], "deny_web:token": send.token };
    if (send.conversation) frame.conversation = send.conversation;
    else frame["deny_web:conversation"] = "new";
    if (send.branch) frame.previous_response_id = send.parent || null;
    this.socket.create(frame);
    this.scroller.toEnd();
    this.#busy();
  }

  stop() {
    const article = this.transcript.active;
    if (!article) return;
    if (article.dataset.responseId) this.socket.stop(article.dataset.responseId);
    else article.dataset.stop = ""; // not created yet; stopped as soon as it is
  }

  received({ responseId, event }) {
    const turn = this.transcript.turns.get(responseId) ?? (event.type === "response.created" ? this.#claim(responseId, event.response) : undefined);
    if (!turn) return;
    turn.apply(event);
    if (!turn.active) {
      this.#offerUnlock(turn);
      this.#busy();
    }
  }

  /** A response that the page does not know is the one that it waits for: all others are named before they are followed. */
  #claim(responseId, response) {
    const waiting = this.pending.take();
    if (!waiting) return undefined;
    const { turn } = waiting.extra;
    this.socket.settle(waiting.send.token);
    this.transcript.name(turn, responseId);
    this.#adopt(response?.conversation?.id, waiting.send.text);
    if (turn.article.dataset.stop !== undefined) this.socket.stop(responseId);
    return turn;
  }

  /** The first answer of a new conversation: its address goes into the address bar before the first word. */
  #adopt(conversation, text) {
    if (!conversation || this.conversation) return;
    this.conversation = conversation;
    this.root.dataset.conversation = conversation;
    history.replaceState(null, "", this.#url());
    this.composer.useDraft(this.#draftKey());
    const title = text.replace(/\s+/g, " ").slice(0, 80);
    this.rail.add(title, this.#url());
    this.#nameConversation(title);
    this.sync.watch(this.#url("state/"));
  }

  #nameConversation(title) {
    for (const heading of this.root.querySelectorAll("[data-heading]")) heading.textContent = title;
    for (const acts of this.root.querySelectorAll("[data-acts]")) acts.hidden = false;
    for (const act of document.querySelectorAll("[data-act]")) act.setAttribute(act.dataset.at, this.#url(act.dataset.act));
    document.querySelector("[data-heading-value]").value = title;
  }

  refused(frame) {
    const sentence = frame.error?.message ?? say("page", "unreachable");
    if (frame["deny_web:approval_request_id"]) {
      this.approvals.refused(frame["deny_web:approval_request_id"], frame.error?.code);
      return;
    }
    const followed = this.transcript.turns.get(frame["deny_web:response_id"]);
    if (followed) {
      followed.article.dataset.status = "failed";
      followed.note(say("failed", frame.error?.code), "stop");
      this.#busy();
      return;
    }
    const token = frame["deny_web:token"];
    const waiting = token && this.pending.take(token);
    if (!waiting) return;
    this.socket.settle(waiting.send.token);
    this.transcript.remove(waiting.extra.turn);
    waiting.extra.putBack();
    if (!waiting.send.branch) this.composer.restore(waiting.send.text);
    this.composer.complain(sentence);
    this.#busy();
    this.sync.look();
  }

  gone({ response }) {
    const turn = this.transcript.turns.get(response.id) ?? this.#claim(response.id, response);
    if (!turn) return;
    turn.rebuild(response);
    this.#offerUnlock(turn);
    this.#busy();
  }

  activeElsewhere(frame) {
    if (frame.conversation === this.conversation && !this.transcript.turns.has(frame.response_id)) this.refresh();
  }

  /** Shows the chain as the server has it now; what is new is followed from its start. */
  async refresh() {
    if (this.pending.size) return;
    const answer = await fetch(this.#url("turns/"), { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const { turns } = await answer.json();
    if (this.pending.size) return;
    for (const turn of this.transcript.reconcile(turns)) this.socket.follow(turn.responseId);
    this.#busy();
  }

  #offerUnlock(turn) {
    if (!this.vault.mayUnlock) return;
    for (const actions of turn.article.querySelectorAll(".seam[data-state='locked'] .seam-actions:empty")) {
      actions.append(document.getElementById("unlock-action").content.cloneNode(true));
    }
  }

  #busy() {
    this.composer.setAnswering(Boolean(this.transcript.active));
  }

  #connection(sentence) {
    clearTimeout(this.offlineTimer);
    this.offlineTimer = undefined;
    const place = this.find("[data-connection]");
    place.textContent = sentence;
    place.hidden = !sentence;
  }

  #leave(reason) {
    const waiting = this.pending.take();
    if (waiting) this.composer.restore(waiting.send.text);
    this.#connection("");
    this.composer.close(say("page", reason));
    this.find(`[data-after='${reason}']`)?.removeAttribute("hidden");
  }
}

new ChatPage(document.querySelector("[data-chat]"));
