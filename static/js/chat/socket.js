/* The connection: Responses events in, requests out.
 *
 * It outlives its WebSocket. Every event carries a number within its response; the highest one seen is kept, and after
 * a reconnect each open response is followed from there, so that nothing is missing and nothing is applied twice.
 *
 * Events that it dispatches (detail is the frame): "event" (a Responses event of one response), "refused" (an error
 * frame), "vault", "active", "gone", "approval" (a call was decided), "snapshot" (all of an answer that waits); and without detail "up", "down", "signed-out", "forbidden".
 */
const PING_EVERY = 20_000; // ms
const SILENCE = 30_000; // ms without any frame, after which a connection that once answered a ping is taken for dead
const FIRST_DELAY = 400; // ms
const LONGEST_DELAY = 15_000; // ms
const SIGNED_OUT = 4401;
const FORBIDDEN = 4403;
const NOT_FOUND = 4404;
const ENDINGS = new Set(["response.completed", "response.incomplete", "response.failed", "response.cancelled"]);
const OWN_FRAMES = { "deny_web:vault": "vault", "deny_web:active": "active", "deny_web:gone": "gone", "deny_web:approval": "approval", "deny_web:snapshot": "snapshot", error: "refused" };

export class ChatSocket extends EventTarget {
  constructor(url) {
    super();
    this.url = url;
    this.seen = new Map(); // response id -> highest number applied, for responses that have not ended
    this.ended = new Set();
    this.pending = new Map(); // token -> create frame that no event has answered yet
    this.attempts = 0;
    this.closed = false;
    this.timer = 0;
    window.addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
  }

  connect() {
    this.timer = 0;
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("open", () => this.#opened());
    this.socket.addEventListener("message", (message) => this.#received(message.data));
    this.socket.addEventListener("close", (event) => this.#lost(event.code));
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Asks for a response's events after number `after` (-1: from the start), now and again after every reconnect. */
  follow(responseId, after = -1) {
    if (this.ended.has(responseId) || this.seen.has(responseId)) return;
    this.seen.set(responseId, after);
    this.#send({ type: "deny_web:follow", response_id: responseId, starting_after: after });
  }

  /** Starts a turn. It is sent again after a reconnect until it is answered; its token keeps that from making two. */
  create(frame) {
    this.pending.set(frame["deny_web:token"], frame);
    this.#send(frame);
  }

  stop(responseId) {
    this.#send({ type: "deny_web:stop", response_id: responseId });
  }

  /** Decides a tool call; answers false where there is no connection. */
  approve(requestId, approve) {
    if (!this.isOpen) return false;
    this.#send({ type: "deny_web:approve", approval_request_id: requestId, approve });
    return true;
  }

  /** The send with this token needs no repeating any more. */
  settle(token) {
    this.pending.delete(token);
  }

  #send(frame) {
    if (this.isOpen) this.socket.send(JSON.stringify(frame));
  }

  #opened() {
    this.attempts = 0;
    this.lastFrame = Date.now();
    this.answersPings = false;
    this.pinger = setInterval(() => this.#ping(), PING_EVERY);
    for (const [responseId, after] of this.seen) {
      this.#send({ type: "deny_web:follow", response_id: responseId, starting_after: after });
    }
    for (const frame of this.pending.values()) this.#send(frame);
    this.dispatchEvent(new Event("up"));
  }

  #ping() {
    // A network that vanished leaves the socket open for minutes; only silence tells.
    if (this.answersPings && Date.now() - this.lastFrame > SILENCE) this.socket.close();
    else this.#send({ type: "deny_web:ping" });
  }

  #received(data) {
    this.lastFrame = Date.now();
    const frame = JSON.parse(data);
    if (frame.type === "deny_web:pong") {
      this.answersPings = true;
      return;
    }
    const name = OWN_FRAMES[frame.type];
    if (name === "gone") this.#end(frame.response.id);
    if (name === "snapshot") this.seen.set(frame.response.id, frame.sequence_number);
    if (name) this.dispatchEvent(new CustomEvent(name, { detail: frame }));
    else this.#number(frame);
  }

  #number(event) {
    const responseId = event["deny_web:response_id"] ?? event.response?.id;
    if (!responseId || this.ended.has(responseId)) return;
    const last = this.seen.get(responseId) ?? -1;
    if (event.sequence_number <= last) return;
    this.seen.set(responseId, event.sequence_number);
    if (ENDINGS.has(event.type)) this.#end(responseId);
    this.dispatchEvent(new CustomEvent("event", { detail: { responseId, event } }));
  }

  #end(responseId) {
    this.seen.delete(responseId);
    this.ended.add(responseId);
  }

  #lost(code) {
    clearInterval(this.pinger);
    this.dispatchEvent(new Event("down"));
    if (code === SIGNED_OUT) return this.#leave("signed-out");
    if (code === FORBIDDEN || code === NOT_FOUND) return this.#leave("forbidden");
    if (this.closed) return undefined;
    // Jitter: after a restart of the server not every page comes back in the same instant.
    const ceiling = Math.min(FIRST_DELAY * 2 ** this.attempts, LONGEST_DELAY);
    this.attempts += 1;
    this.timer = setTimeout(() => this.connect(), ceiling * (0.5 + Math.random() / 2));
    return undefined;
  }

  #leave(reason) {
    this.closed = true;
    this.dispatchEvent(new Event(reason));
  }

  #hurry() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.connect();
  }
}
