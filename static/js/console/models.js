// The test of "where the model comes from": asks the model that the form describes, before anything is stored.

const form = document.querySelector("[data-model-form]");
const button = form?.querySelector("[data-test]");
const result = form?.querySelector("[data-result]");

if (button) {
  button.type = "button"; // without script it stores and tests
  button.addEventListener("click", test);
}

async function test() {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  show("Asking the model to say hello.", "");
  try {
    const answer = await fetch(form.dataset.testUrl, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
    });
    const { ok, sentence, models } = await answer.json();
    show(sentence, ok ? "notice-done" : "notice-stop");
    offer(models);
  } catch {
    show("The server did not answer. Check the connection and try again.", "notice-stop");
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

function show(sentence, tone) {
  result.className = `notice model-result ${tone}`;
  result.textContent = sentence;
  result.hidden = false;
}

// The models that the provider lists become suggestions of the model field.
function offer(models) {
  const options = models.map((name) => {
    const option = document.createElement("option");
    option.value = name;
    return option;
  });
  document.getElementById("models").replaceChildren(...options);
}
