//! A card number is refused on every route, wherever it stands, and leaves no trace.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::tenant::{VISA, fresh, texts};

use crate::sample::{guarded, mutating, name, sample, tenant};

const SPACED: &str = "5555 5555 5555 4444";

#[test]
fn headers_and_parameters_of_every_route_are_searched() {
    let acme = tenant();
    for route in guarded() {
        // One of its own: the log writes down so many refusals of a key and second.
        let key = acme.key(Role::Owner);
        let sample = sample(route, &acme);
        let mark = acme.mark();
        let request = sample.with(&key.text).header("X-Note", SPACED);
        let reply = request.send().refused(422, "card_number_refused");
        assert_eq!(
            reply.field("error/details/header"),
            "x-note",
            "{}",
            name(route)
        );
        assert!(!reply.text().contains(SPACED), "{}", reply.text());
        let joint = if sample.target.contains('?') {
            '&'
        } else {
            '?'
        };
        let target = format!("{}{joint}note=5555-5555+5555%204444", sample.target);
        let request = acme.server.request(route.verb.as_str(), &target);
        let mut request = request.bearer(&key.text);
        if let Some(body) = &sample.body {
            request = request.json(body).idempotent(&fresh("odd"));
        }
        let reply = request.send().refused(422, "card_number_refused");
        assert_eq!(
            reply.field("error/details/parameter"),
            "note",
            "{}",
            name(route)
        );
        assert_eq!(
            texts(&acme.audit_since(&mark), "action"),
            ["card_number_refused"; 2],
            "{}",
            name(route)
        );
        told_once_a_minute(&acme.events_since(&mark), name(route));
    }
}

/// What was refused is told, once a minute and key, and nothing else is.
#[track_caller]
fn told_once_a_minute(events: &[Value], route: impl std::fmt::Display) {
    let types: Vec<&Value> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["security.card_number_refused"], "{route}");
}

#[test]
fn every_body_is_searched() {
    let acme = tenant();
    for route in mutating() {
        let key = acme.key(Role::Owner);
        let sample = sample(route, &acme);
        let good = sample.body.clone().unwrap();
        let mark = acme.mark();
        let mut refused = 0;
        for (value, pointer) in [
            (json!(VISA), "/note"),
            (json!(SPACED), "/note"),
            (json!(4_242_424_242_424_242_i64), "/note"),
            (json!({ "a": ["x", { "b": SPACED }] }), "/note/a/1/b"),
            (json!({ SPACED: 1 }), "/note/**** **** **** 4444"),
        ] {
            let mut body = good.clone();
            body["note"] = value;
            let request = sample.request().bearer(&key.text);
            let request = request.idempotent(&fresh("odd")).json(&body);
            let reply = request.send().refused(422, "card_number_refused");
            assert_eq!(reply.field("errors/0/pointer"), pointer, "{}", name(route));
            assert!(!reply.text().contains("5555 5555"), "{}", reply.text());
            refused += 1;
        }
        let keyed = sample.request().bearer(&key.text).idempotent(VISA);
        let reply = keyed.send().refused(422, "card_number_refused");
        assert_eq!(reply.field("error/details/header"), "idempotency-key");
        let audit = acme.audit_since(&mark);
        assert_eq!(audit.len(), refused + 1, "{}", name(route));
        let trail = serde_json::to_string(&audit).unwrap();
        assert!(!trail.contains(VISA) && !trail.contains(SPACED), "{trail}");
        told_once_a_minute(&acme.events_since(&mark), name(route));
        // Refused under a key, it may be sent again without the number.
        sample.done(&acme.owner.text);
    }
}

#[test]
fn what_routes_may_take_is_written_down() {
    let exempt: Vec<String> = strongroom_http::routes()
        .iter()
        .flat_map(|route| {
            route
                .exempt
                .iter()
                .map(|pointer| format!("{} {pointer}", name(route)))
        })
        .collect();
    assert_eq!(
        exempt,
        [
            "POST /v1/payouts /recipient/account_number",
            "POST /v1/payouts /recipient/iban",
            "POST /v1/payout-rails /debtor/iban",
            "POST /v1/beneficiaries /account/account_number",
            "POST /v1/beneficiaries /account/iban",
            "PATCH /v1/beneficiaries/{id} /account/account_number",
            "PATCH /v1/beneficiaries/{id} /account/iban",
            "POST /v1/payout-schedules /recipient/account_number",
            "POST /v1/payout-schedules /recipient/iban",
            "POST /v1/tokens /card/number",
            "POST /v1/products /barcode",
            "PATCH /v1/products/{id} /barcode",
            "POST /v1/tills /public_key",
            "PATCH /v1/tills/{id} /public_key",
            "POST /v1/tills/{id}/transactions /previous",
            "POST /v1/tills/{id}/transactions /signature",
        ]
    );
}
