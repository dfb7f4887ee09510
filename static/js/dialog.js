// Dialogs: [data-dialog="id"] opens <dialog id>, [data-close] closes it, and so does a click outside.
// input[data-must-match] holds its form's submit button back until the word is typed.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
    return;
  }
  if (event.target.closest("[data-close]") || event.target.matches("dialog[open]:not([data-stay])")) {
    if (!isInside(event)) event.target.closest("dialog")?.close();
  }
});

// A click on the backdrop has the dialog as its target, but lies outside its box.
function isInside(event) {
  if (!event.target.matches("dialog")) return false;
  const box = event.target.getBoundingClientRect();
  return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}

for (const input of document.querySelectorAll("[data-must-match]")) {
  const button = input.form.querySelector("button:not([type=button])");
  const check = () => { button.disabled = input.value !== input.dataset.mustMatch; };
  input.addEventListener("input", check);
  check();
}
