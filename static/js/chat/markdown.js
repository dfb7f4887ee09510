/* Markdown that arrives bit by bit.
 *
 * The text is cut into top-level blocks. All but the last are final: they are rendered once and never touched again,
 * so nothing flickers, selections stay, and the cost of a long answer is the cost of its last block. That one is
 * rendered at most once per frame.
 */
import { Marked } from "../../vendor/marked.js";
import { attachCode, attachMaths } from "./enrich.js";
import { clean, destination, escape } from "./sanitise.js";

const LONG_BLOCK = 20_000; // characters; above it an open block is painted a few times a second, not every frame
const LONG_PAUSE = 250; // ms

const mathsInline = {
  name: "mathsInline",
  level: "inline",
  start: (source) => source.match(/\$|\\\(/)?.index,
  tokenizer(source) {
    // A dollar sign opens maths only when no space follows, and closes it only when no digit does: "$5 to $10" is money.
    const match = /^\$\$([^$]+?)\$\$|^\$(?![\s$])((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)|^\\\((.+?)\\\)/s.exec(source);
    if (match) return { type: "mathsInline", raw: match[0], text: match[1] ?? match[2] ?? match[3] };
    return undefined;
  },
  renderer: ({ text }) => `<code class="md-math">${escape(text)}</code>`,
};
const mathsBlock = {
  name: "mathsBlock",
  level: "block",
  start: (source) => source.match(/(?:^|\n) {0,3}(?:\$\$|\\\[)/)?.index,
  tokenizer(source) {
    const match = /^ {0,3}(?:\$\$([^$]+?)\$\$|\\\[(.+?)\\\])[ \t]*(?:\n+|$)/s.exec(source);
    if (match) return { type: "mathsBlock", raw: match[0], text: (match[1] ?? match[2]).trim() };
    return undefined;
  },
  renderer: ({ text }) => `<p><code class="md-math-block">${escape(text)}</code></p>`,
};

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [mathsInline, mathsBlock],
  renderer: {
    html: ({ text }) => (/^<br\s*\/?>$/i.test(text.trim()) ? "<br>" : escape(text)),
    // Never an <img>: a picture's address is a message to its host. The link asks for a click.
    image: ({ href, text }) => `<a class="md-image" href="${escape(href)}">${escape(text || "Picture")}</a>`,
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    code: ({ text, lang }) => `<pre><code class="language-${escape((lang ?? "").split(/\s/)[0])}">${escape(text)}\n</code></pre>`,
  },
});

/** Renders into one element, `data-markdown`; `push` more, or `set` all, then `finish`. */
export class MarkdownView {
  constructor(element) {
    this.element = element;
    this.reset();
  }

  reset() {
    this.text = "";
    this.done = 0; // characters that are in final blocks
    this.links = Object.create(null); // reference definitions seen so far
    this.openNodes = [];
    this.frame = 0;
    this.pieces = 0; // how often it was rendered
    this.endedInReturn = false;
    this.element.replaceChildren();
    this.element.classList.add("is-rendered");
  }

  push(delta) {
    // A line end that was cut in two must not become two.
    const rest = this.endedInReturn && delta.startsWith("\n") ? delta.slice(1) : delta;
    this.endedInReturn = delta.endsWith("\r");
    this.text += rest.replace(/\r\n?/g, "\n");
    this.element.dataset.open = "";
    this.#schedule();
  }

  set(text) {
    this.#cancel();
    this.reset();
    this.text = text.replace(/\r\n?/g, "\n");
    this.finish();
  }

  finish() {
    this.#cancel();
    delete this.element.dataset.open;
    this.#render(true);
    // A definition may stand below its uses, which were painted as plain text meanwhile.
    if (Object.keys(this.links).length && this.pieces > 1) {
      this.element.replaceChildren();
      this.done = 0;
      this.#render(true);
    }
  }

  #schedule() {
    if (this.frame) return;
    const paint = () => {
      this.frame = 0;
      this.#render(false);
    };
    const long = this.text.length - this.done > LONG_BLOCK;
    this.frame = long ? -setTimeout(paint, LONG_PAUSE) : requestAnimationFrame(paint);
  }

  #cancel() {
    if (this.frame > 0) cancelAnimationFrame(this.frame);
    else if (this.frame < 0) clearTimeout(-this.frame);
    this.frame = 0;
  }

  #render(whole) {
    for (const node of this.openNodes) node.remove();
    this.openNodes = [];
    try {
      this.#renderBlocks(whole);
    } catch {
      // Nested deeper than the parser's stack: what is left stands as it was written.
      this.openNodes = [plain(this.text.slice(this.done))];
      this.element.append(...this.openNodes);
    }
  }

  #renderBlocks(whole) {
    const tail = this.text.slice(this.done);
    const tokens = this.#lex(whole ? tail : mend(tail));
    const last = whole ? tokens.length : Math.max(firstOpen(tokens), 0);
    const final = tokens.slice(0, last);
    const open = tokens.slice(last);
    const fragments = [final, open].map((some) => (some.length ? this.#fragment(some, some === final) : null));
    this.openNodes = [...(fragments[1]?.childNodes ?? [])];
    this.element.append(...fragments.filter(Boolean));
    for (const token of final) if (token.type === "def") this.links[token.tag] ??= { href: token.href, title: token.title };
    // Mended characters are at the very end, so final blocks have their true lengths.
    this.done += final.reduce((length, token) => length + token.raw.length, 0);
    this.pieces += 1;
  }

  #lex(source) {
    const lexer = new marked.Lexer(marked.defaults);
    lexer.tokens.links = Object.assign(Object.create(null), this.links); // a half-written definition is not kept
    return lexer.lex(source);
  }

  #fragment(tokens, final) {
    const fragment = clean(marked.parser(tokens), "markdown");
    for (const link of fragment.querySelectorAll("a[href]")) showDestination(link);
    for (const table of fragment.querySelectorAll("table")) attachScroll(table);
    for (const code of fragment.querySelectorAll("pre > code")) attachCode(code, final);
    for (const code of fragment.querySelectorAll("code.md-math, code.md-math-block")) attachMaths(code, final);
    return fragment;
  }
}

/** Upgrades every element that the server wrote with raw Markdown in it. */
export function upgrade(root) {
  for (const element of root.querySelectorAll("[data-markdown]:not(.is-rendered)")) {
    const source = element.textContent;
    new MarkdownView(element).set(source);
    element.dataset.source = source;
  }
}

function plain(text) {
  const block = document.createElement("p");
  block.className = "md-plain";
  block.textContent = text;
  return block;
}

function showDestination(link) {
  const host = destination(link.getAttribute("href"));
  if (!link.classList.contains("md-image") && link.textContent.includes(host)) return;
  const shown = document.createElement("span");
  shown.className = "md-host";
  shown.textContent = host;
  link.after(" ", shown);
}

function attachScroll(table) {
  const frame = document.createElement("div");
  frame.className = "md-table";
  frame.tabIndex = 0; // a wide table is scrolled by keyboard too
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}

/** Where the blocks begin that later text may still change: the last one, and a list that its first line may belong to. */
function firstOpen(tokens) {
  const last = tokens.findLastIndex((token) => token.type !== "space");
  if (last < 1 || tokens[last].raw.includes("\n")) return last;
  const before = tokens.slice(0, last).findLastIndex((token) => token.type !== "space");
  return tokens[before]?.type === "list" ? before : last;
}

/** Closes what the last block has opened and not yet closed, so that half-typed marks do not flash as text. */
export function mend(source) {
  if ((source.match(/^ {0,3}(?:```|~~~)/gm) ?? []).length % 2) return source;
  const cut = source.lastIndexOf("\n\n") + 1;
  let block = source.slice(cut).replace(/!?\[([^\][\n]*)\]\([^)\s]*$/, "$1").replace(/[*_~`]+$/, "");
  if ((block.match(/`/g) ?? []).length % 2) return `${source.slice(0, cut)}${block}\``;
  const plain = block.replace(/`[^`]*`/g, "");
  if ((plain.match(/\*\*/g) ?? []).length % 2) block = `${block.trimEnd()}**`;
  return source.slice(0, cut) + block;
}
