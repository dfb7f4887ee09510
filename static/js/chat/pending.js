/* Messages that were sent and that no event has acknowledged yet.
 *
 * The newest one also stands in sessionStorage: a reload in that moment sends it again with the same token, and the
 * server makes one turn of both.
 */
const FRESH = 120_000; // ms; an older one is not sent behind its author's back

export class Pending {
  constructor(slug) {
    this.key = `chat-pending:${slug}`;
    this.waiting = new Map(); // token -> {send, extra}
  }

  get size() {
    return this.waiting.size;
  }

  /** `send` is plain data and survives a reload; `extra` is this page's. */
  keep(send, extra) {
    this.waiting.set(send.token, { send, extra });
    sessionStorage.setItem(this.key, JSON.stringify({ ...send, at: send.at ?? Date.now() }));
  }

  /** The send with this token; without one, the oldest. */
  take(token = this.waiting.keys().next().value) {
    const found = this.waiting.get(token);
    if (!found) return null;
    this.waiting.delete(token);
    this.clear();
    return found;
  }

  /** What an earlier load of this page sent to `conversation` and never heard back about. */
  restore(conversation) {
    let send = null;
    try {
      send = JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      this.clear();
    }
    if (!send || send.conversation !== conversation) return null;
    if (Date.now() - send.at < FRESH) return send;
    this.clear();
    return null;
  }

  clear() {
    sessionStorage.removeItem(this.key);
  }
}
