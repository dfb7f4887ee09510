/* Notices what happens to this conversation elsewhere: another tab, another device.
 *
 * The socket says so when it can (`deny_web:active`); a small question every few seconds covers the rest.
 */
const EVERY = 5_000; // ms, while the page is visible

export class Sync {
  /** `known()` answers the newest response id on the page; `onChange()` is called when the server has another. */
  constructor({ known, onChange, onGone }) {
    this.known = known;
    this.onChange = onChange;
    this.onGone = onGone;
    this.url = "";
    document.addEventListener("visibilitychange", () => this.look());
    this.timer = setInterval(() => this.look(), EVERY);
  }

  watch(url) {
    this.url = url;
  }

  async look() {
    if (!this.url || this.busy || document.visibilityState !== "visible") return;
    this.busy = true;
    try {
      const answer = await fetch(this.url, { headers: { Accept: "application/json" } });
      if (answer.status === 404) this.#gone();
      else if (answer.ok && answer.headers.get("content-type")?.includes("json")) {
        const { newest } = await answer.json();
        if (newest && newest !== this.known()) await this.onChange();
      }
    } catch {
      // The network is away; the socket says so on the page, and the next look tries again.
    } finally {
      this.busy = false;
    }
  }

  #gone() {
    clearInterval(this.timer);
    this.url = "";
    this.onGone();
  }
}
