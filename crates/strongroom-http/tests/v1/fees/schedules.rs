//! Schedules themselves.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use super::schedule;
use crate::v1::payments::verified;

#[test]
fn schedules_are_versioned_by_date() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let first = schedule(&acme, "payments", 250, 15, &json!({})).expect(201);
    assert_eq!(first.field("version"), "1");
    assert_eq!(first.field("status"), "in_force");
    assert_eq!(first.field("refunds"), "kept");
    assert_eq!(first.field("amounts/0/fixed_decimal"), "0.15");
    let soon = server.engine.now().plus(1_000).to_string();
    let second = schedule(&acme, "payments", 0, 0, &json!({ "effective_from": soon }));
    let second = second.expect(201);
    assert_eq!(second.field("status"), "scheduled");
    let other = schedule(&acme, "payouts", 10, 0, &json!({})).expect(201);
    assert_eq!(other.field("version"), "1");
    let statuses = || {
        let all = acme.all("/v1/fee-schedules?applies_to=payments");
        texts(&all, "status")
    };
    assert_eq!(statuses(), ["scheduled", "in_force"]);
    server.clock.advance(1_000);
    assert_eq!(statuses(), ["in_force", "superseded"]);
    let one = acme.get(&format!("/v1/fee-schedules/{}", first.id()));
    assert_eq!(one.expect(200).field("status"), "superseded");
    assert_eq!(acme.all("/v1/fee-schedules").len(), 3);
    let page = acme.get("/v1/fee-schedules?limit=2").expect(200);
    let next = page.field("next_cursor");
    let rest = acme.get(&format!("/v1/fee-schedules?limit=2&after={next}"));
    assert_eq!(rest.expect(200).field("data/0/id"), first.id());
    drop(acme);
    verified(server);
}

#[test]
fn only_what_has_not_begun_is_taken_back() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let soon = server.engine.now().plus(60_000).to_string();
    let scheduled = schedule(
        &acme,
        "payments",
        500,
        0,
        &json!({ "effective_from": soon }),
    );
    let begun = schedule(&acme, "payments", 100, 0, &json!({}))
        .expect(201)
        .id();
    let delete = |id: &str| {
        let request = acme.request("DELETE", &format!("/v1/fee-schedules/{id}"));
        request.idempotent(&fresh("delete")).send()
    };
    delete(&begun).refused(409, "invalid_state");
    let gone = scheduled.expect(201).id();
    delete(&gone).expect(200);
    delete(&gone).refused(404, "not_found");
    acme.get(&format!("/v1/fee-schedules/{gone}"))
        .refused(404, "not_found");
    server.clock.advance(60_000);
    let wallet = acme.wallet("operating");
    let payment = acme.paid(&wallet, 1_000);
    let paid = acme.get(&format!("/v1/payments/{payment}")).expect(200);
    assert_eq!(paid.field("fee"), "10");
    drop(acme);
    verified(server);
}

#[test]
fn what_does_not_fit_is_named() {
    let acme = Tenant::found(TestServer::shared());
    let refused = |body: Value, code: &str, pointer: &str| {
        let reply = acme.post("/v1/fee-schedules", &body).refused(422, code);
        assert_eq!(reply.field("errors/0/pointer"), pointer, "{body}");
    };
    refused(json!({}), "field_required", "/applies_to");
    let with = |name: &str, value: Value| {
        let mut body = json!({ "applies_to": "payments" });
        body[name] = value;
        body
    };
    refused(
        with("applies_to", json!("wallets")),
        "invalid_field",
        "/applies_to",
    );
    refused(
        with("percent_bps", json!(10_001)),
        "invalid_field",
        "/percent_bps",
    );
    refused(
        with("percent_bps", json!(-1)),
        "invalid_field",
        "/percent_bps",
    );
    refused(
        with("percent_bps", json!(2.5)),
        "invalid_field",
        "/percent_bps",
    );
    refused(with("refunds", json!("all")), "invalid_field", "/refunds");
    refused(
        with("amounts", json!([{ "fixed": 5 }])),
        "field_required",
        "/amounts/0/currency",
    );
    let past = json!("2020-01-01T00:00:00Z");
    refused(
        with("effective_from", past),
        "invalid_field",
        "/effective_from",
    );
    let twice = json!([{ "currency": "PHP" }, { "currency": "php" }]);
    refused(with("amounts", twice), "invalid_field", "/amounts");
    let crossed = json!([{ "currency": "PHP", "minimum": 5, "maximum": 4 }]);
    refused(with("amounts", crossed), "invalid_field", "/amounts");
    let payouts = json!({ "applies_to": "payouts", "refunds": "returned" });
    refused(payouts, "invalid_field", "/refunds");
    assert_eq!(acme.all("/v1/fee-schedules").len(), 0);
}

#[test]
fn who_may_charge() {
    let acme = Tenant::found(TestServer::shared());
    let other = Tenant::found(TestServer::shared());
    let id = schedule(&acme, "payments", 100, 0, &json!({}))
        .expect(201)
        .id();
    let ask = |key: &str, method: &str, target: &str| {
        let request = acme.server.request(method, target).bearer(key);
        match method {
            "POST" => request
                .idempotent(&fresh("who"))
                .json(&json!({ "applies_to": "payouts" }))
                .send(),
            _ => request.send(),
        }
    };
    let read = format!("/v1/fee-schedules/{id}");
    for (role, reads, makes) in [
        (Role::Admin, 200, 201),
        (Role::Operator, 200, 403),
        (Role::Viewer, 200, 403),
        (Role::Publishable, 403, 403),
    ] {
        let key = acme.key(role).text;
        assert_eq!(ask(&key, "GET", &read).status, reads, "{role:?}");
        assert_eq!(
            ask(&key, "POST", "/v1/fee-schedules").status,
            makes,
            "{role:?}"
        );
    }
    other.get(&read).refused(404, "not_found");
}
