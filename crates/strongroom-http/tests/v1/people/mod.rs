//! `/v1/users`, `/v1/invitations`, `/v1/sessions`, `/v1/me`: people, and how they get in.

mod cookies;
mod invite;
mod lockout;
mod manage;
mod own;
mod page;
mod passkeys;
mod queued;
mod reset;
mod sign_in;
mod step_up;

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, fresh};

/// A password that nothing is wrong with.
pub const PASSWORD: &str = "kelp tonic 7 umbrella";

/// Somebody who has accepted an invitation.
pub struct Person<'s> {
    pub server: &'s TestServer,
    pub id: String,
    pub email: String,
}

/// Invites and accepts.
pub fn join<'s>(acme: &Tenant<'s>, role: &str) -> Person<'s> {
    let email = format!("{}@lumen.example", fresh("member"));
    let invited = acme
        .post(
            "/v1/users",
            &json!({ "name": "Ana Cruz", "email": email, "role": role }),
        )
        .expect(201);
    let token = invited.field("invitation_token");
    accept(acme.server, &token, PASSWORD).expect(201);
    Person {
        server: acme.server,
        id: invited.id(),
        email,
    }
}

pub fn accept(server: &TestServer, token: &str, password: &str) -> Reply {
    server
        .request("POST", "/v1/invitations/accept")
        .json(&json!({ "token": token, "password": password }))
        .send()
}

impl<'s> Person<'s> {
    /// Signs in with whatever is said besides.
    pub fn login(&self, password: &str, besides: &Value) -> Reply {
        let mut body = json!({ "email": self.email, "password": password });
        for (name, value) in besides.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.server
            .request("POST", "/v1/sessions")
            .header("User-Agent", "till 7")
            .json(&body)
            .send()
    }

    /// Signs in with the password alone.
    pub fn enter(&self) -> Session<'s> {
        Session::of(self.server, &self.login(PASSWORD, &json!({})).expect(201))
    }

    /// Enrols an authenticator by a fresh session; its secret and the recovery codes.
    pub fn enrol(&self) -> (Session<'s>, Vec<u8>, Vec<String>) {
        let session = self.enter();
        let offered = session.post("/v1/me/totp", &json!({})).expect(201);
        let secret = decoded(&offered.field("secret"));
        let body = json!({ "code": self.code(&secret) });
        let enrolled = session.post("/v1/me/totp/confirm", &body).expect(200);
        let codes = enrolled.json()["recovery_codes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect();
        (session, secret, codes)
    }

    /// What an authenticator shows now.
    pub fn code(&self, secret: &[u8]) -> String {
        strongroom_auth::totp::code_at(secret, self.server.engine.now())
    }
}

/// A session in use.
pub struct Session<'s> {
    pub server: &'s TestServer,
    pub id: String,
    pub token: String,
}

impl<'s> Session<'s> {
    pub fn of(server: &'s TestServer, reply: &Reply) -> Session<'s> {
        Session {
            server,
            id: reply.id(),
            token: reply.field("token"),
        }
    }

    pub fn request(&self, method: &str, target: &str) -> Outgoing {
        self.server.request(method, target).bearer(&self.token)
    }

    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send()
    }

    pub fn post(&self, target: &str, body: &Value) -> Reply {
        self.request("POST", target)
            .idempotent(&fresh("person"))
            .json(body)
            .send()
    }
}

/// Base 32 (RFC 4648) back to bytes.
pub fn decoded(text: &str) -> Vec<u8> {
    let bits: String = text
        .bytes()
        .map(|letter| match letter {
            b'A'..=b'Z' => letter - b'A',
            digit => digit - b'2' + 26,
        })
        .map(|value| format!("{value:05b}"))
        .collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}
