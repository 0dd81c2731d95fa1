//! What every change leaves behind: an audit entry, an event, and an answer that a retry gets again.

use serde_json::{Value, json};
use strongroom_http::{ReplyKind, Route};
use strongroom_testkit::tenant::texts;

use crate::sample::{mutating, name, sample, tenant};

/// Changes that tell no event. Only shrinks.
const WITHOUT_EVENT: &[&str] = &[];

#[test]
fn each_has_one_audit_entry_and_its_events() {
    let acme = tenant();
    for route in mutating() {
        let sample = sample(route, &acme);
        let mark = acme.mark();
        let reply = sample.done(&acme.owner.text);
        let audit = acme.audit_since(&mark);
        assert_eq!(audit.len(), 1, "{}: {audit:?}", name(route));
        let record = &audit[0];
        assert_eq!(record["outcome"], json!("success"), "{}", name(route));
        assert_eq!(
            record["credential_id"],
            json!(acme.owner.id),
            "{}",
            name(route)
        );
        assert_eq!(record["policy"], json!("role:owner:*"), "{}", name(route));
        assert_eq!(
            record["request_id"].as_str(),
            reply.header("x-request-id"),
            "{}",
            name(route)
        );
        assert!(
            record["action"].as_str().unwrap().contains(noun(route)),
            "{}: {record}",
            name(route)
        );
        let resource = record["resource_id"].as_str().unwrap();
        // There is one record of an organization's rates, which needs no name.
        let is_only_one = resource.starts_with("rlim_") && route.path == "/v1/rate-limits";
        let about = reply.text().contains(resource) || sample.target.contains(resource);
        let about = about || is_only_one;
        assert!(
            about,
            "{}: {record} is about something else than {}",
            name(route),
            reply.text()
        );
        let events = acme.events_since(&mark);
        let exempt = WITHOUT_EVENT.contains(&name(route).as_str());
        assert_eq!(
            events.is_empty(),
            exempt,
            "{}: {:?}",
            name(route),
            texts(&events, "type")
        );
        for event in &events {
            check_event(route, event);
        }
    }
}

fn noun(route: &Route) -> &'static str {
    match route.path.split('/').nth(2) {
        Some("wallets") => "wallet",
        Some("transfers") => "transfer",
        Some("payouts") => "payout",
        Some("api-keys") => "api_key",
        Some("webhooks") => "webhook",
        Some("tokens") => "token",
        Some("payments") => "payment",
        Some("payment-links") => "payment_link",
        Some("payout-rails") => "payout_rail",
        Some("payout-files") => "payout_file",
        Some("beneficiaries") => "beneficiary",
        Some("payout-schedules") => "payout_schedule",
        Some("payout-settings") => "payout_settings",
        Some("refunds") => "refund",
        Some("users") => "user",
        Some("roles") => "role",
        Some("rate-limits") => "rate_limits",
        Some("alerts") => "alert",
        Some("approvals" | "approval-policies") => "approval",
        Some("customers") => "customer",
        Some("products") => "product",
        Some("stores") => "store",
        Some("tills") => "till",
        Some("shifts") => "shift",
        Some("transactions") => "transaction",
        Some("fee-schedules") => "fee_schedule",
        Some("reports") => "report",
        Some("oauth") => "oauth_client",
        other => panic!("no noun for {other:?}"),
    }
}

fn check_event(route: &Route, event: &Value) {
    assert!(
        event["id"].as_str().unwrap().starts_with("evt_"),
        "{}: {event}",
        name(route)
    );
    assert_eq!(event["livemode"], json!(false), "{}: {event}", name(route));
    assert_eq!(
        event["created"],
        json!(1_767_225_600),
        "{}: {event}",
        name(route)
    );
    assert!(event["data"].is_object(), "{}: {event}", name(route));
    assert_eq!(
        event.as_object().unwrap().len(),
        5,
        "{}: {event}",
        name(route)
    );
}

#[test]
fn a_retry_gets_the_first_answer_and_changes_nothing() {
    let acme = tenant();
    for route in mutating() {
        let sample = sample(route, &acme);
        let request = sample.with(&acme.owner.text);
        let first = request.send().expect(route.success);
        let mark = acme.mark();
        let again = request.send();
        match route.reply {
            ReplyKind::Stream | ReplyKind::File => panic!("{} streams a change", name(route)),
            ReplyKind::Kept => {
                assert_eq!(
                    (again.status, &again.body),
                    (first.status, &first.body),
                    "{}",
                    name(route)
                );
                assert_eq!(
                    again.header("idempotent-replayed"),
                    Some("true"),
                    "{}",
                    name(route)
                );
                assert_eq!(first.header("idempotent-replayed"), None, "{}", name(route));
            }
            ReplyKind::Secret => {
                let again = again.refused(409, "reply_not_kept");
                let resource = again.field("error/details/resource_id");
                assert!(
                    ["key_", "whk_", "tok_", "user_", "client_"]
                        .iter()
                        .any(|prefix| resource.starts_with(prefix)),
                    "{}: {}",
                    name(route),
                    again.text()
                );
            }
        }
        let other = format!("{} ", sample.body.clone().unwrap());
        request
            .clone()
            .body(other)
            .send()
            .refused(409, "idempotency_key_reused");
        assert_eq!(
            acme.audit_since(&mark),
            [Value::Null; 0],
            "{} was done twice",
            name(route)
        );
        assert_eq!(
            acme.events_since(&mark),
            [Value::Null; 0],
            "{}",
            name(route)
        );
    }
}

#[test]
fn one_text_is_another_key_on_another_endpoint() {
    let acme = tenant();
    for route in mutating() {
        let sample = sample(route, &acme);
        let request = sample
            .request()
            .bearer(&acme.owner.text)
            .idempotent("the-same-everywhere");
        let reply = request.send();
        assert_eq!(
            reply.status,
            route.success,
            "{}: {}",
            name(route),
            reply.text()
        );
        assert_eq!(reply.header("idempotent-replayed"), None, "{}", name(route));
    }
}

#[test]
fn the_forms_of_a_key_mean_the_same() {
    let acme = tenant();
    for route in mutating().filter(|route| route.reply == ReplyKind::Kept) {
        let sample = sample(route, &acme);
        let with = |name: &str, value: &str| {
            sample
                .request()
                .bearer(&acme.owner.text)
                .header(name, value)
                .send()
        };
        let first = with("Idempotency-Key", "\"quoted\"").expect(route.success);
        for (header, value) in [
            ("Idempotency-Key", "quoted"),
            ("X-Idempotency-Key", "quoted"),
        ] {
            let again = with(header, value);
            assert_eq!(again.body, first.body, "{} {header}: {value}", name(route));
            assert_eq!(
                again.header("idempotent-replayed"),
                Some("true"),
                "{}",
                name(route)
            );
        }
    }
}
