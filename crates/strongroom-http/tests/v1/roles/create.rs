//! Making, listing, reading.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::tenant::{fresh, texts};

use crate::v1::roles::{get, role, send};
use crate::v1::{NOW, refuses, tenant};

#[test]
fn a_role_is_a_named_set_of_permissions() {
    let acme = tenant();
    let mark = acme.mark();
    let conditions = json!({
        "max_amount": 5_000, "currencies": ["PHP"], "own_shift": true,
        "hours": {"days": ["fri"], "from": "22:00", "until": "06:00", "time_zone": "asia/manila"},
        "networks": ["10.0.0.0/8"],
    });
    let body = json!({
        "name": "Night cashier", "description": "Sells after ten",
        "permissions": ["create:transactions", "read:products"], "conditions": conditions,
    });
    let made = acme.post("/v1/roles", &body).expect(201);
    let id = made.id();
    assert!(id.starts_with("role_"), "{id}");
    let mut shown = conditions;
    shown["stores"] = json!([]);
    shown["hours"]["time_zone"] = json!("Asia/Manila");
    let expected = json!({
        "id": id, "object": "role", "name": "Night cashier", "description": "Sells after ten", "built_in": false,
        "permissions": ["create:transactions", "read:products"], "conditions": shown,
        "holders": 0, "deleted": false, "created_at": NOW, "updated_at": NOW,
    });
    assert_eq!(made.json(), expected);
    assert_eq!(
        acme.get(&format!("/v1/roles/{id}")).expect(200).json(),
        expected
    );
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["role.created"]);
    assert_eq!(events[0]["data"], json!({ "id": id }));
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["role_created"]);
    assert_eq!(
        audit[0]["details"]["permissions"],
        "create:transactions,read:products"
    );
}

#[test]
fn built_in_roles_are_listed_behind_the_others_and_are_nobody_s_to_change() {
    let acme = tenant();
    let mine = role(&acme, &["read:wallets"]);
    let all = acme.get("/v1/roles?limit=100").expect(200).json();
    let all = all["data"].as_array().unwrap().clone();
    let names = [
        "owner",
        "admin",
        "operator",
        "viewer",
        "manager",
        "cashier",
        "publishable",
    ];
    let expected: Vec<&str> = std::iter::once(mine.as_str()).chain(names).collect();
    assert_eq!(texts(&all, "id"), expected);
    assert_eq!(all[1]["permissions"], json!(["*"]));
    let cashier = acme.get("/v1/roles/cashier").expect(200).json();
    assert_eq!(
        cashier["permissions"],
        json!(["read:account", "read:products", "create:transactions"])
    );
    assert_eq!(
        (&cashier["built_in"], &cashier["holders"]),
        (&json!(true), &Value::Null)
    );
    let path = "/v1/roles/cashier";
    let patch = acme.request("PATCH", path).json(&json!({ "name": "x" }));
    patch.send().refused(409, "role_built_in");
    let delete = acme.request("DELETE", path).json(&json!({}));
    delete.send().refused(409, "role_built_in");
    acme.get("/v1/roles/custom").refused(404, "not_found");
}

#[test]
fn cashiers_and_managers_may_what_their_document_says() {
    let acme = tenant();
    let (cashier, manager) = (acme.key(Role::Cashier), acme.key(Role::Manager));
    for key in [&cashier, &manager] {
        get(&acme, key, "/v1/products").expect(200);
        get(&acme, key, "/v1/auth/verify").expect(200);
        get(&acme, key, "/v1/wallets").refused(403, "permission_denied");
        // As far as the body: the permission is there.
        send(&acme, key, "POST", "/v1/transactions", &json!({})).refused(422, "field_required");
    }
    let report = "/v1/shifts/shift_000000000000000000000000/report";
    get(&acme, &manager, report).refused(404, "not_found");
    get(&acme, &cashier, report).refused(403, "permission_denied");
    send(&acme, &cashier, "POST", "/v1/refunds", &json!({})).refused(403, "permission_denied");
    send(&acme, &manager, "POST", "/v1/refunds", &json!({})).refused(422, "field_required");
    let made = acme
        .post("/v1/api-keys", &json!({ "role": "cashier" }))
        .expect(201);
    assert_eq!(made.field("role"), "cashier");
}

#[test]
fn nobody_grants_by_a_role_what_he_lacks() {
    let acme = tenant();
    let admin = acme.key(Role::Admin);
    let role = |permissions: Value| {
        let body = json!({ "name": fresh("role"), "permissions": permissions });
        send(&acme, &admin, "POST", "/v1/roles", &body)
    };
    role(json!(["read:*", "create:payouts"])).expect(201);
    for beyond in ["*", "reveal:tokens", "manage:approval_policies"] {
        let refused = role(json!([beyond])).refused(403, "permission_not_held");
        assert!(refused.text().contains(beyond), "{}", refused.text());
    }
    // Nor by giving a role that somebody else made.
    let strong = crate::v1::roles::role(&acme, &["reveal:tokens"]);
    let key = json!({ "role": strong });
    send(&acme, &admin, "POST", "/v1/api-keys", &key).refused(403, "permission_not_held");
    let person = json!({ "name": "Ben", "email": "ben@acme.example", "role": strong });
    send(&acme, &admin, "POST", "/v1/users", &person).refused(403, "permission_not_held");
    let path = format!("/v1/roles/{strong}");
    let weaker = json!({ "permissions": ["read:wallets"] });
    send(&acme, &admin, "PATCH", &path, &weaker).refused(403, "permission_not_held");
    send(&acme, &admin, "DELETE", &path, &json!({})).refused(403, "permission_not_held");
    for role in [Role::Operator, Role::Viewer, Role::Manager] {
        let key = acme.key(role);
        let body = json!({ "name": fresh("role"), "permissions": ["read:products"] });
        send(&acme, &key, "POST", "/v1/roles", &body).refused(403, "permission_denied");
    }
}

#[test]
fn names_are_one_role_s() {
    let acme = tenant();
    let body = |name: &str| json!({ "name": name, "permissions": ["read:wallets"] });
    let id = acme.post("/v1/roles", &body("Teller")).expect(201).id();
    let taken = acme
        .post("/v1/roles", &body("tELLER"))
        .refused(409, "role_exists");
    assert!(taken.text().contains(&id));
    acme.post("/v1/roles", &body("Cashier"))
        .refused(409, "role_exists");
    acme.post("/v1/roles", &body("custom"))
        .refused(409, "role_exists");
    let delete = acme.request("DELETE", &format!("/v1/roles/{id}"));
    delete.json(&json!({})).send().expect(200);
    acme.post("/v1/roles", &body("teller")).expect(201);
    tenant().post("/v1/roles", &body("teller")).expect(201);
}

#[test]
fn what_is_no_role_is_refused() {
    let acme = tenant();
    let cases: &[(&str, u16, &str, &str)] = &[
        (r#"{"name":"a"}"#, 422, "field_required", "/permissions"),
        (
            r#"{"name":"","permissions":["*"]}"#,
            422,
            "invalid_field",
            "/name",
        ),
        (
            r#"{"name":"a","permissions":["fly:moon"]}"#,
            422,
            "invalid_field",
            "/permissions",
        ),
        (
            r#"{"name":"a","permissions":["*"],"x":1}"#,
            422,
            "unknown_field",
            "/x",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"x":1}}"#,
            422,
            "unknown_field",
            "/conditions/x",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":[]}"#,
            422,
            "invalid_field",
            "/conditions",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"max_amount":"5"}}"#,
            422,
            "invalid_field",
            "/conditions/max_amount",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"currencies":["XXX"]}}"#,
            422,
            "invalid_field",
            "/conditions/currencies",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"networks":["10.0.0.1/8"]}}"#,
            422,
            "invalid_field",
            "/conditions/networks",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"hours":{"from":"8:00","until":"18:00","time_zone":"UTC"}}}"#,
            422,
            "invalid_field",
            "/conditions/hours/from",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"hours":{"from":"08:00","until":"08:00","time_zone":"Asia/Manila"}}}"#,
            422,
            "invalid_field",
            "/conditions/hours/until",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"hours":{"from":"08:00","until":"18:00","time_zone":"Mars/Olympus"}}}"#,
            422,
            "invalid_field",
            "/conditions/hours/time_zone",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"hours":{"from":"08:00","until":"18:00"}}}"#,
            422,
            "field_required",
            "/conditions/hours/time_zone",
        ),
        (
            r#"{"name":"a","permissions":["*"],"conditions":{"hours":{"days":["someday"],"from":"08:00","until":"18:00","time_zone":"Asia/Manila"}}}"#,
            422,
            "invalid_field",
            "/conditions/hours/days",
        ),
    ];
    refuses(&acme, "POST", "/v1/roles", cases);
    for gone in ["role_000000000000000000000000", "x", "role_"] {
        acme.get(&format!("/v1/roles/{gone}"))
            .refused(404, "not_found");
        acme.get(&format!("/v1/roles/{gone}/holders"))
            .refused(404, "not_found");
    }
    let key = json!({ "role": "role_000000000000000000000000" });
    acme.post("/v1/api-keys", &key)
        .refused(404, "role_not_found");
    acme.post("/v1/api-keys", &json!({ "role": "role_" }))
        .refused(422, "invalid_field");
    let both = json!({ "role": "role_000000000000000000000000", "permissions": ["*"] });
    acme.post("/v1/api-keys", &both)
        .refused(422, "invalid_field");
    // Another organization's is none of ours.
    let other = tenant();
    let theirs = role(&other, &["read:wallets"]);
    acme.get(&format!("/v1/roles/{theirs}"))
        .refused(404, "not_found");
    acme.post("/v1/api-keys", &json!({ "role": theirs }))
        .refused(404, "role_not_found");
}
