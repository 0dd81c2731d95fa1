//! How a request ends that nobody has carried out: rejected, withdrawn, expired, failed.

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::approvals::{Held, send, text};
use crate::v1::tenant;

#[test]
fn an_approver_rejects_it_for_good() {
    let held = Held::new(tenant(), 1);
    let asked = held.waiting(5_000);
    let other = held.acme.key(Role::Admin);
    let path = format!("/v1/approvals/{}/reject", text(&asked, "id"));
    send(&held.acme, &held.maker, &path, &json!({})).refused(403, "permission_denied");
    let mark = held.acme.mark();
    let ended = send(&held.acme, &other, &path, &json!({ "reason": "not ours" }));
    let ended = ended.expect(200).json();
    assert_eq!(
        (text(&ended, "status"), text(&ended, "reason")),
        ("rejected", "not ours")
    );
    assert_eq!(ended["ended_by"], json!(other.id));
    assert_eq!(
        texts(&held.acme.events_since(&mark), "type"),
        ["approval.rejected"]
    );
    held.approve(&held.acme.key(Role::Owner), &asked)
        .refused(409, "invalid_state");
    send(&held.acme, &other, &path, &json!({})).refused(409, "invalid_state");
    held.is_untouched();
}

#[test]
fn its_maker_alone_withdraws_it() {
    let held = Held::new(tenant(), 1);
    let asked = held.waiting(5_000);
    let path = format!("/v1/approvals/{}/withdraw", text(&asked, "id"));
    send(&held.acme, &held.acme.owner, &path, &json!({})).refused(403, "permission_denied");
    let ended = send(&held.acme, &held.maker, &path, &json!({})).expect(200);
    assert_eq!(ended.field("status"), "withdrawn");
    held.approve(&held.acme.key(Role::Owner), &asked)
        .refused(409, "invalid_state");
    held.is_untouched();
}

#[test]
fn what_waits_too_long_expires_whether_or_not_anybody_looks() {
    let server = TestServer::start(ServerSettings::default());
    let held = Held::new(Tenant::found(&server), 1);
    let other = held.acme.key(Role::Owner);
    let asked = held.waiting(5_000);
    server.clock.advance(24 * 3_600_000 - 1);
    assert_eq!(server.rail(), 1, "the rail moves the clock on by a second");
    held.approve(&other, &asked)
        .refused(409, "approval_expired");
    assert_eq!(text(&held.now(&asked), "status"), "expired");
    let events = held.acme.all("/v1/events");
    assert_eq!(texts(&events, "type").last().unwrap(), "approval.expired");

    // Before the worker came, it is over as well.
    let asked = held.waiting(5_000);
    server.clock.advance(24 * 3_600_000);
    held.approve(&other, &asked)
        .refused(409, "approval_expired");
    assert_eq!(text(&held.now(&asked), "status"), "expired");
    assert_eq!(held.acme.all("/v1/approvals?status=pending").len(), 0);
    assert_eq!(held.acme.all("/v1/approvals?status=expired").len(), 2);
    held.is_untouched();
}

#[test]
fn money_that_is_gone_by_then_moves_nothing() {
    let held = Held::new(tenant(), 1);
    let asked = held.waiting(9_500);
    let other = held.acme.key(Role::Owner);
    send(&held.acme, &other, "/v1/payouts", &held.body(800)).expect(201);
    let mark = held.acme.mark();
    let ended = held.approve(&other, &asked).expect(200).json();
    assert_eq!(
        (text(&ended, "status"), text(&ended, "failure_code")),
        ("failed", "insufficient_funds")
    );
    assert_eq!(
        (
            held.acme.available(&held.from),
            held.acme.available(&held.to)
        ),
        (9_200, 800)
    );
    let audit = held.acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["approval_failed"]);
    assert_eq!(audit[0]["details"]["failure"], "insufficient_funds");
    assert_eq!(
        texts(&held.acme.events_since(&mark), "type"),
        ["approval.failed"]
    );
    held.approve(&held.acme.key(Role::Owner), &asked)
        .refused(409, "invalid_state");
}

#[test]
fn a_maker_who_may_no_more_has_nothing_done() {
    let held = Held::new(tenant(), 1);
    let asked = held.waiting(5_000);
    held.acme
        .post(
            &format!("/v1/api-keys/{}/revoke", held.maker.id),
            &json!({}),
        )
        .expect(200);
    let ended = held
        .approve(&held.acme.key(Role::Owner), &asked)
        .expect(200);
    assert_eq!(ended.field("failure_code"), "permission_denied");
    held.is_untouched();
}

#[test]
fn the_limits_of_the_makers_key_apply_when_it_is_done() {
    let mut held = Held::new(tenant(), 1);
    let limits = json!({ "role": "operator", "limits": { "per_day": 6_000 } });
    let made = held.acme.post("/v1/api-keys", &limits).expect(201);
    held.maker.text = made.field("key");
    let asked = [held.waiting(4_000), held.waiting(4_000)];
    let other = held.acme.key(Role::Owner);
    assert_eq!(
        held.approve(&other, &asked[0]).expect(200).field("status"),
        "executed"
    );
    let ended = held.approve(&other, &asked[1]).expect(200);
    assert_eq!(ended.field("failure_code"), "key_limit_exceeded");
    assert_eq!(held.acme.available(&held.to), 4_000);
    let more = send(&held.acme, &held.maker, "/v1/payouts", &held.body(2_500));
    more.refused(403, "key_limit_exceeded");
}
