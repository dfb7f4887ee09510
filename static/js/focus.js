// Where the cursor stands when a page opens: in the first field that was refused, else in the first empty field of a
// page that is one form ([data-focus] around it). Not where a keyboard would slide over the page, as on phones.

const FIELD = "input:not([type=hidden], [type=radio], [type=checkbox]), textarea";

function place() {
  if (document.activeElement !== document.body) return;
  const refused = document.querySelector("[aria-invalid='true']");
  const form = matchMedia("(hover: hover)").matches ? document.querySelector("[data-focus] form.form") : null;
  const fields = [...(form?.querySelectorAll(FIELD) ?? [])].filter((field) => field.checkVisibility());
  const first = refused ?? fields.find((field) => !field.value);
  first?.focus();
}

place();
