//! What its maker sends again, since the reply is for nobody else: reveals, and keys.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, VISA, fresh, texts};

use crate::v1::approvals::{Held, approve, policy, send, text};
use crate::v1::people::{PASSWORD, Person, accept};
use crate::v1::tenant;

/// The same request again, with the approval that it was given.
fn again(acme: &Tenant<'_>, key: &Key, target: &str, body: &Value, approval: &Value) -> Reply {
    acme.server
        .request("POST", target)
        .bearer(&key.text)
        .idempotent(&fresh("again"))
        .header("Approval-Id", text(approval, "id"))
        .json(body)
        .send()
}

#[test]
fn a_reveal_is_shown_once_to_whoever_asked_for_it() {
    let acme = tenant();
    policy(&acme, "token_reveal", 1);
    let token = acme.token(VISA).expect(201).id();
    let path = format!("/v1/tokens/{token}/reveal");
    let body = json!({ "reason": "chargeback 7" });
    let first = acme.post(&path, &body).expect(202);
    assert!(!first.text().contains(VISA));
    let asked = first.json();
    assert_eq!(
        asked["request"],
        json!({ "token_id": token, "reason": "chargeback 7" })
    );
    again(&acme, &acme.owner, &path, &body, &asked).refused(409, "invalid_state");
    let other = acme.key(Role::Owner);
    let agreed = approve(&acme, &other, &asked).expect(200);
    assert_eq!(agreed.field("status"), "approved");
    assert!(!agreed.text().contains(VISA));

    let changed = json!({ "reason": "chargeback 8" });
    again(&acme, &acme.owner, &path, &changed, &asked).refused(409, "approval_mismatch");
    again(&acme, &other, &path, &body, &asked).refused(409, "approval_mismatch");
    let second = acme.token(VISA).expect(201).id();
    let elsewhere = format!("/v1/tokens/{second}/reveal");
    again(&acme, &acme.owner, &elsewhere, &body, &asked).refused(409, "approval_mismatch");
    let mark = acme.mark();
    let shown = again(&acme, &acme.owner, &path, &body, &asked).expect(200);
    assert_eq!(shown.field("card/number"), VISA);
    again(&acme, &acme.owner, &path, &body, &asked).refused(409, "invalid_state");
    let audit = acme.audit_since(&mark);
    assert_eq!(
        texts(&audit, "action"),
        ["token_revealed", "token_revealed"]
    );
    assert_eq!(audit[0]["details"]["approved_by"], json!(other.id));
    assert_eq!(audit[1]["outcome"], "refused");
    let told = texts(&acme.events_since(&mark), "type");
    assert_eq!(told, ["token.revealed", "approval.executed"]);
    let mut nobody = asked;
    nobody["id"] = json!("appr_000000000000000000000000");
    again(&acme, &acme.owner, &path, &body, &nobody).refused(404, "not_found");
}

#[test]
fn a_key_that_others_agreed_to_is_a_person_of_its_own() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let [maker, other] = [acme.key(Role::Owner), acme.key(Role::Owner)];
    let alone = send(acme, &maker, "/v1/api-keys", &json!({ "role": "admin" })).expect(201);
    policy(acme, "api_key_create", 1);
    let body = json!({ "role": "admin", "name": "Berta" });
    let asked = send(acme, &maker, "/v1/api-keys", &body).expect(202).json();
    assert_eq!(asked["request"]["name"], "Berta");
    assert!(asked["request"].get("key").is_none());
    approve(acme, &other, &asked).expect(200);
    let key = |reply: &Reply| Key {
        id: reply.id(),
        text: reply.field("key"),
        signing_secret: reply.field("signing_secret"),
    };
    let made = again(acme, &maker, "/v1/api-keys", &body, &asked).expect(201);
    let (alone, vouched) = (key(&alone), key(&made));
    again(acme, &maker, "/v1/api-keys", &body, &asked).refused(409, "invalid_state");

    let payout = send(acme, &maker, "/v1/payouts", &held.body(5_000));
    let payout = payout.expect(202).json();
    held.approve(&alone, &payout).refused(403, "same_person");
    held.approve(&vouched, &payout).expect(200);
    assert_eq!(acme.available(&held.to), 5_000);
}

#[test]
fn changes_and_rolls_of_keys_wait_and_revoking_does_not() {
    let acme = tenant();
    policy(&acme, "api_key_update", 1);
    policy(&acme, "api_key_roll", 1);
    let other = acme.key(Role::Owner);
    let key = acme.key(Role::Viewer);
    let path = format!("/v1/api-keys/{}", key.id);
    let body = json!({ "networks": ["203.0.113.0/24"] });
    let asked = acme.request("PATCH", &path).json(&body).send();
    let asked = asked.expect(202).json();
    assert_eq!(asked["request"]["networks"], body["networks"]);
    approve(&acme, &other, &asked).expect(200);
    let done = acme
        .request("PATCH", &path)
        .header("Approval-Id", text(&asked, "id"))
        .json(&body)
        .send();
    assert_eq!(done.expect(200).field("networks/0"), "203.0.113.0/24");
    acme.post(&format!("{path}/roll"), &json!({})).expect(202);
    acme.post(&format!("{path}/revoke"), &json!({})).expect(200);
}

/// An invitation that others agreed to makes a person of its own, until whoever knows it widens what it may do.
#[test]
fn who_widens_a_person_s_rights_is_not_approved_by_him() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let [maker, other] = [acme.key(Role::Owner), acme.key(Role::Owner)];
    policy(acme, "api_key_create", 1);
    let email = format!("{}@lumen.example", fresh("second"));
    let body = json!({ "name": "Berta", "email": email, "role": "viewer" });
    let asked = send(acme, &maker, "/v1/users", &body).expect(202).json();
    approve(acme, &other, &asked).expect(200);
    let invited = again(acme, &maker, "/v1/users", &body, &asked).expect(201);
    let token = invited.field("invitation_token");
    accept(acme.server, &token, PASSWORD).expect(201);
    let person = Person {
        server: acme.server,
        id: invited.id(),
        email,
    };
    let change = |key: &Key, role: &str| {
        let path = format!("/v1/users/{}", person.id);
        let request = acme.server.request("PATCH", &path).bearer(&key.text);
        request.json(&json!({ "role": role })).send().expect(200)
    };
    let vote = |approval: &Value| {
        let path = format!("/v1/approvals/{}/approve", text(approval, "id"));
        person
            .enter()
            .post(&path, &json!({ "hash": approval["hash"] }))
    };
    let pays = |key: &Key| {
        let asked = send(acme, key, "/v1/payouts", &held.body(1_001));
        asked.expect(202).json()
    };
    change(&maker, "admin");
    vote(&pays(&maker)).refused(403, "same_person");
    // Of anybody else's he is a second pair of eyes.
    vote(&pays(&other)).expect(200);
    // Another who widens them, later, does not make him a stranger to the first.
    change(&other, "owner");
    vote(&pays(&maker)).refused(403, "same_person");
}
