//! Assertions of clients (RFC 7523, FAPI 2.0 section 5.3.2.1), one thing wrong at a time.

use serde_json::{Value, json};
use strongroom_oauth::{Assertion, Audience, Jwk};

use crate::signed::{Holder, joined};

const NOW: i64 = 1_767_225_600;
const CLIENT: &str = "client_0123456789abcdef01234567";
const ISSUER: &str = "https://pay.example";

fn keys(holder: &Holder) -> Vec<Jwk> {
    let mut key = holder.jwk();
    key["kid"] = json!("k1");
    vec![Jwk::parse(key.to_string().as_bytes()).unwrap()]
}

fn taken(message: &str, keys: &[Jwk]) -> Result<[u8; 32], String> {
    let issuers = [ISSUER.to_owned()];
    let audience = Audience {
        issuers: &issuers,
        now: NOW,
    };
    let assertion = Assertion::parse(message).map_err(|fault| fault.to_string())?;
    assert_eq!(assertion.unverified_client(), CLIENT);
    let proven = assertion.prove(keys, audience);
    proven.map_err(|fault| fault.to_string())
}

fn header(holder: &Holder) -> Value {
    json!({ "alg": holder.algorithm(), "kid": "k1", "typ": "JWT" })
}

fn claims() -> Value {
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "one", "exp": NOW + 60, "iat": NOW })
}

#[test]
fn an_assertion_is_known_by_its_jti_however_it_was_signed() {
    let mut spent = Vec::new();
    for holder in [Holder::ed25519(), Holder::p256()] {
        let message = holder.signs(&header(&holder), &claims());
        spent.push(taken(&message, &keys(&holder)).unwrap());
        let mut plain = header(&holder);
        plain.as_object_mut().unwrap().remove("kid");
        let longer = json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "one", "exp": NOW + 3_600 });
        spent.push(taken(&holder.signs(&plain, &longer), &keys(&holder)).unwrap());
    }
    assert!(spent.windows(2).all(|pair| pair[0] == pair[1]));
    let holder = Holder::p256();
    let mut other = claims();
    other["jti"] = json!("two");
    let other = holder.signs(&header(&holder), &other);
    assert_ne!(taken(&other, &keys(&holder)).unwrap(), spent[0]);
}

#[test]
fn each_thing_that_is_wrong_is_refused() {
    let (holder, other) = (Holder::p256(), Holder::another_p256());
    let claim = |name: &str, member: Value| {
        let mut said = claims();
        match member {
            Value::Null => drop(said.as_object_mut().unwrap().remove(name)),
            member => said[name] = member,
        }
        holder.signs(&header(&holder), &said)
    };
    let head = |name: &str, member: Value| {
        let mut head = header(&holder);
        head[name] = member;
        holder.signs(&head, &claims())
    };
    let mut unsigned = header(&holder);
    unsigned["alg"] = json!("none");
    let twice = format!(
        r#"{{"aud":"https://evil.example",{}"#,
        &claims().to_string()[1..]
    );
    for (what, message) in [
        (
            "another's signature",
            other.signs(&header(&other), &claims()),
        ),
        ("none", joined(&unsigned, &claims(), b"")),
        ("a MAC under the public key", head("alg", json!("HS256"))),
        (
            "an algorithm that is not the key's",
            head("alg", json!("EdDSA")),
        ),
        ("a key of its own", head("jwk", holder.jwk())),
        ("a proof of possession", head("typ", json!("dpop+jwt"))),
        ("another key's name", head("kid", json!("k2"))),
        ("critical", head("crit", json!(["x"]))),
        ("no issuer", claim("iss", Value::Null)),
        ("another subject", claim("sub", json!("client_x"))),
        ("no audience", claim("aud", Value::Null)),
        (
            "another server",
            claim("aud", json!("https://evil.example")),
        ),
        (
            "the token endpoint",
            claim("aud", json!("https://pay.example/oauth/token")),
        ),
        ("a slash more", claim("aud", json!("https://pay.example/"))),
        (
            "several audiences",
            claim("aud", json!([ISSUER, "https://evil.example"])),
        ),
        ("a list of one", claim("aud", json!([ISSUER]))),
        ("no jti", claim("jti", Value::Null)),
        ("no end", claim("exp", Value::Null)),
        ("an end as text", claim("exp", json!("1767225660"))),
        ("an end that is no number", claim("exp", json!(-5))),
        ("over", claim("exp", json!(NOW))),
        ("for too long", claim("exp", json!(NOW + 3_631))),
        ("for ever", claim("exp", json!(i64::MAX))),
        ("made in the future", claim("iat", json!(NOW + 31))),
        ("good in the future alone", claim("nbf", json!(NOW + 31))),
        (
            "a claim twice",
            holder.signs_raw(&header(&holder).to_string(), &twice),
        ),
    ] {
        assert!(taken_or_unread(&message, &keys(&holder)).is_err(), "{what}");
    }
}

/// The same for those that do not even name a client.
fn taken_or_unread(message: &str, keys: &[Jwk]) -> Result<[u8; 32], String> {
    match Assertion::parse(message) {
        Ok(_) => taken(message, keys),
        Err(fault) => Err(fault.to_string()),
    }
}
