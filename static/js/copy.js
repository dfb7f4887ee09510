// Copy buttons: [data-copy] holds the text, or [data-copy-from="#id"] names what holds it.
//
// With [data-copy-secret] the clipboard is cleared a minute later, and the page says so. The browser lets a page write
// to the clipboard only while it has the focus, so the clearing waits for the focus; what the person copied in the
// meantime is left alone where the page may look.

import { toast } from "./toast.js";

const CLEAR_AFTER_MS = 60_000;
let clearing = 0;

for (const button of document.querySelectorAll("[data-copy], [data-copy-from]")) button.hidden = false;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (button) await copy(textOf(button), "copySecret" in button.dataset);
});

export async function copy(text, secret = false) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    toast("The browser did not allow copying. Select the text and copy it by hand.");
    return;
  }
  clearTimeout(clearing);
  if (!secret) {
    toast("Copied.");
    return;
  }
  toast("Copied. The clipboard is cleared in a minute, while this page is open.");
  clearing = setTimeout(() => clear(text), CLEAR_AFTER_MS);
}

async function clear(text) {
  if (!document.hasFocus()) {
    addEventListener("focus", () => clear(text), { once: true });
    return;
  }
  if (await wasReplaced(text)) return;
  try {
    await navigator.clipboard.writeText("");
    toast("The clipboard is cleared.");
  } catch {
    toast("The browser did not allow clearing the clipboard. Copy something else over it.");
  }
}

// Reading asks for a permission in most browsers; without it the safe answer is "still ours".
async function wasReplaced(text) {
  try {
    const permission = await navigator.permissions.query({ name: "clipboard-read" });
    return permission.state === "granted" && (await navigator.clipboard.readText()) !== text;
  } catch {
    return false;
  }
}

function textOf(button) {
  const from = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  return from ? (from.value ?? from.textContent) : button.dataset.copy;
}
