//! A change of a role is a change of all who hold it.

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::tenant::texts;

use crate::v1::people::join;
use crate::v1::roles::{bound, get, holder, patch, role, send};
use crate::v1::tenant;

#[test]
fn every_key_and_open_session_has_the_new_rights_at_once() {
    let acme = tenant();
    let id = role(&acme, &["read:account", "read:wallets"]);
    let keys = [holder(&acme, &id), holder(&acme, &id)];
    let person = join(&acme, &id);
    let session = person.enter();
    let other = holder(&acme, &role(&acme, &["read:account", "read:wallets"]));
    let mark = acme.mark();
    let narrowed = patch(&acme, &id, &json!({ "permissions": ["read:account"] })).expect(200);
    assert_eq!(narrowed.json()["permissions"], json!(["read:account"]));
    for key in &keys {
        get(&acme, key, "/v1/wallets").refused(403, "permission_denied");
        get(&acme, key, "/v1/account").expect(200);
    }
    session.get("/v1/wallets").refused(403, "permission_denied");
    session.get("/v1/account").expect(200);
    get(&acme, &other, "/v1/wallets").expect(200);
    patch(
        &acme,
        &id,
        &json!({ "permissions": ["read:wallets", "create:wallets"] }),
    )
    .expect(200);
    for key in &keys {
        get(&acme, key, "/v1/wallets").expect(200);
        get(&acme, key, "/v1/account").refused(403, "permission_denied");
    }
    session.get("/v1/wallets").expect(200);
    session
        .post("/v1/wallets", &json!({ "type": "master" }))
        .expect(201);
    // A session that begins afterwards, and one that goes on, are the same.
    person.enter().get("/v1/wallets").expect(200);
    let told = texts(&acme.events_since(&mark), "type");
    let changes = told.iter().filter(|name| *name == "role.updated").count();
    assert_eq!(changes, 2);
}

#[test]
fn what_is_not_named_stays() {
    let acme = tenant();
    let id = bound(&acme, &["read:wallets"], &json!({ "max_amount": 5 }));
    let before = acme.get(&format!("/v1/roles/{id}")).expect(200).json();
    let renamed = patch(&acme, &id, &json!({ "name": "Teller" }))
        .expect(200)
        .json();
    let mut expected = before;
    expected["name"] = json!("Teller");
    assert_eq!(renamed, expected);
    let same = patch(&acme, &id, &json!({ "name": "TELLER", "description": "x" })).expect(200);
    assert_eq!(
        (same.field("name"), same.field("description")),
        ("TELLER".into(), "x".into())
    );
    let bare = patch(
        &acme,
        &id,
        &json!({ "description": null, "conditions": null }),
    )
    .expect(200);
    assert_eq!(bare.json()["description"], json!(null));
    assert_eq!(bare.json()["conditions"], json!(null));
    let taken = role(&acme, &["read:wallets"]);
    let name = acme
        .get(&format!("/v1/roles/{taken}"))
        .expect(200)
        .field("name");
    patch(&acme, &id, &json!({ "name": name })).refused(409, "role_exists");
    let audit = acme.all("/v1/audit-logs?action=role_updated");
    assert_eq!(audit[1]["details"]["changed"], "description,conditions");
}

#[test]
fn who_holds_a_role_does_not_lift_himself() {
    let acme = tenant();
    let rights = [
        "read:roles",
        "manage:roles",
        "create:roles",
        "create:api_keys",
        "manage:users",
    ];
    let id = role(&acme, &rights);
    let key = holder(&acme, &id);
    let path = format!("/v1/roles/{id}");
    let wider = json!({ "permissions": ["*"] });
    send(&acme, &key, "PATCH", &path, &wider).refused(403, "permission_not_held");
    let admin = json!({ "name": "Boss", "permissions": ["create:payouts"] });
    send(&acme, &key, "POST", "/v1/roles", &admin).refused(403, "permission_not_held");
    send(
        &acme,
        &key,
        "POST",
        "/v1/api-keys",
        &json!({ "role": "admin" }),
    )
    .refused(403, "permission_not_held");
    // Nor does he who is bound take the bounds away, from himself or by another.
    let bound_id = bound(&acme, &rights, &json!({ "max_amount": 5 }));
    let bound_key = holder(&acme, &bound_id);
    let loose = json!({ "conditions": null });
    let own = format!("/v1/roles/{bound_id}");
    send(&acme, &bound_key, "PATCH", &own, &loose).refused(403, "permission_not_held");
    let fresh_key = json!({ "permissions": ["read:roles"] });
    send(&acme, &bound_key, "POST", "/v1/api-keys", &fresh_key).refused(403, "permission_not_held");
    let person = join(&acme, "viewer");
    let give = json!({ "role": bound_id });
    let target = format!("/v1/users/{}", person.id);
    send(&acme, &acme.key(Role::Admin), "PATCH", &target, &give).expect(200);
    send(&acme, &bound_key, "PATCH", &target, &json!({ "role": id }))
        .refused(403, "permission_not_held");
}

#[test]
fn the_last_owner_stays_whatever_role_he_would_have() {
    let acme = tenant();
    let all = role(&acme, &["*"]);
    let first = join(&acme, "owner");
    let give = acme.request("PATCH", &format!("/v1/users/{}", first.id));
    give.json(&json!({ "role": all }))
        .send()
        .refused(409, "last_owner");
    join(&acme, "owner");
    let give = acme.request("PATCH", &format!("/v1/users/{}", first.id));
    give.json(&json!({ "role": all })).send().expect(200);
    // A key of a role that may do everything is no owner's, and does not stand in for the last one.
    holder(&acme, &all);
    acme.post(
        &format!("/v1/api-keys/{}/revoke", acme.owner.id),
        &json!({}),
    )
    .refused(409, "last_owner");
}
