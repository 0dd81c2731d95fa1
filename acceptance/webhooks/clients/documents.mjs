// The documents' two snippets, run as printed: one takes what a parser made of the body, the other the raw text.
import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';

import { delivery, tell } from './delivery.mjs';

const which = process.argv[3];
const snippet = readFileSync(new URL(`../documents/${which}.js`, import.meta.url), 'utf8');
const verifyWebhook = new Function('crypto', `${snippet}\nreturn verifyWebhook;`)(crypto);
const { body, headers, secret } = delivery;

tell(() =>
  which === 'nextapi'
    ? verifyWebhook(JSON.parse(body), headers['nextapi-signature'], secret)
    : verifyWebhook(body, headers['x-nopos-signature'], secret),
);
