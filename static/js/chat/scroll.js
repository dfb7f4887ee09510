/* Keeps the newest line in view for a reader who is at the end, and leaves everyone else where they are. */

const NEAR = 72; // px from the end that still count as "at the end"

export class Scroller {
  constructor(pane, pill) {
    this.pane = pane;
    this.pill = pill;
    this.following = this.#hasTurns; // what an empty chat says is read from its top
    pane.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    pill.addEventListener("click", () => this.toEnd());
    // Content grows (streaming, fonts, code colours) and the pane shrinks (composer, keyboard): both keep the end.
    this.observer = new ResizeObserver(() => this.#settle());
    this.observer.observe(pane);
    this.observer.observe(pane.firstElementChild);
    this.#settle();
  }

  get #hasTurns() {
    return this.pane.querySelector("article") !== null;
  }

  toEnd() {
    this.following = true;
    this.#settle();
  }

  #settle() {
    if (this.following) this.pane.scrollTop = this.pane.scrollHeight;
    this.#showPill();
  }

  #scrolled() {
    const left = this.pane.scrollHeight - this.pane.scrollTop - this.pane.clientHeight;
    // Growth alone also leaves a distance; only a move upwards is the reader's will.
    if (left < NEAR) this.following = true;
    else if (this.pane.scrollTop < (this.lastTop ?? 0)) this.following = false;
    this.lastTop = this.pane.scrollTop;
    this.#showPill();
  }

  #showPill() {
    this.pill.hidden = this.following || !this.#hasTurns;
  }
}
