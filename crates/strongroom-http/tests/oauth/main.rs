//! The authorization server as clients meet it: over sockets, by their own keys.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bound;
mod clients;
mod conformance;
mod credentials;
mod factors;
mod leave;
mod limits;
mod listed;
mod mine;
mod pages;
mod people;
mod proofs;
mod pushed;
mod recommended;
mod replay;
mod required;
mod tokens;
mod walk;

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::holder::{Holder, JWT_BEARER, form};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

pub const ORIGIN: &str = "https://pay.example";
pub const TOKEN_URL: &str = "https://pay.example/oauth/token";

/// A server that is known under [`ORIGIN`].
pub fn server() -> TestServer {
    TestServer::start(settings())
}

pub fn settings() -> ServerSettings {
    let mut settings = ServerSettings::default();
    settings.edge.public_origins = vec![ORIGIN.to_owned()];
    settings
}

/// Posts a form.
pub fn post(server: &TestServer, target: &str, fields: &[(&str, &str)]) -> Outgoing {
    server
        .request("POST", target)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form(fields))
}

/// Status and `error` of an answer in OAuth's language.
#[track_caller]
pub fn refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!(
        (reply.status, reply.field("error")),
        (status, error.to_owned()),
        "{}",
        reply.text()
    );
    assert!(!reply.field("error_description").is_empty());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

/// Whether another nonce is asked for.
pub fn is_challenged(reply: &Reply) -> bool {
    reply.json().get("error") == Some(&json!("use_dpop_nonce"))
}

/// A client of FAPI 2.0: it shows who it is by a key, and its tokens are bound to one.
pub struct Fapi<'s> {
    pub server: &'s TestServer,
    pub id: String,
    pub key: Holder,
    pub proof_key: Holder,
    pub nonce: Option<String>,
}

impl<'s> Fapi<'s> {
    pub fn registered(acme: &Tenant<'s>, key: Holder, scopes: &[&str]) -> Fapi<'s> {
        let body = json!({ "name": "Ledger sync", "jwks": key.jwks(), "scopes": scopes });
        let made = acme.post("/v1/oauth/clients", &body).expect(201);
        Fapi {
            server: acme.server,
            id: made.id(),
            key,
            proof_key: Holder::ed25519(200),
            nonce: None,
        }
    }

    /// The form, with an assertion of the client's.
    pub fn fields<'f>(&'f self, assertion: &'f str) -> Vec<(&'f str, &'f str)> {
        vec![
            ("client_id", &self.id),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ]
    }

    pub fn assertion(&self) -> String {
        self.key.assertion(&self.id, ORIGIN, self.server.seconds())
    }

    /// Asks an endpoint, with an assertion of its own and no proof.
    pub fn asks(&self, target: &str, fields: &[(&str, &str)]) -> Reply {
        let assertion = self.assertion();
        let mut all = self.fields(&assertion);
        all.extend_from_slice(fields);
        post(self.server, target, &all).send()
    }

    /// Asks for a token with a proof, by the nonce that it knows; once more where it should know another.
    pub fn opens(&mut self, scope: Option<&str>) -> Reply {
        for _ in 0..2 {
            let reply = self.opens_once(scope);
            if let Some(nonce) = reply.header("dpop-nonce") {
                self.nonce = Some(nonce.to_owned());
            }
            if !is_challenged(&reply) {
                return reply;
            }
        }
        panic!("a nonce was asked for twice");
    }

    fn opens_once(&self, scope: Option<&str>) -> Reply {
        let (assertion, seconds) = (self.assertion(), self.server.seconds());
        let mut fields = self.fields(&assertion);
        fields.push(("grant_type", "client_credentials"));
        fields.extend(scope.map(|scope| ("scope", scope)));
        let (asked, nonce) = (("POST", TOKEN_URL), self.nonce.as_deref());
        let proof = self.proof_key.proof(asked, seconds, nonce, None);
        post(self.server, "/oauth/token", &fields)
            .header("DPoP", proof)
            .send()
    }

    /// A token that it was given.
    pub fn token(&mut self, scope: Option<&str>) -> String {
        self.opens(scope).expect(200).field("access_token")
    }

    /// A request by a token, with a proof of it.
    pub fn request(&self, token: &str, method: &str, target: &str) -> Outgoing {
        let path = target.split('?').next().unwrap();
        let url = format!("{ORIGIN}{path}");
        let nonce = self.nonce.as_deref();
        let seconds = self.server.seconds();
        let proof = self
            .proof_key
            .proof((method, &url), seconds, nonce, Some(token));
        self.server
            .request(method, target)
            .header("Authorization", format!("DPoP {token}"))
            .header("DPoP", proof)
    }

    pub fn get(&self, token: &str, target: &str) -> Reply {
        self.request(token, "GET", target).send()
    }
}

/// A client with a secret, and what it shows.
pub struct Plain {
    pub id: String,
    pub secret: String,
}

impl Plain {
    pub fn registered(acme: &Tenant<'_>, profile: &str, proof: &str, scopes: &[&str]) -> Plain {
        let body = json!({
            "name": "Shop",
            "profile": profile,
            "token_endpoint_auth_method": proof,
            "scopes": scopes,
        });
        let made = acme.post("/v1/oauth/clients", &body).expect(201);
        Plain {
            id: made.id(),
            secret: made.field("client_secret"),
        }
    }

    /// Asks for a token by Basic authentication.
    pub fn opens(&self, server: &TestServer) -> Reply {
        let fields = [("grant_type", "client_credentials")];
        post(server, "/oauth/token", &fields)
            .header("Authorization", self.basic())
            .send()
    }

    pub fn basic(&self) -> String {
        use base64::Engine as _;
        let pair = format!("{}:{}", self.id, self.secret);
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Basic {encoded}")
    }

    pub fn token(&self, server: &TestServer) -> String {
        self.opens(server).expect(200).field("access_token")
    }
}

/// What `GET /v1/auth/verify` says that a token may do.
pub fn permissions(reply: &Reply) -> Vec<String> {
    let body = reply.json();
    let list = body["permissions"].as_array().unwrap();
    let text = |name: &Value| name.as_str().unwrap().to_owned();
    list.iter().map(text).collect()
}
