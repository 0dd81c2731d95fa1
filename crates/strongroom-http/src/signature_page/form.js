// The form around check.js. Text goes in as text only; nothing that was pasted becomes markup.

const STATES = { yes: 'verifies', no: 'does not verify', absent: 'not sent', unknown: 'cannot tell' };
const element = (id) => document.getElementById(id);
const fields = { body: element('body'), headers: element('headers'), secret: element('secret') };

/** An element with text; what stands between backticks is code. */
function told(tag, text, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  text.split('`').forEach((part, n) => {
    if (n % 2 === 0) return made.append(part);
    const code = document.createElement('code');
    code.textContent = part;
    made.append(code);
  });
  return made;
}

function row({ name, state, text }) {
  const item = document.createElement('li');
  item.className = state;
  const line = document.createElement('p');
  line.append(told('code', name), ' ', told('strong', STATES[state]));
  item.append(line, ...text.map((reason) => told('p', reason, 'reason')));
  return item;
}

function verdict({ schemes, notes }) {
  const has = (state) => schemes.some((scheme) => scheme.state === state);
  if (!has('yes') && !has('no')) return ['unknown', has('unknown') ? 'Nothing could be checked yet.' : 'No signature header was found in what was pasted.'];
  if (has('no')) return ['no', has('yes') ? 'Some signatures verify, some do not.' : 'No signature verifies.'];
  return notes.length > 0 ? ['unknown', 'The signatures verify, but a receiver may still refuse this delivery.'] : ['yes', 'Every signature that could be checked verifies.'];
}

async function check() {
  const pasted = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));
  const outcome = await diagnose({ ...pasted, now: Math.floor(Date.now() / 1000) });
  const [state, text] = verdict(outcome);
  const list = document.createElement('ul');
  list.append(...outcome.schemes.map(row));
  element('result').replaceChildren(told('h2', text, state), ...outcome.notes.map((note) => told('p', note, 'note')), list);
}

/** A delivery made here and now, with a secret that is no endpoint's. */
async function example() {
  const now = Math.floor(Date.now() / 1000);
  const key = crypto.getRandomValues(new Uint8Array(32));
  const secret = `whsec_${toBase64(key)}`;
  const id = 'evt_018d0c1a2b3c4d5e6f708192';
  const data = { payout_id: 'payout_018d0c1a2b3c000000000001', amount: 10000, currency: 'PHP', status: 'completed' };
  const body = JSON.stringify({ id, created: now, type: 'payout.completed', data, livemode: false });
  const hex = toHex(await hmac(utf8(secret), utf8(body)));
  const standard = toBase64(await hmac(key, utf8(`${id}.${now}.${body}`)));
  fields.body.value = body;
  fields.secret.value = secret;
  fields.headers.value = [
    `NextAPI-Signature: sha256=${hex}`,
    `X-NoPOS-Signature: ${hex}`,
    `webhook-id: ${id}`,
    `webhook-timestamp: ${now}`,
    `webhook-signature: v1,${standard}`,
  ].join('\n');
  await check();
}

element('form').addEventListener('submit', (event) => {
  event.preventDefault();
  check();
});
element('example').addEventListener('click', example);
element('clear').addEventListener('click', () => {
  for (const field of Object.values(fields)) field.value = '';
  element('result').replaceChildren();
  fields.body.focus();
});

if (!globalThis.crypto?.subtle) {
  for (const id of ['check', 'example']) element(id).disabled = true;
  element('result').replaceChildren(told('h2', 'This page needs https, or http on this machine (localhost): only there do browsers compute signatures.', 'no'));
}
