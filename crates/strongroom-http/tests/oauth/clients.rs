//! `/v1/oauth/clients`: what is taken, what is refused, and who may.

use serde_json::{Value, json};
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_testkit::holder::Holder;
use strongroom_testkit::tenant::{Tenant, fresh, payout, texts};

use crate::{Plain, refused, server};

#[test]
fn a_client_is_of_fapi_unless_something_else_is_said() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = Holder::p256();
    let mark = acme.mark();
    let body = json!({ "name": "Ledger sync", "jwks": key.jwks(), "scopes": ["read"] });
    let made = acme.post("/v1/oauth/clients", &body).expect(201);
    assert_eq!(made.field("profile"), "fapi2");
    assert_eq!(made.field("token_endpoint_auth_method"), "private_key_jwt");
    assert_eq!(made.field("sender_constraint"), "dpop");
    assert_eq!(made.json()["jwks"], key.jwks());
    assert!(made.json().get("client_secret").is_none());
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["oauth_client.created"]
    );
    let path = format!("/v1/oauth/clients/{}", made.id());
    assert_eq!(acme.get(&path).expect(200).json(), made.json());
    assert_eq!(acme.all("/v1/oauth/clients"), [made.json()]);
    // Its line is none of the keys, and cannot be rolled into one.
    let line = made.field("key_id");
    acme.get(&format!("/v1/api-keys/{line}"))
        .refused(404, "not_found");
    let roll = acme.post(&format!("/v1/api-keys/{line}/roll"), &json!({}));
    roll.refused(404, "not_found");
    let keys = acme.get("/v1/api-keys").expect(200).text();
    assert!(!keys.contains(&line));
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let server = server();
    let acme = Tenant::found(&server);
    let key = Holder::p256();
    let mut private = key.jwk();
    private["d"] = json!("AAAA");
    let thumbprint = "ab".repeat(32);
    for (what, body, pointer) in [
        (
            "no name",
            json!({ "scopes": ["read"], "jwks": key.jwks() }),
            "/name",
        ),
        (
            "no scopes",
            json!({ "name": "x", "jwks": key.jwks() }),
            "/scopes",
        ),
        (
            "empty scopes",
            json!({ "name": "x", "scopes": [], "jwks": key.jwks() }),
            "/scopes",
        ),
        (
            "unknown scopes",
            json!({ "name": "x", "scopes": ["*"], "jwks": key.jwks() }),
            "/scopes",
        ),
        (
            "no key",
            json!({ "name": "x", "scopes": ["read"] }),
            "/jwks",
        ),
        (
            "a private key",
            json!({ "name": "x", "scopes": ["read"], "jwks": { "keys": [private] } }),
            "/jwks",
        ),
        (
            "a secret in fapi2",
            json!({ "name": "x", "scopes": ["read"], "token_endpoint_auth_method": "client_secret_post" }),
            "/token_endpoint_auth_method",
        ),
        (
            "nobody in particular",
            json!({ "name": "x", "scopes": ["read"], "profile": "classic", "token_endpoint_auth_method": "none" }),
            "/grant_types",
        ),
        (
            "a key beside a secret",
            json!({ "name": "x", "scopes": ["read"], "profile": "classic", "jwks": key.jwks() }),
            "/jwks",
        ),
        (
            "no certificate",
            json!({ "name": "x", "scopes": ["read"], "token_endpoint_auth_method": "tls_client_auth" }),
            "/client_certificates",
        ),
        (
            "a certificate beside a key",
            json!({ "name": "x", "scopes": ["read"], "jwks": key.jwks(), "client_certificates": [thumbprint] }),
            "/client_certificates",
        ),
    ] {
        let reply = acme.post("/v1/oauth/clients", &body);
        assert_eq!(reply.status, 422, "{what}: {}", reply.text());
        assert_eq!(reply.field("errors/0/pointer"), pointer, "{what}");
    }
}

/// A key that holds just these permissions.
fn holding(acme: &Tenant<'_>, permissions: &[&str]) -> String {
    let names = permissions.iter().map(|name| (*name).to_owned()).collect();
    let set = PermissionSet::new(names).unwrap();
    let key = acme
        .books
        .key_with(Role::Custom, set, SigningPolicy::Never, Dialect::Nextapi);
    key.text
}

#[test]
fn nobody_hands_on_what_he_does_not_hold() {
    let server = server();
    let acme = Tenant::found(&server);
    let maker = holding(&acme, &["manage:oauth_clients", "read:*"]);
    let body = |scopes: Value| json!({ "name": "x", "scopes": scopes, "profile": "classic" });
    let ask = |key: &str, method: &str, target: &str, body: &Value| {
        let request = server.request(method, target).bearer(key);
        request.idempotent(&fresh("hand")).json(body).send()
    };
    let made = ask(&maker, "POST", "/v1/oauth/clients", &body(json!(["read"]))).expect(201);
    let target = format!("/v1/oauth/clients/{}", made.id());
    ask(&maker, "POST", "/v1/oauth/clients", &body(json!(["write"])))
        .refused(403, "permission_not_held");
    ask(
        &maker,
        "PATCH",
        &target,
        &json!({ "scopes": ["read", "admin"] }),
    )
    .refused(403, "permission_not_held");
    // Nor does he take over one that may do more than he.
    let strong = Plain::registered(&acme, "classic", "client_secret_post", &["write"]);
    let roll = format!("/v1/oauth/clients/{}/rotate-secret", strong.id);
    ask(&maker, "POST", &roll, &json!({})).refused(403, "permission_not_held");
    let viewer = acme.key(Role::Viewer);
    ask(
        &viewer.text,
        "POST",
        "/v1/oauth/clients",
        &body(json!(["read"])),
    )
    .refused(403, "permission_denied");
}

#[test]
fn a_secret_is_rotated_with_an_overlap() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let path = format!("/v1/oauth/clients/{}", client.id);
    let roll = |seconds: i64| {
        let body = json!({ "overlap_seconds": seconds });
        let rolled = acme
            .post(&format!("{path}/rotate-secret"), &body)
            .expect(200);
        Plain {
            id: client.id.clone(),
            secret: rolled.field("client_secret"),
        }
    };
    let second = roll(60);
    client.opens(&server).expect(200);
    second.opens(&server).expect(200);
    server.clock.advance(60_000);
    refused(&client.opens(&server), 401, "invalid_client");
    let third = roll(0);
    refused(&second.opens(&server), 401, "invalid_client");
    third.opens(&server).expect(200);
    assert!(
        acme.get(&path)
            .expect(200)
            .json()
            .get("client_secret")
            .is_none()
    );
    let key = Holder::p256();
    let body = json!({ "name": "x", "jwks": key.jwks(), "scopes": ["read"] });
    let fapi = acme.post("/v1/oauth/clients", &body).expect(201).id();
    acme.post(
        &format!("/v1/oauth/clients/{fapi}/rotate-secret"),
        &json!({}),
    )
    .refused(409, "invalid_state");
}

#[test]
fn a_client_changes_its_key_and_keeps_one() {
    let server = server();
    let acme = Tenant::found(&server);
    let (old, new) = (Holder::ed25519(1), Holder::ed25519(2));
    let mut client = crate::Fapi::registered(&acme, old, &["read"]);
    client.token(None);
    let path = format!("/v1/oauth/clients/{}", client.id);
    let change = |body: Value| acme.request("PATCH", &path).json(&body).send();
    change(json!({ "jwks": new.jwks() })).expect(200);
    refused(&client.opens(None), 401, "invalid_client");
    client.key = new;
    client.token(None);
    change(json!({ "jwks": { "keys": [] } })).refused(422, "invalid_field");
    change(json!({ "client_secret": "x" })).refused(422, "unknown_field");
}

#[test]
fn others_have_to_agree_where_a_policy_says_so() {
    let server = server();
    let acme = Tenant::found(&server);
    let approver = acme.key(Role::Owner);
    let policy = json!({ "act": "api_key_create", "approvals": 1 });
    acme.post("/v1/approval-policies", &policy).expect(201);
    let body = json!({ "name": "Shop", "profile": "classic", "scopes": ["read"] });
    let waiting = acme.post("/v1/oauth/clients", &body).expect(202);
    assert_eq!(waiting.field("request/name"), "Shop");
    assert!(acme.all("/v1/oauth/clients").is_empty());
    let approve = format!("/v1/approvals/{}/approve", waiting.id());
    let agreed = server.request("POST", &approve).bearer(&approver.text);
    let vote = json!({ "hash": waiting.field("hash") });
    agreed.idempotent("vote").json(&vote).send().expect(200);
    let again = acme.request("POST", "/v1/oauth/clients");
    let again = again
        .idempotent("again")
        .header("Approval-Id", waiting.id());
    let made = again.json(&body).send().expect(201);
    assert!(made.field("client_secret").starts_with("cs_test_"));
}

/// SECURITY: who knows its secret can ask as the client does: he is no second pair of eyes for it.
#[test]
fn who_rotates_a_secret_does_not_approve_what_the_client_asks_for() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Plain::registered(&acme, "classic", "client_secret_post", &["write"]);
    let (from, to) = (acme.funded("master", 10_000), acme.wallet("operating"));
    let threshold = json!({ "amount": 1_000, "currency": "PHP" });
    let policy = json!({ "act": "payout", "approvals": 1, "threshold": threshold });
    acme.post("/v1/approval-policies", &policy).expect(201);
    let other = acme.key(Role::Owner);
    let roll = format!("/v1/oauth/clients/{}/rotate-secret", client.id);
    let rolled = server.request("POST", &roll).bearer(&other.text);
    let rolled = rolled.idempotent("roll").json(&json!({})).send();
    client.secret = rolled.expect(200).field("client_secret");
    let token = client.token(&server);
    let asked = server.request("POST", "/v1/payouts").bearer(&token);
    let asked = asked.idempotent("pay").json(&payout(&from, &to, 5_000));
    let waiting = asked.send().expect(202);
    let approve = format!("/v1/approvals/{}/approve", waiting.id());
    let agreed = server.request("POST", &approve).bearer(&other.text);
    let vote = json!({ "hash": waiting.field("hash") });
    let agreed = agreed.idempotent("vote").json(&vote).send();
    agreed.refused(403, "same_person");
}
