//! `/v1/products`

use serde_json::{Value, json};

use crate::v1::{NOW, refuses, tenant};

#[test]
fn a_product_is_made_found_changed_and_counted() {
    let acme = tenant();
    // An EAN that is a card number by every rule that a tripwire could have.
    let barcode = "4242424242424242";
    let body = json!({
        "sku": "COF-1", "name": "Coffee", "barcode": barcode, "price": "95.00",
        "tax_rate_ppm": 120_000, "stock": 3,
    });
    let made = acme.post("/v1/products", &body).expect(201);
    let id = made.id();
    assert_eq!(
        made.json(),
        json!({
            "id": id, "object": "product", "sku": "COF-1", "name": "Coffee", "barcode": barcode,
            "price": 9_500, "price_decimal": "95.00", "currency": "PHP", "tax_rate_ppm": 120_000,
            "stock": 3, "active": true, "metadata": {}, "created_at": NOW,
        })
    );
    let found = acme.all("/v1/products?sku=COF-1");
    assert_eq!(found, [made.json()]);
    assert_eq!(acme.all("/v1/products?sku=COF-2"), [Value::Null; 0]);
    assert_eq!(acme.all("/v1/products?active=false"), [Value::Null; 0]);

    let path = format!("/v1/products/{id}");
    let stock = |body: Value| acme.post(&format!("{path}/stock"), &body);
    let more = stock(json!({ "change": 7, "reason": "delivery" })).expect(200);
    assert_eq!(more.field("stock"), "10");
    let counted = stock(json!({ "count": 9, "reason": "inventory" })).expect(200);
    assert_eq!(counted.field("stock"), "9");
    stock(json!({ "change": -10, "reason": "broken" })).refused(422, "out_of_stock");
    assert_eq!(acme.get(&path).expect(200).field("stock"), "9");

    let change = json!({ "price": 10_000, "barcode": null, "active": false });
    let changed = acme
        .request("PATCH", &path)
        .json(&change)
        .send()
        .expect(200)
        .json();
    assert_eq!(
        (&changed["price"], &changed["barcode"], &changed["active"]),
        (&json!(10_000), &json!(null), &json!(false))
    );
    let next = json!({ "sku": "COF-3", "name": "Other", "barcode": barcode, "price": 1 });
    acme.post("/v1/products", &next).expect(201);
}

#[test]
fn what_is_no_product_is_refused_by_field() {
    let acme = tenant();
    let body = json!({ "sku": "A", "name": "A", "barcode": "B", "price": 1 });
    let id = acme.post("/v1/products", &body).expect(201).id();
    let all = [
        ("{}", 422, "field_required", "/name"),
        (
            r#"{"sku":"B","name":"B","price":0}"#,
            422,
            "amount_not_positive",
            "/price",
        ),
        (
            r#"{"sku":"B","name":"B","price":-5}"#,
            422,
            "amount_not_positive",
            "/price",
        ),
        (
            r#"{"sku":"B","name":"B","price":1.5}"#,
            422,
            "amount_not_integer",
            "/price",
        ),
        (
            r#"{"sku":"B","name":"B","price":1,"tax_rate_ppm":1000001}"#,
            422,
            "invalid_field",
            "/tax_rate_ppm",
        ),
        (
            r#"{"sku":"B","name":"B","price":1,"tax_rate_ppm":-1}"#,
            422,
            "invalid_field",
            "/tax_rate_ppm",
        ),
        (
            r#"{"sku":"B","name":"B","price":1,"stock":-1}"#,
            422,
            "invalid_field",
            "/stock",
        ),
        (
            r#"{"sku":"B C","name":"B","price":1}"#,
            422,
            "invalid_field",
            "/sku",
        ),
        (
            r#"{"sku":"B","name":"B","price":1,"currency":"XAU"}"#,
            422,
            "invalid_field",
            "/currency",
        ),
        (
            r#"{"sku":"A","name":"B","price":1}"#,
            409,
            "already_exists",
            "/sku",
        ),
        (
            r#"{"sku":"B","name":"B","price":1,"barcode":"B"}"#,
            409,
            "already_exists",
            "/barcode",
        ),
    ];
    refuses(&acme, "POST", "/v1/products", &all);
    let stock = format!("/v1/products/{id}/stock");
    refuses(
        &acme,
        "POST",
        &stock,
        &[
            (r#"{"change":1}"#, 422, "field_required", "/reason"),
            (r#"{"reason":"x"}"#, 422, "field_required", "/change"),
            (
                r#"{"reason":"x","change":1,"count":1}"#,
                422,
                "invalid_field",
                "/count",
            ),
            (
                r#"{"reason":"x","count":-1}"#,
                422,
                "invalid_field",
                "/count",
            ),
        ],
    );
}
