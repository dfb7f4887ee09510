/* The message box: grows with its text, sends on Enter, keeps a draft for this tab. */

export class Composer {
  /** `onSend(text)` and `onStop()` act; `draftKey` names the draft in sessionStorage. */
  constructor(form, { draftKey, onSend, onStop }) {
    this.form = form;
    this.box = form.querySelector("textarea");
    this.sendButton = form.querySelector("[data-send]");
    this.stopButton = form.querySelector("[data-stop]");
    this.complaint = form.querySelector("[data-complaint]");
    this.draftKey = draftKey;
    this.onSend = onSend;
    this.answering = false;
    this.closed = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("input", () => this.#changed());
    this.stopButton.addEventListener("click", onStop);
    this.box.value ||= sessionStorage.getItem(draftKey) ?? "";
    this.#changed();
  }

  /** While an answer is under way, Stop stands where Send was. */
  setAnswering(answering) {
    this.answering = answering;
    const hadFocus = document.activeElement === this.stopButton;
    this.stopButton.hidden = !answering;
    this.sendButton.hidden = answering;
    if (hadFocus && !answering) this.box.focus();
  }

  /** Nothing can be sent any more; `sentence` says why. */
  close(sentence) {
    this.closed = true;
    this.box.readOnly = true;
    this.complain(sentence);
    this.#changed();
  }

  /** Puts a text back that could not be sent, before whatever was typed since. */
  restore(text) {
    this.box.value = this.box.value ? `${text}\n\n${this.box.value}` : text;
    this.#changed();
  }

  complain(sentence) {
    this.complaint.textContent = sentence;
    this.complaint.hidden = !sentence;
  }

  useDraft(key) {
    sessionStorage.removeItem(this.draftKey);
    this.draftKey = key;
    this.#changed();
  }

  #key(event) {
    // While an input method composes, Enter picks a word; Safari says so by key code 229 alone.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.box.value.trim();
    if (!text || this.answering || this.closed) return;
    this.box.value = "";
    this.complain("");
    this.#changed();
    this.onSend(text);
  }

  #changed() {
    this.sendButton.disabled = this.closed || !this.box.value.trim();
    if (this.box.value) sessionStorage.setItem(this.draftKey, this.box.value);
    else sessionStorage.removeItem(this.draftKey);
    if (CSS.supports("field-sizing", "content")) return;
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
  }
}
