// While a delivery is on its way, the list looks again every second, and a quiet sentence says what became of it.

const EVERY_MS = 1000;
const AT_MOST = 90; // looks; what takes longer is in the list whenever somebody comes back

const status = document.querySelector("[data-webhook-status]");
let looks = 0;

async function look() {
  const list = document.querySelector("[data-webhook-deliveries]");
  if (!list || !("busy" in list.dataset) || (looks += 1) > AT_MOST) return;
  const text = await fetch(list.dataset.webhookDeliveries)
    .then((answer) => (answer.ok && !answer.redirected ? answer.text() : ""))
    .catch(() => "");
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-webhook-deliveries]");
  if (fresh && fresh.textContent !== list.textContent) {
    const focused = list.contains(document.activeElement) ? document.activeElement.id : "";
    list.replaceWith(fresh);
    if (focused) document.getElementById(focused)?.focus();
    if (status && fresh.dataset.told !== list.dataset.told) status.textContent = fresh.dataset.told;
  } else if (fresh && !("busy" in fresh.dataset)) {
    delete list.dataset.busy;
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
