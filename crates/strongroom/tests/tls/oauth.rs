//! Clients of OAuth that are known by their certificates, and tokens that are bound to one (RFC 8705).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::ALL_VERSIONS;
use serde_json::{Value, json};
use strongroom_crypto::sha256;
use strongroom_testkit::exchange::{Outgoing, Reply};
use strongroom_testkit::holder::{Holder, JWT_BEARER, escaped, form};

use crate::authority::{Authority, Issued, Odd, put};
use crate::client::{Client, HOST, Served};
use crate::clients::thumbprint;

const OPTIONAL: &str = "client_authorities = 'clients.pem'\nclient_certificates = 'optional'\n";
const CALLBACK: &str = "https://shop.example/cb";
const EMAIL: &str = "ana@shop.example";
const PASSWORD: &str = "kelp tonic 7 umbrella";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A server that takes certificates of an authority, and asks nobody for one.
struct Site {
    served: Served,
    issuer: Authority,
}

impl Site {
    fn start() -> Site {
        let issuer = Authority::new("Clients");
        let served = Served::start(OPTIONAL, |_, dir| {
            put(&dir.join("clients.pem"), &issuer.pem(), 0o644);
        });
        Site { served, issuer }
    }

    /// Whoever connects with a certificate, or with none.
    fn by(&self, own: Option<&Issued>) -> Client {
        Client::with(&self.served.authority, own, ALL_VERSIONS)
    }

    fn send(&self, own: Option<&Issued>, request: &Outgoing) -> Reply {
        self.by(own).send(request).unwrap()
    }

    fn owner(&self, method: &str, target: &str, body: &Value) -> Reply {
        self.send(None, &self.served.request(method, target).json(body))
    }

    /// A client that is registered with what is named.
    fn registered(&self, body: &Value) -> String {
        let made = self.owner("POST", "/v1/oauth/clients", body).expect(201);
        made.id()
    }

    fn form(&self, own: Option<&Issued>, target: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(own, &self.posted(target, fields))
    }

    fn posted(&self, target: &str, fields: &[(&str, &str)]) -> Outgoing {
        let request = Outgoing::new(self.served.api, "POST", target);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(form(fields))
    }

    /// The account, by a token on a connection.
    fn account(&self, own: Option<&Issued>, token: &str) -> Reply {
        let request = Outgoing::new(self.served.api, "GET", "/v1/account");
        self.send(own, &request.bearer(token))
    }

    /// Signs somebody in on a page and has her allow what is asked; the code that comes back.
    fn allowed(&self, target: &str) -> String {
        let page = self.send(None, &Outgoing::new(self.served.api, "GET", target));
        let login = [("email", EMAIL), ("password", PASSWORD)];
        let asked = self.answered(&page.expect(200), &login).expect(200);
        let moved = self.answered(&asked, &[("answer", "allow")]).expect(303);
        let back = moved.header("location").unwrap();
        let (_, rest) = back.split_once("code=").unwrap();
        rest.split('&').next().unwrap().to_owned()
    }

    fn answered(&self, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let text = page.text();
        let (_, rest) = text.split_once("name=\"ticket\" value=\"").unwrap();
        let mut all = vec![("ticket", rest.split('"').next().unwrap())];
        all.extend_from_slice(fields);
        let request = self.posted("/oauth/authorize", &all);
        self.send(None, &request.header("Sec-Fetch-Site", "same-origin"))
    }

    fn invites(&self) {
        let person = json!({ "name": "Ana Cruz", "email": EMAIL, "role": "viewer" });
        let invited = self.owner("POST", "/v1/users", &person).expect(201);
        let accepted = json!({ "token": invited.field("invitation_token"), "password": PASSWORD });
        let accept = Outgoing::new(self.served.api, "POST", "/v1/invitations/accept");
        self.send(None, &accept.json(&accepted)).expect(201);
    }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, error: &str) {
    let said = (reply.status, reply.field("error"));
    assert_eq!(said, (status, error.to_owned()), "{}", reply.text());
}

/// A client that shows who it is by these certificates, its tokens bound to the one that it shows.
fn known_by(certificates: &[&Issued]) -> Value {
    let thumbprints: Vec<String> = certificates.iter().map(|one| thumbprint(one)).collect();
    json!({
        "name": "Ledger",
        "scopes": ["read"],
        "token_endpoint_auth_method": "tls_client_auth",
        "sender_constraint": "mtls",
        "client_certificates": thumbprints,
    })
}

/// What a token says that it is bound to (RFC 8705, section 3.1).
fn confirmation(issued: &Issued) -> String {
    URL_SAFE_NO_PAD.encode(sha256(&[&issued.der]))
}

#[test]
fn a_client_is_known_by_its_certificate() {
    let site = Site::start();
    let issue = |serial| site.issuer.client(serial, Odd::Not);
    let (own, next, other) = (issue(40), issue(41), issue(42));
    let client = site.registered(&known_by(&[&own, &next]));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
    ];
    let opens = |by: Option<&Issued>| site.form(by, "/oauth/token", &fields);
    for by in [&own, &next] {
        let given = opens(Some(by)).expect(200);
        assert_eq!(given.field("token_type"), "Bearer");
        let token = given.field("access_token");
        site.account(Some(by), &token).expect(200);
        let asked = [("token", token.as_str()), ("client_id", &client)];
        let told = site.form(Some(by), "/oauth/introspect", &asked).expect(200);
        assert_eq!(told.json()["cnf"], json!({ "x5t#S256": confirmation(by) }));
    }
    refused(&opens(Some(&other)), 401, "invalid_client");
    refused(&opens(None), 401, "invalid_client");
    // No header stands in for a handshake, and nothing else for the certificate.
    let claimed = site.posted("/oauth/token", &fields);
    let claimed = claimed
        .header("X-Client-Cert", own.certificate.replace('\n', " "))
        .header("X-SSL-Client-SHA256", thumbprint(&own))
        .header("X-Forwarded-Tls-Client-Cert", escaped(&own.certificate));
    refused(&site.send(None, &claimed), 401, "invalid_client");
    for more in [
        ("client_secret", "cs_test_x"),
        ("client_assertion", "x.y.z"),
    ] {
        let reply = site.form(Some(&own), "/oauth/token", &[fields[0], fields[1], more]);
        assert!([400, 401].contains(&reply.status), "{}", reply.text());
    }
    // Neither are those taken that TLS itself refuses.
    let foreign = Authority::new("Clients").client(40, Odd::Not);
    let expired = site.issuer.client(43, Odd::Expired);
    for odd in [&foreign, &expired] {
        let request = site.posted("/oauth/token", &fields);
        assert!(site.by(Some(odd)).send(&request).is_err());
    }
    // What was taken from it shows nothing any more.
    let target = format!("/v1/oauth/clients/{client}");
    let left = json!({ "client_certificates": [thumbprint(&next)] });
    site.owner("PATCH", &target, &left).expect(200);
    refused(&opens(Some(&own)), 401, "invalid_client");
    opens(Some(&next)).expect(200);
    site.served.stop();
}

#[test]
fn a_token_is_bound_to_the_certificate_that_it_was_asked_with() {
    let site = Site::start();
    let issue = |serial| site.issuer.client(serial, Odd::Not);
    let (own, next) = (issue(50), issue(51));
    let client = site.registered(&known_by(&[&own, &next]));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
    ];
    let given = site.form(Some(&own), "/oauth/token", &fields).expect(200);
    let token = given.field("access_token");
    site.account(Some(&own), &token).expect(200);
    // Another certificate of the same client is another, and none is none.
    for by in [Some(&next), None] {
        let reply = site.account(by, &token);
        let reply = reply.refused(401, "invalid_token_certificate");
        let challenge = reply.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_token\""));
    }
    let claimed = Outgoing::new(site.served.api, "GET", "/v1/account").bearer(&token);
    let claimed = claimed.header("X-Client-Cert", own.certificate.replace('\n', " "));
    site.send(None, &claimed)
        .refused(401, "invalid_token_certificate");
    let log = site
        .served
        .request("GET", "/v1/audit-logs?action=certificate_refused");
    let log = site.send(None, &log).expect(200).json();
    assert_eq!(log["data"].as_array().unwrap().len(), 3, "{log}");
    site.account(Some(&own), &token).expect(200);
    site.served.stop();
}

/// `private_key_jwt` with tokens that are bound to whatever good certificate the connection shows.
#[test]
fn a_key_shows_who_it_is_and_a_certificate_binds_the_token() {
    let site = Site::start();
    let (own, other) = (
        site.issuer.client(60, Odd::Not),
        site.issuer.client(61, Odd::Not),
    );
    let key = Holder::p256();
    let body = json!({
        "name": "Ledger",
        "scopes": ["read"],
        "jwks": key.jwks(),
        "sender_constraint": "mtls",
    });
    let client = site.registered(&body);
    let opens = |by: Option<&Issued>| {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        let assertion = key.assertion(&client, &format!("https://{HOST}"), now);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
        ];
        site.form(by, "/oauth/token", &fields)
    };
    refused(&opens(None), 400, "invalid_request");
    let token = opens(Some(&own)).expect(200).field("access_token");
    site.account(Some(&own), &token).expect(200);
    site.account(Some(&other), &token)
        .refused(401, "invalid_token_certificate");
    site.served.stop();
}

/// The whole way of FAPI 2.0 with certificates alone: pushed request, a person's answer, code, refresh.
#[test]
fn a_client_with_a_certificate_acts_for_a_person() {
    let site = Site::start();
    site.invites();
    let issue = |serial| site.issuer.client(serial, Odd::Not);
    let (own, next, other) = (issue(70), issue(71), issue(72));
    let mut body = known_by(&[&own, &next]);
    body["redirect_uris"] = json!([CALLBACK]);
    let client = site.registered(&body);
    let asked = [
        ("client_id", client.as_str()),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for by in [Some(&other), None] {
        refused(&site.form(by, "/oauth/par", &asked), 401, "invalid_client");
    }
    let pushed = site.form(Some(&own), "/oauth/par", &asked).expect(201);
    let name = escaped(&pushed.field("request_uri"));
    let code = site.allowed(&format!(
        "/oauth/authorize?client_id={client}&request_uri={name}"
    ));
    let redeem = [
        ("client_id", client.as_str()),
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    for by in [Some(&other), None] {
        refused(
            &site.form(by, "/oauth/token", &redeem),
            401,
            "invalid_client",
        );
    }
    let given = site.form(Some(&own), "/oauth/token", &redeem).expect(200);
    let (token, refresh) = (given.field("access_token"), given.field("refresh_token"));
    site.account(Some(&own), &token).expect(200);
    site.account(None, &token)
        .refused(401, "invalid_token_certificate");
    let fields = [
        ("client_id", client.as_str()),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    for by in [Some(&other), None] {
        refused(
            &site.form(by, "/oauth/token", &fields),
            401,
            "invalid_client",
        );
    }
    // A client that moves to its next certificate takes its grant along, and the token of then is bound to that one.
    let again = site.form(Some(&next), "/oauth/token", &fields).expect(200);
    assert!(again.json().get("refresh_token").is_none());
    let moved = again.field("access_token");
    site.account(Some(&next), &moved).expect(200);
    site.account(Some(&own), &moved)
        .refused(401, "invalid_token_certificate");
    site.served.stop();
}

/// RFC 8705, section 4: whoever keeps no secret holds on to its certificate all the same.
#[test]
fn a_refresh_token_without_a_secret_is_bound_to_its_certificate() {
    let site = Site::start();
    site.invites();
    let issue = |serial| site.issuer.client(serial, Odd::Not);
    let (own, other) = (issue(80), issue(81));
    let client = site.registered(&json!({
        "name": "Till",
        "profile": "oauth21",
        "token_endpoint_auth_method": "none",
        "sender_constraint": "mtls",
        "redirect_uris": [CALLBACK],
        "scopes": ["read"],
    }));
    let code = site.allowed(&format!(
        "/oauth/authorize?response_type=code&client_id={client}&redirect_uri={}\
         &code_challenge={CHALLENGE}&code_challenge_method=S256",
        escaped(CALLBACK)
    ));
    let redeem = [
        ("client_id", client.as_str()),
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    refused(
        &site.form(None, "/oauth/token", &redeem),
        400,
        "invalid_request",
    );
    let given = site.form(Some(&own), "/oauth/token", &redeem).expect(200);
    let refreshes = |by: Option<&Issued>, token: &str| {
        let fields = [
            ("client_id", client.as_str()),
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ];
        site.form(by, "/oauth/token", &fields)
    };
    let first = given.field("refresh_token");
    refused(&refreshes(None, &first), 400, "invalid_request");
    refused(&refreshes(Some(&other), &first), 400, "invalid_grant");
    // Neither has used it up.
    let second = refreshes(Some(&own), &first).expect(200);
    let token = second.field("access_token");
    site.account(Some(&own), &token).expect(200);
    site.account(Some(&other), &token)
        .refused(401, "invalid_token_certificate");
    let third = refreshes(Some(&own), &second.field("refresh_token"));
    assert_ne!(third.expect(200).field("refresh_token"), first);
    site.served.stop();
}
