// What a value looks like, said beside its field while it is typed: textarea[data-kinds] holds patterns and sentences.
// Nothing typed leaves the page for it.

const MOST = 20_000;

for (const field of document.querySelectorAll("textarea[data-kinds]")) {
  const kinds = JSON.parse(field.dataset.kinds).map(([pattern, words]) => [new RegExp(pattern), words]);
  const line = document.createElement("div");
  line.className = "help";
  line.setAttribute("role", "status");
  field.after(line);
  const look = () => {
    const text = field.value.trim();
    const kind = text.length <= MOST && kinds.find(([pattern]) => pattern.test(text));
    line.textContent = text && kind ? kind[1] : "";
  };
  field.addEventListener("input", look);
  look();
}
