// Keys, and what is signed with them: by hand, since what is wrong with a message must be no library's choice.
import { constants, createHash, createHmac, generateKeyPairSync, randomUUID, sign } from "node:crypto";

export const b64 = (bytes) => Buffer.from(bytes).toString("base64url");
export const hash = (text) => createHash("sha256").update(text).digest("base64url");
export const seconds = () => Math.floor(Date.now() / 1000);

function holder(alg, pair) {
  return { alg, privateKey: pair.privateKey, jwk: pair.publicKey.export({ format: "jwk" }) };
}

export const ec = () => holder("ES256", generateKeyPairSync("ec", { namedCurve: "P-256" }));
export const rsa = () => holder("PS256", generateKeyPairSync("rsa", { modulusLength: 2048 }));

const signers = {
  ES256: (data, { privateKey }) => sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  PS256: (data, { privateKey }) =>
    sign("sha256", data, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
  RS256: (data, { privateKey }) => sign("sha256", data, privateKey),
  // Under the public key, as those did who found that some servers look at the header alone.
  HS256: (data, { jwk }) => createHmac("sha256", JSON.stringify(jwk)).update(data).digest(),
  none: () => Buffer.alloc(0),
};

// A signed message; members that are undefined are left out.
export function jws(header, claims, key) {
  const data = `${b64(JSON.stringify(header))}.${b64(JSON.stringify(claims))}`;
  const signer = signers[header.alg] ?? signers[key.alg];
  return `${data}.${b64(signer(Buffer.from(data), key))}`;
}

// RFC 7638.
export function thumbprint({ jwk }) {
  const { crv, e, kty, n, x, y } = jwk;
  return hash(JSON.stringify(kty === "RSA" ? { e, kty, n } : { crv, kty, x, y }));
}

export const fresh = () => randomUUID();
