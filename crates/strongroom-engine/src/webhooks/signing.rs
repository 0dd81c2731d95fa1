//! The signatures of a delivery (CONTRACT 5): three headers over one body, by two readings of one secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::{MacKey, SigningKey};
use strongroom_domain::webhooks::Webhook;
use strongroom_types::id::EventId;
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

/// An endpoint's keys.
pub struct Signer {
    current: Keys,
    retired: Option<(Keys, Timestamp, Timestamp)>,
}

/// One secret, and the key pair of its time.
struct Keys {
    /// Keyed with the whole text: `NextAPI-Signature` and `X-NoPOS-Signature`.
    text: MacKey,
    /// Keyed with the bytes behind `whsec_`: `webhook-signature`.
    bytes: MacKey,
    pair: Option<SigningKey>,
}

impl Keys {
    fn of(secret: &str, seed: Option<&[u8; 32]>) -> Keys {
        Keys {
            text: MacKey::new(secret.as_bytes()),
            bytes: MacKey::new(&standard_key(secret)),
            pair: seed.map(SigningKey::from_seed),
        }
    }

    /// `v1,…` and, with a key pair, `v1a,…`.
    fn standard(&self, signed: &[&[u8]], out: &mut Vec<String>) {
        out.push(format!("v1,{}", base64(&self.bytes.tag(signed))));
        if let Some(pair) = &self.pair {
            out.push(format!("v1a,{}", base64(&pair.sign(&signed.concat()))));
        }
    }
}

/// The key of `webhook-signature`: the decoded bytes behind `whsec_` where they are valid base64, else the text.
fn standard_key(secret: &str) -> Vec<u8> {
    let decoded = secret
        .strip_prefix("whsec_")
        .and_then(|text| STANDARD.decode(text).ok())
        .filter(|bytes| !bytes.is_empty());
    decoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// Standard base64, padded.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

impl Signer {
    pub fn of(webhook: &Webhook) -> Signer {
        let retired = webhook.retired.as_ref().map(|old| {
            let keys = Keys::of(&old.secret, old.seed.as_ref());
            (keys, old.until, old.cutover)
        });
        Signer {
            current: Keys::of(&webhook.secret, webhook.seed.as_ref()),
            retired,
        }
    }

    /// Signs with one secret that is no endpoint's.
    pub fn with_secret(secret: &SecretText) -> Signer {
        Signer {
            current: Keys::of(secret.expose(), None),
            retired: None,
        }
    }

    /// Every header of a delivery but those of the transport, each once.
    pub fn headers(&self, id: EventId, body: &str, now: Timestamp) -> Vec<(&'static str, String)> {
        let (id, time) = (id.to_string(), now.seconds().to_string());
        let body = body.as_bytes();
        let signed: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let mut standard = Vec::with_capacity(4);
        self.current.standard(&signed, &mut standard);
        let mut single = &self.current.text;
        if let Some((keys, until, cutover)) = &self.retired {
            if now < *until {
                keys.standard(&signed, &mut standard);
            }
            // One header holds one value: until the stated time it is what receivers know already.
            if now < *cutover {
                single = &keys.text;
            }
        }
        let hex = hex(&single.tag(&[body]));
        vec![
            ("nextapi-signature", format!("sha256={hex}")),
            ("x-nopos-signature", hex),
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", standard.join(" ")),
        ]
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(u32::from(digit), 16));
            }
            text
        })
}

#[cfg(test)]
mod tests {
    use strongroom_auth::PermissionSet;
    use strongroom_crypto::verify_ed25519;
    use strongroom_domain::webhooks::{Retired, WebhookStatus};
    use strongroom_types::id::{RawId, WebhookId};

    use super::*;

    const BODY: &str = r#"{"note":"Peña ₱ </b>","meta":{"2":"x","10":"y","a":1.5}}"#;
    const NOW: Timestamp = Timestamp(1_705_314_600_000);

    const ID: EventId = EventId(RawId([1; 12]));

    fn webhook(secret: &str) -> Webhook {
        Webhook {
            id: WebhookId(RawId([2; 12])),
            status: WebhookStatus::Enabled,
            url: String::new(),
            events: Vec::new(),
            description: None,
            ordered: false,
            readable: PermissionSet::new(Vec::new()).unwrap(),
            secret: secret.into(),
            seed: None,
            public_key: None,
            retired: None,
            created_at: NOW,
            updated_at: NOW,
            network: None,
            shadow: None,
            challenge: None,
        }
    }

    fn header(webhook: &Webhook, now: Timestamp, name: &str) -> String {
        let headers = Signer::of(webhook).headers(ID, BODY, now);
        headers.into_iter().find(|(key, _)| *key == name).unwrap().1
    }

    fn standard(key: &[u8], now: Timestamp) -> String {
        let text = format!("{}.{}.{BODY}", ID, now.seconds());
        format!("v1,{}", base64(&MacKey::new(key).tag(&[text.as_bytes()])))
    }

    #[test]
    fn the_contract_s_vector() {
        let webhook = webhook("whsec_test_secret");
        let expected = "e8a1d28fd6a691f6c4b329dac708ed4b9b3f26d57674fa577ff4e2cf37acee33";
        assert_eq!(header(&webhook, NOW, "x-nopos-signature"), expected);
        assert_eq!(
            header(&webhook, NOW, "nextapi-signature"),
            format!("sha256={expected}")
        );
        // `test_secret` is no base64: the text itself is the key.
        assert_eq!(
            header(&webhook, NOW, "webhook-signature"),
            standard(b"whsec_test_secret", NOW)
        );
        assert_eq!(header(&webhook, NOW, "webhook-timestamp"), "1705314600");
    }

    #[test]
    fn standard_webhooks_keys_with_the_decoded_bytes() {
        let webhook = webhook("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
        let key = b"0123456789abcdef0123456789abcdef";
        assert_eq!(
            header(&webhook, NOW, "webhook-signature"),
            standard(key, NOW)
        );
        assert_eq!(
            standard_key("plain text, 24 characters"),
            b"plain text, 24 characters"
        );
        assert_eq!(standard_key("whsec_"), b"whsec_");
    }

    #[test]
    fn a_secret_alone_signs_as_an_endpoint_does() {
        let text = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let alone = Signer::with_secret(&SecretText::new(text.into()));
        assert_eq!(
            alone.headers(ID, BODY, NOW),
            Signer::of(&webhook(text)).headers(ID, BODY, NOW)
        );
    }

    #[test]
    fn the_key_pair_signs_what_the_secret_signs() {
        let mut webhook = webhook("whsec_test_secret");
        webhook.seed = Some([9; 32]);
        let value = header(&webhook, NOW, "webhook-signature");
        let (_, signature) = value.split_once(" v1a,").unwrap();
        let signature: [u8; 64] = STANDARD.decode(signature).unwrap().try_into().unwrap();
        let text = format!("{}.{}.{BODY}", ID, NOW.seconds());
        let public = SigningKey::from_seed(&[9; 32]).public();
        assert!(verify_ed25519(&public, text.as_bytes(), &signature));
    }

    #[test]
    fn both_secrets_sign_during_the_overlap_and_one_value_cuts_over() {
        let mut rolled = webhook("whsec_new_secret");
        rolled.retired = Some(Retired {
            secret: "whsec_test_secret".into(),
            seed: None,
            until: NOW.plus(10_000),
            cutover: NOW.plus(5_000),
        });
        let old = |now| header(&webhook("whsec_test_secret"), now, "x-nopos-signature");
        let new = |now| header(&webhook("whsec_new_secret"), now, "x-nopos-signature");
        let of = |now, name| header(&rolled, now, name);
        let both = |now| {
            format!(
                "{} {}",
                standard(b"whsec_new_secret", now),
                standard(b"whsec_test_secret", now)
            )
        };
        for (after, single, standard_is_both) in [
            (4_999, old(NOW), true),
            (5_000, new(NOW), true),
            (9_999, new(NOW), true),
            (10_000, new(NOW), false),
        ] {
            let now = NOW.plus(after);
            assert_eq!(of(now, "x-nopos-signature"), single, "{after}");
            let expected = match standard_is_both {
                true => both(now),
                false => standard(b"whsec_new_secret", now),
            };
            assert_eq!(of(now, "webhook-signature"), expected, "{after}");
        }
    }
}
