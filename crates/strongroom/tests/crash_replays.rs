//! What somebody captured is worth nothing: each thing that the server takes once – signed requests of both schemes, a proof, an assertion,
//! a code, a refresh token, the codes and answers of second factors – was taken once, is sent a hundred times again, and a hundred
//! times more after the process was killed. None is accepted.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use program::installation::{Installation, Serving, config};
use program::{address, assert_clean_with};
use serde_json::{Value, json};
use strongroom_auth::totp;
use strongroom_httpsig::Signer;
use strongroom_testkit::authenticator::Authenticator;
use strongroom_testkit::exchange::{Outgoing, Reply, exchange};
use strongroom_testkit::holder::{Holder, JWT_BEARER, escaped, form};
use strongroom_testkit::messages::Signing;
use strongroom_types::time::Timestamp;

const ORIGIN: &str = "https://pay.example";
const CALLBACK: &str = "https://shop.example/cb";
const PASSWORD: &str = "kelp tonic 7 umbrella";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const TIMES: usize = 100;

/// Milliseconds, so many from now.
fn moment(ahead: i64) -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever signs has a clock of his own"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() + ahead
}

fn seconds() -> i64 {
    moment(0) / 1_000
}

/// A request that was accepted, as it went over the wire.
struct Captured {
    what: &'static str,
    bytes: Vec<u8>,
    /// What it is refused with.
    refusals: &'static [&'static str],
}

impl Captured {
    /// Sends it the first time.
    #[track_caller]
    fn taken(
        what: &'static str,
        request: &Outgoing,
        refusals: &'static [&'static str],
    ) -> (Captured, Reply) {
        let reply = request.send();
        assert!(reply.status < 300, "{what}: {}", reply.text());
        let bytes = request.bytes();
        let captured = Captured {
            what,
            bytes,
            refusals,
        };
        (captured, reply)
    }

    /// Sends it a hundred times, and counts how often it was accepted.
    fn replayed(&self, at: SocketAddr) -> usize {
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        let mut accepted = 0;
        for _ in 0..TIMES {
            let reply = Reply::parse(&exchange(at, &self.bytes), false);
            accepted += usize::from(reply.status < 400);
            *told.entry(code(&reply)).or_default() += 1;
        }
        let (what, refusals) = (self.what, self.refusals);
        let is_known = |code: &String| refusals.contains(&code.as_str());
        assert!(told.keys().all(is_known), "{what}: {told:?}");
        // A lock alone would say nothing of what it locks.
        let is_told = told.keys().any(|code| code != "locked_out");
        assert!(is_told, "{what}: {told:?}");
        accepted
    }
}

/// What an answer says is wrong, in OAuth's language or ours.
fn code(reply: &Reply) -> String {
    let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(&said["code"])
        .or_else(|| text(&said["error"]))
        .unwrap_or_else(|| format!("{} {}", reply.status, reply.text()))
}

/// Everybody who acts, at one server.
struct World<'s> {
    serving: &'s Serving,
    key: String,
}

impl World<'_> {
    fn request(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(address(&self.serving.running.line), method, target)
    }

    fn post(&self, target: &str, body: &Value) -> Reply {
        let request = self.request("POST", target).bearer(&self.key);
        request.json(body).send().expect(201)
    }

    fn form(&self, target: &str, fields: &[(&str, &str)]) -> Outgoing {
        let request = self.request("POST", target);
        let kind = "application/x-www-form-urlencoded";
        request.header("Content-Type", kind).body(form(fields))
    }

    /// Somebody who has accepted an invitation.
    fn person(&self, email: &str) -> String {
        let body = json!({ "name": "Ana Cruz", "email": email, "role": "viewer" });
        let token = self.post("/v1/users", &body).field("invitation_token");
        let body = json!({ "token": token, "password": PASSWORD });
        self.post("/v1/invitations/accept", &body);
        email.to_owned()
    }

    fn login(&self, email: &str, besides: &Value) -> Outgoing {
        let mut body = json!({ "email": email, "password": PASSWORD });
        for (name, value) in besides.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.request("POST", "/v1/sessions").json(&body)
    }

    fn session(&self, email: &str) -> String {
        let entered = self.login(email, &json!({})).send();
        entered.expect(201).field("token")
    }
}

/// A request that a key signed, in both schemes.
fn signed(world: &World<'_>) -> Vec<Captured> {
    let key = world.post(
        "/v1/api-keys",
        &json!({ "role": "owner", "signing": "always" }),
    );
    let (text, secret) = (key.field("key"), key.field("signing_secret"));
    let body = json!({ "type": "sub_merchant" });
    let wallet = || {
        world
            .request("POST", "/v1/wallets")
            .bearer(&text)
            .json(&body)
    };
    let signer = Signer::shared(&secret);
    let id = key.id();
    let signing = Signing::by(&signer, &id, ORIGIN, seconds());
    let refused = &["signature_replayed"][..];
    let own = wallet().signed(&secret, seconds());
    let message = wallet().digested().signed_message(&signing).0;
    vec![
        Captured::taken("X-Signature", &own, refused).0,
        Captured::taken("a message signature", &message, refused).0,
    ]
}

/// A client of FAPI 2.0: what says who it is, and what proves that it has its token's key.
fn confidential(world: &World<'_>) -> Vec<Captured> {
    let (key, proving) = (Holder::p256(), Holder::ed25519(9));
    let body = json!({ "name": "Ledger", "jwks": key.jwks(), "scopes": ["read"] });
    let client = world.post("/v1/oauth/clients", &body).id();
    let asks = |target: &str, more: &[(&str, &str)]| {
        let assertion = key.assertion(&client, ORIGIN, seconds());
        let mut fields = vec![
            ("client_id", client.as_str()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
        ];
        fields.extend_from_slice(more);
        world.form(target, &fields)
    };
    let opens = |nonce: Option<&str>| {
        let asked = ("POST", "https://pay.example/oauth/token");
        let proof = proving.proof(asked, seconds(), nonce, None);
        let request = asks("/oauth/token", &[("grant_type", "client_credentials")]);
        request.header("DPoP", proof)
    };
    let first = opens(None).send();
    let nonce = first.header("dpop-nonce").unwrap();
    let whole = opens(Some(nonce));
    // Once its nonce is gone, another is asked for, and the proof that has one is another proof.
    let spent = &["invalid_client", "invalid_dpop_proof", "use_dpop_nonce"][..];
    let (whole, given) = Captured::taken("a request for a token", &whole, spent);
    let token = given.field("access_token");
    let asked = ("GET", "https://pay.example/v1/account");
    let proof = proving.proof(asked, seconds(), Some(nonce), Some(&token));
    let read = world
        .request("GET", "/v1/account")
        .header("Authorization", format!("DPoP {token}"))
        .header("DPoP", proof);
    let about = asks("/oauth/introspect", &[("token", token.as_str())]);
    vec![
        whole,
        Captured::taken("a client assertion", &about, &["invalid_client"]).0,
        Captured::taken("a DPoP proof", &read, spent).0,
    ]
}

/// A person who lets an application act, up to the code.
fn allowed(world: &World<'_>, client: &str, email: &str) -> String {
    let target = format!(
        "/oauth/authorize?response_type=code&client_id={client}&redirect_uri={}&code_challenge={CHALLENGE}&code_challenge_method=S256",
        escaped(CALLBACK)
    );
    let page = world.request("GET", &target).send().expect(200);
    let answer = |page: &Reply, more: &[(&str, &str)]| {
        let text = page.text();
        let ticket = text.split("name=\"ticket\" value=\"").nth(1).unwrap();
        let mut fields = vec![("ticket", ticket.split('"').next().unwrap())];
        fields.extend_from_slice(more);
        world.form("/oauth/authorize", &fields).send()
    };
    let login = [("email", email), ("password", PASSWORD)];
    let asked = answer(&page, &login).expect(200);
    let moved = answer(&asked, &[("answer", "allow")]).expect(303);
    let back = moved.header("location").unwrap().to_owned();
    let code = back.split("code=").nth(1).unwrap();
    code.split('&').next().unwrap().to_owned()
}

/// A code and a refresh token of a client without a secret. Each of its own grant, which its replay ends.
fn public(world: &World<'_>) -> Vec<Captured> {
    let ana = world.person("ana@lumen.example");
    let body = json!({
        "name": "Shop",
        "profile": "oauth21",
        "token_endpoint_auth_method": "none",
        "redirect_uris": [CALLBACK],
        "scopes": ["read"],
    });
    let client = world.post("/v1/oauth/clients", &body).id();
    let redeems = |code: &str| {
        let fields = [
            ("client_id", client.as_str()),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        world.form("/oauth/token", &fields)
    };
    let refused = &["invalid_grant"][..];
    let code = redeems(&allowed(world, &client, &ana));
    let (code, _) = Captured::taken("an authorization code", &code, refused);
    let other = redeems(&allowed(world, &client, &ana)).send().expect(200);
    let token = other.field("refresh_token");
    let fields = [
        ("client_id", client.as_str()),
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    let refresh = world.form("/oauth/token", &fields);
    let (refresh, _) = Captured::taken("a refresh token", &refresh, refused);
    vec![code, refresh]
}

/// Ten tries, then the account is locked to where they come from.
const FACTOR: &[&str] = &["second_factor_invalid", "locked_out"];

/// What somebody does in his session.
fn own(world: &World<'_>, session: &str, target: &str, body: &Value) -> Reply {
    let request = world.request("POST", target).bearer(session).json(body);
    let reply = request.send();
    assert!(reply.status < 300, "{target}: {}", reply.text());
    reply
}

/// Enrols an authenticator; its secret, and a recovery code.
fn enrolled(world: &World<'_>, email: &str) -> (Vec<u8>, Value) {
    let session = world.session(email);
    let offered = own(world, &session, "/v1/me/totp", &json!({}));
    let secret = decoded(&offered.field("secret"));
    let code = json!({ "code": totp::code_at(&secret, Timestamp(moment(0))) });
    let confirmed = own(world, &session, "/v1/me/totp/confirm", &code).json();
    (secret, confirmed["recovery_codes"][0].clone())
}

/// Second factors, each of somebody else, so that nobody's lock is in the way of another's.
fn factors(world: &World<'_>) -> Vec<Captured> {
    let ben = world.person("ben@lumen.example");
    let (secret, _) = enrolled(world, &ben);
    // The next one: the one of now is spent.
    let code = totp::code_at(&secret, Timestamp(moment(30_000)));
    let totp = world.login(&ben, &json!({ "totp": code }));

    let dora = world.person("dora@lumen.example");
    let (_, code) = enrolled(world, &dora);
    let recovery = world.login(&dora, &json!({ "recovery_code": code }));

    let cleo = world.person("cleo@lumen.example");
    let session = world.session(&cleo);
    let mut key = Authenticator::new(5, ORIGIN, "pay.example");
    let request = world.request("GET", "/v1/me/passkeys/registration");
    let options = request.bearer(&session).send().expect(200).json();
    let body = json!({ "name": "laptop", "credential": key.create(&options) });
    own(world, &session, "/v1/me/passkeys", &body);
    let asked = world.login(&cleo, &json!({})).send().expect(401).json();
    let answer = key.get(&asked["error"]["details"]["passkey"]);
    let passkey = world.login(&cleo, &json!({ "passkey": answer }));
    vec![
        Captured::taken("a TOTP", &totp, FACTOR).0,
        Captured::taken("a recovery code", &recovery, FACTOR).0,
        Captured::taken("a passkey's answer", &passkey, FACTOR).0,
    ]
}

/// Base 32 (RFC 4648) back to bytes.
fn decoded(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        digit => digit - b'2' + 26,
    };
    let bits: String = text
        .bytes()
        .map(|letter| format!("{:05b}", value(letter)))
        .collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

/// Sends all of them, side by side, and counts what was accepted.
fn replays(captured: &[Captured], serving: &Serving) -> usize {
    let at = address(&serving.running.line);
    std::thread::scope(|scope| {
        let all: Vec<_> = captured
            .iter()
            .map(|one| scope.spawn(move || one.replayed(at)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

#[test]
fn nothing_that_was_captured_is_taken_again_also_after_a_kill() {
    let listening = config("127.0.0.1:0");
    let made = Installation::configured(&format!(
        "public_origins = ['{ORIGIN}']\n{listening}[limits]\nunauthenticated_per_15_minutes = 1000000\n"
    ));
    let serving = made.serve();
    let world = World {
        serving: &serving,
        key: made.shown("test secret key"),
    };
    let mut captured = signed(&world);
    captured.extend(confidential(&world));
    captured.extend(public(&world));
    captured.extend(factors(&world));
    let before = replays(&captured, &serving);
    serving.running.kill();
    let serving = made.serve();
    let after = replays(&captured, &serving);
    let names: Vec<&str> = captured.iter().map(|one| one.what).collect();
    println!(
        "{} replays of {}: {} accepted; as many after the kill: {} accepted",
        captured.len() * TIMES,
        names.join(", "),
        before,
        after
    );
    assert_eq!((before, after), (0, 0));
    // What is new is taken.
    let world = World {
        serving: &serving,
        key: made.shown("test secret key"),
    };
    signed(&world);
    confidential(&world);
    serving.running.kill();
    assert_clean_with(&mut made.command("verify"));
}
