//! What a browser and an authenticator do together (WebAuthn), and what each could say wrongly.

use serde_json::{Value, json};
use strongroom_crypto::{SigningKey, sha256};

use crate::holder::b64;

/// A passkey of Ed25519.
pub struct Authenticator {
    pub key: SigningKey,
    pub id: Vec<u8>,
    /// Of the page that asks.
    pub origin: String,
    /// The domain that it is bound to.
    pub party: String,
    pub counter: u32,
}

impl Authenticator {
    /// One that is used on a page of this origin; each number has its own key.
    pub fn new(seed: u8, origin: &str, party: &str) -> Authenticator {
        Authenticator {
            key: SigningKey::from_seed(&[seed; 32]),
            id: vec![seed; 16],
            origin: origin.to_owned(),
            party: party.to_owned(),
            counter: 1,
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = options.pointer("/publicKey/challenge");
        let data = json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    fn data(&self, flags: u8, rest: &[u8]) -> Vec<u8> {
        let party = sha256(&[self.party.as_bytes()]);
        [&party[..], &[flags], &self.counter.to_be_bytes(), rest].concat()
    }

    /// Answers `navigator.credentials.create`.
    pub fn create(&self, options: &Value) -> Value {
        let key = [
            &[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..],
            &self.key.public(),
        ]
        .concat();
        let data = self.data(0x41, &[&[0; 16][..], &[0, 16], &self.id, &key].concat());
        let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
        let attestation = [
            &b"\xa3cfmtdnonegattStmt\xa0hauthData\x58"[..],
            &[length],
            &data,
        ]
        .concat();
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(&self.client_data("webauthn.create", options)),
                "attestationObject": b64(&attestation), "transports": ["internal"],
            },
        })
    }

    /// Answers `navigator.credentials.get`, and counts.
    pub fn get(&mut self, options: &Value) -> Value {
        self.counter += 1;
        let client_data = self.client_data("webauthn.get", options);
        let data = self.data(1, &[]);
        let signed = [&data[..], &sha256(&[&client_data])].concat();
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key",
            "response": {
                "clientDataJSON": b64(&client_data),
                "authenticatorData": b64(&data),
                "signature": b64(&self.key.sign(&signed)), "userHandle": null,
            },
        })
    }
}
