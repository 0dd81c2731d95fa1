//! `/v1/approval-policies`: nobody switches off alone what holds him up.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::tenant::texts;

use crate::v1::approvals::{Held, approve, policy, send, text};
use crate::v1::{refuses, tenant};

#[test]
fn a_policy_is_changed_and_deleted_under_its_own_rule_only() {
    let acme = tenant();
    let id = policy(&acme, "payout", 1);
    let path = format!("/v1/approval-policies/{id}");
    let shown = acme.get(&path).expect(200).json();
    assert_eq!(
        (text(&shown, "act"), &shown["approvals"]),
        ("payout", &json!(1))
    );
    assert_eq!(
        shown["threshold"],
        json!({ "amount": 1_000, "currency": "PHP" })
    );
    let patch = |body: &Value| acme.request("PATCH", &path).json(body).send();
    let asked = patch(&json!({ "threshold": { "amount": 999_999, "currency": "PHP" } }));
    let asked = asked.expect(202).json();
    assert_eq!(text(&asked, "act"), "approval_policy");
    assert_eq!(asked["request"]["threshold"]["amount"], 999_999);
    assert_eq!(
        acme.get(&path).expect(200).json(),
        shown,
        "it is what it was"
    );
    approve(&acme, &acme.owner, &asked).refused(403, "same_person");
    let other = acme.key(Role::Owner);
    approve(&acme, &other, &asked).expect(200);
    let changed = acme.get(&path).expect(200).json();
    assert_eq!(
        (&changed["threshold"]["amount"], &changed["version"]),
        (&json!(999_999), &json!(2))
    );

    let gone = acme.request("DELETE", &path).send().expect(202).json();
    acme.get(&path).expect(200);
    approve(&acme, &other, &gone).expect(200);
    acme.get(&path).refused(404, "not_found");
    acme.request("DELETE", &path)
        .send()
        .refused(404, "not_found");
    assert_eq!(acme.all("/v1/approval-policies").len(), 0);
    let told = texts(&acme.all("/v1/events"), "type");
    for event in [
        "approval_policy.created",
        "approval_policy.updated",
        "approval_policy.deleted",
    ] {
        assert!(told.contains(&event.to_owned()), "{event}");
    }
}

#[test]
fn a_policy_over_policies_holds_up_new_ones_too() {
    let acme = tenant();
    policy(&acme, "approval_policy", 1);
    let body = json!({ "act": "payout", "approvals": 10 });
    let asked = acme.post("/v1/approval-policies", &body).expect(202).json();
    assert_eq!(acme.all("/v1/approval-policies").len(), 1);
    let done = approve(&acme, &acme.key(Role::Owner), &asked)
        .expect(200)
        .json();
    assert!(text(&done, "resource_id").starts_with("apol_"));
    assert_eq!(acme.all("/v1/approval-policies").len(), 2);
}

#[test]
fn what_was_asked_under_other_policies_is_void() {
    let held = Held::new(tenant(), 1);
    let other = held.acme.key(Role::Owner);
    let asked = held.waiting(5_000);
    // One more policy asks for more than was asked for.
    policy(&held.acme, "payout", 2);
    let ended = held.approve(&other, &asked).expect(200).json();
    assert_eq!(
        (text(&ended, "status"), text(&ended, "failure_code")),
        ("failed", "approval_policy_changed")
    );
    held.is_untouched();
    let asked = held.waiting(5_000);
    assert_eq!(asked["policies"].as_array().unwrap().len(), 2);
    assert_eq!(
        held.approve(&other, &asked).expect(200).field("status"),
        "pending"
    );
    held.approve(&held.acme.key(Role::Admin), &asked)
        .expect(200);
    assert_eq!(held.acme.available(&held.to), 5_000);
}

#[test]
fn a_policy_without_a_threshold_holds_every_amount_and_one_with_it_its_own_currency() {
    let acme = tenant();
    acme.post(
        "/v1/approval-policies",
        &json!({ "act": "debit", "approvals": 1 }),
    )
    .expect(201);
    let wallet = acme.funded("master", 100);
    let debit = format!("/v1/wallets/{wallet}/debit");
    acme.post(&debit, &json!({ "amount": 1 })).expect(202);
    let euros =
        json!({ "act": "payout", "threshold": { "amount": 1, "currency": "EUR" }, "approvals": 1 });
    acme.post("/v1/approval-policies", &euros).expect(201);
    acme.pay(&wallet, &acme.wallet("master"), 50).expect(201);
}

#[test]
fn who_may_not_manage_them_reads_them_at_most() {
    let acme = tenant();
    let body = json!({ "act": "payout", "approvals": 1 });
    for role in [Role::Admin, Role::Operator, Role::Viewer] {
        send(&acme, &acme.key(role), "/v1/approval-policies", &body)
            .refused(403, "permission_denied");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    let acme = tenant();
    let many = r#"{"act":"payout","approvals":1,"roles":["owner","admin","viewer","operator","custom","manager","cashier","owner"]}"#;
    refuses(
        &acme,
        "POST",
        "/v1/approval-policies",
        &[
            ("{}", 422, "field_required", "/act"),
            (
                r#"{"act":"dance","approvals":1}"#,
                422,
                "invalid_field",
                "/act",
            ),
            (r#"{"act":"payout"}"#, 422, "field_required", "/approvals"),
            (
                r#"{"act":"payout","approvals":0}"#,
                422,
                "invalid_field",
                "/approvals",
            ),
            (
                r#"{"act":"payout","approvals":11}"#,
                422,
                "invalid_field",
                "/approvals",
            ),
            (
                r#"{"act":"payout","approvals":1,"roles":["king"]}"#,
                422,
                "invalid_field",
                "/roles",
            ),
            (
                r#"{"act":"payout","approvals":1,"roles":["publishable"]}"#,
                422,
                "invalid_field",
                "/roles",
            ),
            (many, 422, "invalid_field", "/roles"),
            (
                r#"{"act":"payout","approvals":1,"expires_in":59}"#,
                422,
                "invalid_field",
                "/expires_in",
            ),
            (
                r#"{"act":"payout","approvals":1,"threshold":{"amount":5}}"#,
                422,
                "field_required",
                "/threshold/currency",
            ),
            (
                r#"{"act":"payout","approvals":1,"threshold":{"currency":"PHP"}}"#,
                422,
                "field_required",
                "/threshold/amount",
            ),
            (
                r#"{"act":"token_reveal","approvals":1,"threshold":{"amount":5,"currency":"PHP"}}"#,
                422,
                "invalid_field",
                "/threshold",
            ),
        ],
    );
    assert_eq!(acme.all("/v1/approval-policies").len(), 0);
}
