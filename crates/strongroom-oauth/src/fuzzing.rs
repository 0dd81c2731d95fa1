//! What is asked of the readers, whatever the bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use strongroom_json::{Value, parse_object};

use crate::{Assertion, Audience, Jwk, Proof, Redirect, Request, check_redirect, read_keys};

/// A text as a message, a key, a set of keys, an address; and its two lines as header and claims of a message.
pub fn messages(text: &str) {
    message(text);
    let (header, claims) = text.split_once('\n').unwrap_or((text, "{}"));
    message(&format!(
        "{}.{}.{}",
        BASE64.encode(header),
        BASE64.encode(claims),
        BASE64.encode([1; 64])
    ));
    if let Ok(key) = Jwk::parse(text.as_bytes()) {
        assert!(Jwk::parse(key.to_json().as_bytes()).as_ref() == Ok(&key));
        assert!(!key.to_json().contains("\"d\""));
    }
    if let Ok(set) = parse_object(text.as_bytes()) {
        let is_list = matches!(set.get("keys"), Some(Value::List(_)));
        assert!(is_list || read_keys(&set).is_err());
    }
    if check_redirect(text, Redirect::Secure).is_ok() {
        assert!(text.starts_with("https://") && !text.contains(['@', '#', ' ']));
        assert!(check_redirect(text, Redirect::Native).is_ok());
    }
}

/// SECURITY: nobody has signed any of these.
fn message(text: &str) {
    let addresses = ["https://pay.example/oauth/token".to_owned()];
    if let Ok(proof) = Proof::parse(text) {
        let request = Request {
            method: "POST",
            addresses: &addresses,
            token: None,
            now: 1_767_225_600,
        };
        let _ = proof.prove(request);
    }
    if let Ok(assertion) = Assertion::parse(text) {
        let audience = Audience {
            issuers: &addresses,
            now: 1_767_225_600,
        };
        assert!(assertion.prove(&[], audience).is_err(), "no key signed it");
    }
}
