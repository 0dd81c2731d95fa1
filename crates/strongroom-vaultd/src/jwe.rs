//! Fields that a client encrypted to a key of the vault's: what their headers must say, and what is inside.
//!
//! The API process sees neither: where TLS ends there, an encrypted number passes it as it was sent.

use std::sync::Arc;

use strongroom_channel::message::Unopened;
use strongroom_crypto::jwe::Agreement;
use strongroom_crypto::{Compact, EncryptionKey};
use strongroom_json::{Object, Value, parse_object};
use zeroize::Zeroizing;

/// The longest message, in characters. A number takes about 400.
const LONGEST: usize = 2_048;

/// Whether a text is meant as an encrypted one: it begins as the base64url of a JSON object does. No number does.
pub(crate) fn is_encrypted(text: &str) -> bool {
    text.starts_with("ey")
}

/// The text that was encrypted.
///
/// # Errors
/// What is said to the client of why it does not open. SECURITY: beyond what the clear header shows, one answer for all.
pub(crate) fn opened(
    keys: &[Arc<EncryptionKey>],
    text: &str,
) -> Result<Zeroizing<String>, Unopened> {
    if text.len() > LONGEST {
        return Err(fault("an encrypted field has at most 2,048 characters"));
    }
    let message = Compact::parse(text).ok_or_else(|| {
        fault("must be a compact JWE: five parts in base64url, the second of them empty")
    })?;
    let header = parse_object(message.header());
    let header = header.map_err(|_| fault("the header of the JWE is not a JSON object"))?;
    check_kind(&header)?;
    let kid = text_of(&header, "kid");
    let key = keys.iter().find(|key| Some(key.id()) == kid);
    let key = key.ok_or_else(|| Unopened {
        key_unknown: true,
        text: "is encrypted to a key (`kid`) that this server does not have, or not any more; \
               `GET /.well-known/strongroom-encryption-keys` tells those it has"
            .to_owned(),
    })?;
    let agreement = agreement(&header)
        .ok_or_else(|| fault("`epk` must be an EC key on P-256 with its `x` and `y`"))?;
    let plaintext = key.open(&message, &agreement);
    let plaintext = plaintext.map_err(|_| fault("the JWE does not open with the key it names"))?;
    match std::str::from_utf8(&plaintext) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(fault("what is encrypted must be text")),
    }
}

/// SECURITY: one algorithm, the key's own; nobody chooses a weaker one by a header.
fn check_kind(header: &Object<'_>) -> Result<(), Unopened> {
    if text_of(header, "alg") != Some("ECDH-ES") || text_of(header, "enc") != Some("A256GCM") {
        return Err(fault(
            "must be encrypted with `alg` ECDH-ES and `enc` A256GCM",
        ));
    }
    for refused in ["zip", "cty", "crit"] {
        if header.get(refused).is_some() {
            let text = format!("the header of the JWE must not have `{refused}`");
            return Err(fault(&text));
        }
    }
    Ok(())
}

fn agreement<'h>(header: &'h Object<'_>) -> Option<Agreement<'h>> {
    let Some(Value::Object(sender)) = header.get("epk") else {
        return None;
    };
    let right = text_of(sender, "kty") == Some("EC") && text_of(sender, "crv") == Some("P-256");
    let party = |name| match header.get(name) {
        Some(_) => text_of(header, name),
        None => Some(""),
    };
    let agreement = Agreement {
        x: text_of(sender, "x")?,
        y: text_of(sender, "y")?,
        party_u: party("apu")?,
        party_v: party("apv")?,
    };
    right.then_some(agreement)
}

fn text_of<'o>(object: &'o Object<'_>, name: &str) -> Option<&'o str> {
    match object.get(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn fault(text: &str) -> Unopened {
    Unopened {
        key_unknown: false,
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::jwe::client::encrypted;

    use super::*;

    fn said(header: &str) -> (bool, String) {
        let key = Arc::new(EncryptionKey::from_seed(&[1; 32]));
        let header = header.replace("KID", key.id());
        let text = encrypted(key.public(), &header, b"4242424242424242");
        let fault = opened(&[key], &text).unwrap_err();
        (fault.key_unknown, fault.text)
    }

    #[test]
    fn a_header_says_what_it_must_and_nothing_dangerous() {
        let right = r#""alg":"ECDH-ES","enc":"A256GCM","kid":"KID""#;
        for (header, told) in [
            (
                r#"{"alg":"ECDH-ES+A256KW","enc":"A256GCM","kid":"KID"}"#.to_owned(),
                "`alg` ECDH-ES",
            ),
            (
                r#"{"alg":"dir","enc":"A256GCM","kid":"KID"}"#.to_owned(),
                "`alg` ECDH-ES",
            ),
            (
                r#"{"alg":"ECDH-ES","enc":"A128GCM","kid":"KID"}"#.to_owned(),
                "`enc` A256GCM",
            ),
            (
                r#"{"enc":"A256GCM","kid":"KID"}"#.to_owned(),
                "`alg` ECDH-ES",
            ),
            (format!(r#"{{{right},"zip":"DEF"}}"#), "`zip`"),
            (format!(r#"{{{right},"cty":"JWT"}}"#), "`cty`"),
            (format!(r#"{{{right},"crit":["exp"]}}"#), "`crit`"),
            (format!(r#"{{{right},"apu":1}}"#), "`epk` must"),
            (format!(r#"{{{right},"apu":"QQ"}}"#), "does not open"),
            (format!(r#"{{{right},"alg":"dir"}}"#), "not a JSON object"),
        ] {
            let (unknown, text) = said(&header);
            assert!(!unknown && text.contains(told), "{header}: {text}");
        }
        for kid in [r#","kid":"other""#, r#","kid":1"#, ""] {
            let (unknown, _) = said(&format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM"{kid}}}"#));
            assert!(unknown, "{kid}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let keys = [Arc::new(EncryptionKey::from_seed(&[1; 32]))];
        let long = format!("ey{}", "A".repeat(LONGEST));
        for (text, told) in [
            (long.as_str(), "at most"),
            ("eyJ", "five parts"),
            ("eyJ.a.b.c.d", "five parts"),
            ("ey....", "five parts"),
        ] {
            let fault = opened(&keys, text).unwrap_err();
            assert!(
                !fault.key_unknown && fault.text.contains(told),
                "{}",
                fault.text
            );
        }
    }
}
