//! `/v1/events`

mod abandoned;
mod stream;

use serde_json::{Value, json};
use strongroom_audit::verify_bundle;
use strongroom_testkit::tenant::texts;

use crate::v1::tenant;

#[test]
fn the_stream_is_oldest_first_and_read_on_without_a_gap() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    for n in 1..=4 {
        acme.pay(&from, &to, n).expect(201);
    }
    let all = acme.all("/v1/events");
    assert_eq!(all.len(), 4 + 4 * 6, "{:?}", texts(&all, "type"));
    for limit in [1, 2, 5, 7, 28, 100] {
        let mut walked: Vec<Value> = Vec::new();
        let mut next = format!("/v1/events?limit={limit}");
        loop {
            let page = acme.get(&next).expect(200).json();
            walked.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            next = format!("/v1/events?limit={limit}&after={cursor}");
        }
        assert_eq!(walked, all, "limit {limit}");
    }
    let middle = all[9]["id"].as_str().unwrap();
    let before = acme
        .get(&format!("/v1/events?limit=3&before={middle}"))
        .expect(200)
        .json();
    assert_eq!(before["data"], json!(all[6..9]));
    assert_eq!(
        acme.get(&format!("/v1/events/{middle}")).expect(200).json(),
        all[9]
    );
    let last = all[27]["id"].as_str().unwrap();
    assert_eq!(
        acme.get(&format!("/v1/events?after={last}"))
            .expect(200)
            .json()["data"],
        json!([])
    );
    acme.get("/v1/events?after=evt_000000000000000000000001")
        .refused(400, "bad_cursor");
}

#[test]
fn types_are_chosen() {
    let acme = tenant();
    let from = acme.funded("master", 1_000);
    acme.pay_bank(&from, 5).expect(201);
    let types = |query: &str| texts(&acme.all(&format!("/v1/events?{query}")), "type");
    assert_eq!(types("type=wallet.credited"), ["wallet.credited"]);
    acme.get("/v1/events?type=wallet.exploded")
        .refused(400, "invalid_parameter");
}

#[test]
fn a_body_survives_javascript() {
    let acme = tenant();
    let from = acme.funded("master", 9_007_199_254_740_991);
    acme.pay_bank(&from, 9_007_199_254_740_991).expect(201);
    for event in acme.all("/v1/events") {
        let id = event["id"].as_str().unwrap();
        let text = acme.get(&format!("/v1/events/{id}")).expect(200).text();
        let keys: Vec<&String> = event.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 5, "id, created, type, data, livemode: {text}");
        assert!(
            !text.contains(['\n', '\t']) && !text.contains("\\/") && !text.contains(".0"),
            "{text}"
        );
        // Compact, and with nothing to escape, it is what JSON.stringify gives for the same members in the same order.
        let members = [
            "\"id\":",
            "\"created\":",
            "\"type\":",
            "\"data\":",
            "\"livemode\":",
        ];
        let places: Vec<usize> = members.iter().map(|m| text.find(m).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        assert!(
            text.starts_with("{\"id\":\"evt_") && text.ends_with("\"livemode\":false}"),
            "{text}"
        );
    }
}

#[test]
fn an_event_is_proven_by_its_entry() {
    let acme = tenant();
    let from = acme.funded("master", 100);
    acme.pay_bank(&from, 10).expect(201);
    let events = acme.all("/v1/events");
    let records = acme.all("/v1/audit-logs?action=payout_created");
    for event in &events {
        let id = event["id"].as_str().unwrap();
        let proof = acme.get(&format!("/v1/events/{id}/proof")).expect(200);
        let report = verify_bundle(&proof.body, None).unwrap();
        assert_eq!(report.entries, 1);
        if event["type"] == "payout.initiated" {
            let sequence = records[0]["sequence"].as_u64().unwrap();
            assert_eq!(report.range, Some((sequence, sequence)));
        }
    }
    // Records and events share the numbers of an entry; only an event's own id is one.
    let record = records[0]["id"].as_str().unwrap().replace("audit_", "evt_");
    for stranger in [record.as_str(), "evt_0123456789abcdef01234567", "evt"] {
        acme.get(&format!("/v1/events/{stranger}/proof"))
            .refused(404, "not_found");
    }
    let other = tenant();
    let id = events[0]["id"].as_str().unwrap();
    other
        .get(&format!("/v1/events/{id}/proof"))
        .refused(404, "not_found");
}
