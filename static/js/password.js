// A "Show" button in every password field. The value is hidden again when the form is sent, so that the browser's
// form memory never takes it for plain text.

for (const input of document.querySelectorAll("input[type=password]")) {
  const label = input.labels?.[0];
  const frame = document.createElement("span");
  frame.className = "password";
  input.replaceWith(frame);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "password-reveal";
  button.setAttribute("aria-controls", input.id);
  if (label) {
    // Its own name stays "Show", so that the field's label names the field alone.
    label.id ||= `${input.id}_label`;
    button.setAttribute("aria-describedby", label.id);
  }
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
  };
  frame.append(input, button);
  input.autocapitalize = "none";
  input.spellcheck = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false));
  show(false);
}
