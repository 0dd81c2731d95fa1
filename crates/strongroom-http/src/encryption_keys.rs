//! The keys that card fields may be encrypted to, as a JWK set (RFC 7517), newest first. The private parts are the vault's
//! alone. Each says since when it is good, and until when, once a newer one takes its place.

use serde_json::{Value as Schema, json};
use strongroom_channel::message::{FromVault, PublishedKey, ToVault};

use crate::address::network;
use crate::app::App;
use crate::call::Answer;
use crate::edge::{Passed, allow};
use crate::problem::Problem;
use crate::schema;
use crate::vaulted::away;
use crate::visit::Visit;

impl App {
    /// `GET /.well-known/strongroom-encryption-keys`; 404 without a vault process.
    pub(crate) async fn encryption_keys(&self, visit: &mut Visit) -> Result<Passed, Problem> {
        let standing = self.inner().pages.count(network(visit.address), visit.time);
        allow(visit, standing)?;
        let vault = self.settings().vault.as_ref();
        let vault = vault.ok_or_else(Problem::not_found)?;
        match vault.ask(&ToVault::EncryptionKeys).await? {
            FromVault::EncryptionKeys(keys) => {
                let keys: Vec<Schema> = keys.iter().map(jwk).collect();
                Ok(Passed {
                    status: 200,
                    answer: Answer::json(json!({ "keys": keys }).to_string().into_bytes()),
                })
            }
            _ => Err(away()),
        }
    }
}

fn jwk(key: &PublishedKey) -> Schema {
    let PublishedKey {
        id,
        x,
        y,
        created,
        expires,
    } = key;
    let mut jwk = json!({
        "kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": id, "x": x, "y": y,
        "nbf": created.seconds(),
    });
    if let (Some(members), Some(expires)) = (jwk.as_object_mut(), expires) {
        members.insert("exp".to_owned(), expires.seconds().into());
    }
    jwk
}

pub fn schema() -> Schema {
    let key = schema::reply(vec![
        ("kty", schema::constant("EC")),
        ("crv", schema::constant("P-256")),
        ("use", schema::constant("enc")),
        ("alg", schema::constant("ECDH-ES")),
        ("kid", schema::text()),
        ("x", schema::text()),
        ("y", schema::text()),
        ("nbf", schema::seconds()),
    ]);
    let key = schema::optional(key, "exp", schema::seconds());
    schema::reply(vec![("keys", schema::list(key))])
}
