//! `GET /v1/alerts` with its filters, `POST /v1/alerts/{id}/acknowledge` and `/resolve`.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::tenant::{VISA, texts};

use crate::v1::alerts::{alerts, browse};
use crate::v1::{refuses, tenant};

#[test]
fn one_is_taken_up_then_done_with_and_the_next_is_new() {
    let acme = tenant();
    let key = acme.key(Role::Viewer);
    browse(&acme, &key.text);
    let id = alerts(&acme, "")[0]["id"].as_str().unwrap().to_owned();
    let path = |step: &str| format!("/v1/alerts/{id}/{step}");
    let mark = acme.mark();
    let seen = acme
        .post(&path("acknowledge"), &json!({}))
        .expect(200)
        .json();
    assert_eq!(seen["status"], "acknowledged");
    assert_eq!(seen["acknowledged_by"], json!(acme.owner.id));
    acme.post(&path("acknowledge"), &json!({}))
        .refused(409, "invalid_state");
    let done = acme
        .post(&path("resolve"), &json!({ "note": "key revoked" }))
        .expect(200)
        .json();
    assert_eq!(
        (&done["status"], &done["note"]),
        (&json!("resolved"), &json!("key revoked"))
    );
    assert_eq!(done["resolved_by"], json!(acme.owner.id));
    assert_eq!(done["acknowledged_at"], seen["acknowledged_at"]);
    assert_eq!(
        acme.get(&format!("/v1/alerts/{id}")).expect(200).json(),
        done
    );
    for step in ["acknowledge", "resolve"] {
        acme.post(&path(step), &json!({}))
            .refused(409, "invalid_state");
    }
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        ["alert.acknowledged", "alert.resolved"]
    );
    assert_eq!(
        texts(&acme.audit_since(&mark), "action")[..2],
        ["alert_acknowledged", "alert_acknowledged"],
        "the second was refused"
    );

    // It was told at this second already, so what happens now waits; another rule does not.
    let body = json!({ "type": "master", "metadata": { "a": VISA } });
    for _ in 0..2 {
        acme.post("/v1/wallets", &body)
            .refused(422, "card_number_refused");
    }
    let open = alerts(&acme, "?status=open");
    assert_eq!(texts(&open, "type"), ["card_number_in_field"]);
}

#[test]
fn the_list_is_narrowed_and_paged() {
    let acme = tenant();
    for _ in 0..5 {
        browse(&acme, &acme.key(Role::Viewer).text);
    }
    let body = json!({ "type": "master", "metadata": { "a": VISA } });
    acme.post("/v1/wallets", &body)
        .refused(422, "card_number_refused");
    let all = alerts(&acme, "");
    assert_eq!(all.len(), 6);
    for (query, count) in [
        ("?severity=high", 5),
        ("?severity=medium", 1),
        ("?severity=critical", 0),
        ("?type=card_number_in_field", 1),
        ("?type=secret_key_in_browser&status=open", 5),
        ("?status=resolved", 0),
        ("?created_after=2030-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(alerts(&acme, query).len(), count, "{query}");
    }
    let first = acme.get("/v1/alerts?limit=2").expect(200).json();
    assert_eq!(first["data"], Value::from(all[..2].to_vec()));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = acme.get(&format!("/v1/alerts?limit=2&after={cursor}"));
    assert_eq!(
        second.expect(200).json()["data"],
        Value::from(all[2..4].to_vec())
    );
    for (query, code) in [
        ("?status=gone", "invalid_parameter"),
        ("?severity=7", "invalid_parameter"),
        ("?type=x", "invalid_parameter"),
        ("?after=alert_1", "bad_cursor"),
    ] {
        acme.get(&format!("/v1/alerts{query}")).refused(400, code);
    }
}

#[test]
fn what_is_not_understood_changes_nothing() {
    let acme = tenant();
    browse(&acme, &acme.key(Role::Viewer).text);
    let id = alerts(&acme, "")[0]["id"].as_str().unwrap().to_owned();
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(501));
    refuses(
        &acme,
        "POST",
        &format!("/v1/alerts/{id}/resolve"),
        &[
            (r#"{"note":7}"#, 422, "invalid_field", "/note"),
            (&long, 422, "invalid_field", "/note"),
            (r#"{"status":"open"}"#, 422, "unknown_field", "/status"),
        ],
    );
    assert_eq!(alerts(&acme, "?status=open").len(), 1);
}
