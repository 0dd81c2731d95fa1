// What a pasted delivery's signatures say, and why one does not fit. Everything is computed here; nothing is sent.
// The document has no such names of its own: this file and form.js share one script.

const TOLERANCE = 300;
const utf8 = (text) => new TextEncoder().encode(text);

/** Base64 in its one proper form, else null. */
function fromBase64(text) {
  try {
    const raw = atob(text);
    return btoa(raw) === text ? Uint8Array.from(raw, (letter) => letter.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

async function hmac(key, message) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message));
}

/** `Name: value` a line, or one JSON object; names in lower case. A name that is there twice is told. */
function readHeaders(text) {
  const headers = new Map();
  const twice = [];
  const put = (name, value) => {
    const lower = name.trim().toLowerCase();
    if (headers.has(lower)) twice.push(lower);
    headers.set(lower, String(value).trim());
  };
  try {
    Object.entries(JSON.parse(text)).forEach(([name, value]) => put(name, value));
  } catch {
    for (const line of text.split('\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) put(line.slice(0, colon), line.slice(colon + 1));
    }
  }
  return { headers, twice };
}

/** What may have become of the body on its way, the body as pasted first. */
function bodies(body) {
  const found = [{ body, about: '' }];
  const add = (other, about) => {
    if (other !== body && !found.some((known) => known.body === other)) found.push({ body: other, about });
  };
  add(body.replace(/\n$/, ''), 'The body has a line break at its end that the delivery does not have.');
  add(body.trim(), 'The body has blanks around it that the delivery does not have.');
  add(body.replace(/\n/g, '\r\n'), 'The line breaks of the body were changed.');
  try {
    add(JSON.stringify(JSON.parse(body)), 'The body was parsed and written again, or printed prettily: check the bytes as received.');
  } catch {
    // Not JSON: told elsewhere.
  }
  return found;
}

/** What may stand where the key belongs, the right form first. */
function keys(secret, isStandard) {
  const text = { key: utf8(secret), about: '' };
  const tail = secret.startsWith('whsec_') ? secret.slice(6) : null;
  const decoded = tail && fromBase64(tail);
  const right = isStandard && decoded?.length ? { key: decoded, about: '' } : text;
  const wrong = [
    { key: utf8(secret), about: 'It was keyed with the whole text of the secret; this header takes the bytes after `whsec_`, decoded from base64.' },
    { key: decoded, about: 'It was keyed with the bytes after `whsec_`, decoded from base64; this header takes the whole text of the secret.' },
    { key: tail && utf8(tail), about: 'It was keyed with the text after `whsec_`, without the prefix and without decoding it.' },
    { key: utf8(secret.trim()), about: 'The secret has blanks around it.' },
  ];
  const differs = ({ key }) => key?.length && toHex(key) !== toHex(right.key);
  return [right, ...wrong.filter(differs)];
}

/** The reasons that make a signature fit: none when it does as it stands; null when nothing tried does. */
async function reasons(pasted, isStandard, frame, fits) {
  for (const { key, about: ofKey } of keys(pasted.secret, isStandard)) {
    for (const { body, about: ofBody } of bodies(pasted.body)) {
      for (const { message, about: ofFrame } of frame(body)) {
        if (fits(await hmac(key, utf8(message)))) return [ofKey, ofBody, ofFrame].filter(Boolean);
      }
    }
  }
  return null;
}

const NO_FIT = 'It fits neither this body nor this secret, in no form that was tried: another secret, or a body that was changed.';

function judged(name, found) {
  if (found === null) return { name, state: 'no', text: [NO_FIT] };
  return found.length === 0 ? { name, state: 'yes', text: [] } : { name, state: 'no', text: found };
}

async function checkBodyHeader(pasted, name, value) {
  if (value === undefined) return { name, state: 'absent', text: [] };
  const notes = [];
  let hex = value;
  if (name === 'NextAPI-Signature') {
    if (!value.startsWith('sha256=')) notes.push('The value does not begin with `sha256=`.');
    hex = value.replace(/^sha256=/, '');
  } else if (value.startsWith('sha256=')) {
    notes.push('The value begins with `sha256=`; this header has the digits alone.');
    hex = value.slice(7);
  }
  if (/[A-F]/.test(hex)) notes.push('The digits are in capitals.');
  if (!/^[0-9a-f]{64}$/i.test(hex)) return { name, state: 'no', text: [...notes, 'It is not 64 hexadecimal digits.'] };
  const frame = (body) => [{ message: body, about: '' }];
  const found = await reasons(pasted, false, frame, (tag) => toHex(tag) === hex.toLowerCase());
  return judged(name, found && [...notes, ...found]);
}

function tokens(value, version) {
  const all = (value ?? '').split(/[ \t]+/).filter((token) => token.startsWith(`${version},`));
  return all.map((token) => token.slice(version.length + 1));
}

async function checkStandard(pasted, { id, timestamp, signature }) {
  const name = 'webhook-signature (v1)';
  const presented = tokens(signature, 'v1');
  if (presented.length === 0) return { name, state: 'absent', text: [] };
  if (id === undefined || timestamp === undefined) {
    return { name, state: 'no', text: ['`webhook-id` and `webhook-timestamp` are signed too: paste them.'] };
  }
  const frame = (body) => [
    { message: `${id}.${timestamp}.${body}`, about: '' },
    { message: `${timestamp}.${body}`, about: 'The id was left out of what is signed: id, time and body with a point between.' },
    { message: body, about: 'The body alone was signed: this signature covers id, time and body with a point between.' },
  ];
  return judged(name, await reasons(pasted, true, frame, (tag) => presented.includes(toBase64(tag))));
}

async function checkEd25519(pasted, { id, timestamp, signature }) {
  const name = 'webhook-signature (v1a)';
  const presented = tokens(signature, 'v1a');
  if (presented.length === 0) return { name, state: 'absent', text: [] };
  const raw = pasted.publicKey && fromBase64(pasted.publicKey.slice(5));
  if (!pasted.publicKey) return { name, state: 'unknown', text: ['It is made with a private key: paste the endpoint’s public key (`whpk_…`) to check it.'] };
  if (raw?.length !== 32) return { name, state: 'no', text: ['The public key is not `whpk_` and base64 of 32 bytes.'] };
  let key;
  try {
    key = await crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);
  } catch {
    return { name, state: 'unknown', text: ['This browser has no Ed25519.'] };
  }
  for (const { body, about } of bodies(pasted.body)) {
    const message = utf8(`${id}.${timestamp}.${body}`);
    for (const text of presented) {
      const bytes = fromBase64(text);
      if (bytes && (await crypto.subtle.verify({ name: 'Ed25519' }, key, bytes, message))) return judged(name, [about].filter(Boolean));
    }
  }
  return judged(name, null);
}

/** What the time says; null when there is nothing to say against it. */
function ofTime(timestamp, now) {
  if (timestamp === undefined) {
    return '`webhook-timestamp` is missing. The two headers that sign the body alone do not say when it was sent: an old delivery would pass again.';
  }
  if (/^[0-9]{13}$/.test(timestamp)) return '`webhook-timestamp` is in milliseconds; it is seconds.';
  if (!/^[0-9]{1,15}$/.test(timestamp)) return '`webhook-timestamp` is not a number of seconds.';
  const late = now - Number(timestamp);
  if (late > TOLERANCE) return `It was sent ${late} seconds ago. A receiver refuses what is older than ${TOLERANCE} seconds, even if it is signed well.`;
  if (late < -TOLERANCE) return `It was sent ${-late} seconds in the future: a clock is wrong.`;
  return null;
}

/** Which of the two other headers that belong together is missing; null when none is. */
function ofParts({ id, timestamp, signature }) {
  const missing = Object.entries({ 'webhook-id': id, 'webhook-signature': signature }).find(([, value]) => value === undefined);
  return missing && timestamp !== undefined ? `\`${missing[0]}\` is missing; a receiver refuses a delivery with a part of the three.` : null;
}

/** Checks everything that was pasted, at the time `now` in seconds. */
async function diagnose({ body, headers: text, secret: keyTexts, now }) {
  const { headers, twice } = readHeaders(text);
  const lines = keyTexts.split('\n').filter((line) => line.trim() !== '');
  const publicKey = lines.map((line) => line.trim()).find((line) => line.startsWith('whpk_'));
  const secrets = lines.filter((line) => !line.trim().startsWith('whpk_'));
  const timed = {
    id: headers.get('webhook-id'),
    timestamp: headers.get('webhook-timestamp'),
    signature: headers.get('webhook-signature'),
  };
  const best = async (name, isSent, check) => {
    if (!isSent) return { name, state: 'absent', text: [] };
    if (secrets.length === 0) return { name, state: 'unknown', text: ['Paste the endpoint’s secret to check it.'] };
    const outcomes = await Promise.all(secrets.map((secret) => check({ body, secret })));
    return outcomes.find(({ state }) => state === 'yes') ?? outcomes.find(({ text }) => text[0] !== NO_FIT) ?? outcomes[0];
  };
  const [nextapi, nopos] = [headers.get('nextapi-signature'), headers.get('x-nopos-signature')];
  const schemes = [
    await best('webhook-signature (v1)', tokens(timed.signature, 'v1').length > 0, (pasted) => checkStandard(pasted, timed)),
    await checkEd25519({ body, publicKey }, timed),
    await best('NextAPI-Signature', nextapi !== undefined, (pasted) => checkBodyHeader(pasted, 'NextAPI-Signature', nextapi)),
    await best('X-NoPOS-Signature', nopos !== undefined, (pasted) => checkBodyHeader(pasted, 'X-NoPOS-Signature', nopos)),
  ];
  const notes = twice.map((name) => `\`${name}\` is there twice; a receiver refuses that.`);
  if (headers.size > 0) notes.push(...[ofTime(timed.timestamp, now), ofParts(timed)].filter(Boolean));
  const [standard, , ...ofBody] = schemes;
  if (standard.text[0] === NO_FIT && ofBody.some(({ state }) => state === 'yes')) {
    standard.text = ['Body and secret are right: `webhook-id` or `webhook-timestamp` is not the one that was signed, or the signature is another or cut short.'];
  }
  return { schemes, notes };
}
