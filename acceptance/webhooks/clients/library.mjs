// Libraries from npm: `standardwebhooks` and `svix` share one interface. They are installed in another folder, which is
// named by the fourth argument.
import { createRequire } from 'node:module';

import { delivery, tell } from './delivery.mjs';

const [, , , name, folder] = process.argv;
const { Webhook } = createRequire(`${folder}/`)(name);
const { body, headers, secret } = delivery;

tell(() => new Webhook(secret).verify(body, headers).id === JSON.parse(body).id);
