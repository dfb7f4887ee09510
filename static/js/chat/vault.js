/* The vault's state in the quiet line, and the dialog that unlocks it. */
import { toast } from "../toast.js";
import { say } from "./words.js";

export class Vault {
  constructor(line, dialog) {
    this.line = line;
    this.dialog = dialog;
    this.timer = 0;
    for (const button of line.querySelectorAll("[data-unlock]")) button.addEventListener("click", () => this.ask());
    line.querySelector("[data-lock]")?.addEventListener("click", (event) => this.#lock(event.currentTarget.dataset.lock));
    dialog?.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#unlock();
    });
    dialog?.addEventListener("close", () => this.#forget());
    const { locked, expires } = line.dataset;
    this.show({ locked: locked === "true", expires_at: expires });
  }

  get mayUnlock() {
    return Boolean(this.dialog);
  }

  ask() {
    for (const menu of this.line.querySelectorAll("details[open]")) menu.open = false;
    this.#complain("");
    this.dialog?.showModal();
  }

  /** `expires_at` is the lease's end in ISO 8601; nothing rings when it comes, so a timer does. */
  show({ locked, expires_at: expires }) {
    clearTimeout(this.timer);
    const changed = this.line.dataset.locked !== String(locked);
    this.line.dataset.locked = String(locked);
    for (const state of this.line.querySelectorAll("[data-when]")) {
      state.hidden = (state.dataset.when === "locked") !== Boolean(locked);
    }
    // The same state comes again with each connection and each lease: a menu that somebody just opened stays.
    if (changed) for (const menu of this.line.querySelectorAll("details[open]")) menu.open = false;
    const left = Date.parse(expires ?? "") - Date.now();
    if (!locked && left > 0) this.timer = setTimeout(() => this.show({ locked: true }), left);
  }

  async #unlock() {
    const form = this.dialog.querySelector("form");
    const button = form.querySelector("[data-submit]");
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    this.#complain("");
    try {
      await this.#send(form);
    } catch {
      this.#complain(say("page", "unreachable"));
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }

  async #send(form) {
    const answer = await this.#post(form.action, { password: form.elements.password.value });
    const body = await answer.json();
    if (!answer.ok) {
      this.#complain(body.error.message);
      form.elements.password.select();
      return;
    }
    this.dialog.close();
    this.show(body);
  }

  async #lock(url) {
    try {
      const answer = await this.#post(url, {});
      if (answer.ok) this.show(await answer.json());
      else toast((await answer.json()).error.message);
    } catch {
      toast(say("page", "unreachable"));
    }
  }

  #post(url, body) {
    const token = this.dialog.querySelector("[name=csrfmiddlewaretoken]").value;
    const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token };
    return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  }

  #complain(sentence) {
    if (!this.dialog) return;
    const place = this.dialog.querySelector("[data-complaint]");
    place.textContent = sentence;
    place.hidden = !sentence;
  }

  #forget() {
    this.dialog.querySelector("form").reset(); // the password does not wait in the page
  }
}
