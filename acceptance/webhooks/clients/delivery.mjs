// A delivery as a file: `{"body", "headers", "secret", "public_key"?}`; exit code 0 when it verifies, 3 when it does not.
import { readFileSync } from 'node:fs';

export const delivery = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** Ends the program with what `verify` finds; foreign libraries throw what they refuse. */
export function tell(verify) {
  try {
    process.exit(verify() ? 0 : 3);
  } catch (refused) {
    console.error(String(refused));
    process.exit(3);
  }
}
