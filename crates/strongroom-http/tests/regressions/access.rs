//! Rights: nobody grants what he lacks, nobody unwrites the log.

use serde_json::json;
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy, permission};
use strongroom_http::routes;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::tenant;

fn custom(acme: &Tenant<'_>, permissions: &[&str]) -> Key {
    let set = PermissionSet::new(permissions.iter().map(|p| (*p).to_owned()).collect()).unwrap();
    acme.books
        .key_with(Role::Custom, set, SigningPolicy::Never, Dialect::Nextapi)
}

fn post(acme: &Tenant<'_>, key: &Key, path: &str, body: &serde_json::Value) -> Reply {
    acme.server
        .request("POST", path)
        .bearer(&key.text)
        .idempotent(&fresh("r"))
        .json(body)
        .send()
}

#[test]
fn role_self_escalation() {
    let acme = tenant();
    let maker = custom(
        &acme,
        &["create:api_keys", "manage:api_keys", "read:wallets"],
    );
    for body in [
        json!({ "role": "owner" }),
        json!({ "role": "admin" }),
        json!({ "role": "operator" }),
        json!({ "permissions": ["*"] }),
        json!({ "permissions": ["read:*"] }),
        json!({ "permissions": ["create:*"] }),
        json!({ "permissions": ["read:wallets", "create:payouts"] }),
        json!({ "type": "publishable" }),
    ] {
        post(&acme, &maker, "/v1/api-keys", &body).refused(403, "permission_not_held");
    }
    post(
        &acme,
        &maker,
        "/v1/api-keys",
        &json!({ "permissions": ["read:wallets"] }),
    )
    .expect(201);
    // A roll hands out a working key, so it needs the same rights.
    let operator = acme.key(Role::Operator);
    post(
        &acme,
        &maker,
        &format!("/v1/api-keys/{}/roll", operator.id),
        &json!({}),
    )
    .refused(403, "permission_not_held");
    post(
        &acme,
        &maker,
        &format!("/v1/api-keys/{}/roll", maker.id),
        &json!({}),
    )
    .expect(201);
    let refused = acme.all("/v1/audit-logs?outcome=refused");
    assert_eq!(refused.len(), 9, "every attempt is on record");
}

/// An administrator does not change owners (CONTRACT 1), although today's permissions of both are the same.
#[test]
fn an_admin_makes_rolls_and_revokes_no_owner() {
    let acme = tenant();
    let admin = acme.key(Role::Admin);
    let second = acme.key(Role::Owner);
    for body in [json!({ "role": "owner" }), json!({ "permissions": ["*"] })] {
        post(&acme, &admin, "/v1/api-keys", &body).refused(403, "permission_not_held");
    }
    post(
        &acme,
        &admin,
        &format!("/v1/api-keys/{}/roll", second.id),
        &json!({}),
    )
    .refused(403, "permission_not_held");
    post(
        &acme,
        &admin,
        &format!("/v1/api-keys/{}/revoke", second.id),
        &json!({}),
    )
    .refused(403, "permission_not_held");
    for role in ["admin", "operator", "viewer"] {
        let made = post(&acme, &admin, "/v1/api-keys", &json!({ "role": role }))
            .expect(201)
            .id();
        post(
            &acme,
            &admin,
            &format!("/v1/api-keys/{made}/revoke"),
            &json!({}),
        )
        .expect(200);
    }
    acme.request("POST", &format!("/v1/api-keys/{}/revoke", second.id))
        .send()
        .expect(200);
}

#[test]
fn admin_cannot_delete_audit() {
    let acme = tenant();
    let admin = acme.key(Role::Admin);
    let before = acme.all("/v1/audit-logs");
    let id = before[0]["id"].as_str().unwrap().to_owned();
    for key in [&admin, &acme.owner] {
        for method in ["DELETE", "PUT", "PATCH", "POST"] {
            for path in [
                "/v1/audit-logs",
                &format!("/v1/audit-logs/{id}"),
                "/v1/checkpoints",
                "/v1/events",
                "/v1/request-logs",
            ] {
                let reply = acme
                    .server
                    .request(method, path)
                    .bearer(&key.text)
                    .body("{}")
                    .send();
                reply.refused(405, "method_not_allowed");
            }
        }
        // Text that would be SQL if it ever became SQL.
        for text in [
            "'%3B%20DELETE%20FROM%20log%3B--",
            "1%20OR%201%3D1",
            "%27%20UNION%20SELECT%20*%20FROM%20record--",
        ] {
            for path in [
                format!("/v1/audit-logs/{text}"),
                format!("/v1/audit-logs?resource_id={text}"),
                format!("/v1/audit-logs?action={text}"),
                format!("/v1/audit-logs?after={text}"),
                format!("/v1/wallets?email={text}"),
                format!("/v1/wallets?reference_id={text}"),
            ] {
                let status = acme
                    .server
                    .request("GET", &path)
                    .bearer(&key.text)
                    .send()
                    .status;
                assert!(matches!(status, 200 | 400 | 404), "{path}: {status}");
            }
        }
    }
    assert!(
        acme.all("/v1/audit-logs").ends_with(&before),
        "the log is as it was"
    );
    let may_write = |name: &&&str| name.contains("audit") && !name.starts_with("read:");
    assert_eq!(permission::ALL.iter().filter(may_write).count(), 0);
    let changes_logs = |path: &str| {
        ["audit", "events", "checkpoints", "request-logs"]
            .iter()
            .any(|word| path.contains(word))
    };
    assert!(
        !routes()
            .iter()
            .any(|route| route.is_mutating() && changes_logs(route.path))
    );
}
