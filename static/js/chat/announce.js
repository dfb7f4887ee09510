/* Speaks an answer to screen readers, sentence by sentence.
 *
 * The transcript itself is silent (`aria-live="off"`): a live region over streaming text is read out letter by letter.
 * Finished sentences go into a polite region of their own instead, a few at a time.
 */
const PAUSE = 1200; // ms between two additions; a reader needs to hear one before the next arrives
const KEPT = 12; // additions that stay in the region
const SENTENCE = /[\s\S]*?[.!?:…。！？](?=["')\]”’]*\s)|[\s\S]*?\n{2,}/y;

export class Announcer {
  constructor(region) {
    this.region = region;
    this.text = "";
    this.queue = [];
    this.timer = 0;
  }

  push(delta) {
    this.text += delta;
    SENTENCE.lastIndex = 0;
    let end = 0;
    while (SENTENCE.exec(this.text)) end = SENTENCE.lastIndex;
    if (!end) return;
    this.say(this.text.slice(0, end));
    this.text = this.text.slice(end);
  }

  /** The answer ended: speaks what is left, and `note` after it. */
  finish(note) {
    this.say(this.text);
    this.text = "";
    this.say(note);
  }

  say(text) {
    const plain = spoken(text);
    if (!plain) return;
    this.queue.push(plain);
    this.timer ||= setTimeout(() => this.#flush(), this.region.childElementCount ? PAUSE : 0);
  }

  #flush() {
    this.timer = 0;
    if (!this.queue.length) return;
    const line = document.createElement("p");
    line.textContent = this.queue.join(" ");
    this.queue = [];
    this.region.append(line);
    while (this.region.childElementCount > KEPT) this.region.firstElementChild.remove();
  }
}

/** Markdown without its marks; code is named, not spelled out. */
export function spoken(text) {
  return text
    .replace(/```[\s\S]*?(?:```|$)/g, " Code. ")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*_`#>|~]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}
