//! The OpenID Foundation's plan for servers of FAPI 2.0 (Security Profile, Final), module by module: each test bears the name of its
//! module, and `docs/fapi2.md` lists them. Each asks in our own way what its module asks, over a socket, by two clients and a person.

mod ahead;
mod assertions;
mod binding;
mod negatives;
mod proofs;
mod redeeming;
mod requests;

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::holder::{Holder, b64};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::pushed::asks;
use crate::walk::{Person, ahead, allow, fapi, page_of, parameter, person};
use crate::{Fapi, ORIGIN, is_challenged, post};

pub const PAR_URL: &str = "https://pay.example/oauth/par";
pub const ACCOUNT_URL: &str = "https://pay.example/v1/account";

/// Two clients that act for people, and somebody whom they ask.
pub struct Plan<'s> {
    pub ana: Person<'s>,
    pub one: Fapi<'s>,
    pub two: Fapi<'s>,
}

impl<'s> Plan<'s> {
    pub fn on(server: &'s TestServer) -> Plan<'s> {
        let acme = Tenant::found(server);
        let mut two = fapi(&acme, Holder::ed25519(8), &["read", "write"]);
        two.proof_key = Holder::ed25519(201);
        Plan {
            ana: person(&acme, "operator"),
            one: fapi(&acme, Holder::p256(), &["read", "write"]),
            two,
        }
    }

    /// The code that her "allow" leads to.
    pub fn code(&self, client: &Fapi<'_>) -> String {
        parameter(&allowed(client, &self.ana, &[]), "code").unwrap()
    }
}

/// What a client of FAPI sends ahead, some of it otherwise; what is empty is left out.
pub fn otherwise<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut fields: Vec<(&str, &str)> = ahead();
    fields.retain(|(name, _)| changes.iter().all(|(other, _)| other != name));
    fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    fields
}

pub fn pushes(client: &Fapi<'_>, changes: &[(&str, &str)]) -> Reply {
    client.asks("/oauth/par", &otherwise(changes))
}

/// The same with a proof by a key, once more where another nonce is asked for.
pub fn pushes_proven(client: &mut Fapi<'_>, holder: &Holder, changes: &[(&str, &str)]) -> Reply {
    for _ in 0..2 {
        let assertion = client.assertion();
        let mut fields = client.fields(&assertion);
        fields.extend(otherwise(changes));
        let seconds = client.server.seconds();
        let proof = holder.proof(("POST", PAR_URL), seconds, client.nonce.as_deref(), None);
        let request = post(client.server, "/oauth/par", &fields);
        let reply = request.header("DPoP", proof).send();
        if let Some(nonce) = reply.header("dpop-nonce") {
            client.nonce = Some(nonce.to_owned());
        }
        if !is_challenged(&reply) {
            return reply;
        }
    }
    panic!("a nonce was asked for twice");
}

/// Where somebody's "allow" leads.
pub fn allowed(client: &Fapi<'_>, person: &Person<'_>, changes: &[(&str, &str)]) -> String {
    let pushed = pushes(client, changes).expect(201);
    allow(client.server, &page_of(client, &pushed).expect(200), person)
}

/// The same for what was pushed already.
pub fn code_of(client: &Fapi<'_>, person: &Person<'_>, pushed: &Reply) -> String {
    let page = page_of(client, pushed).expect(200);
    parameter(&allow(client.server, &page, person), "code").unwrap()
}

/// A nonce that is good now.
pub fn learns_nonce(client: &mut Fapi<'_>) {
    // It acts for people alone; so it is refused, once its proof was read.
    let reply = asks(client, &[("grant_type", "client_credentials")]);
    crate::refused(&reply, 400, "unauthorized_client");
}

/// The thumbprint of a key of Ed25519 (RFC 7638).
pub fn thumbprint(holder: &Holder) -> String {
    let x = &holder.jwk()["x"];
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{x}}}"#);
    b64(&strongroom_crypto::sha256(&[members.as_bytes()]))
}

/// A signed message before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub header: Value,
    pub claims: Value,
}

impl Draft {
    /// A proof for a request by the client's key, with the nonce that it knows.
    pub fn proof(client: &Fapi<'_>, (method, url): (&str, &str), token: Option<&str>) -> Draft {
        let key = &client.proof_key;
        let mut claims = json!({
            "jti": fresh("proof"),
            "htm": method,
            "htu": url,
            "iat": client.server.seconds(),
            "nonce": client.nonce,
        });
        if let Some(token) = token {
            claims["ath"] = json!(b64(&strongroom_crypto::sha256(&[token.as_bytes()])));
        }
        Draft {
            header: json!({ "typ": "dpop+jwt", "alg": key.algorithm(), "jwk": key.jwk() }),
            claims,
        }
    }

    /// An assertion that it is the client.
    pub fn assertion(client: &Fapi<'_>) -> Draft {
        let seconds = client.server.seconds();
        Draft {
            header: json!({ "typ": "JWT", "alg": client.key.algorithm() }),
            claims: json!({
                "iss": client.id,
                "sub": client.id,
                "aud": ORIGIN,
                "jti": fresh("assertion"),
                "iat": seconds,
                "exp": seconds + 60,
            }),
        }
    }

    /// With another claim; null takes it away.
    pub fn claim(mut self, name: &str, value: Value) -> Draft {
        set(&mut self.claims, name, value);
        self
    }

    /// With another member of the header; null takes it away.
    pub fn head(mut self, name: &str, value: Value) -> Draft {
        set(&mut self.header, name, value);
        self
    }

    pub fn signed(&self, holder: &Holder) -> String {
        holder.signs(&self.header, &self.claims)
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().unwrap();
    match value {
        Value::Null => drop(members.remove(name)),
        value => drop(members.insert(name.to_owned(), value)),
    }
}

/// A request as it stands, without a second try.
pub fn sends(
    client: &Fapi<'_>,
    target: &str,
    (assertion, proof): (Option<&str>, Option<&str>),
    fields: &[(&str, &str)],
) -> Reply {
    let mut all = match assertion {
        Some(assertion) => client.fields(assertion),
        None => vec![("client_id", client.id.as_str())],
    };
    all.extend_from_slice(fields);
    let request = post(client.server, target, &all);
    match proof {
        Some(proof) => request.header("DPoP", proof).send(),
        None => request.send(),
    }
}

/// The account, by a token and a proof as they are.
pub fn account(client: &Fapi<'_>, token: &str, proof: &str) -> Reply {
    let request = client.server.request("GET", "/v1/account");
    let request = request.header("Authorization", format!("DPoP {token}"));
    request.header("DPoP", proof).send()
}
