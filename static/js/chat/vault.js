/* The vault's state in the quiet line, and the dialog that unlocks it. */
import { say } from "./words.js";

const LONGEST_TIMER = 2 ** 31 - 1; // ms; setTimeout wraps above it

export class Vault {
  constructor(line, dialog) {
    this.line = line;
    this.dialog = dialog;
    this.timer = 0;
    this.line.querySelector("[data-unlock]")?.addEventListener("click", () => this.ask());
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
    this.#complain("");
    this.dialog?.showModal();
  }

  /** `expires_at` is a time of the lease's end, ISO 8601 or seconds since 1970. */
  show({ locked, expires_at: expires }) {
    clearTimeout(this.timer);
    this.line.dataset.locked = String(locked);
    for (const state of this.line.querySelectorAll("[data-when]")) {
      state.hidden = (state.dataset.when === "locked") !== Boolean(locked);
    }
    const end = typeof expires === "number" ? expires * 1000 : Date.parse(expires ?? "");
    if (locked || Number.isNaN(end)) return;
    this.timer = setTimeout(() => this.show({ locked: true }), Math.min(Math.max(end - Date.now(), 0), LONGEST_TIMER));
  }

  async #unlock() {
    const form = this.dialog.querySelector("form");
    const button = form.querySelector("[data-submit]");
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    this.#complain("");
    try {
      await this.#post(form);
    } catch {
      this.#complain(say("page", "unreachable"));
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }

  async #post(form) {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify({ password: form.elements.password.value }),
    });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      this.#complain(body.error?.message ?? (typeof body.error === "string" ? body.error : say("page", "unreachable")));
      form.elements.password.select();
      return;
    }
    this.dialog.close();
    this.show({ locked: false, expires_at: body.expires_at });
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
