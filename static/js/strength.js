// The strength meter under a new password: input[data-strength], else a form's first
// input[autocomplete=new-password]. It counts guesses with zxcvbn, as the server's gate does, and the
// library comes only when the field is used: nothing typed leaves the page for it. The server decides.
//
// data-strength="id_email id_name": what these fields hold makes an easy password; else the form's email fields.

const LIBRARY = new URL("../vendor/zxcvbn.js", import.meta.url).pathname;
const ENOUGH = 3;
const LONGEST = 100;  // zxcvbn takes seconds for very long texts, which are strong anyway
const WORDS = ["Very easy to guess", "Easy to guess", "Almost strong enough", "Strong", "Very strong"];

let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(globalThis.zxcvbn);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

function meter(input) {
  const box = document.createElement("div");
  box.className = "strength";
  for (let n = 0; n < 4; n += 1) {
    const step = document.createElement("span");
    step.className = "strength-step";
    box.append(step);
  }
  const words = document.createElement("span");
  words.className = "strength-words";
  words.setAttribute("aria-live", "polite");
  box.append(words);
  (input.closest(".password") ?? input).after(box);
  return { box, words };
}

function fields() {
  const chosen = new Set(document.querySelectorAll("input[data-strength]"));
  for (const form of document.forms) {
    const first = form.querySelector("input[autocomplete=new-password]");
    if (first && !form.querySelector("input[data-strength]")) chosen.add(first);
  }
  return chosen;
}

function easyWords(input) {
  const named = (input.dataset.strength ?? "").split(" ").map((id) => document.getElementById(id));
  const emails = input.form?.querySelectorAll("input[type=email]") ?? [];
  return [...named, ...emails].map((field) => field?.value).filter(Boolean);
}

for (const input of fields()) {
  const { box, words } = meter(input);
  const show = async () => {
    const zxcvbn = await load().catch(() => null);
    if (!zxcvbn || !input.value) {
      delete box.dataset.score;
      words.textContent = "";
      return;
    }
    const { score, feedback } = zxcvbn(input.value.slice(0, LONGEST), easyWords(input));
    box.dataset.score = score;
    const advice = feedback.warning || feedback.suggestions[0] || "";
    words.textContent = score < ENOUGH ? `${WORDS[score]}. ${advice}` : `${WORDS[score]}.`;
  };
  input.addEventListener("focus", load, { once: true });
  input.addEventListener("input", show);
}
