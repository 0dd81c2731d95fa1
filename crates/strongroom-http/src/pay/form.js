const number = document.getElementById("number");
const expiry = document.getElementById("expiry");
const button = document.getElementById("pay");

// Groups of four, four-six-five where the number begins like that of American Express; the caret stays behind its digit.
number.addEventListener("input", () => {
  const before = number.value.slice(0, number.selectionStart).replace(/\D/g, "").length;
  const digits = number.value.replace(/\D/g, "").slice(0, 19);
  const groups = /^3[47]/.test(digits)
    ? [digits.slice(0, 4), digits.slice(4, 10), digits.slice(10)]
    : digits.match(/.{1,4}/g) ?? [];
  number.value = groups.filter(Boolean).join(" ");
  let caret = 0;
  for (let seen = 0; seen < before && caret < number.value.length; caret += 1) {
    if (number.value[caret] !== " ") seen += 1;
  }
  number.setSelectionRange(caret, caret);
});

expiry.addEventListener("input", (event) => {
  if (event.inputType?.startsWith("delete")) return;
  const digits = expiry.value.replace(/\D/g, "");
  if (/^\d\d$/.test(expiry.value)) expiry.value = `${digits} / `;
  else if (/^\d{3,4}$/.test(expiry.value)) expiry.value = `${digits.slice(0, 2)} / ${digits.slice(2)}`;
});

// One attempt at a time. The server counts them too, for those without this.
let sent = false;
button.form.addEventListener("submit", (event) => {
  if (sent) {
    event.preventDefault();
    return;
  }
  sent = true;
  button.setAttribute("aria-disabled", "true");
  button.textContent = button.dataset.busy;
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
