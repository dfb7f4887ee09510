// The navigation drawer of small screens: [data-drawer="id"] shows the element, a click on [data-drawer-shade] or
// Escape hides it. Without script the navigation stands above the page.

const DRAWN = "data-drawer-open";

for (const button of document.querySelectorAll("[data-drawer]")) {
  const drawer = document.getElementById(button.dataset.drawer);
  if (!drawer) continue;
  drawer.classList.add("is-drawer");
  button.hidden = false;
  const set = (isOpen) => {
    drawer.toggleAttribute(DRAWN, isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) drawer.querySelector("a, button, summary")?.focus();
  };
  set(false);
  button.addEventListener("click", () => set(!drawer.hasAttribute(DRAWN)));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drawer.hasAttribute(DRAWN)) return;
    set(false);
    button.focus();
  });
  document.addEventListener("click", (event) => {
    if (drawer.hasAttribute(DRAWN) && !drawer.contains(event.target) && !button.contains(event.target)) set(false);
  });
}
