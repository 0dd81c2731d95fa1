//! Keys that are held to networks, and `POST /leaks`.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_http::EdgeSettings;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::{refuses, tenant};

/// A server that believes what this machine says of its clients' addresses.
fn behind_a_proxy() -> TestServer {
    TestServer::start(ServerSettings {
        edge: EdgeSettings {
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            ..ServerSettings::default().edge
        },
        ..ServerSettings::default()
    })
}

fn key(acme: &Tenant<'_>, mode: &str) -> (String, String) {
    let networks = ["198.51.100.0/24", "2001:db8::/32"];
    let body = json!({ "role": "viewer", "networks": networks, "networks_mode": mode });
    let made = acme.post("/v1/api-keys", &body).expect(201);
    (made.id(), made.field("key"))
}

fn from(server: &TestServer, key: &str, address: &str) -> Reply {
    let request = server.request("GET", "/v1/account").bearer(key);
    request.header("X-Forwarded-For", address).send()
}

#[test]
fn a_key_works_from_its_networks_only() {
    let server = behind_a_proxy();
    let acme = Tenant::found(&server);
    let (id, key) = key(&acme, "enforce");
    for address in ["198.51.100.7", "2001:db8::9", "::ffff:198.51.100.7"] {
        from(&server, &key, address).expect(200);
    }
    let mark = acme.mark();
    for address in ["198.51.101.7", "2001:db9::9", "192.0.2.1"] {
        from(&server, &key, address).refused(403, "address_not_allowed");
    }
    let records = acme.audit_since(&mark);
    assert_eq!(texts(&records, "action"), ["address_refused"; 3]);
    assert_eq!(records[0]["credential_id"], json!(id));
    assert!(texts(&records, "ip_address").contains(&"192.0.2.1".to_owned()));
}

#[test]
fn report_only_lets_pass_and_lists_who_would_have_been_refused() {
    let server = behind_a_proxy();
    let acme = Tenant::found(&server);
    let (id, key) = key(&acme, "report");
    from(&server, &key, "198.51.100.7").expect(200);
    from(&server, &key, "192.0.2.1").expect(200);
    let warned = acme.all("/v1/request-logs?warning=address_outside_networks");
    assert_eq!(texts(&warned, "ip_address"), ["192.0.2.1"]);
    assert_eq!(
        (&warned[0]["credential_id"], &warned[0]["status"]),
        (&json!(id), &json!(200))
    );
    // One more range is no end of the trial.
    let path = format!("/v1/api-keys/{id}");
    let patch = |body: Value| acme.request("PATCH", &path).json(&body).send().expect(200);
    let more = json!({ "networks": ["198.51.100.0/24", "203.0.113.0/24"] });
    assert_eq!(patch(more).field("networks_mode"), "report");
    from(&server, &key, "192.0.2.1").expect(200);
    // Enforced, at once.
    let enforced = patch(json!({ "networks_mode": "enforce" })).json();
    assert_eq!(enforced["networks"].as_array().unwrap().len(), 2);
    from(&server, &key, "192.0.2.1").refused(403, "address_not_allowed");
}

#[test]
fn a_key_that_is_found_is_revoked_whoever_sends_it_in() {
    let acme = tenant();
    let send = |key: &str| {
        let body = json!({ "key": key, "source": "https://git.example/acme/shop/blob/main/.env" });
        acme.server
            .request("POST", "/leaks")
            .json(&body)
            .send()
            .expect(202)
            .json()
    };
    let mark = acme.mark();
    let (secret, open) = (acme.key(Role::Admin), acme.key(Role::Publishable));
    let received = json!({ "status": "received" });
    for key in ["sk_test_0000", &open.text, &secret.text, &secret.text] {
        assert_eq!(send(key), received, "nothing is told to whoever asks");
    }
    let shown = acme.get(&format!("/v1/api-keys/{}", secret.id)).expect(200);
    assert_eq!(shown.json()["last_used_at"], json!(null), "it was not used");
    let works = |key: &str| {
        acme.server
            .request("GET", "/v1/auth/verify")
            .bearer(key)
            .send()
            .status
    };
    assert_eq!(works(&secret.text), 401);
    let told: Vec<Value> = acme.events_since(&mark);
    let told: Vec<_> = told
        .iter()
        .filter(|e| e["data"]["id"] == json!(secret.id))
        .cloned()
        .collect();
    assert_eq!(
        texts(&told, "type"),
        ["api_key.created", "api_key.leaked", "api_key.revoked"]
    );
    let record = &acme.all("/v1/audit-logs?action=api_key_leaked")[0];
    assert_eq!(
        (&record["user_id"], &record["resource_id"]),
        (&json!("system:leaks"), &json!(secret.id))
    );
    assert!(!record.to_string().contains(&secret.text));
    // Even the last owner's.
    send(&acme.owner.text);
    assert_eq!(works(&acme.owner.text), 401);
}

#[test]
fn what_is_sent_in_is_one_key_and_not_for_ever() {
    let acme = tenant();
    refuses(
        &acme,
        "POST",
        "/leaks",
        &[
            ("{}", 422, "field_required", "/key"),
            (r#"{"key":1}"#, 422, "invalid_field", "/key"),
            (r#"{"key":"x","token":"y"}"#, 422, "unknown_field", "/token"),
        ],
    );
    let server = TestServer::start(ServerSettings {
        edge: EdgeSettings {
            unauthenticated_limit: 3,
            ..ServerSettings::default().edge
        },
        ..ServerSettings::default()
    });
    let send = || {
        server
            .request("POST", "/leaks")
            .json(&json!({ "key": "x" }))
            .send()
            .status
    };
    assert_eq!([send(), send(), send(), send()], [202, 202, 202, 429]);
}
