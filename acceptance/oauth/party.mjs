// A client as the checks play it, and a browser without a person. Nothing here decides what is right.
import { ec, fresh, hash, jws, seconds } from "./messages.mjs";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

export class Party {
  constructor(subject, { id, key }) {
    Object.assign(this, { subject, id, key, proofKey: ec(), nonce: undefined });
  }

  get meta() {
    return this.subject.meta;
  }

  assertion(claims = {}, { header = {}, key = this.key } = {}) {
    const now = seconds();
    const said = { iss: this.id, sub: this.id, aud: this.meta.issuer, jti: fresh(), iat: now, exp: now + 60, ...claims };
    return jws({ alg: key.alg, typ: "JWT", ...header }, said, key);
  }

  proof(method, url, { token, claims = {}, header = {}, key = this.proofKey } = {}) {
    const said = { jti: fresh(), htm: method, htu: url, iat: seconds(), nonce: this.nonce, ath: token && hash(token), ...claims };
    return jws({ alg: key.alg, typ: "dpop+jwt", jwk: key.jwk, ...header }, said, key);
  }

  async send(method, url, { headers = {}, fields } = {}) {
    const body = fields && new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
    const response = await fetch(url, { method, headers, body, redirect: "manual" });
    this.nonce = response.headers.get("dpop-nonce") ?? this.nonce;
    const text = await response.text();
    let told = {};
    try {
      told = JSON.parse(text);
    } catch {
      // No JSON: a page, or nothing.
    }
    const challenge = response.headers.get("www-authenticate") ?? "";
    const asksForNonce = told.error === "use_dpop_nonce" || challenge.includes("use_dpop_nonce");
    return { status: response.status, told, text, challenge, asksForNonce, location: response.headers.get("location") };
  }

  // Sends what `make` makes, again where a nonce was asked for: so that what is refused is refused for something else.
  async tried(make) {
    let reply = await make();
    for (let n = 0; reply.asksForNonce && n < 2; n += 1) reply = await make();
    return reply;
  }

  shown(assertion) {
    return { client_id: this.id, client_assertion_type: JWT_BEARER, client_assertion: assertion };
  }

  // A request to one of the server's endpoints. `assertion: null` shows nothing, `proof: null` proves nothing.
  ask(endpoint, fields, { assertion, proof } = {}) {
    return this.tried(() => {
      const own = assertion === null ? { client_id: this.id } : this.shown(assertion?.() ?? this.assertion());
      const dpop = proof === null ? undefined : (proof?.() ?? this.proof("POST", endpoint));
      return this.send("POST", endpoint, { headers: dpop ? { dpop } : {}, fields: { ...own, ...fields } });
    });
  }

  // What is asked of a person, some of it otherwise.
  wish(changes = {}) {
    return {
      response_type: "code",
      redirect_uri: this.subject.callback,
      scope: this.subject.scope,
      code_challenge: hash(this.subject.verifier),
      code_challenge_method: "S256",
      state: "s-1",
      ...changes,
    };
  }

  push(changes = {}, how = { proof: null }) {
    return this.ask(this.meta.pushed_authorization_request_endpoint, this.wish(changes), how);
  }

  address(request_uri) {
    return `${this.meta.authorization_endpoint}?${new URLSearchParams({ client_id: this.id, request_uri })}`;
  }

  // The address that a person's "allow" leads to.
  async allowed(changes, how) {
    const pushed = await this.push(changes, how);
    if (pushed.status !== 201) throw new Error(`not pushed: ${pushed.status} ${pushed.text}`);
    return this.subject.approve(this.address(pushed.told.request_uri));
  }

  async code(changes, how) {
    const back = new URL(await this.allowed(changes, how));
    const code = back.searchParams.get("code");
    if (!code) throw new Error(`no code: ${back}`);
    return code;
  }

  token(fields, how) {
    return this.ask(this.meta.token_endpoint, fields, how);
  }

  redeem(code, changes = {}, how = undefined) {
    const { verifier: code_verifier, callback: redirect_uri } = this.subject;
    return this.token({ grant_type: "authorization_code", code, redirect_uri, code_verifier, ...changes }, how);
  }

  refresh(refresh_token, how) {
    return this.token({ grant_type: "refresh_token", refresh_token }, how);
  }

  // The resource, by a token; `proofs` makes what comes along.
  use(given, proofs = () => [this.proof("GET", this.subject.resource, { token: given.access_token })], scheme = given.token_type) {
    return this.tried(() => {
      const headers = new Headers({ authorization: `${scheme} ${given.access_token}` });
      // What was never asked to be bound comes without a proof.
      for (const proof of proofs()) headers.append("dpop", proof);
      return this.send("GET", this.subject.resource, { headers });
    });
  }
}

// Cookies by path, redirects on one origin, forms. No script.
export class Browser {
  jar = new Map();

  constructor(origin) {
    this.origin = origin;
  }

  cookies(path) {
    const fitting = [...this.jar.values()].filter((cookie) => path.startsWith(cookie.path));
    return fitting.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  keep(response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...rest] = line.split(";").map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const path = rest.find((part) => /^path=/i.test(part))?.slice(5) ?? "/";
      if (value) this.jar.set(`${path} ${name}`, { name, value, path });
      else this.jar.delete(`${path} ${name}`);
    }
  }

  // Follows redirects as far as they stay here; `back` is where they lead elsewhere.
  async go(address, fields) {
    let url = new URL(address, this.origin);
    let body = fields && new URLSearchParams(fields);
    for (let n = 0; n < 10; n += 1) {
      const headers = { cookie: this.cookies(url.pathname), "sec-fetch-site": "same-origin" };
      const response = await fetch(url, { method: body ? "POST" : "GET", headers, body, redirect: "manual" });
      this.keep(response);
      const location = response.headers.get("location");
      const html = await response.text();
      if (!location) return { status: response.status, html, url };
      url = new URL(location, url);
      if (url.origin !== this.origin) return { status: response.status, back: url.href };
      body = undefined;
    }
    throw new Error(`${address} leads nowhere`);
  }

  static field(html, name) {
    return html.match(new RegExp(`name="${name}"[^>]*value="([^"]*)"`))?.[1];
  }
}
