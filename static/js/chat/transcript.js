/* The turns on the page: finds those that the server wrote, makes new ones from its templates. */
import { upgrade } from "./markdown.js";
import { Turn } from "./turn.js";

export class Transcript {
  /** `list` holds the articles; `hooks` go to every Turn. */
  constructor(list, hooks) {
    this.list = list;
    this.hooks = hooks;
    this.turns = new Map(); // response id -> Turn
    for (const article of list.querySelectorAll("article[data-role='assistant']")) {
      this.turns.set(article.dataset.responseId, new Turn(article, hooks));
    }
    upgrade(list);
  }

  get active() {
    return [...this.list.querySelectorAll("article[data-status='in_progress']")].at(-1) ?? null;
  }

  get lastId() {
    return this.list.querySelector("article[data-role='assistant']:last-of-type")?.dataset.responseId ?? "";
  }

  /** A question and the empty answer below it; the answer has no id until its response exists. */
  add({ text, parent, responseId = "", token = "" }) {
    const you = this.#clone("turn-you");
    you.querySelector("[data-text]").textContent = text;
    const article = this.#clone("turn-assistant");
    article.dataset.parent = parent;
    article.dataset.token = token;
    this.list.append(you, article);
    const turn = new Turn(article, this.hooks);
    if (responseId) this.name(turn, responseId);
    return turn;
  }

  /** The answer's response now exists. */
  name(turn, responseId) {
    turn.article.dataset.responseId = responseId;
    this.turns.set(responseId, turn);
  }

  /** Takes a question and its answer off the page; `putBack` restores them. */
  remove(turn) {
    const nodes = [this.questionOf(turn), turn.article].filter(Boolean);
    const after = turn.article.nextSibling;
    for (const node of nodes) node.remove();
    this.turns.delete(turn.responseId);
    return () => {
      for (const node of nodes) this.list.insertBefore(node, after);
      if (turn.responseId) this.turns.set(turn.responseId, turn);
    };
  }

  questionOf(turn) {
    const before = turn.article.previousElementSibling;
    return before?.dataset.role === "you" ? before : null;
  }

  textOf(turn) {
    return this.questionOf(turn)?.querySelector("[data-text]")?.textContent ?? "";
  }

  /** Makes the page show exactly this chain of `{id, parent, text}`; answers the turns that were added. */
  reconcile(chain) {
    const wanted = new Set(chain.map((row) => row.id));
    for (const [id, turn] of [...this.turns]) if (!wanted.has(id)) this.remove(turn);
    return chain
      .filter((row) => !this.turns.has(row.id))
      .map((row) => this.add({ text: row.text, parent: row.parent ?? "", responseId: row.id }));
  }

  #clone(name) {
    return document.getElementById(name).content.firstElementChild.cloneNode(true);
  }
}
