/* The list of conversations: its search box, and the row of a conversation that begins on this page. */

export class Rail {
  constructor(rail) {
    this.rail = rail;
    this.list = rail.querySelector("[data-conversations]");
    this.search = rail.querySelector("[data-search]");
    this.search.addEventListener("input", () => this.#filter());
  }

  /** Puts a conversation that has just begun on top of the list. */
  add(title, href) {
    this.rail.querySelector(".rail-new").removeAttribute("aria-current");
    const row = document.getElementById("conversation-row").content.cloneNode(true);
    const link = row.querySelector("a");
    link.href = href;
    link.setAttribute("aria-current", "page");
    link.textContent = title;
    this.#today().prepend(row);
    this.rail.querySelector("[data-none]").hidden = true;
  }

  #today() {
    const find = () => this.list.querySelector("[data-day='Today'] ul");
    if (!find()) this.list.prepend(document.getElementById("conversation-day").content.cloneNode(true));
    return find();
  }

  #filter() {
    const words = this.search.value.trim().toLocaleLowerCase();
    let any = false;
    for (const day of this.list.querySelectorAll("[data-day]")) {
      const rows = [...day.querySelectorAll("li")];
      for (const row of rows) row.hidden = !row.textContent.toLocaleLowerCase().includes(words);
      day.hidden = rows.every((row) => row.hidden);
      any ||= !day.hidden;
    }
    this.rail.querySelector("[data-no-match]").hidden = any || !words;
  }
}
