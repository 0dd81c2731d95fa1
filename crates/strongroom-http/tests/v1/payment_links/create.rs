//! `POST`, `GET` and `cancel`: what a client makes of links.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};
use strongroom_types::time::{DAY, SECOND};

use super::{form, id, link, now, pay};
use crate::v1::{NOW, page, refuses, tenant};

#[test]
fn a_link_is_made_read_and_found() {
    let acme = tenant();
    let wallet = acme.wallet("operating");
    let mark = acme.mark();
    let body = json!({
        "amount": "1,250.00".replace(',', ""), "currency": "php", "description": "Order 7 – two <b>chairs</b>",
        "customer": { "email": "ana@example.org", "name": "Ana Peña" }, "reference_id": "order-7",
        "expires_at": "2026-01-02T00:00:00Z", "success_url": "https://shop.example/thanks",
        "cancel_url": "https://shop.example/cart", "metadata": { "cart": "7" },
    });
    let reply = acme.post("/v1/payment-links", &body).expect(201);
    let made = reply.json();
    let id = id(&made).to_owned();
    assert!(id.starts_with("plink_") && id.len() == 30, "{id}");
    let url = format!("http://{}/pay/{id}", acme.server.address);
    assert_eq!(
        made,
        json!({
            "id": id, "object": "payment_link", "url": url, "status": "active", "amount": 125_000,
            "amount_decimal": "1250.00", "currency": "PHP", "wallet_id": wallet,
            "description": "Order 7 – two <b>chairs</b>",
            "customer": { "email": "ana@example.org", "name": "Ana Peña" }, "reference_id": "order-7",
            "success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart",
            "metadata": { "cart": "7" }, "payment_id": null, "attempts": 0, "last_failure_code": null,
            "expires_at": "2026-01-02T00:00:00.000Z", "ended_at": null, "created_at": NOW,
        })
    );
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["payment_link.created"]);
    assert_eq!(
        events[0]["data"],
        json!({ "payment_link_id": id, "amount": 125_000, "currency": "PHP", "status": "active" })
    );
    assert!(!events[0].to_string().contains("ana"), "{}", events[0]);
    assert_eq!(now(&acme, &id), made);
    let found = acme
        .get("/v1/payment-links?reference_id=order-7")
        .expect(200);
    assert_eq!(found.json(), page(std::slice::from_ref(&made)));
    assert_eq!(
        acme.get("/v1/payment-links?status=paid").expect(200).json(),
        page(&[])
    );
    acme.post("/v1/payment-links", &body)
        .refused(409, "reference_id_taken");

    // What a shop's page may know of it.
    let shop = acme.key(Role::Publishable);
    let get = |path: &str| acme.server.request("GET", path).bearer(&shop.text).send();
    let public = get(&format!("/v1/payment-links/{id}")).expect(200).json();
    for hidden in ["customer", "metadata", "reference_id"] {
        assert_eq!(public[hidden], Value::Null, "{hidden}");
    }
    assert_eq!(public["amount"], 125_000);
    get("/v1/payment-links").refused(403, "permission_denied");
}

#[test]
fn lists_go_by_their_making_and_page_both_ways() {
    let acme = tenant();
    let made: Vec<Value> = (0..5).map(|_| link(&acme, &json!({}))).collect();
    let newest: Vec<&str> = made.iter().rev().map(id).collect();
    let all = acme.all("/v1/payment-links");
    assert_eq!(texts(&all, "id"), newest);
    let after = acme.get(&format!("/v1/payment-links?limit=2&after={}", newest[1]));
    assert_eq!(
        texts(after.expect(200).json()["data"].as_array().unwrap(), "id"),
        newest[2..4]
    );
    let before = acme.get(&format!("/v1/payment-links?limit=2&before={}", newest[3]));
    assert_eq!(
        texts(before.expect(200).json()["data"].as_array().unwrap(), "id"),
        newest[1..3]
    );
    acme.get("/v1/payment-links?after=plink_000000000000000000000000")
        .refused(400, "bad_cursor");
}

#[test]
fn links_that_cannot_be_are_refused_and_nothing_is_made() {
    let acme = tenant();
    acme.wallet("operating");
    let path = "/v1/payment-links";
    refuses(
        &acme,
        "POST",
        path,
        &[
            ("{}", 422, "field_required", "/amount"),
            (r#"{"amount":0}"#, 422, "amount_not_positive", "/amount"),
            (r#"{"amount":5.5}"#, 422, "amount_not_integer", "/amount"),
            (
                r#"{"amount":5,"currency":"XAU"}"#,
                422,
                "invalid_field",
                "/currency",
            ),
            (
                r#"{"amount":5,"currency":"EUR"}"#,
                422,
                "no_default_wallet",
                "/wallet_id",
            ),
            (
                r#"{"amount":5,"wallet_id":"wallet_1"}"#,
                404,
                "wallet_not_found",
                "/wallet_id",
            ),
            (
                r#"{"amount":5,"expires_at":"2025-12-31T23:59:59Z"}"#,
                422,
                "invalid_field",
                "/expires_at",
            ),
            (
                r#"{"amount":5,"expires_at":"2027-02-01T00:00:00Z"}"#,
                422,
                "invalid_field",
                "/expires_at",
            ),
            (
                r#"{"amount":5,"expires_at":"soon"}"#,
                422,
                "invalid_field",
                "/expires_at",
            ),
            (
                r#"{"amount":5,"success_url":"javascript:alert(1)"}"#,
                422,
                "invalid_field",
                "/success_url",
            ),
            (
                r#"{"amount":5,"cancel_url":"http://shop.example"}"#,
                422,
                "invalid_field",
                "/cancel_url",
            ),
            (
                r#"{"amount":5,"customer":{"email":"ana"}}"#,
                422,
                "invalid_field",
                "/customer/email",
            ),
            (
                r#"{"amount":5,"customer":{"phone":"1"}}"#,
                422,
                "unknown_field",
                "/customer/phone",
            ),
            (
                r#"{"amount":5,"status":"paid"}"#,
                422,
                "unknown_field",
                "/status",
            ),
            (
                r#"{"amount":5,"description":"4242424242424242"}"#,
                422,
                "card_number_refused",
                "/description",
            ),
        ],
    );
    assert_eq!(acme.get(path).expect(200).json(), page(&[]));
    let live = acme.live();
    live.wallet("operating");
    live.post(path, &json!({ "amount": 5 }))
        .refused(422, "no_acquirer");
}

#[test]
fn a_cancelled_link_is_never_paid() {
    let acme = tenant();
    let made = link(&acme, &json!({ "description": "Two chairs" }));
    let id = id(&made);
    let cancel = format!("/v1/payment-links/{id}/cancel");
    let mark = acme.mark();
    let cancelled = acme.post(&cancel, &json!({})).expect(200).json();
    assert_eq!(
        (&cancelled["status"], &cancelled["ended_at"]),
        (&json!("cancelled"), &json!(NOW))
    );
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["payment_link.cancelled"]
    );
    acme.post(&cancel, &json!({})).refused(409, "invalid_state");
    let reply = form(acme.server, id, &super::card(0, "4242424242424242")).send();
    assert_eq!(super::attempt_of(&reply), (format!("/pay/{id}"), None));
    let shown = acme.server.get(&format!("/pay/{id}"));
    assert_eq!(shown.status, 410);
    assert!(shown.text().contains("was cancelled") && !shown.text().contains("chairs"));
    assert_eq!(acme.all("/v1/payments"), [Value::Null; 0]);
}

#[test]
fn a_link_under_payment_is_neither_cancelled_nor_expired() {
    let server = TestServer::start(ServerSettings::default());
    {
        let acme = Tenant::found(&server);
        let soon = json!({ "expires_at": "2026-01-01T01:00:00Z" });
        let [paid, declined, left] = [0; 3].map(|_| link(&acme, &soon));
        let first = pay(&acme, id(&paid), 0, "4242424242424242");
        let second = pay(&acme, id(&declined), 0, "4000000000000002");
        let cancel = format!("/v1/payment-links/{}/cancel", id(&paid));
        acme.post(&cancel, &json!({}))
            .refused(409, "payment_link_busy");
        let mark = acme.mark();
        server.clock.advance(DAY);
        assert_eq!(now(&acme, id(&left))["status"], "expired");
        assert_eq!(now(&acme, id(&paid))["status"], "active");
        server.rail();
        assert_eq!(now(&acme, id(&paid))["status"], "paid");
        assert_eq!(now(&acme, id(&paid))["payment_id"], json!(first));
        // Declined after its time, it gets no second attempt.
        let late = now(&acme, id(&declined));
        assert_eq!(
            (&late["status"], &late["payment_id"]),
            (&json!("expired"), &Value::Null)
        );
        assert_eq!(
            acme.get(&format!("/v1/payments/{second}")).field("status"),
            "failed"
        );
        let mut told = texts(&acme.events_since(&mark), "type");
        told.retain(|text| text.starts_with("payment_link."));
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "payment_link.expired",
                "payment_link.expired",
                "payment_link.paid"
            ]
        );
        let page = server.get(&format!("/pay/{}", id(&left)));
        assert!(page.status == 410 && page.text().contains("has expired"));
        server.clock.advance(SECOND);
        server.rail();
    }
    crate::v1::payments::verified(server);
}
