/* Code and maths inside rendered Markdown. Both libraries are large and load when first needed; until then, and for
 * whatever they cannot read, the source stands as it is.
 */
import { copy } from "../copy.js";
import { clean } from "./sanitise.js";

const OPEN_LIMIT = 6_000; // characters of an unfinished block that are still coloured at every frame
const LIMIT = 60_000; // above it colouring costs more than it gives

let highlighter = null;
let maths = null;
const loading = {};

function load(name, path, keep) {
  loading[name] ??= import(path).then((module) => keep(module.default));
  return loading[name];
}

/** Gives a code block its head (language, copy) and its colours. */
export function attachCode(code, final) {
  const pre = code.parentElement;
  const language = [...code.classList].find((name) => name.startsWith("language-"))?.slice(9) ?? "";
  const frame = document.createElement("div");
  frame.className = "md-code";
  pre.replaceWith(frame);
  pre.tabIndex = 0; // long lines are scrolled by keyboard too
  frame.append(codeHead(language, code), pre);
  if (!language || code.textContent.length > (final ? LIMIT : OPEN_LIMIT)) return;
  if (highlighter) colour(code, language);
  else load("highlighter", "../../vendor/highlight.js", (library) => (highlighter = library)).then(() => colour(code, language));
}

function codeHead(language, code) {
  const head = document.createElement("div");
  head.className = "md-code-head";
  const name = document.createElement("span");
  name.textContent = language || "text";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button-quiet button-small";
  button.textContent = "Copy";
  button.addEventListener("click", () => copy(code.textContent));
  head.append(name, button);
  return head;
}

function colour(code, language) {
  if (!highlighter.getLanguage(language)) return;
  const { value } = highlighter.highlight(code.textContent, { language, ignoreIllegals: true });
  code.replaceChildren(clean(value, "code"));
}

/** Replaces TeX source by MathML; what cannot be read, and what is still being written, stays as source. */
export function attachMaths(code) {
  if (maths) typeset(code);
  else load("maths", "../../vendor/temml.js", (library) => (maths = library)).then(() => typeset(code));
}

function typeset(code) {
  const displayMode = code.classList.contains("md-math-block");
  let markup;
  try {
    markup = maths.renderToString(code.textContent, { displayMode, throwOnError: true, trust: false, annotate: false, maxExpand: 300, maxSize: [20, 20] });
  } catch {
    return; // not TeX that it knows, or a bomb that its limits stopped
  }
  const frame = document.createElement("span");
  frame.className = code.className;
  // The policy forbids style attributes, and the browser would complain of each one on its way to the sanitiser.
  frame.append(clean(markup.replace(/ style="[^"]*"/g, ""), "maths"));
  if (frame.firstElementChild) code.replaceWith(frame);
}
