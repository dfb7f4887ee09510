// What a value looks like, said beside its field while it is typed: textarea[data-kinds] holds patterns, sentences and
// slugs. The slug stands in `data-kind` for the scripts that come after. Nothing typed leaves the page for it.

const MOST = 20_000;

for (const field of document.querySelectorAll("textarea[data-kinds]")) {
  const kinds = JSON.parse(field.dataset.kinds).map(([pattern, words, slug]) => [new RegExp(pattern), words, slug]);
  const line = document.createElement("div");
  line.className = "help";
  line.setAttribute("role", "status");
  field.after(line);
  const look = () => {
    const text = field.value.trim();
    const kind = text && text.length <= MOST && kinds.find(([pattern]) => pattern.test(text));
    line.textContent = kind ? kind[1] : "";
    field.dataset.kind = kind ? kind[2] : "";
  };
  field.addEventListener("input", look);
  look();
}
