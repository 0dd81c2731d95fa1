// A form that a passkey answers: the question stands in it, the answer goes into its field, and the form to where it came from.
const kinds = {
  create: ["parseCreationOptionsFromJSON", ["clientDataJSON", "attestationObject"]],
  get: ["parseRequestOptionsFromJSON", ["clientDataJSON", "authenticatorData", "signature"]],
};

for (const form of document.querySelectorAll("form[data-create], form[data-get]")) {
  const kind = form.dataset.create ? "create" : "get";
  const [parse, words] = kinds[kind];
  // Shown only where the browser can; the other ways in stand beside it.
  if (!globalThis.PublicKeyCredential?.[parse]) continue;
  form.hidden = false;
  const button = form.querySelector("button");
  const fault = form.querySelector("[role=alert]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    fault.hidden = true;
    try {
      const publicKey = PublicKeyCredential[parse](JSON.parse(form.dataset[kind]));
      const { id, response } = (await navigator.credentials[kind]({ publicKey })).toJSON();
      const said = Object.fromEntries(words.map((word) => [word, response[word]]));
      form.elements.passkey.value = JSON.stringify({ id, response: said });
      form.submit();
    } catch {
      // Whoever was asked did not want to, or has none here: he may try again.
      fault.hidden = false;
      button.setAttribute("aria-disabled", "false");
    }
  });
}
