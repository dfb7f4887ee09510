// One Lucide icon from the sprite, as an <svg> element. It is decoration: words beside it speak.

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = new URL("../vendor/lucide.svg", import.meta.url).pathname;

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  svg.append(use);
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  svg.querySelector("use").setAttribute("href", `${SPRITE}#${name}`);
}
