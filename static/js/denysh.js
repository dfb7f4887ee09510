// A form for a deny.sh item (form[data-seal]): sealed in this browser, so that neither the value nor the password is sent.
// Where the browser cannot (no secure connection, so no crypto.subtle), the form is sent as it is, and the page says what
// that means: this server seals it, and sees both for that one request.

const SEALER = new URL("./denysh-sealer.js", import.meta.url);
const ENOUGH = 3; // the server's gate, as strength.js shows it
const form = document.querySelector("form[data-seal]");

if (form && globalThis.crypto?.subtle && globalThis.Worker) {
  for (const words of document.querySelectorAll("[data-sealed-by]")) words.hidden = words.dataset.sealedBy !== "browser";
  form.addEventListener("submit", (event) => {
    event.preventDefault(); // submit.js leaves such a form alone: the one that is sent has no value in it
    if (!form.dataset.sealing) send().catch(() => complain("This browser could not seal it. Nothing was sent."));
  });
}

async function send() {
  const { label, value, password, sealed } = form.elements;
  const text = value.value.replace(/\n$/, ""); // the line's end that a paste brings along
  const strength = form.querySelector(".strength")?.dataset.score;
  if (!label.value || !text || !password.value) return complain("Give a label, a value and a password.");
  if (strength !== undefined && Number(strength) < ENOUGH) {
    return complain("This password is too easy to guess. Whoever may fetch the item may guess at it for ever.");
  }
  complain("");
  form.dataset.sealing = "1";
  form.querySelector("button").setAttribute("aria-busy", "true");
  try {
    sealed.value = await seal(text, password.value);
  } finally {
    delete form.dataset.sealing;
    form.querySelector("button").removeAttribute("aria-busy");
    progress(null);
  }
  // What is empty is not sent; this also takes both out of the page that the back button shows.
  value.value = password.value = "";
  form.submit();
}

function seal(value, password) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(SEALER, { type: "module" });
    const end = (settle, outcome) => {
      worker.terminate(); // and with it the key
      settle(outcome);
    };
    worker.addEventListener("message", ({ data }) => {
      if (data.sealed) end(resolve, data.sealed);
      else if (data.error) end(reject, new Error(data.error));
      else progress(data.done);
    });
    worker.addEventListener("error", () => end(reject, new Error("The worker ended.")));
    worker.postMessage({ value, password });
  });
}

function progress(done) {
  const box = form.querySelector("[data-sealing]");
  box.hidden = done === null;
  box.querySelector("progress").value = done ?? 0;
}

function complain(sentence) {
  const place = form.querySelector("[data-complaint]");
  place.textContent = sentence;
  place.hidden = !sentence;
}
