//! Requests signed by RFC 9421 over HTTP: what is taken, what is refused and in which words, and what is spent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod refused;
mod registered;
mod spent;

use serde_json::{Value, json};
use strongroom_httpsig::Signer;
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::messages::Signing;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

pub const ORIGIN: &str = "https://api.nextapi.com";

pub const ED25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
";
pub const ED25519_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";

/// A server that is known under [`ORIGIN`].
pub fn server() -> TestServer {
    let mut settings = ServerSettings::default();
    settings.edge.public_origins = vec![ORIGIN.to_owned()];
    TestServer::start(settings)
}

/// A key that signs everything, by HTTP message signatures or as the body says.
pub struct SigningKey {
    pub id: String,
    pub text: String,
    pub secret: String,
}

impl SigningKey {
    pub fn made(acme: &Tenant<'_>, body: &Value) -> SigningKey {
        let made = acme.post("/v1/api-keys", body).expect(201);
        SigningKey {
            id: made.id(),
            text: made.field("key"),
            secret: made.field("signing_secret"),
        }
    }

    pub fn owner(acme: &Tenant<'_>) -> SigningKey {
        SigningKey::made(acme, &json!({"role": "owner", "signing": "always"}))
    }

    pub fn signer(&self) -> Signer {
        Signer::shared(&self.secret)
    }

    /// The request, signed with the secret as the server wants it.
    pub fn sign(&self, request: Outgoing, seconds: i64) -> Outgoing {
        let signer = self.signer();
        let signing = Signing::by(&signer, &self.id, ORIGIN, seconds);
        let request = request.bearer(&self.text).digested();
        request.signed_message(&signing).0
    }
}
