//! Keys as JSON: the examples of the RFCs, and what is none.

use serde_json::{Value, json};
use strongroom_json::parse_object;
use strongroom_oauth::{Algorithm, Jwk, read_keys};

use crate::signed::{Holder, b64};

/// RFC 7638, section 3.1: a key and its thumbprint.
const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"PS256","kid":"2011-04-29"}"#;

/// RFC 8037, appendix A.
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let rsa = Jwk::parse(RSA.as_bytes()).unwrap();
    assert_eq!(
        b64(&rsa.thumbprint()),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    assert_eq!(rsa.algorithm(), Algorithm::Ps256);
    let curve = Jwk::parse(ED25519.as_bytes()).unwrap();
    assert_eq!(
        b64(&curve.thumbprint()),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn a_key_is_written_as_it_is_read() {
    let mut named = Holder::p256().jwk();
    named["kid"] = json!("a \"name\"\u{1}\\");
    for text in [RSA.to_owned(), ED25519.to_owned(), named.to_string()] {
        let key = Jwk::parse(text.as_bytes()).unwrap();
        assert_eq!(Jwk::parse(key.to_json().as_bytes()), Ok(key));
    }
}

#[test]
fn what_is_no_public_key_is_refused() {
    let good = Holder::p256().jwk();
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let short = json!({ "kty": "RSA", "e": "AQAB", "n": b64(&[0x81; 255]) });
    let one = json!({ "kty": "RSA", "e": "AQ", "n": b64(&[0x81; 256]) });
    let long = json!({ "kty": "RSA", "e": "AQAB", "n": b64(&[0x81; 513]) });
    for (what, key) in [
        ("a private key", with("d", json!("AAAA"))),
        ("a secret", json!({ "kty": "oct", "k": "AAAA" })),
        ("another curve", with("crv", json!("P-384"))),
        ("no curve", with("crv", Value::Null)),
        ("not on the curve", with("y", good["x"].clone())),
        ("a short coordinate", with("x", json!("AAAA"))),
        ("for encryption", with("use", json!("enc"))),
        ("for another algorithm", with("alg", json!("ES384"))),
        ("for a MAC", with("alg", json!("HS256"))),
        (
            "a key of X25519",
            json!({ "kty": "OKP", "crv": "X25519", "x": b64(&[1; 32]) }),
        ),
        (
            "a short key of Ed25519",
            json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&[1; 31]) }),
        ),
        ("a short modulus", short),
        ("an exponent of one", one),
        ("a long modulus", long),
        (
            "padding",
            with("x", json!(format!("{}=", good["x"].as_str().unwrap()))),
        ),
        ("a name that is a number", with("kid", json!(1))),
    ] {
        assert!(Jwk::parse(key.to_string().as_bytes()).is_err(), "{what}");
    }
    let twice = format!(r#"{{"kty":"OKP",{}"#, &ED25519[1..]);
    assert!(Jwk::parse(twice.as_bytes()).is_err());
    assert!(Jwk::parse(&vec![b' '; 5_000]).is_err());
}

#[test]
fn a_set_names_each_of_its_keys() {
    let named = |name: &str, key: Value| {
        let mut key = key;
        key["kid"] = json!(name);
        key
    };
    let (one, two) = (Holder::p256().jwk(), Holder::ed25519().jwk());
    let read = |keys: Vec<Value>| {
        let text = json!({ "keys": keys }).to_string();
        let set = parse_object(text.as_bytes()).unwrap();
        read_keys(&set).map(|keys| keys.len()).ok()
    };
    assert_eq!(read(vec![one.clone()]), Some(1));
    let both = vec![named("a", one.clone()), named("b", two.clone())];
    assert_eq!(read(both), Some(2));
    assert_eq!(
        read(vec![named("a", one.clone()), named("a", two.clone())]),
        None
    );
    assert_eq!(
        read(vec![named("a", one.clone()), two]),
        None,
        "one without a name"
    );
    assert_eq!(read(vec![]), None);
    assert_eq!(read(vec![one; 11]), None);
    assert_eq!(read(vec![json!("key")]), None);
}
