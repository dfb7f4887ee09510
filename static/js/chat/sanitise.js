/* The one place where text becomes markup. Everything that a model, a tool or a title says and that is shown as
 * more than plain text goes through `clean`; nothing else in the chat writes markup.
 *
 * The lists are closed: no image, no style, no form, no SVG, no frame. So nothing that a model writes can load
 * anything by itself (an image's address would carry what the model knows to whoever runs the host).
 */
import DOMPurify from "../../vendor/dompurify.js";

const PROFILES = {
  markdown: {
    ALLOWED_TAGS: ["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
      "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"],
    ALLOWED_ATTR: ["align", "class", "href", "start"],
  },
  code: { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"] },
  maths: {
    ALLOWED_TAGS: ["math", "menclose", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom",
      "mprescripts", "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
      "munder", "munderover", "none"],
    ALLOWED_ATTR: ["accent", "accentunder", "class", "columnalign", "columnlines", "columnspan", "depth", "display",
      "displaystyle", "fence", "form", "height", "largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize",
      "movablelimits", "notation", "rowlines", "rowspan", "rspace", "scriptlevel", "separator", "stretchy", "symmetric",
      "voffset", "width"],
  },
};
const COMMON = {
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  RETURN_DOM_FRAGMENT: true,
  SANITIZE_NAMED_PROPS: true,
};
// Classes of ours: a model that could name any class could dress its text as a tool card or a button.
const CLASSES = /^(?:hljs-[\w-]+|language-[\w+#.-]+|function_|class_|inherited__|md-(?:image|math|math-block)|tml-[\w-]+)$/;

const purifier = DOMPurify(window);
purifier.addHook("uponSanitizeAttribute", (node, data) => {
  if (data.attrName !== "class") return;
  data.attrValue = data.attrValue.split(/\s+/).filter((name) => CLASSES.test(name)).join(" ");
  data.keepAttr = data.attrValue !== "";
});
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.localName !== "a") return;
  if (!destination(node.getAttribute("href"))) {
    node.removeAttribute("href");
    return;
  }
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

/** A fragment made of `markup` in one of the profiles `markdown`, `code`, `maths`. */
export function clean(markup, profile) {
  const lists = PROFILES[profile];
  // The address rule is for addresses; "center" is none.
  const plain = lists.ALLOWED_ATTR.filter((name) => name !== "href");
  return purifier.sanitize(markup, { ...COMMON, ...lists, ADD_URI_SAFE_ATTR: plain });
}

/** Where a link leads, as people should read it: the host (punycode, so that look-alikes show) or the address; or "". */
export function destination(href) {
  let url;
  try {
    url = new URL(href ?? "");
  } catch {
    return "";
  }
  if (url.protocol === "http:" || url.protocol === "https:") return url.host;
  return url.protocol === "mailto:" ? url.pathname : "";
}

/** Text as it stands, safe inside an element or a quoted attribute. */
export function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
