//! `/v1/rate-limits`: an organization's own rates, within the operator's.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_http::EdgeSettings;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::{refuses, tenant};

/// A server whose clock stands still unless the test moves it.
fn server(change: impl FnOnce(&mut EdgeSettings)) -> TestServer {
    let mut settings = ServerSettings::default();
    change(&mut settings.edge);
    TestServer::start(settings)
}

fn set(acme: &Tenant<'_>, body: &Value) -> Reply {
    acme.request("PATCH", "/v1/rate-limits")
        .idempotent(&fresh("rates"))
        .json(body)
        .send()
}

fn read(acme: &Tenant<'_>, key: &Key) -> Reply {
    acme.server
        .request("GET", "/v1/account")
        .bearer(&key.text)
        .send()
}

/// How many of so many readings pass.
fn passing(acme: &Tenant<'_>, key: &Key, requests: usize) -> usize {
    let replies = (0..requests).map(|_| read(acme, key));
    let statuses: Vec<u16> = replies.map(|reply| reply.status).collect();
    assert!(
        statuses.iter().all(|status| [200, 429].contains(status)),
        "{statuses:?}"
    );
    statuses.iter().filter(|status| **status == 200).count()
}

#[test]
fn nothing_is_bounded_until_somebody_says_so() {
    let acme = tenant();
    let none = json!({
        "per_second": null, "reads_per_second": null, "writes_per_second": null, "money_per_second": null,
    });
    let expected = json!({
        "object": "rate_limits", "organization": none, "key": none, "keys": [],
        "weights": {"reads": 1, "writes": 1, "money": 1}, "report_only": false, "updated_at": null,
        "ceilings": {"organization": none, "key": none, "may_be_raised": false}, "usage": [], "passed": [],
    });
    assert_eq!(acme.get("/v1/rate-limits").expect(200).json(), expected);
    assert_eq!(passing(&acme, &acme.owner, 30), 30);
}

#[test]
fn what_is_set_holds_from_the_next_request_on_and_over_a_restart() {
    let server = server(|_| {});
    let acme = Tenant::found(&server);
    let key = acme.key(Role::Viewer);
    let mark = acme.mark();
    let changed = set(&acme, &json!({ "key": { "per_second": 3 } }))
        .expect(200)
        .json();
    assert_eq!(changed["key"]["per_second"], 3);
    assert_eq!(passing(&acme, &key, 5), 3);
    let refused = read(&acme, &key).refused(429, "rate_limited");
    assert_eq!(
        refused.header("ratelimit-policy"),
        Some("\"own_key\";q=3;w=1")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    let shown = acme
        .get(&format!("/v1/rate-limits?key_id={}", key.id))
        .expect(200)
        .json();
    assert_eq!(
        shown["usage"],
        json!([{"limit": "own_key", "per_second": 3, "remaining": 0, "reset_seconds": 1}])
    );
    assert_eq!(
        shown["passed"],
        json!([{"limit": "own_key", "refused": 3, "would_have_refused": 0}])
    );
    server.clock.advance(1_000);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["rate_limits.updated"]
    );
    server.clock.advance(1_000);
    let audit = acme.all("/v1/audit-logs?action=rate_limits_updated");
    assert_eq!(audit[0]["details"]["changed"], "key");
    server.clock.advance(1_000);
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    server.clock.advance(1_000);
    assert_eq!(passing(&acme, &key, 5), 3);
    server.clock.advance(1_000);
    set(&acme, &json!({ "key": null })).expect(200);
    assert_eq!(passing(&acme, &key, 10), 10);
}

#[test]
fn kinds_of_requests_have_rates_and_weights_of_their_own() {
    let server = server(|_| {});
    let acme = Tenant::found(&server);
    let key = acme.key(Role::Operator);
    let (from, to) = (acme.funded("master", 1_000), acme.wallet("master"));
    let pay = || {
        let body = json!({ "amount": 1, "source_wallet_id": from, "destination_wallet_id": to });
        let request = acme
            .server
            .request("POST", "/v1/transfers")
            .bearer(&key.text);
        request.idempotent(&fresh("pay")).json(&body).send()
    };
    let rates = json!({ "reads_per_second": 2, "money_per_second": 1 });
    set(
        &acme,
        &json!({ "keys": [{ "key_id": key.id, "reads_per_second": 2, "money_per_second": 1 }] }),
    )
    .expect(200);
    assert_eq!(passing(&acme, &key, 4), 2);
    pay().expect(201);
    pay().refused(429, "rate_limited");
    assert_eq!(passing(&acme, &acme.owner, 9), 9, "another key has none");
    server.clock.advance(1_000);
    set(
        &acme,
        &json!({ "keys": null, "organization": rates, "weights": { "reads": 2 } }),
    )
    .expect(200);
    assert_eq!(passing(&acme, &key, 4), 1, "each counts for two");
    pay().expect(201);
    // Those of the organization are of all its keys together.
    assert_eq!(passing(&acme, &acme.owner, 4), 0);
}

#[test]
fn the_operator_s_file_is_the_ceiling_unless_it_says_otherwise() {
    let strict = server(|edge| (edge.key_limit, edge.organization_limit) = (Some(20), Some(30)));
    let acme = Tenant::found(&strict);
    let over = set(&acme, &json!({ "key": { "per_second": 21 } })).refused(422, "invalid_field");
    assert!(over.text().contains("/key/per_second") && over.text().contains("20"));
    set(&acme, &json!({ "organization": { "per_second": 31 } })).refused(422, "invalid_field");
    set(&acme, &json!({ "key": { "per_second": 20 } })).expect(200);
    let ceilings = acme.get("/v1/rate-limits").expect(200).json()["ceilings"].clone();
    assert_eq!(
        (&ceilings["key"]["per_second"], &ceilings["may_be_raised"]),
        (&json!(20), &json!(false))
    );
    let loose = server(|edge| (edge.key_limit, edge.limits_may_be_raised) = (Some(2), true));
    let acme = Tenant::found(&loose);
    let key = acme.key(Role::Viewer);
    assert_eq!(passing(&acme, &key, 5), 2);
    loose.clock.advance(1_000);
    set(&acme, &json!({ "key": { "per_second": 4 } })).expect(200);
    assert_eq!(passing(&acme, &key, 9), 4);
}

#[test]
fn report_only_refuses_nobody_and_says_whom_it_would_have() {
    let server = server(|_| {});
    let acme = Tenant::found(&server);
    let key = acme.key(Role::Viewer);
    let body = json!({ "key": { "per_second": 2 }, "report_only": true });
    set(&acme, &body).expect(200);
    assert_eq!(passing(&acme, &key, 7), 7);
    let passed = acme.get("/v1/rate-limits").expect(200).json()["passed"].clone();
    assert_eq!(
        passed,
        json!([{"limit": "own_key", "refused": 0, "would_have_refused": 5}])
    );
    server.clock.advance(1_000);
    let told = acme.all("/v1/request-logs?warning=rate_limit_exceeded");
    assert_eq!(told.len(), 5, "{told:?}");
}

/// However one organization sets and passes its own limits, another is served as if it were alone.
#[test]
fn no_tenant_starves_another() {
    let server = server(|edge| edge.organization_limit = Some(1_000));
    let (loud, quiet) = (Tenant::found(&server), Tenant::found(&server));
    set(&loud, &json!({ "organization": { "per_second": 5 } })).expect(200);
    let keys: Vec<Key> = (0..8).map(|_| loud.key(Role::Viewer)).collect();
    std::thread::scope(|all| {
        for key in &keys {
            let loud = &loud;
            all.spawn(move || (0..40).for_each(|_| drop(read(loud, key))));
        }
        assert_eq!(passing(&quiet, &quiet.owner, 40), 40);
    });
    let standing = quiet.get("/v1/account").expect(200);
    assert_eq!(
        standing.header("ratelimit"),
        Some("\"organization\";r=959;t=1")
    );
    let shown = loud.get("/v1/rate-limits").expect(200).json();
    let refused = shown["passed"][0]["refused"].as_u64().unwrap();
    assert!(refused >= 8 * 40 - 5, "{shown}");
    // What is set in test mode says nothing of live.
    let live = loud.live();
    server.clock.advance(1_000);
    assert_eq!(passing(&live, &live.owner, 20), 20);
}

#[test]
fn bodies_that_do_not_fit_are_refused() {
    let acme = tenant();
    let over = format!(
        "{{\"keys\":[{}]}}",
        vec!["{\"key_id\":\"x\"}"; 201].join(",")
    );
    let cases = [
        (
            r#"{"key":{"per_second":0}}"#,
            422,
            "invalid_field",
            "/key/per_second",
        ),
        (
            r#"{"key":{"per_hour":5}}"#,
            422,
            "unknown_field",
            "/key/per_hour",
        ),
        (
            r#"{"weights":{"reads":0}}"#,
            422,
            "invalid_field",
            "/weights/reads",
        ),
        (
            r#"{"report_only":"yes"}"#,
            422,
            "invalid_field",
            "/report_only",
        ),
        (
            r#"{"keys":[{"per_second":5}]}"#,
            422,
            "field_required",
            "/keys/0/key_id",
        ),
        (
            r#"{"keys":[{"key_id":"x","per_second":5}]}"#,
            404,
            "not_found",
            "/keys/0/key_id",
        ),
        (over.as_str(), 422, "invalid_field", "/keys"),
    ];
    refuses(&acme, "PATCH", "/v1/rate-limits", &cases);
    let viewer = acme.key(Role::Viewer);
    let request = acme
        .server
        .request("PATCH", "/v1/rate-limits")
        .bearer(&viewer.text);
    request
        .json(&json!({}))
        .send()
        .refused(403, "permission_denied");
    acme.get("/v1/rate-limits?key_id=x")
        .refused(404, "not_found");
    // Whoever sets them too low can take them back.
    let server = server(|_| {});
    let acme = Tenant::found(&server);
    set(&acme, &json!({ "organization": { "per_second": 1 } })).expect(200);
    assert_eq!(passing(&acme, &acme.owner, 3), 1);
    set(&acme, &json!({ "organization": null })).expect(200);
    assert_eq!(passing(&acme, &acme.owner, 9), 9);
}
