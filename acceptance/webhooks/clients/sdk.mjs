// The TypeScript SDK: every signature that was sent must verify.
import { webhooks } from '../../../sdk/typescript/src/index.js';

import { delivery, tell } from './delivery.mjs';

const { body, headers, secret, public_key } = delivery;
const wanted = ['standard', ...(public_key ? ['ed25519'] : []), 'nextapi', 'nopos'];

tell(() => {
  const secrets = public_key ? [secret, public_key] : [secret];
  const { schemes, event } = webhooks.verify(Buffer.from(body), headers, secrets);
  return String(schemes) === String(wanted) && event.id === JSON.parse(body).id;
});
