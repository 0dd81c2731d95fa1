//! Tokens that are looked at, revoked, and found where they should not be.

use serde_json::json;
use strongroom_testkit::holder::{Holder, b64};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::{Fapi, ORIGIN, Plain, server};

#[test]
fn a_client_is_told_of_its_own_tokens_alone() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let other = Fapi::registered(&acme, Holder::ed25519(5), &["read"]);
    let token = client.token(None);
    let mark = acme.mark();
    let told = client
        .asks("/oauth/introspect", &[("token", &token)])
        .expect(200);
    let body = told.json();
    assert_eq!(body["active"], json!(true));
    assert_eq!(body["client_id"], json!(client.id));
    assert_eq!(body["sub"], json!(client.id));
    assert_eq!(body["iss"], json!(ORIGIN));
    assert_eq!(body["token_type"], "DPoP");
    assert_eq!(body["exp"], json!(server.seconds() + 600));
    let key = thumbprint(&client.proof_key);
    assert_eq!(body["cnf"]["jkt"], json!(key));
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["oauth_token_introspected"]);
    for (asker, token) in [
        (&other, token.as_str()),
        (&client, "at_test_unknown"),
        (&client, &acme.owner.text),
    ] {
        let told = asker
            .asks("/oauth/introspect", &[("token", token)])
            .expect(200);
        assert_eq!(told.json(), json!({ "active": false }));
    }
}

/// RFC 7638, for a key of Ed25519.
fn thumbprint(holder: &Holder) -> String {
    let jwk = holder.jwk();
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]);
    b64(&strongroom_crypto::sha256(&[members.as_bytes()]))
}

#[test]
fn a_revoked_token_opens_nothing_from_the_next_request_on() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let other = Fapi::registered(&acme, Holder::ed25519(5), &["read"]);
    let token = client.token(None);
    // Another's word does nothing, and is answered as if it had.
    other
        .asks("/oauth/revoke", &[("token", &token)])
        .expect(200);
    client.get(&token, "/v1/account").expect(200);
    client
        .asks("/oauth/revoke", &[("token", &token)])
        .expect(200);
    client
        .get(&token, "/v1/account")
        .refused(401, "unauthorized");
    for unknown in [token.as_str(), "at_test_unknown", "x"] {
        client
            .asks("/oauth/revoke", &[("token", unknown)])
            .expect(200);
    }
    let told = client
        .asks("/oauth/introspect", &[("token", &token)])
        .expect(200);
    assert_eq!(told.json(), json!({ "active": false }));
}

#[test]
fn a_token_that_leaked_is_revoked_and_its_client_is_not() {
    let server = server();
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let token = plain.token(&server);
    let found = json!({ "key": token });
    server
        .request("POST", "/leaks")
        .json(&found)
        .send()
        .expect(202);
    let account = |token: &str| server.request("GET", "/v1/account").bearer(token).send();
    account(&token).refused(401, "unauthorized");
    account(&plain.token(&server)).expect(200);
}

#[test]
fn uses_are_noted_for_the_client() {
    let server = server();
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let token = plain.token(&server);
    server
        .request("GET", "/v1/account")
        .bearer(&token)
        .send()
        .expect(200);
    server.summarise();
    // What the books hold of it is as good after they were read anew.
    let asked = server
        .request("GET", "/v1/auth/verify")
        .bearer(&token)
        .send()
        .expect(200);
    let line = acme
        .get(&format!("/v1/oauth/clients/{}", plain.id))
        .expect(200);
    assert_eq!(asked.field("key_id"), line.field("key_id"));
}
