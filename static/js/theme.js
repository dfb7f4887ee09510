// Colours: like the system, light or dark. The choice is a cookie, so that the server writes it into the page and
// no reload flashes the other scheme.

const YEAR = 365 * 24 * 3600;
const root = document.documentElement;

function choose(theme) {
  if (theme) {
    root.dataset.theme = theme;
  } else {
    delete root.dataset.theme;
  }
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `theme=${theme}; path=/; samesite=lax; max-age=${theme ? YEAR : 0}${secure}`;
  show();
}

function show() {
  for (const button of document.querySelectorAll("[data-set-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setTheme === (root.dataset.theme ?? "")));
  }
}

for (const choice of document.querySelectorAll("[data-theme-choice]")) choice.hidden = false;
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-set-theme]");
  if (button) choose(button.dataset.setTheme);
});
show();
