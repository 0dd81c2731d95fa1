// Whether each body, a JSON array of texts in a file, is what JavaScript would write itself.
import { readFileSync } from 'node:fs';

const bodies = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const changed = bodies.filter((body) => body !== JSON.stringify(JSON.parse(body)));
console.log(JSON.stringify({ bodies: bodies.length, changed }));
process.exit(bodies.length > 0 && changed.length === 0 ? 0 : 3);
