//! Four eyes on roles: what widens somebody's rights may wait, and who widens them alone answers for it.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::v1::approvals::{Held, approve, policy, text};
use crate::v1::people::join;
use crate::v1::roles::{get, holder, patch, role, send};
use crate::v1::tenant;

fn again(acme: &Tenant<'_>, target: &str, body: &Value, approval: &Value) -> Reply {
    acme.request("PATCH", target)
        .idempotent(&fresh("again"))
        .header("Approval-Id", text(approval, "id"))
        .json(body)
        .send()
}

#[test]
fn a_change_of_a_role_waits_where_a_policy_says_so() {
    let acme = tenant();
    let other = acme.key(Role::Owner);
    let id = role(&acme, &["read:account"]);
    let key = holder(&acme, &id);
    policy(&acme, "role_change", 1);
    let (path, body) = (
        format!("/v1/roles/{id}"),
        json!({ "permissions": ["read:wallets"] }),
    );
    let asked = patch(&acme, &id, &body).expect(202).json();
    assert_eq!(
        asked["request"],
        json!({ "role_id": id, "permissions": ["read:wallets"] })
    );
    get(&acme, &key, "/v1/wallets").refused(403, "permission_denied");
    approve(&acme, &acme.owner, &asked).refused(403, "same_person");
    approve(&acme, &other, &asked).expect(200);
    get(&acme, &key, "/v1/wallets").refused(403, "permission_denied");
    let more = json!({ "permissions": ["read:wallets", "create:payouts"] });
    again(&acme, &path, &more, &asked).refused(409, "approval_mismatch");
    again(&acme, &path, &body, &asked).expect(200);
    get(&acme, &key, "/v1/wallets").expect(200);
    again(&acme, &path, &body, &asked).refused(409, "invalid_state");
    // A name alone is nobody's right.
    patch(&acme, &id, &json!({ "name": fresh("name") })).expect(200);
}

#[test]
fn another_role_for_a_person_waits_too() {
    let acme = tenant();
    let other = acme.key(Role::Owner);
    let person = join(&acme, "viewer");
    policy(&acme, "role_change", 1);
    let (path, body) = (
        format!("/v1/users/{}", person.id),
        json!({ "role": "admin" }),
    );
    let asked = acme
        .request("PATCH", &path)
        .json(&body)
        .send()
        .expect(202)
        .json();
    assert_eq!(asked["request"]["role"], "admin");
    approve(&acme, &other, &asked).expect(200);
    again(&acme, &path, &body, &asked).expect(200);
    assert_eq!(acme.get(&path).expect(200).field("role"), "admin");
}

/// SECURITY: a role is made weak, others agree to who holds it, then its maker widens it: the holders are no other eyes.
#[test]
fn who_widens_a_role_alone_is_everybody_who_holds_it() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let (maker, other) = (acme.key(Role::Owner), acme.key(Role::Owner));
    let id = role(acme, &["read:approvals"]);
    policy(acme, "api_key_create", 1);
    let vouched = vouched(acme, &maker, &other, &id);
    let payout = send(acme, &maker, "POST", "/v1/payouts", &held.body(5_000));
    let payout = payout.expect(202).json();
    let wider = json!({ "permissions": ["read:approvals", "approve:approvals"] });
    send(acme, &maker, "PATCH", &format!("/v1/roles/{id}"), &wider).expect(200);
    held.approve(&vouched, &payout).refused(403, "same_person");
    // For whom somebody else asks, he is another.
    let theirs = send(acme, &other, "POST", "/v1/payouts", &held.body(5_000));
    held.approve(&vouched, &theirs.expect(202).json())
        .expect(200);
}

/// A key of a role that somebody else agreed to: a person of its own.
fn vouched(acme: &Tenant<'_>, maker: &Key, other: &Key, role: &str) -> Key {
    let body = json!({ "role": role });
    let asked = send(acme, maker, "POST", "/v1/api-keys", &body)
        .expect(202)
        .json();
    assert_eq!(asked["request"]["role_id"], role);
    approve(acme, other, &asked).expect(200);
    let made = acme
        .server
        .request("POST", "/v1/api-keys")
        .bearer(&maker.text)
        .idempotent(&fresh("vouched"))
        .header("Approval-Id", text(&asked, "id"))
        .json(&body)
        .send()
        .expect(201);
    Key {
        id: made.id(),
        text: made.field("key"),
        signing_secret: made.field("signing_secret"),
    }
}
