//! A person's walk through the pages, as a browser without a script makes it.

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::holder::{Holder, escaped};
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::{ORIGIN, post};

pub const PASSWORD: &str = "kelp tonic 7 umbrella";
pub const CALLBACK: &str = "https://shop.example/cb";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Somebody who has accepted an invitation.
pub struct Person<'s> {
    pub server: &'s TestServer,
    pub id: String,
    pub email: String,
}

pub fn person<'s>(acme: &Tenant<'s>, role: &str) -> Person<'s> {
    let email = format!("{}@lumen.example", fresh("member"));
    let body = json!({ "name": "Ana Cruz", "email": email, "role": role });
    let invited = acme.post("/v1/users", &body).expect(201);
    let accepted = json!({ "token": invited.field("invitation_token"), "password": PASSWORD });
    let request = acme.server.request("POST", "/v1/invitations/accept");
    request.json(&accepted).send().expect(201);
    Person {
        server: acme.server,
        id: invited.id(),
        email,
    }
}

impl Person<'_> {
    pub fn session(&self) -> String {
        let body = json!({ "email": self.email, "password": PASSWORD });
        let request = self.server.request("POST", "/v1/sessions").json(&body);
        request.send().expect(201).field("token")
    }
}

/// A client that acts for people.
pub struct App<'s> {
    pub server: &'s TestServer,
    pub id: String,
    pub secret: Option<String>,
}

pub fn app<'s>(acme: &Tenant<'s>, profile: &str, proof: &str, scopes: &[&str]) -> App<'s> {
    let body = json!({
        "name": "Shop <b>",
        "profile": profile,
        "token_endpoint_auth_method": proof,
        "redirect_uris": [CALLBACK],
        "scopes": scopes,
    });
    let made = acme.post("/v1/oauth/clients", &body).expect(201);
    let secret = made
        .json()
        .get("client_secret")
        .map(|_| made.field("client_secret"));
    App {
        server: acme.server,
        id: made.id(),
        secret,
    }
}

/// A query, or a form.
pub fn query(fields: &[(&str, &str)]) -> String {
    strongroom_testkit::holder::form(fields)
}

impl App<'_> {
    /// What the application asks for, with PKCE.
    pub fn asks(&self, besides: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        fields.retain(|(name, _)| besides.iter().all(|(other, _)| other != name));
        fields.extend(besides.iter().filter(|(_, value)| !value.is_empty()));
        format!("/oauth/authorize?{}", query(&fields))
    }

    /// The code that somebody's "allow" leads to.
    pub fn code(&self, person: &Person<'_>, besides: &[(&str, &str)]) -> String {
        let page = self.server.get(&self.asks(besides)).expect(200);
        let back = allow(self.server, &page, person);
        parameter(&back, "code").unwrap()
    }

    pub fn redeems(&self, code: &str, besides: &[(&str, &str)]) -> Reply {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        fields.retain(|(name, _)| besides.iter().all(|(other, _)| other != name));
        fields.extend(besides.iter().filter(|(_, value)| !value.is_empty()));
        self.sends("/oauth/token", &fields)
    }

    pub fn refreshes(&self, token: &str) -> Reply {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.sends("/oauth/token", &fields)
    }

    /// A form, with what the client shows.
    pub fn sends(&self, target: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("client_id", self.id.as_str())];
        all.extend(
            self.secret
                .as_deref()
                .map(|secret| ("client_secret", secret)),
        );
        all.extend_from_slice(fields);
        post(self.server, target, &all).send()
    }
}

/// Signs in on a page, with a code where one is asked for, and gives the page that follows.
pub fn sign_in(
    server: &TestServer,
    page: &Reply,
    email: &str,
    password: &str,
    code: &str,
) -> Reply {
    let ticket = ticket(page);
    let fields = [
        ("ticket", ticket.as_str()),
        ("email", email),
        ("password", password),
    ];
    let asked = form(server, &fields);
    match code {
        "" => asked,
        code => confirms(server, &asked, ("code", code)),
    }
}

/// The second factor, on the page that asks for one.
pub fn confirms(server: &TestServer, page: &Reply, factor: (&str, &str)) -> Reply {
    let (ticket, halfway) = (ticket(page), field(page, "halfway"));
    let fields = [
        ("ticket", ticket.as_str()),
        ("halfway", halfway.as_str()),
        factor,
    ];
    form(server, &fields)
}

/// A form as a browser sends it.
pub fn form(server: &TestServer, fields: &[(&str, &str)]) -> Reply {
    post(server, "/oauth/authorize", fields)
        .header("Sec-Fetch-Site", "same-origin")
        .header("Origin", "null")
        .send()
}

/// Signs in and allows; where it leads.
pub fn allow(server: &TestServer, page: &Reply, person: &Person<'_>) -> String {
    let asked = sign_in(server, page, &person.email, PASSWORD, "").expect(200);
    answer(server, &asked, "allow")
}

/// Answers a consent page; where it leads.
pub fn answer(server: &TestServer, page: &Reply, word: &str) -> String {
    let fields = [("ticket", ticket(page)), ("answer", word.to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let moved = form(server, &fields).expect(303);
    moved.header("location").unwrap().to_owned()
}

/// What a page's form holds.
pub fn ticket(page: &Reply) -> String {
    field(page, "ticket")
}

/// A hidden field of a page.
pub fn field(page: &Reply, name: &str) -> String {
    let text = page.text();
    let start = format!("name=\"{name}\" value=\"");
    let at = text
        .find(&start)
        .unwrap_or_else(|| panic!("no {name}: {text}"))
        + start.len();
    text[at..].split('"').next().unwrap().to_owned()
}

/// Where the one link of a page leads.
pub fn way_back(page: &Reply) -> String {
    let text = page.text();
    let (_, rest) = text
        .split_once("<a class=\"go\" href=\"")
        .unwrap_or_else(|| panic!("no way back: {text}"));
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// A parameter of an address, decoded.
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes().iter();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let digits = [*rest.next()?, *rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => *other,
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).ok()
}

/// The error that an address brings back, which names this server.
#[track_caller]
pub fn error(address: &str, expected: &str) {
    assert!(address.starts_with(CALLBACK), "{address}");
    assert_eq!(
        parameter(address, "error").as_deref(),
        Some(expected),
        "{address}"
    );
    assert_eq!(parameter(address, "iss").as_deref(), Some(ORIGIN));
    assert_eq!(parameter(address, "code"), None);
}

/// A client of FAPI 2.0 that acts for people.
pub fn fapi<'s>(acme: &Tenant<'s>, key: Holder, scopes: &[&str]) -> crate::Fapi<'s> {
    let body = json!({
        "name": "Ledger",
        "jwks": key.jwks(),
        "redirect_uris": [CALLBACK],
        "scopes": scopes,
    });
    let made = acme.post("/v1/oauth/clients", &body).expect(201);
    crate::Fapi {
        server: acme.server,
        id: made.id(),
        key,
        proof_key: Holder::ed25519(200),
        nonce: None,
    }
}

/// The parameters that a client of FAPI sends ahead.
pub fn ahead() -> Vec<(&'static str, &'static str)> {
    vec![
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s-1"),
    ]
}

/// The page of a request that was sent ahead.
pub fn page_of(client: &crate::Fapi<'_>, pushed: &Reply) -> Reply {
    let name = pushed.field("request_uri");
    let target = format!(
        "/oauth/authorize?client_id={}&request_uri={}",
        client.id,
        escaped(&name)
    );
    client.server.get(&target)
}
