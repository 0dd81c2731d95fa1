//! Who holds a role, and that it stays while somebody does.

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::people::{PASSWORD, accept, join};
use crate::v1::pos::verified;
use crate::v1::roles::{get, holder, patch, role, send};
use crate::v1::tenant;

#[test]
fn a_key_holds_what_its_role_says() {
    let acme = tenant();
    let reads = role(&acme, &["read:account", "read:wallets"]);
    let key = holder(&acme, &reads);
    let shown = acme
        .get(&format!("/v1/api-keys/{}", key.id))
        .expect(200)
        .json();
    assert_eq!(
        (&shown["role"], &shown["role_id"], &shown["permissions"]),
        (
            &json!("custom"),
            &json!(reads),
            &json!(["read:account", "read:wallets"])
        )
    );
    let listed = acme.all("/v1/api-keys");
    let listed = listed
        .iter()
        .find(|one| one["id"] == key.id.as_str())
        .unwrap();
    assert_eq!(listed["permissions"], shown["permissions"]);
    let verified = get(&acme, &key, "/v1/auth/verify").expect(200).json();
    assert_eq!(verified["role_id"], reads);
    assert_eq!(
        verified["permissions"],
        json!(["read:account", "read:wallets"])
    );
    get(&acme, &key, "/v1/wallets").expect(200);
    send(
        &acme,
        &key,
        "POST",
        "/v1/wallets",
        &json!({ "type": "master" }),
    )
    .refused(403, "permission_denied");
    // The log, the explanation and the reverse name the same rule.
    let rule = format!("role:{reads}:read:wallets");
    let explain = format!(
        "/v1/access/explain?actor={}&permission=read:wallets",
        key.id
    );
    assert_eq!(acme.get(&explain).expect(200).field("rule"), rule);
    let who = acme.all("/v1/access/who-can?permission=read:wallets");
    let mine = who
        .iter()
        .find(|one| one["actor"] == key.id.as_str())
        .unwrap();
    assert_eq!(
        (&mine["role"], &mine["rule"]),
        (&json!(reads), &json!(rule))
    );
    let denied = acme.all("/v1/audit-logs?action=access_denied");
    assert_eq!(denied[0]["policy"], format!("role:{reads}:none"));
}

#[test]
fn a_role_that_somebody_holds_stays() {
    let acme = tenant();
    let held = role(&acme, &["read:account", "read:wallets"]);
    let key = holder(&acme, &held);
    let person = join(&acme, &held);
    let path = format!("/v1/roles/{held}");
    let delete = || acme.request("DELETE", &path).json(&json!({})).send();
    assert_eq!(acme.get(&path).expect(200).field("holders"), "2");
    let who = acme.get(&format!("{path}/holders")).expect(200).json();
    let who = who["data"].as_array().unwrap().clone();
    assert_eq!(texts(&who, "id"), [key.id.clone(), person.id.clone()]);
    let one = acme
        .get(&format!("{path}/holders?limit=1"))
        .expect(200)
        .json();
    let next = one["next_cursor"].as_str().unwrap();
    let two = acme
        .get(&format!("{path}/holders?after={next}"))
        .expect(200);
    assert_eq!(two.field("data/0/id"), person.id);
    let refused = delete().refused(409, "role_in_use");
    assert!(
        refused.text().contains("2 keys and people"),
        "{}",
        refused.text()
    );

    // A rolled key is one more; each leaves when it is revoked.
    let rolled = acme
        .post(&format!("/v1/api-keys/{}/roll", key.id), &json!({}))
        .expect(201);
    assert_eq!(rolled.field("role_id"), held);
    assert_eq!(acme.get(&path).expect(200).field("holders"), "3");
    for id in [&key.id, &rolled.id()] {
        acme.post(&format!("/v1/api-keys/{id}/revoke"), &json!({}))
            .expect(200);
    }
    delete().refused(409, "role_in_use");
    let other = json!({ "role": "viewer" });
    let moved = acme
        .request("PATCH", &format!("/v1/users/{}", person.id))
        .json(&other);
    assert_eq!(moved.send().expect(200).json()["role_id"], json!(null));
    let gone = delete().expect(200);
    assert_eq!(gone.field("deleted"), "true");
    delete().refused(404, "not_found");
    acme.get(&path).refused(404, "not_found");
    acme.post("/v1/api-keys", &json!({ "role": held }))
        .refused(404, "role_not_found");
}

#[test]
fn a_person_has_his_role_from_the_invitation_on() {
    let acme = tenant();
    let reads = role(&acme, &["read:wallets"]);
    let email = format!("{}@lumen.example", fresh("member"));
    let body = json!({ "name": "Ana Cruz", "email": email, "role": reads });
    let invited = acme.post("/v1/users", &body).expect(201);
    let held = |reply: &strongroom_testkit::exchange::Reply| {
        let shown = reply.json();
        assert_eq!(
            (&shown["role"], &shown["role_id"], &shown["permissions"]),
            (&json!("custom"), &json!(reads), &json!(["read:wallets"])),
            "{shown}"
        );
    };
    held(&invited);
    held(&accept(acme.server, &invited.field("invitation_token"), PASSWORD).expect(201));
    held(&acme.get(&format!("/v1/users/{}", invited.id())).expect(200));
    let away = acme.post(
        &format!("/v1/users/{}/deactivate", invited.id()),
        &json!({}),
    );
    away.expect(200);
    let path = format!("/v1/roles/{reads}");
    assert_eq!(acme.get(&path).expect(200).field("holders"), "0");
}

/// Roles, and what follows from them, are there after a restart, and what is stored adds up.
#[test]
fn roles_outlive_the_process() {
    let server = TestServer::start(ServerSettings::default());
    let (left, key, role_id) = {
        let acme = Tenant::found(&server);
        let reads = role(&acme, &["read:account", "read:wallets"]);
        let key = holder(&acme, &reads);
        let person = join(&acme, &reads);
        patch(&acme, &reads, &json!({ "permissions": ["read:account"] })).expect(200);
        let away = acme.post(&format!("/v1/users/{}/deactivate", person.id), &json!({}));
        away.expect(200);
        (acme.leave(), key, reads)
    };
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    let seen = get(&acme, &key, "/v1/auth/verify").expect(200).json();
    assert_eq!(seen["permissions"], json!(["read:account"]));
    get(&acme, &key, "/v1/wallets").refused(403, "permission_denied");
    let holders = acme
        .get(&format!("/v1/roles/{role_id}"))
        .expect(200)
        .field("holders");
    assert_eq!(holders, "1");
    verified(server);
}
