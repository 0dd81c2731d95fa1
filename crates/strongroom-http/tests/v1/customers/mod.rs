//! `/v1/customers`

mod erase;

use serde_json::{Value, json};

use crate::v1::{NOW, refuses, tenant};

#[test]
fn a_customer_is_taken_in_found_and_changed() {
    let acme = tenant();
    let body = json!({
        "name": "Ana Cruz", "email": "Ana@Example.org", "phone": "+63 917 123 4567",
        "reference_id": "c-1", "metadata": { "tier": "gold" },
    });
    let made = acme.post("/v1/customers", &body).expect(201);
    let id = made.id();
    assert_eq!(
        made.json(),
        json!({
            "id": id, "object": "customer", "name": "Ana Cruz", "email": "Ana@Example.org",
            "phone": "+63 917 123 4567", "reference_id": "c-1", "metadata": { "tier": "gold" },
            "totals": [], "erased_at": null, "erasure": null, "created_at": NOW,
        })
    );
    let path = format!("/v1/customers/{id}");
    assert_eq!(acme.get(&path).expect(200).json(), made.json());
    let ids = |query: &str| -> Vec<String> {
        let found = acme.all(&format!("/v1/customers?{query}"));
        let id = |c: &Value| c["id"].as_str().unwrap().to_owned();
        found.iter().map(id).collect()
    };
    // People write addresses in many ways.
    assert_eq!(ids("email=ana@example.ORG"), [id.as_str()]);
    assert_eq!(ids("phone=%2B63%20917%20123%204567"), [id.as_str()]);
    assert_eq!(ids("reference_id=c-1"), [id.as_str()]);
    assert_eq!(ids("email=bob@example.org"), [""; 0]);

    let mark = acme.mark();
    let change = json!({ "email": "ana@example.net", "phone": null });
    let changed = acme
        .request("PATCH", &path)
        .json(&change)
        .send()
        .expect(200)
        .json();
    assert_eq!(
        (&changed["email"], &changed["phone"]),
        (&json!("ana@example.net"), &json!(null))
    );
    assert_eq!(changed["name"], "Ana Cruz");
    assert_eq!(ids("email=ana@example.org"), [""; 0]);
    assert_eq!(ids("email=ana@example.net"), [id.as_str()]);
    assert_eq!(ids("phone=%2B63%20917%20123%204567"), [""; 0]);
    let events = acme.events_since(&mark);
    // What changed is told, and never to what.
    let data = json!({ "id": id, "changed": ["email", "phone"] });
    assert_eq!(
        (&events[0]["type"], &events[0]["data"]),
        (&json!("customer.updated"), &data)
    );
}

#[test]
fn one_address_may_be_several_customers_page_by_page() {
    let acme = tenant();
    let mut made: Vec<String> = (0..5)
        .map(|n| {
            let body = json!({ "name": format!("Ana {n}"), "email": "family@example.org" });
            acme.post("/v1/customers", &body).expect(201).id()
        })
        .collect();
    made.reverse();
    let path = "/v1/customers?email=family@example.org&limit=2";
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = acme.get(&format!("{path}{after}")).expect(200).json();
        let data = page["data"].as_array().unwrap();
        seen.extend(data.iter().map(|c| c["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, made);
    acme.get("/v1/customers?after=cus_x")
        .refused(400, "bad_cursor");
}

#[test]
fn what_is_no_customer_is_refused_by_field() {
    let acme = tenant();
    let taken = json!({ "reference_id": "taken" });
    acme.post("/v1/customers", &taken).expect(201);
    refuses(
        &acme,
        "POST",
        "/v1/customers",
        &[
            (r#"{"email":"no"}"#, 422, "invalid_field", "/email"),
            (r#"{"phone":"1"}"#, 422, "invalid_field", "/phone"),
            (r#"{"name":""}"#, 422, "invalid_field", "/name"),
            (r#"{"name":7}"#, 422, "invalid_field", "/name"),
            (r#"{"age":7}"#, 422, "unknown_field", "/age"),
            (
                r#"{"reference_id":"taken"}"#,
                409,
                "reference_id_taken",
                "/reference_id",
            ),
        ],
    );
}

#[test]
fn a_payment_of_ours_names_a_customer_that_is_there() {
    let acme = tenant();
    let customer = acme
        .post("/v1/customers", &json!({ "name": "Ana" }))
        .expect(201)
        .id();
    let wallet = acme.wallet("operating");
    let pay = |who: &str| {
        let token = acme
            .token(strongroom_testkit::tenant::VISA)
            .expect(201)
            .id();
        let body = json!({ "payment_token": token, "amount": 500, "wallet_id": wallet, "customer_id": who });
        acme.post("/v1/payments", &body)
    };
    assert_eq!(pay(&customer).expect(201).field("customer_id"), customer);
    // The client's own names stay what they are.
    pay("their-customer-7").expect(201);
    pay("cus_000000000000000000000001").refused(404, "customer_not_found");
    pay("cus_nobody").refused(404, "customer_not_found");
    acme.post(&format!("/v1/customers/{customer}/erase"), &json!({}))
        .expect(200);
    pay(&customer).refused(422, "customer_erased");
}
