//! The contract's signature vectors, through the server.

use strongroom_auth::{Dialect, KeyType, Role, SignedBy, SigningPolicy};
use strongroom_domain::api_keys::CreateApiKey;
use strongroom_http::EdgeSettings;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::secret::SecretText;

const SECRET: &str = "sk_test_1234567890abcdef";
const TIMESTAMP: i64 = 1_705_314_600;
const PAYOUT: &str =
    r#"{"amount":10000,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_123"}}"#;

/// A key that signs everything with the vectors' secret.
fn key(acme: &Tenant<'_>) -> String {
    let mut minted = acme
        .server
        .engine
        .mint(KeyType::Secret, acme.books.scope.mode);
    minted.signing_secret = SecretText::new(SECRET.into());
    let text = minted.key_text.expose().to_owned();
    let command = CreateApiKey {
        key_type: KeyType::Secret,
        name: None,
        role: Role::Owner,
        permissions: Role::Owner.permissions(),
        role_id: None,
        dialect: Dialect::Nextapi,
        signing: SigningPolicy::Always,
        expires_at: None,
        networks: None,
        certificates: None,
        limits: None,
        signed_by: SignedBy::default(),
        minted,
        held: None,
    };
    drop(
        acme.books
            .run(command)
            .unwrap_or_else(|failure| panic!("{failure:?}")),
    );
    text
}

#[test]
fn the_documents_vectors_pass() {
    let edge = EdgeSettings {
        public_origins: vec!["https://api.nextapi.com".into()],
        ..EdgeSettings::default()
    };
    let server = TestServer::start(ServerSettings {
        edge,
        ..ServerSettings::default()
    });
    let acme = Tenant::found(&server);
    let key = key(&acme);
    server.clock.advance((TIMESTAMP - server.seconds()) * 1_000);
    // What the signature lets through is then answered for itself: no such wallet, no such parameter.
    let vectors: [(&str, &str, &str, u16, &str); 5] = [
        (
            "GET",
            "/v1/account",
            "",
            200,
            "57f48ff53dacdd4feab2097904a131ad5705f89eaa21685ef9bc0a5e70fd04d3",
        ),
        (
            "GET",
            "/v1/account",
            "",
            200,
            "35c0b88f0d40c187cb96730e2a042dc096c8dc0fbf1062d7e8c2055e8e552be1",
        ),
        (
            "GET",
            "/v1/account",
            "",
            200,
            "0b2b441ede3a37840e6bb333d89c595b292e3479f233f87443dc0b2d25a5d568",
        ),
        (
            "POST",
            "/v1/payouts",
            PAYOUT,
            422,
            "622b0dcfd35f6cb1ec5fec04ab2b858e61fa7e7809c92db080c1f0103860a4ba",
        ),
        (
            "POST",
            "/v1/payouts?dry_run=true",
            r#"{"note":"Peña"}"#,
            400,
            "34371b4bf78924f7202a6beec903b4ed4d204309d5f34f165c73d878bd597c6f",
        ),
    ];
    for (method, target, body, status, signature) in vectors {
        let send = |signature: &str, timestamp: i64, body: &str| {
            let mut request = server
                .request(method, target)
                .bearer(&key)
                .idempotent(&signature[..16]);
            if !body.is_empty() {
                request = request.body(body);
            }
            request
                .header("X-Signature", signature)
                .header("X-Timestamp", timestamp.to_string())
                .send()
        };
        let reply = send(signature, TIMESTAMP, body);
        assert_eq!(reply.status, status, "{method} {target}: {}", reply.text());
        send(signature, TIMESTAMP + 1, body).refused(401, "signature_invalid");
        send(&signature.to_uppercase(), TIMESTAMP, body).refused(401, "signature_invalid");
        let other = if body.is_empty() {
            "{}".into()
        } else {
            body.replace(':', ": ")
        };
        send(signature, TIMESTAMP, &other).refused(401, "signature_invalid");
    }
}

#[test]
fn a_test_key_is_shown_what_the_server_built_and_a_live_key_is_not() {
    let server = TestServer::shared();
    let acme = Tenant::found(server);
    let live = acme.live();
    let wrong = |tenant: &Tenant<'_>| {
        let request = server
            .request("POST", "/v1/payouts?a=b")
            .bearer(&tenant.owner.text)
            .body(r#"{"n": 1}"#);
        request
            .signed("not the secret", server.seconds())
            .send()
            .refused(401, "signature_invalid")
    };
    let expected = format!("POST\n/v1/payouts?a=b\n{}\n{{\"n\": 1}}", server.seconds());
    assert_eq!(
        wrong(&acme).field("error/details/expected_message"),
        expected
    );
    let silent = wrong(&live);
    assert_eq!(silent.json()["error"]["details"], serde_json::json!({}));
    assert!(!silent.text().contains("POST"), "{}", silent.text());
}
