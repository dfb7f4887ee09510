// The bar while passwords change: the form is sent as any form, and until its answer comes this asks how far it is.

const EVERY_MS = 400;

for (const box of document.querySelectorAll("[data-progress]")) {
  const bar = box.querySelector("progress");
  const words = box.querySelector("[role=status]");
  const look = async () => {
    const found = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : null))
      .catch(() => null);
    if (!found?.running) return;
    box.hidden = false;
    bar.max = Math.max(found.total, 1);
    bar.value = found.done;
    words.textContent = `${found.done} of ${found.total} labels are sealed afresh.`;
  };
  const form = document.getElementById(box.dataset.progressOf);
  form?.addEventListener("submit", () => {
    box.hidden = false;
    bar.removeAttribute("value");
    words.textContent = "Deriving the keys.";
    setInterval(look, EVERY_MS);
  });
  if ("progressNow" in box.dataset) setInterval(look, EVERY_MS);
}
