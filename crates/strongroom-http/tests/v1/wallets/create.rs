//! `POST /v1/wallets`

use serde_json::json;
use strongroom_testkit::tenant::{fresh, texts};

use crate::v1::{NOW, refuses, tenant};

#[test]
fn a_wallet_is_shown_whole_told_and_recorded() {
    let acme = tenant();
    let master = acme.wallet("master");
    let mark = acme.mark();
    let reply = acme.post(
        "/v1/wallets",
        &json!({
            "type": "operating", "currency": "php", "parent_id": master,
            "owner": { "name": "Ana Cruz", "email": "ana@example.org", "phone": "+63 917 123 4567" },
            "business": { "name": "Sari-sari", "registration_number": "SEC-1", "industry": "retail" },
            "reference_id": "shop_1", "metadata": { "till": "7" }, "low_balance_threshold": "5.00",
        }),
    );
    let id = reply.clone().expect(201).id();
    assert!(id.starts_with("wallet_") && id.len() == 31, "{id}");
    assert_eq!(
        reply.json(),
        json!({
            "id": id, "object": "wallet", "type": "operating", "status": "active", "currency": "PHP",
            "parent_id": master,
            "owner": { "name": "Ana Cruz", "email": "ana@example.org", "phone": "+63 917 123 4567" },
            "business": { "name": "Sari-sari", "registration_number": "SEC-1", "industry": "retail" },
            "balance": { "available": 0, "pending": 0, "reserved": 0, "total": 0, "currency": "PHP" },
            "low_balance_threshold": 500, "reference_id": "shop_1", "metadata": { "till": "7" }, "created_at": NOW,
        })
    );
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["wallet.created"]);
    assert_eq!(
        events[0]["data"],
        json!({ "id": id }),
        "no personal data in an event"
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["wallet_created"]);
    assert_eq!(
        (&audit[0]["resource_id"], &audit[0]["outcome"]),
        (&json!(id), &json!("success"))
    );
    assert_eq!(acme.get(&format!("/v1/wallets/{id}")).body, reply.body);
}

#[test]
fn the_tree_is_filled_in_and_kept() {
    let acme = tenant();
    let master = acme.wallet("master");
    let merchant = acme.wallet("sub_merchant");
    let read = |id: &str| acme.get(&format!("/v1/wallets/{id}")).expect(200).json();
    assert_eq!(read(&master)["parent_id"], json!(null));
    assert_eq!(
        read(&merchant)["parent_id"],
        json!(master),
        "the master of its currency"
    );
    let below = json!({ "type": "sub_merchant", "parent_id": merchant });
    acme.post("/v1/wallets", &below).expect(201);
    let odd = |body: serde_json::Value| acme.post("/v1/wallets", &body);
    odd(json!({ "type": "master", "parent_id": master })).refused(422, "parent_invalid");
    odd(json!({ "type": "operating", "parent_id": merchant })).refused(422, "parent_invalid");
    odd(json!({ "type": "reserve", "parent_id": master, "currency": "USD" }))
        .refused(422, "parent_invalid");
    odd(json!({ "type": "reserve", "parent_id": "wallet_00000000000000000000000a" }))
        .refused(404, "wallet_not_found");
    odd(json!({ "type": "reserve", "parent_id": acme.owner.id })).refused(404, "wallet_not_found");
    acme.request("POST", &format!("/v1/wallets/{master}/freeze"))
        .send()
        .expect(200);
    odd(json!({ "type": "reserve" })).refused(422, "wallet_frozen");
}

#[test]
fn a_reference_id_names_one_wallet() {
    let acme = tenant();
    let body = json!({ "type": "master", "reference_id": "only_one" });
    let first = acme.post("/v1/wallets", &body).expect(201).id();
    let again = acme
        .post("/v1/wallets", &body)
        .refused(409, "reference_id_taken");
    assert!(
        again.text().contains(&first),
        "the holder is named: {}",
        again.text()
    );
    let found = acme.get("/v1/wallets?reference_id=only_one").expect(200);
    assert_eq!(found.json()["data"][0]["id"], json!(first));
    // Unique per organization and mode: others may use it, and do not learn of it.
    tenant().post("/v1/wallets", &body).expect(201);
    acme.live().post("/v1/wallets", &body).expect(201);
}

#[test]
fn bodies_that_are_no_wallet() {
    let acme = tenant();
    let long = format!(
        r#"{{"type":"master","owner":{{"name":"{}"}}}}"#,
        "n".repeat(201)
    );
    let pairs = (0..51)
        .map(|n| format!(r#""k{n}":"v""#))
        .collect::<Vec<_>>()
        .join(",");
    let many = format!(r#"{{"type":"master","metadata":{{{pairs}}}}}"#);
    let wide = format!(
        r#"{{"type":"master","metadata":{{"k":"{}"}}}}"#,
        "v".repeat(501)
    );
    let named = format!(
        r#"{{"type":"master","metadata":{{"{}":"v"}}}}"#,
        "k".repeat(41)
    );
    let reference = format!(
        r#"{{"type":"master","reference_id":"{}"}}"#,
        "r".repeat(101)
    );
    refuses(
        &acme,
        "POST",
        "/v1/wallets",
        &[
            ("{}", 422, "field_required", "/type"),
            (r#"{"type":null}"#, 422, "field_required", "/type"),
            (r#"{"type":"piggy"}"#, 422, "invalid_field", "/type"),
            (r#"{"type":7}"#, 422, "invalid_field", "/type"),
            (
                r#"{"type":"master","colour":"red"}"#,
                422,
                "unknown_field",
                "/colour",
            ),
            (
                r#"{"type":"master","type":"reserve"}"#,
                422,
                "duplicate_key",
                "/type",
            ),
            (
                r#"{"type":"master","owner":{"name":"a","name":"b"}}"#,
                422,
                "duplicate_key",
                "/owner/name",
            ),
            (
                r#"{"type":"master","currency":"XAU"}"#,
                422,
                "invalid_field",
                "/currency",
            ),
            (
                r#"{"type":"master","currency":"PESO"}"#,
                422,
                "invalid_field",
                "/currency",
            ),
            (
                r#"{"type":"master","currency":608}"#,
                422,
                "invalid_field",
                "/currency",
            ),
            (
                r#"{"type":"master","owner":{"email":"nobody"}}"#,
                422,
                "invalid_field",
                "/owner/email",
            ),
            (
                r#"{"type":"master","owner":{"phone":"call me"}}"#,
                422,
                "invalid_field",
                "/owner/phone",
            ),
            (
                r#"{"type":"master","owner":{"name":""}}"#,
                422,
                "invalid_field",
                "/owner/name",
            ),
            (
                r#"{"type":"master","owner":{"name":"a\u0000b"}}"#,
                422,
                "invalid_field",
                "/owner/name",
            ),
            (
                r#"{"type":"master","owner":[]}"#,
                422,
                "invalid_field",
                "/owner",
            ),
            (
                r#"{"type":"master","metadata":{"a":1}}"#,
                422,
                "invalid_field",
                "/metadata",
            ),
            (
                r#"{"type":"master","metadata":{"10":"a"}}"#,
                422,
                "invalid_field",
                "/metadata",
            ),
            (
                r#"{"type":"master","metadata":{"":"a"}}"#,
                422,
                "invalid_field",
                "/metadata",
            ),
            (
                r#"{"type":"master","reference_id":"a b"}"#,
                422,
                "invalid_field",
                "/reference_id",
            ),
            (
                r#"{"type":"master","reference_id":""}"#,
                422,
                "invalid_field",
                "/reference_id",
            ),
            (
                r#"{"type":"master","low_balance_threshold":1.5}"#,
                422,
                "amount_not_integer",
                "/low_balance_threshold",
            ),
            (
                r#"{"type":"master","low_balance_threshold":"5"}"#,
                422,
                "amount_decimals",
                "/low_balance_threshold",
            ),
            (&long, 422, "invalid_field", "/owner/name"),
            (&many, 422, "invalid_field", "/metadata"),
            (&wide, 422, "invalid_field", "/metadata"),
            (&named, 422, "invalid_field", "/metadata"),
            (&reference, 422, "invalid_field", "/reference_id"),
        ],
    );
    let all = acme
        .request("POST", "/v1/wallets")
        .idempotent(&fresh("k"))
        .body(r#"{"x":1,"type":"q","y":2}"#)
        .send();
    let pointers = texts(all.json()["errors"].as_array().unwrap(), "pointer");
    assert_eq!(
        pointers,
        ["/x", "/y", "/type"],
        "all faults at once, the unknown ones first"
    );
}

#[test]
fn the_longest_values_are_taken() {
    let acme = tenant();
    let metadata: serde_json::Map<String, serde_json::Value> = (0..50)
        .map(|n| (format!("{n:k>40}"), json!("é".repeat(500))))
        .collect();
    let body = json!({
        "type": "master", "metadata": metadata, "reference_id": "r".repeat(100),
        "owner": { "name": "日".repeat(200) },
    });
    let made = acme.post("/v1/wallets", &body).expect(201).json();
    assert_eq!(made["metadata"], body["metadata"]);
    assert_eq!(made["owner"]["name"], body["owner"]["name"]);
}
