//! `/v1/stores`, `/v1/tills`

mod money;

use serde_json::{Value, json};
use strongroom_auth::{Dialect, PermissionSet, Role, SigningPolicy};
use strongroom_testkit::books::Key;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::v1::{refuses, tenant};

/// What a cashier's till may do.
const AT_THE_TILL: &[&str] = &[
    "read:stores",
    "read:tills",
    "read:products",
    "read:shifts",
    "read:transactions",
    "create:shifts",
    "create:transactions",
    "create:refunds",
    "void:transactions",
];

/// A key as a till has one.
pub fn till_key(acme: &Tenant<'_>) -> Key {
    key_for(acme, AT_THE_TILL)
}

pub fn key_for(acme: &Tenant<'_>, permissions: &[&str]) -> Key {
    let set = permissions.iter().map(|p| (*p).to_owned()).collect();
    let set = PermissionSet::new(set).unwrap();
    acme.books
        .key_with(Role::Custom, set, SigningPolicy::Never, Dialect::Nextapi)
}

pub fn store(acme: &Tenant<'_>) -> String {
    let body = json!({ "name": "Makati" });
    acme.post("/v1/stores", &body).expect(201).id()
}

#[test]
fn a_till_has_a_key_of_its_own_which_sees_its_store_alone() {
    let acme = tenant();
    let (here, there) = (store(&acme), store(&acme));
    let key = till_key(&acme);
    let body = json!({ "store_id": here, "name": "1", "api_key_id": key.id });
    let till = acme.post("/v1/tills", &body).expect(201);
    assert_eq!(till.field("api_key_id"), key.id);
    assert_eq!(till.field("offline/next_sequence"), "1");
    let body = json!({ "store_id": there, "name": "2" });
    let other = acme.post("/v1/tills", &body).expect(201).id();

    let get = |target: &str| acme.server.request("GET", target).bearer(&key.text).send();
    let ids = |target: &str| -> Vec<String> {
        let page = get(target).expect(200).json();
        let id = |v: &Value| v["id"].as_str().unwrap().to_owned();
        page["data"].as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(ids("/v1/tills"), [till.id()]);
    assert_eq!(ids("/v1/stores"), [here.as_str()]);
    assert_eq!(ids(&format!("/v1/tills?store_id={there}")), [""; 0]);
    get(&format!("/v1/tills/{other}")).refused(404, "not_found");
    get(&format!("/v1/stores/{there}")).refused(404, "not_found");
    // Whoever has no till sees both.
    assert_eq!(acme.all("/v1/tills").len(), 2);

    // One key is one till's.
    let body = json!({ "store_id": here, "name": "3", "api_key_id": key.id });
    acme.post("/v1/tills", &body).refused(409, "already_exists");
    let path = format!("/v1/tills/{}", till.id());
    let retire = json!({ "status": "retired" });
    let retired = acme
        .request("PATCH", &path)
        .json(&retire)
        .send()
        .expect(200);
    assert_eq!(retired.field("status"), "retired");
    acme.post("/v1/tills", &body).expect(201);
    let again = acme.request("PATCH", &path).json(&retire).send();
    again.refused(422, "till_retired");
}

#[test]
fn a_till_s_key_is_held_to_its_till_whatever_becomes_of_the_till_or_the_key() {
    let acme = tenant();
    let (here, there) = (store(&acme), store(&acme));
    let made = |store: &str, key: Option<&str>| {
        let body = json!({ "store_id": store, "name": "1", "api_key_id": key });
        acme.post("/v1/tills", &body).expect(201).id()
    };
    let elsewhere = made(&there, None);
    let opens = |text: &str| {
        let request = acme.server.request("POST", "/v1/shifts").bearer(text);
        let body = json!({ "till_id": elsewhere });
        request.idempotent(&fresh("shift")).json(&body).send()
    };
    let change = |till: &str, body: Value| {
        let path = format!("/v1/tills/{till}");
        let request = acme.request("PATCH", &path).json(&body);
        request.send().expect(200)
    };
    let (first, second) = (till_key(&acme), till_key(&acme));
    let till = made(&here, Some(&first.id));
    opens(&first.text).refused(403, "not_this_till");
    // The key that it is rolled into is the till's from then on, and so is the old one for as long as it works.
    let roll = json!({ "overlap_seconds": 3_600 });
    let rolled = acme.post(&format!("/v1/api-keys/{}/roll", first.id), &roll);
    let rolled = rolled.expect(201);
    let shown = acme.get(&format!("/v1/tills/{till}")).expect(200);
    assert_eq!(shown.field("api_key_id"), rolled.id());
    for text in [&first.text, &rolled.field("key")] {
        opens(text).refused(403, "not_this_till");
        let stores = acme.server.request("GET", "/v1/stores").bearer(text).send();
        let stores = stores.expect(200).json();
        assert_eq!(stores["data"].as_array().unwrap().len(), 1);
    }
    // Another key in its place, and no till any more.
    change(&till, json!({ "api_key_id": second.id }));
    opens(&rolled.field("key")).refused(403, "not_this_till");
    opens(&second.text).refused(403, "not_this_till");
    change(&till, json!({ "status": "retired" }));
    let refused = opens(&second.text).refused(403, "not_this_till");
    assert!(refused.field("detail").contains(&till), "{refused:?}");
    // What each is held to is shown, also of those that the till has no more.
    let held = |key: &str| {
        acme.get(&format!("/v1/api-keys/{key}"))
            .expect(200)
            .field("till_id")
    };
    for key in [&first.id, &rolled.id(), &second.id] {
        assert_eq!(held(key), till);
    }
    assert_eq!(rolled.field("till_id"), till);
    // Another till may have it, and whoever takes it away from that one frees it.
    let other = made(&here, Some(&second.id));
    opens(&second.text).refused(403, "not_this_till");
    assert_eq!(held(&second.id), other);
    change(&other, json!({ "api_key_id": null }));
    let freed = acme.get(&format!("/v1/api-keys/{}", second.id)).expect(200);
    assert_eq!(freed.json()["till_id"], Value::Null);
    opens(&second.text).expect(201);
}

#[test]
fn what_is_no_till_is_refused_by_field() {
    let acme = tenant();
    let store = store(&acme);
    let revoked = till_key(&acme);
    acme.post(&format!("/v1/api-keys/{}/revoke", revoked.id), &json!({}))
        .expect(200);
    let body = |more: &str| format!(r#"{{"store_id":"{store}","name":"1"{more}}}"#);
    let cases = [
        (
            body(r#","public_key":"A5""#),
            422,
            "invalid_field",
            "/public_key",
        ),
        (
            body(r#","api_key_id":"key_x""#),
            404,
            "not_found",
            "/api_key_id",
        ),
        (
            body(&format!(r#","api_key_id":"{}""#, revoked.id)),
            409,
            "key_revoked",
            "/api_key_id",
        ),
        (
            r#"{"store_id":"store_x","name":"1"}"#.to_owned(),
            404,
            "store_not_found",
            "/store_id",
        ),
        (
            r#"{"name":"1"}"#.to_owned(),
            422,
            "field_required",
            "/store_id",
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(b, s, c, p)| (b.as_str(), *s, *c, *p))
        .collect();
    refuses(&acme, "POST", "/v1/tills", &cases);
}

#[test]
fn a_lease_is_bounded_and_needs_a_public_key() {
    let acme = tenant();
    let store = store(&acme);
    let made = |public: Option<String>| {
        let body = json!({ "store_id": store, "name": "1", "public_key": public });
        acme.post("/v1/tills", &body).expect(201).id()
    };
    let lease = |till: &str, floor: i64, total: i64, end: &str| {
        let body = json!({ "floor_limit": floor, "total_limit": total, "ends_at": end });
        acme.post(&format!("/v1/tills/{till}/lease"), &body)
    };
    let bare = made(None);
    lease(&bare, 1, 1, "2026-01-02T00:00:00Z").refused(409, "invalid_state");
    let till = made(Some("ab".repeat(32)));
    lease(&till, 2, 1, "2026-01-02T00:00:00Z").refused(422, "amount_invalid");
    lease(&till, 1, 1, "2025-12-31T00:00:00Z").refused(422, "invalid_field");
    lease(&till, 1, 1, "2026-03-01T00:00:00Z").refused(422, "invalid_field");
    let leased = lease(&till, 500, 5_000, "2026-01-02T00:00:00Z")
        .expect(200)
        .json();
    assert_eq!(leased["lease"]["floor_limit"], 500);
    assert_eq!(leased["lease"]["used"], 0);
}
