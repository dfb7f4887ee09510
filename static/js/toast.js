// One short line at the edge of the page, spoken politely, gone after a while.

const SHOWN_MS = 6000;

export function toast(text) {
  const line = document.createElement("div");
  line.className = "toast";
  line.textContent = text;
  document.querySelector(".toasts")?.replaceChildren(line);
  setTimeout(() => line.remove(), SHOWN_MS);
}
