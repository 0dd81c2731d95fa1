//! `grant_type=client_credentials`: every way of showing who one is, and what comes of each.

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::holder::Holder;
use strongroom_testkit::tenant::{Tenant, texts};

use crate::{Fapi, ORIGIN, Plain, permissions, post, refused, server};

#[test]
fn a_client_of_fapi_gets_a_token_that_is_bound_to_its_key() {
    let server = server();
    let acme = Tenant::found(&server);
    for key in [Holder::p256(), Holder::ed25519(1)] {
        let mut client = Fapi::registered(&acme, key, &["read", "write"]);
        let mark = acme.mark();
        let reply = client.opens(Some("read")).expect(200);
        assert_eq!(reply.field("token_type"), "DPoP");
        assert_eq!(reply.json()["expires_in"], json!(600));
        assert_eq!(reply.field("scope"), "read");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let token = reply.field("access_token");
        assert!(token.starts_with("at_test_"));
        let verified = client.get(&token, "/v1/auth/verify").expect(200);
        assert_eq!(
            permissions(&verified),
            [
                "read:account",
                "read:payment_links",
                "read:payouts",
                "read:transactions",
                "read:wallets"
            ]
        );
        let audit = acme.audit_since(&mark);
        assert_eq!(texts(&audit, "action"), ["oauth_token_issued"]);
        assert_eq!(audit[0]["details"]["client"], json!(client.id));
        // Without a word it is all that the client may have.
        assert_eq!(client.opens(None).expect(200).field("scope"), "read write");
    }
}

#[test]
fn secrets_are_shown_where_the_client_was_registered_to() {
    let server = server();
    let acme = Tenant::found(&server);
    for (profile, proof) in [
        ("oauth21", "client_secret_basic"),
        ("oauth21", "client_secret_post"),
        ("classic", "client_secret_basic"),
    ] {
        let client = Plain::registered(&acme, profile, proof, &["read"]);
        let grant = ("grant_type", "client_credentials");
        let by_basic = client.opens(&server);
        let fields = [
            grant,
            ("client_id", client.id.as_str()),
            ("client_secret", &client.secret),
        ];
        let by_post = post(&server, "/oauth/token", &fields).send();
        let is_either = profile == "classic";
        for (reply, way) in [
            (by_basic, "client_secret_basic"),
            (by_post, "client_secret_post"),
        ] {
            if is_either || way == proof {
                assert_eq!(reply.expect(200).field("token_type"), "Bearer");
            } else {
                refused(&reply, 401, "invalid_client");
            }
        }
    }
}

/// The documents' own snippet sends JSON, and a browser's `fetch` calls it text.
#[test]
fn the_plain_flow_sends_json() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": client.id,
        "client_secret": client.secret,
    });
    for kind in ["application/json", "text/plain;charset=UTF-8"] {
        let request = server.request("POST", "/oauth/token");
        let reply = request.header("Content-Type", kind).json(&body).send();
        let token = reply.expect(200).field("access_token");
        let account = server.request("GET", "/v1/account").bearer(&token).send();
        account.expect(200);
    }
    let modern = Plain::registered(&acme, "oauth21", "client_secret_post", &["read"]);
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": modern.id,
        "client_secret": modern.secret,
    });
    let reply = server.request("POST", "/oauth/token").json(&body).send();
    refused(&reply, 400, "invalid_request");
}

#[test]
fn who_does_not_show_who_he_is_gets_nothing() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Plain::registered(&acme, "oauth21", "client_secret_post", &["read"]);
    let fapi = Fapi::registered(&acme, Holder::p256(), &["read"]);
    let grant = ("grant_type", "client_credentials");
    let id = client.id.as_str();
    let mark = acme.mark();
    for (what, fields, status, error) in [
        ("nobody", vec![grant], 400, "invalid_request"),
        (
            "an id alone",
            vec![grant, ("client_id", id)],
            401,
            "invalid_client",
        ),
        (
            "another secret",
            vec![grant, ("client_id", id), ("client_secret", "cs_test_x")],
            401,
            "invalid_client",
        ),
        (
            "an unknown client",
            vec![grant, ("client_id", "client_x"), ("client_secret", "x")],
            401,
            "invalid_client",
        ),
        (
            "a secret where a key is wanted",
            vec![
                grant,
                ("client_id", &fapi.id),
                ("client_secret", &client.secret),
            ],
            401,
            "invalid_client",
        ),
        (
            "another kind of assertion",
            vec![
                grant,
                ("client_id", &fapi.id),
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
                ),
                ("client_assertion", "x"),
            ],
            400,
            "invalid_request",
        ),
    ] {
        let reply = post(&server, "/oauth/token", &fields).send();
        assert_eq!(
            (reply.status, reply.field("error").as_str()),
            (status, error),
            "{what}: {}",
            reply.text()
        );
        if status == 401 {
            let challenge = reply.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Basic "), "{challenge}");
        }
    }
    // Two ways at once are one too many.
    let assertion = fapi.assertion();
    let mut both = fapi.fields(&assertion);
    both.extend([grant, ("client_secret", "x")]);
    let reply = post(&server, "/oauth/token", &both).send();
    refused(&reply, 400, "invalid_request");
    let reply = post(&server, "/oauth/token", &fapi.fields(&assertion)[1..])
        .header("Authorization", client.basic())
        .send();
    refused(&reply, 400, "invalid_request");
    assert!(acme.audit_since(&mark).is_empty());
}

#[test]
fn what_is_asked_for_must_be_there_to_have() {
    let server = server();
    let acme = Tenant::found(&server);
    let mut client = Fapi::registered(&acme, Holder::p256(), &["read"]);
    for scope in ["write", "read write", "everything", "read  read"] {
        refused(&client.opens(Some(scope)), 400, "invalid_scope");
    }
    let grant = client.asks("/oauth/token", &[("grant_type", "password")]);
    refused(&grant, 400, "unsupported_grant_type");
    refused(&client.asks("/oauth/token", &[]), 400, "invalid_request");
    let twice = format!(
        "grant_type=client_credentials&client_id={0}&client_id={0}",
        client.id
    );
    let reply = server
        .request("POST", "/oauth/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(twice)
        .send();
    refused(&reply, 400, "invalid_request");
}

#[test]
fn a_token_never_holds_more_than_its_client() {
    let server = server();
    let acme = Tenant::found(&server);
    let client = Plain::registered(
        &acme,
        "classic",
        "client_secret_post",
        &["read", "webhooks"],
    );
    let token = client.token(&server);
    let verify = || {
        server
            .request("GET", "/v1/auth/verify")
            .bearer(&token)
            .send()
    };
    assert!(permissions(&verify().expect(200)).contains(&"create:webhooks".to_owned()));
    let wallet = server.request("POST", "/v1/wallets").bearer(&token);
    wallet
        .json(&json!({ "type": "master" }))
        .send()
        .refused(403, "permission_denied");
    // What the client loses, its tokens lose in the same commit.
    let target = format!("/v1/oauth/clients/{}", client.id);
    let narrowed = acme
        .request("PATCH", &target)
        .json(&json!({ "scopes": ["read"] }));
    narrowed.send().expect(200);
    assert!(!permissions(&verify().expect(200)).contains(&"create:webhooks".to_owned()));
    acme.request("DELETE", &target)
        .json(&json!({}))
        .send()
        .expect(200);
    verify().refused(401, "unauthorized");
    refused(&client.opens(&server), 401, "invalid_client");
}

#[test]
fn a_token_is_over_after_its_time() {
    let server = server();
    let acme = Tenant::found(&server);
    let plain = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let token = plain.token(&server);
    let account = || server.request("GET", "/v1/account").bearer(&token).send();
    server.clock.advance(3_599_000);
    account().expect(200);
    server.clock.advance(1_000);
    account().refused(401, "unauthorized");
}

#[test]
fn a_server_says_what_it_can_do() {
    let server = server();
    let told = server
        .get("/.well-known/oauth-authorization-server")
        .expect(200);
    assert_eq!(told.field("issuer"), ORIGIN);
    assert_eq!(told.field("token_endpoint"), crate::TOKEN_URL);
    assert_eq!(told.header("access-control-allow-origin"), Some("*"));
    let body = told.json();
    assert!(!told.text().contains("HS256") && !told.text().contains("RS256"));
    assert_eq!(
        body["dpop_signing_alg_values_supported"],
        json!(["ES256", "EdDSA", "PS256"])
    );
}

#[test]
fn failures_are_counted_like_those_with_keys() {
    let mut settings = crate::settings();
    settings.edge.unauthenticated_limit = 3;
    let server = strongroom_testkit::server::TestServer::start(settings);
    let acme = Tenant::found(&server);
    let client = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let wrong = [
        ("grant_type", "client_credentials"),
        ("client_id", client.id.as_str()),
        ("client_secret", "wrong"),
    ];
    for _ in 0..3 {
        refused(
            &post(&server, "/oauth/token", &wrong).send(),
            401,
            "invalid_client",
        );
    }
    let reply = post(&server, "/oauth/token", &wrong).send();
    refused(&reply, 429, "temporarily_unavailable");
    assert!(reply.header("retry-after").is_some());
    // Whoever has the secret is not held up by who has not.
    client.opens(&server).expect(200);
    let viewer = acme.key(Role::Viewer);
    let account = server.request("GET", "/v1/account").bearer(&viewer.text);
    account.send().expect(200);
}

/// SECURITY: everybody knows the id of a client that shows nothing: it is his network that he spends.
#[test]
fn who_has_nothing_to_show_is_counted_by_his_network() {
    let mut settings = crate::settings();
    settings.edge.unauthenticated_limit = 3;
    let server = strongroom_testkit::server::TestServer::start(settings);
    let acme = Tenant::found(&server);
    let open = crate::walk::app(&acme, "oauth21", "none", &["read"]);
    for _ in 0..3 {
        refused(&open.refreshes("made up"), 400, "invalid_grant");
    }
    let reply = open.refreshes("made up");
    refused(&reply, 429, "temporarily_unavailable");
    assert!(reply.header("retry-after").is_some());
}

#[test]
fn bodies_are_small_and_those_that_cannot_be_read_are_counted() {
    let mut settings = crate::settings();
    settings.edge.unauthenticated_limit = 3;
    let server = strongroom_testkit::server::TestServer::start(settings);
    let acme = Tenant::found(&server);
    let client = Plain::registered(&acme, "classic", "client_secret_post", &["read"]);
    let long = "a".repeat(64 << 10);
    let sends = |target: &str, body: &str| {
        let request = server.request("POST", target);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request.body(body).send()
    };
    refused(&sends("/oauth/par", &long), 400, "invalid_request");
    refused(
        &sends("/oauth/token", &format!("{long}a")),
        413,
        "invalid_request",
    );
    refused(&sends("/oauth/revoke", "a=1&a=2"), 400, "invalid_request");
    let reply = sends("/oauth/introspect", "a=1&a=2");
    refused(&reply, 429, "temporarily_unavailable");
    client.opens(&server).expect(200);
}
