// The vault's pages: how long the lease still runs, and values that leave the page again.

const TICK_MS = 15_000;

for (const end of document.querySelectorAll("time[data-lease-end]")) {
  const at = Date.parse(end.dateTime);
  const fixed = end.textContent;
  const tick = () => {
    const minutes = Math.ceil((at - Date.now()) / 60_000);
    if (minutes <= 0) {
      end.textContent = `${fixed} (over now)`;
      return;
    }
    end.textContent = `${fixed} (${left(minutes)} left)`;
    setTimeout(tick, Math.min(TICK_MS, Math.max(at - Date.now(), 0) + 500));
  };
  tick();
}

// [data-forget-after="seconds"]: a revealed value does not stay on a screen that its reader has left.
for (const shown of document.querySelectorAll("[data-forget-after]")) {
  setTimeout(() => shown.remove(), Number(shown.dataset.forgetAfter) * 1000);
}
// Nor does it come back from the browser's memory of pages.
addEventListener("pagehide", () => {
  for (const shown of document.querySelectorAll("[data-forget-after]")) shown.remove();
});

function left(minutes) {
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  return [days && `${days} d`, hours && `${hours} h`, !days && `${minutes % 60} min`].filter(Boolean).join(" ");
}
