//! `POST /v1/approvals/{id}/approve`: whose approval counts, for what.

use serde_json::{Value, json};
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_crypto::sha256;
use strongroom_testkit::books::Key;
use strongroom_testkit::tenant::{fresh, texts};

use crate::v1::approvals::{Held, policy, send, text};
use crate::v1::tenant;

#[test]
fn a_payout_over_the_threshold_waits_and_is_made_once_another_agrees() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    // What is not over it is made at once.
    send(acme, &held.maker, "/v1/payouts", &held.body(1_000)).expect(201);
    let other = acme.key(Role::Admin);
    let mark = acme.mark();
    let asked = held.waiting(1_001);
    assert_eq!(
        (text(&asked, "status"), text(&asked, "act")),
        ("pending", "payout")
    );
    assert_eq!(asked["requested_by"], json!(held.maker.id));
    assert_eq!(
        (acme.available(&held.from), acme.available(&held.to)),
        (9_000, 1_000)
    );
    let wanted = json!({
        "amount": 1_001, "currency": "PHP", "source_wallet_id": held.from, "reference_id": null, "description": null,
        "recipient": { "type": "wallet", "id": held.to }, "metadata": {},
    });
    assert_eq!(asked["request"], wanted);
    // The hash is of the text, which anybody can compute, and the text is the request and what it was asked under.
    let canonical = text(&asked, "canonical");
    let hash: String = sha256(&[canonical.as_bytes()])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(asked["hash"], json!(hash));
    let signed: Value = serde_json::from_str(canonical).unwrap();
    assert_eq!(signed["request"], wanted);
    assert_eq!(signed["approval_id"], asked["id"]);
    assert_eq!(signed["policies"], asked["policies"]);
    assert_eq!(signed["maker"], json!(held.maker.id));
    assert_eq!(held.now(&asked), asked);

    let done = held.approve(&other, &asked).expect(200).json();
    assert_eq!(text(&done, "status"), "executed");
    assert_eq!(done["approvals"][0]["key_id"], json!(other.id));
    assert_eq!(
        (acme.available(&held.from), acme.available(&held.to)),
        (7_999, 2_001)
    );
    let payout = acme
        .get(&format!("/v1/payouts/{}", text(&done, "resource_id")))
        .expect(200)
        .json();
    assert_eq!(
        (&payout["amount"], &payout["status"]),
        (&json!(1_001), &json!("completed"))
    );
    assert_eq!(held.now(&asked), done);
    let told = texts(&acme.events_since(&mark), "type");
    assert_eq!(told[0], "approval.requested");
    assert_eq!(
        told[told.len() - 2..],
        ["approval.approved", "approval.executed"]
    );
    assert!(told.contains(&"payout.completed".to_owned()));
    // The entry of the payout says who agreed to it, and to what.
    let audit = acme.audit_since(&mark);
    assert_eq!(
        texts(&audit, "action"),
        ["approval_requested", "payout_created"]
    );
    assert_eq!(audit[1]["credential_id"], json!(other.id));
    assert_eq!(audit[1]["resource_id"], payout["id"]);
    let details = &audit[1]["details"];
    assert_eq!(details["approval"], asked["id"]);
    assert_eq!(details["approval_hash"], asked["hash"]);
    assert_eq!(details["requested_by"], json!(held.maker.id));
    assert_eq!(details["approved_by"], json!(other.id));
    held.approve(&acme.key(Role::Owner), &asked)
        .refused(409, "invalid_state");
}

#[test]
fn one_byte_of_the_hash_changed_and_nothing_is_agreed_to() {
    let held = Held::new(tenant(), 1);
    let asked = held.waiting(5_000);
    let twin = held.waiting(5_000);
    assert_ne!(
        asked["hash"], twin["hash"],
        "each approval is for one request"
    );
    let other = held.acme.key(Role::Owner);
    let path = format!("/v1/approvals/{}/approve", text(&asked, "id"));
    let hash = text(&asked, "hash");
    for at in 0..64 {
        let mut wrong = hash.to_owned();
        let digit = if &hash[at..=at] == "0" { "1" } else { "0" };
        wrong.replace_range(at..=at, digit);
        send(&held.acme, &other, &path, &json!({ "hash": wrong }))
            .refused(409, "approval_hash_mismatch");
    }
    for wrong in [text(&twin, "hash").to_owned(), "0".repeat(64)] {
        send(&held.acme, &other, &path, &json!({ "hash": wrong }))
            .refused(409, "approval_hash_mismatch");
    }
    for (body, code) in [
        (json!({}), "field_required"),
        (json!({ "hash": hash.to_uppercase() }), "invalid_field"),
        (json!({ "hash": &hash[..62] }), "invalid_field"),
        (json!({ "hash": format!("{hash}00") }), "invalid_field"),
        (json!({ "hash": 7 }), "invalid_field"),
        (json!({ "hash": hash, "amount": 1 }), "unknown_field"),
    ] {
        send(&held.acme, &other, &path, &body).refused(422, code);
    }
    assert_eq!(held.now(&asked), asked);
    held.is_untouched();
}

/// A key made over the API with another one, as people make keys for themselves.
fn made_with(held: &Held<'_>, maker: &Key) -> Key {
    let made = send(
        &held.acme,
        maker,
        "/v1/api-keys",
        &json!({ "role": "owner" }),
    )
    .expect(201);
    Key {
        id: made.id(),
        text: made.field("key"),
        signing_secret: made.field("signing_secret"),
    }
}

fn rolled(held: &Held<'_>, key: &Key, by: &Key) -> Key {
    let path = format!("/v1/api-keys/{}/roll", key.id);
    let made = send(&held.acme, by, &path, &json!({})).expect(201);
    Key {
        id: made.id(),
        text: made.field("key"),
        signing_secret: made.field("signing_secret"),
    }
}

#[test]
fn the_maker_agrees_with_none_of_his_keys() {
    let mut held = Held::new(tenant(), 1);
    held.maker = held.acme.key(Role::Owner);
    let asked = held.waiting(5_000);
    let own = made_with(&held, &held.maker);
    let colleague = held.acme.key(Role::Owner);
    let keys = [
        rolled(&held, &own, &own),
        made_with(&held, &own),
        // He knows its text now, whoever had it before.
        rolled(&held, &colleague, &held.maker),
        rolled(&held, &held.maker, &held.maker),
    ];
    for key in [&held.maker, &own].into_iter().chain(&keys) {
        held.approve(key, &asked).refused(403, "same_person");
    }
    held.is_untouched();
    let stranger = held.acme.key(Role::Admin);
    assert_eq!(
        held.approve(&stranger, &asked).expect(200).field("status"),
        "executed"
    );
}

#[test]
fn one_person_counts_once() {
    let held = Held::new(tenant(), 2);
    let asked = held.waiting(5_000);
    let first = held.acme.key(Role::Owner);
    let counted = held.approve(&first, &asked).expect(200).json();
    assert_eq!(text(&counted, "status"), "pending");
    let own = [made_with(&held, &first), rolled(&held, &first, &first)];
    for key in own.iter().chain([&first]) {
        held.approve(key, &asked).refused(403, "same_person");
    }
    held.is_untouched();
    let second = held.acme.key(Role::Owner);
    let done = held.approve(&second, &asked).expect(200).json();
    assert_eq!(
        (
            text(&done, "status"),
            done["approvals"].as_array().unwrap().len()
        ),
        ("executed", 2)
    );
}

#[test]
fn who_lacks_the_right_is_refused() {
    let acme = tenant();
    let roles = json!({
        "act": "payout", "threshold": { "amount": 500, "currency": "PHP" }, "approvals": 1, "roles": ["owner"],
    });
    acme.post("/v1/approval-policies", &roles).expect(201);
    let held = Held::new(acme, 1);
    let asked = held.waiting(5_000);
    for role in [Role::Operator, Role::Viewer, Role::Publishable] {
        held.approve(&held.acme.key(role), &asked)
            .refused(403, "permission_denied");
    }
    // One policy wants an owner, the other anybody who may approve: an admin counts for one of the two.
    let admin = held.acme.key(Role::Admin);
    let counted = held.approve(&admin, &asked).expect(200);
    assert_eq!(counted.field("status"), "pending");
    held.is_untouched();
    let owner = held.acme.key(Role::Owner);
    assert_eq!(
        held.approve(&owner, &asked).expect(200).field("status"),
        "executed"
    );

    let small = held.waiting(700);
    held.approve(&admin, &small).refused(403, "not_an_approver");
    let path = format!("/v1/approvals/{}/reject", text(&small, "id"));
    send(&held.acme, &admin, &path, &json!({})).refused(403, "not_an_approver");
}

#[test]
fn an_approval_of_somebody_who_lost_the_right_counts_no_more() {
    let held = Held::new(tenant(), 2);
    let asked = held.waiting(5_000);
    let (gone, second, third) = (
        held.acme.key(Role::Admin),
        held.acme.key(Role::Admin),
        held.acme.key(Role::Admin),
    );
    held.approve(&gone, &asked).expect(200);
    held.acme
        .post(&format!("/v1/api-keys/{}/revoke", gone.id), &json!({}))
        .expect(200);
    assert_eq!(
        held.approve(&second, &asked).expect(200).field("status"),
        "pending"
    );
    held.is_untouched();
    assert_eq!(
        held.approve(&third, &asked).expect(200).field("status"),
        "executed"
    );
}

#[test]
fn a_key_of_ones_own_permissions_approves_with_the_right_alone() {
    let held = Held::new(tenant(), 1);
    let set = PermissionSet::new(vec!["approve:approvals".into()]).unwrap();
    let key = held
        .acme
        .books
        .key_with(Role::Custom, set, SigningPolicy::Never, Dialect::Nextapi);
    let asked = held.waiting(5_000);
    held.approve(&key, &asked).expect(200);
}

#[test]
fn the_original_key_is_answered_alike_before_and_after() {
    let held = Held::new(tenant(), 1);
    let key = fresh("original");
    let ask = |body: &Value| {
        held.acme
            .server
            .request("POST", "/v1/payouts")
            .bearer(&held.maker.text)
            .idempotent(&key)
            .json(body)
            .send()
    };
    let first = ask(&held.body(5_000)).expect(202);
    let again = ask(&held.body(5_000)).expect(202);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    ask(&held.body(5_001)).refused(409, "idempotency_key_reused");
    held.approve(&held.acme.key(Role::Owner), &first.json())
        .expect(200);
    let after = ask(&held.body(5_000)).expect(202);
    assert_eq!(
        (after.body, held.acme.available(&held.to)),
        (first.body, 5_000)
    );
    assert_eq!(held.acme.all("/v1/payouts").len(), 1);
}

#[test]
fn what_would_be_refused_now_does_not_wait() {
    let held = Held::new(tenant(), 1);
    let ask = |body: &Value| send(&held.acme, &held.maker, "/v1/payouts", body);
    ask(&held.body(10_001)).refused(422, "insufficient_funds");
    let mut odd = held.body(5_000);
    odd["recipient"]["id"] = json!("wallet_000000000000000000000000");
    ask(&odd).refused(404, "wallet_not_found");
    assert_eq!(held.acme.all("/v1/approvals").len(), 0);
}

#[test]
fn the_list_is_narrowed() {
    let held = Held::new(tenant(), 1);
    policy(&held.acme, "debit", 1);
    let done = held.waiting(2_000);
    let open = held.waiting(2_000);
    held.approve(&held.acme.key(Role::Owner), &done).expect(200);
    let debit = format!("/v1/wallets/{}/debit", held.from);
    let owner = held.acme.key(Role::Owner);
    let debit = send(&held.acme, &owner, &debit, &json!({ "amount": 1_500 })).expect(202);
    for (query, ids) in [
        (
            "",
            vec![
                debit.id(),
                text(&open, "id").to_owned(),
                text(&done, "id").to_owned(),
            ],
        ),
        (
            "?status=pending",
            vec![debit.id(), text(&open, "id").to_owned()],
        ),
        ("?status=executed", vec![text(&done, "id").to_owned()]),
        ("?act=debit", vec![debit.id()]),
        ("?act=refund", vec![]),
        ("?created_after=2030-01-01T00:00:00Z", vec![]),
    ] {
        let found = held.acme.all(&format!("/v1/approvals{query}"));
        assert_eq!(texts(&found, "id"), ids, "{query}");
    }
    held.acme
        .get("/v1/approvals?status=x")
        .refused(400, "invalid_parameter");
}
