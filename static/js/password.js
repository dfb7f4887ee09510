// A "Show" button in every password field. The value is hidden again when the form is sent, so that the browser's
// form memory never takes it for plain text.

for (const input of document.querySelectorAll("input[type=password]")) {
  const frame = document.createElement("span");
  frame.className = "password";
  input.replaceWith(frame);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "password-reveal";
  button.setAttribute("aria-controls", input.id);
  frame.append(input, button);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", `${button.textContent} the password`);
  };
  input.autocapitalize = "none";
  input.spellcheck = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false));
  show(false);
}
