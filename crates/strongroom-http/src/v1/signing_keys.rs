//! How a key's requests are signed, as requests say it: by which scheme, and which public keys sign for it.

use serde_json::{Value as Schema, json};
use strongroom_auth::{RegisteredKey, SigningScheme};
use strongroom_httpsig::PublicKey;

use crate::json::Fields;
use crate::schema;
use crate::v1::wallets::expected;

/// Two of each algorithm, so that one can follow the other.
const MOST_KEYS: usize = 4;
/// More than any key in PEM has.
const MOST_PEM: usize = 500;

pub fn scheme(fields: &mut Fields<'_, '_>) -> Option<SigningScheme> {
    let names = SigningScheme::ALL.map(SigningScheme::as_str);
    fields.parsed("signing_scheme", &expected(&names), |text| {
        let mut all = SigningScheme::ALL.into_iter();
        all.find(|scheme| scheme.as_str() == text)
    })
}

/// The public keys; an empty list is none.
pub fn public_keys(fields: &mut Fields<'_, '_>) -> Option<Vec<RegisteredKey>> {
    let read: Vec<_> = fields
        .objects("public_keys", 0..=MOST_KEYS)?
        .iter_mut()
        .map(public_key)
        .collect();
    let keys: Vec<RegisteredKey> = read.into_iter().collect::<Option<_>>()?;
    let is_doubled =
        |key: &RegisteredKey| keys.iter().filter(|other| other.id == key.id).count() > 1;
    match keys.iter().any(is_doubled) {
        true => {
            fields.invalid("public_keys", "hold an id twice");
            None
        }
        false => Some(keys),
    }
}

fn public_key(fields: &mut Fields<'_, '_>) -> Option<RegisteredKey> {
    let expected = "1 to 64 letters, digits, `-`, `_`, `.` or `:`, and not begin with `key_`";
    let id = fields.parsed("id", expected, |text| {
        RegisteredKey::is_id(text).then(|| text.to_owned())
    });
    let id = fields.required("id", id);
    let expected = "a public key of Ed25519 or on P-256 in PEM (`-----BEGIN PUBLIC KEY-----`)";
    let key = fields.parsed("public_key", expected, |text| {
        PublicKey::from_pem(text).filter(|_| text.len() <= MOST_PEM)
    });
    let key = fields.required("public_key", key);
    Some(RegisteredKey { id: id?, key: key? })
}

pub fn scheme_schema() -> Schema {
    schema::one_of(&SigningScheme::ALL.map(SigningScheme::as_str))
}

fn id_schema() -> Schema {
    json!({"type": "string", "pattern": "^(?!key_)[A-Za-z0-9_.:-]{1,64}$"})
}

pub fn wanted_schema() -> Schema {
    let key = vec![("id", id_schema()), ("public_key", schema::text())];
    schema::list(schema::object(&["id", "public_key"], key))
}

pub fn schema() -> Schema {
    schema::list(schema::reply(vec![
        ("id", id_schema()),
        (
            "algorithm",
            schema::one_of(&["ed25519", "ecdsa-p256-sha256"]),
        ),
        ("public_key", schema::text()),
    ]))
}
