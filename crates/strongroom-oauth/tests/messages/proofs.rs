//! Proofs of possession (RFC 9449, section 4.3), one thing wrong at a time.

use serde_json::{Value, json};
use strongroom_oauth::{Proof, Proven, Request, token_hash};

use crate::signed::{Holder, b64, joined};

const NOW: i64 = 1_767_225_600;
const TOKEN: &str = "at_test_0123456789";

fn addresses() -> Vec<String> {
    vec!["https://pay.example/v1/payouts".to_owned()]
}

fn taken(message: &str, token: Option<&str>) -> Result<Proven, String> {
    let addresses = addresses();
    let request = Request {
        method: "POST",
        addresses: &addresses,
        token,
        now: NOW,
    };
    let proof = Proof::parse(message).map_err(|fault| fault.to_string())?;
    proof.prove(request).map_err(|fault| fault.to_string())
}

fn header(holder: &Holder) -> Value {
    json!({ "typ": "dpop+jwt", "alg": holder.algorithm(), "jwk": holder.jwk() })
}

fn claims() -> Value {
    json!({
        "jti": "one",
        "htm": "POST",
        "htu": "https://pay.example/v1/payouts",
        "iat": NOW,
        "ath": token_hash(TOKEN),
        "nonce": "n-1",
    })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

#[test]
fn a_proof_of_each_kind_of_key_is_taken() {
    for holder in [Holder::ed25519(), Holder::p256()] {
        let message = holder.signs(&header(&holder), &claims());
        let proven = taken(&message, Some(TOKEN)).unwrap();
        assert_eq!(b64(&proven.key), holder.thumbprint());
        assert_eq!(proven.nonce.as_deref(), Some("n-1"));
        let other = holder.signs(&header(&holder), &with(claims(), "jti", json!("two")));
        let other = taken(&other, Some(TOKEN)).unwrap();
        assert!(other.key == proven.key && other.id != proven.id);
    }
    // What the address may leave out, and what it may say besides.
    let holder = Holder::p256();
    for same in [
        "https://pay.example:443/v1/payouts",
        "HTTPS://PAY.example/v1/payouts",
        "https://pay.example/v1/payouts?a=b#c",
    ] {
        let message = holder.signs(&header(&holder), &with(claims(), "htu", json!(same)));
        assert!(taken(&message, Some(TOKEN)).is_ok(), "{same}");
    }
}

/// What is wrong, and the proof.
fn wrong(holder: &Holder, other: &Holder) -> Vec<(&'static str, String)> {
    let (head, said) = (header(holder), claims());
    let by = |head: &Value, said: &Value| holder.signs(head, said);
    let claim = |name: &str, member: Value| by(&head, &with(said.clone(), name, member));
    let head_with = |name: &str, member: Value| by(&with(head.clone(), name, member), &said);
    let good = by(&head, &said);
    let parts: Vec<&str> = good.split('.').collect();
    let private = with(holder.jwk(), "d", json!("AAAA"));
    let symmetric = json!({ "kty": "oct", "k": "AAAA" });
    let twice = format!(r#"{{"jti":"a",{}"#, &said.to_string()[1..]);
    vec![
        ("no typ", by(&without(head.clone(), "typ"), &said)),
        ("another typ", head_with("typ", json!("JWT"))),
        ("typ in capitals", head_with("typ", json!("DPOP+JWT"))),
        ("no alg", by(&without(head.clone(), "alg"), &said)),
        (
            "none",
            joined(&with(head.clone(), "alg", json!("none")), &said, b""),
        ),
        ("an HMAC", head_with("alg", json!("HS256"))),
        (
            "another algorithm than the key's",
            head_with("alg", json!("PS256")),
        ),
        ("RSA of PKCS 1", head_with("alg", json!("RS256"))),
        ("no key", by(&without(head.clone(), "jwk"), &said)),
        ("a private key", head_with("jwk", private)),
        ("a symmetric key", head_with("jwk", symmetric)),
        ("another's key", head_with("jwk", other.jwk())),
        (
            "a key as text",
            head_with("jwk", json!(holder.jwk().to_string())),
        ),
        ("critical", head_with("crit", json!(["exp"]))),
        (
            "an altered payload",
            format!(
                "{}.{}.{}",
                parts[0],
                b64(with(said.clone(), "jti", json!("x")).to_string().as_bytes()),
                parts[2]
            ),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{good}.AAAA")),
        ("padding", format!("{good}=")),
        ("no base64url", format!("{}.{}.+/+/", parts[0], parts[1])),
        (
            "too long",
            by(&with(head.clone(), "x", json!("x".repeat(8_192))), &said),
        ),
        ("no jti", by(&head, &without(said.clone(), "jti"))),
        ("an empty jti", claim("jti", json!(""))),
        ("a jti that is a number", claim("jti", json!(1))),
        ("an endless jti", claim("jti", json!("x".repeat(257)))),
        ("no method", by(&head, &without(said.clone(), "htm"))),
        ("another method", claim("htm", json!("GET"))),
        ("a method in small letters", claim("htm", json!("post"))),
        ("no address", by(&head, &without(said.clone(), "htu"))),
        (
            "another address",
            claim("htu", json!("https://pay.example/v1/refunds")),
        ),
        (
            "another host",
            claim("htu", json!("https://evil.example/v1/payouts")),
        ),
        (
            "another scheme",
            claim("htu", json!("http://pay.example/v1/payouts")),
        ),
        (
            "an address with a slash more",
            claim("htu", json!("https://pay.example/v1/payouts/")),
        ),
        ("a path alone", claim("htu", json!("/v1/payouts"))),
        ("no time", by(&head, &without(said.clone(), "iat"))),
        ("a time as text", claim("iat", json!("1767225600"))),
        ("old", claim("iat", json!(NOW - 301))),
        ("of the future", claim("iat", json!(NOW + 31))),
        ("no token", by(&head, &without(said.clone(), "ath"))),
        ("another token", claim("ath", json!(token_hash("another")))),
        ("a nonce that is a number", claim("nonce", json!(7))),
        ("a claim twice", holder.signs_raw(&head.to_string(), &twice)),
        (
            "claims that are a list",
            holder.signs_raw(&head.to_string(), "[]"),
        ),
        ("nothing", String::new()),
    ]
}

#[test]
fn each_thing_that_is_wrong_is_refused() {
    for (holder, other) in [
        (Holder::ed25519(), Holder::p256()),
        (Holder::p256(), Holder::another_p256()),
    ] {
        let all = wrong(&holder, &other);
        assert!(all.len() >= 40, "{}", all.len());
        for (what, message) in all {
            assert!(taken(&message, Some(TOKEN)).is_err(), "{what}: {message}");
        }
    }
}

#[test]
fn at_the_token_endpoint_there_is_no_token_yet() {
    let holder = Holder::ed25519();
    let message = holder.signs(&header(&holder), &without(claims(), "ath"));
    assert!(taken(&message, None).is_ok());
    assert!(taken(&message, Some(TOKEN)).is_err());
}
