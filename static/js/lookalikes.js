// "Make a look-alike": templates/vault/lookalikes.html lists a value of each kind; here one is chosen and put into the
// value's field. Nothing is asked of the server for it, so that no log tells that a value is one of them.

// Words that say nothing of whose credential it is, and words for the same thing.
const COMMON = new Set("key token api secret live test access private account number us uk".split(" "));
const SAME = {
  db: "postgres",
  postgresql: "postgres",
  pg: "postgres",
  mongo: "mongodb",
  google: "gcp",
  gh: "github",
  prod: "live",
  production: "live",
};

for (const part of document.querySelectorAll("[data-lookalikes-for]")) {
  const field = document.getElementById(part.dataset.lookalikesFor);
  const label = field?.form.elements.label;
  const items = [...part.querySelectorAll("[data-lookalikes-list] > li")];
  if (field && items.length) offer(part, field, label, items);
}

function offer(part, field, label, items) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", "Kind of look-alike");
  for (const item of items) {
    groupOf(select, item.dataset.group).append(new Option(item.querySelector("span").textContent, item.dataset.kind));
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = "Put it into the field";
  const choice = part.querySelector("[data-lookalikes-choice]");
  choice.append(select, button);
  choice.hidden = false;
  part.querySelector("[data-lookalikes-list]").hidden = true;

  let chosen = false; // by the person, whose choice stands
  const suggest = () => {
    const kind = chosen ? "" : suggested(items, field.dataset.kind, label?.value ?? document.querySelector("h1").textContent);
    if (kind) select.value = kind;
  };
  select.addEventListener("change", () => (chosen = true));
  for (const source of [field, label]) source?.addEventListener("input", suggest);
  suggest();

  button.addEventListener("click", () => {
    const item = items.find((one) => one.dataset.kind === select.value);
    field.value = item.querySelector("code").textContent;
    chosen = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    const title = item.querySelector("span").textContent;
    part.querySelector("[data-lookalikes-said]").textContent = `The field holds a look-alike now: ${title}.`;
  });
}

function groupOf(select, title) {
  const found = [...select.children].find((group) => group.label === title);
  if (found) return found;
  const group = document.createElement("optgroup");
  group.label = title;
  select.append(group);
  return group;
}

// By the shape of what is typed, as kinds.js found it; else by the words of the label, "prod-stripe-key" for one.
function suggested(items, shape, label) {
  const alike = shape && items.find((item) => item.dataset.shape === shape);
  if (alike) return alike.dataset.kind;
  const words = (label.toLowerCase().match(/[a-z0-9]+/g) ?? []).map((word) => SAME[word] ?? word);
  let best = "";
  let most = 0;
  for (const item of items) {
    const known = item.dataset.kind.split("-").map((word) => SAME[word] ?? word);
    const score = words.filter((word) => known.includes(word)).length;
    if (score > most && known.some((word) => words.includes(word) && !COMMON.has(word))) {
      best = item.dataset.kind;
      most = score;
    }
  }
  return best;
}
