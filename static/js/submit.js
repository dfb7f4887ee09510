// A form that was sent is not sent twice by an impatient second click. Forms that stay on the page opt out with
// [data-resend]; a page that comes back from the browser's memory is usable again.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || "resend" in form.dataset || form.method === "dialog") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  event.submitter?.setAttribute("aria-busy", "true");
});

addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});
