//! The second step of signing in for what an application asks: a code, a passkey, and each once.

use serde_json::{Value, json};
use strongroom_testkit::authenticator::Authenticator;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::Tenant;

use crate::walk::{PASSWORD, Person, answer, app, confirms, field, form, person, sign_in, ticket};
use crate::{ORIGIN, server};

fn own(person: &Person<'_>, session: &str, target: &str, body: &Value) -> Reply {
    let request = person.server.request("POST", target).bearer(session);
    request.json(body).send()
}

/// The question that a page puts to a passkey.
fn question(page: &Reply) -> Value {
    let text = page.text();
    let start = "data-get=\"";
    let at = text
        .find(start)
        .unwrap_or_else(|| panic!("no question: {text}"))
        + start.len();
    let quoted = text[at..].split('"').next().unwrap();
    let plain = quoted.replace("&quot;", "\"").replace("&amp;", "&");
    json!({ "publicKey": serde_json::from_str::<Value>(&plain).unwrap() })
}

/// Registers a passkey in a fresh session; the recovery codes.
fn register(person: &Person<'_>, key: &Authenticator) -> Vec<String> {
    let session = person.session();
    let server = person.server;
    let request = server.request("GET", "/v1/me/passkeys/registration");
    let options = request.bearer(&session).send().expect(200).json();
    let body = json!({ "name": "laptop", "credential": key.create(&options) });
    let made = own(person, &session, "/v1/me/passkeys", &body).expect(201);
    let codes = made.json()["recovery_codes"].clone();
    serde_json::from_value(codes).unwrap()
}

fn key() -> Authenticator {
    Authenticator::new(5, ORIGIN, "pay.example")
}

#[test]
fn a_code_is_asked_for_on_a_page_of_its_own_and_spent() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let session = ana.session();
    let offered = own(&ana, &session, "/v1/me/totp", &json!({})).expect(201);
    let secret = base32(&offered.field("secret"));
    let code = || strongroom_auth::totp::code_at(&secret, server.engine.now());
    let confirm = json!({ "code": code() });
    own(&ana, &session, "/v1/me/totp/confirm", &confirm).expect(200);
    server.clock.advance(30_000);
    let page = server.get(&shop.asks(&[])).expect(200);
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    assert!(asked.text().contains("Confirm that it is you"));
    assert!(
        !asked.text().contains("<script"),
        "nothing to ask a passkey"
    );
    confirms(&server, &asked, ("code", "000000")).expect(422);
    let used = code();
    let allowed = confirms(&server, &asked, ("code", &used)).expect(200);
    answer(&server, &allowed, "allow");
    let page = server.get(&shop.asks(&[])).expect(200);
    let asked = sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200);
    confirms(&server, &asked, ("code", &used)).expect(422);
}

#[test]
fn a_passkey_lets_in_once_and_what_it_said_is_spent() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let mut key = key();
    let codes = register(&ana, &key);
    let begin = || {
        let page = server.get(&shop.asks(&[])).expect(200);
        sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200)
    };
    let asked = begin();
    let policy = asked.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    assert!(
        !policy.contains("unsafe") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    // Made on a page of somebody else's.
    let mut foreign = Authenticator::new(5, "https://evil.example", "pay.example");
    foreign.counter = 7;
    let said = foreign.get(&question(&asked)).to_string();
    let again = confirms(&server, &asked, ("passkey", &said)).expect(422);
    let said = key.get(&question(&again)).to_string();
    let allowed = confirms(&server, &again, ("passkey", &said)).expect(200);
    answer(&server, &allowed, "allow");
    let asked = begin();
    let refused = confirms(&server, &asked, ("passkey", &said)).expect(422);
    assert!(
        refused.text().contains("was used before"),
        "{}",
        refused.text()
    );
    for odd in ["", "{}", "[]", "x"] {
        confirms(&server, &asked, ("passkey", odd)).expect(422);
    }
    // Without a script, or without the device, a recovery code does.
    let allowed = confirms(&server, &asked, ("code", &codes[0])).expect(200);
    answer(&server, &allowed, "allow");
}

#[test]
fn what_says_that_a_password_was_right_says_no_more() {
    let server = server();
    let acme = Tenant::found(&server);
    let (ana, shop) = (
        person(&acme, "viewer"),
        app(&acme, "oauth21", "none", &["read"]),
    );
    let codes = register(&ana, &key());
    let begin = |asks: &str| {
        let page = server.get(asks).expect(200);
        sign_in(&server, &page, &ana.email, PASSWORD, "").expect(200)
    };
    let asked = begin(&shop.asks(&[]));
    // It is no session, and lets nobody answer.
    let ticket = ticket(&asked);
    let (halfway, code) = (field(&asked, "halfway"), codes[0].as_str());
    let bare = server.request("GET", "/v1/me").bearer(&halfway).send();
    bare.refused(401, "unauthorized");
    form(&server, &[("ticket", ticket.as_str()), ("answer", "allow")]).expect(400);
    // Touched, of another organization's application, or after five minutes it is none.
    let asked = begin(&shop.asks(&[]));
    let mut touched = field(&asked, "halfway").into_bytes();
    touched[20] = if touched[20] == b'A' { b'B' } else { b'A' };
    let ticket = crate::walk::ticket(&asked);
    for none in [String::from_utf8(touched).unwrap(), "AAAA".to_owned()] {
        let fields = [
            ("ticket", ticket.as_str()),
            ("halfway", &none),
            ("code", code),
        ];
        form(&server, &fields).expect(400);
    }
    let other = Tenant::found(&server);
    let theirs = app(&other, "oauth21", "none", &["read"]);
    let page = server.get(&theirs.asks(&[])).expect(200);
    let foreign = crate::walk::ticket(&page);
    let fields = [
        ("ticket", foreign.as_str()),
        ("halfway", &halfway),
        ("code", code),
    ];
    form(&server, &fields).expect(400);
    server.clock.advance(5 * 60_000);
    let fields = [
        ("ticket", ticket.as_str()),
        ("halfway", &halfway),
        ("code", code),
    ];
    form(&server, &fields).expect(400);
}

fn base32(text: &str) -> Vec<u8> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = letters.iter().position(|known| *known == letter).unwrap();
        bits = bits << 5 | u32::try_from(value).unwrap();
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 255).unwrap());
        }
    }
    out
}
