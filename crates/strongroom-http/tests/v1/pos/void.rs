//! `POST /v1/transactions/{id}/void`

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

use crate::v1::pos::{Shop, verified};

#[test]
fn a_void_is_as_if_it_had_not_been() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let coffee = shop.product(500, Some(10));
        let sold = |more: serde_json::Value| {
            let mut body = json!({ "items": [{ "product_id": coffee, "quantity": 2 }] });
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            shop.sell(body).expect(201)
        };
        let cash = sold(json!({ "tender": "cash" }));
        let voided = shop.void(&cash.id()).expect(200);
        assert_eq!(voided.field("status"), "voided");
        assert_eq!(voided.field("void_reason"), "typed twice");
        assert_eq!(
            (shop.stock(&coffee).as_str(), shop.expected()),
            ("10", 1_000)
        );
        shop.void(&cash.id()).refused(409, "invalid_state");
        let report = shop.report();
        assert_eq!((&report["voided"], &report["sold"]), (&json!(1), &json!(0)));
        assert_eq!(report["taxes"], json!([]));

        // A card's: not before it is answered, not after it is settled.
        let token = shop.acme.token(VISA).expect(201).id();
        let card = sold(json!({ "payment_token": token }));
        let payment = card.field("tenders/0/payment_id");
        shop.void(&card.id()).refused(409, "invalid_state");
        shop.attend(&card);
        assert_eq!(shop.acme.balance(&shop.wallet, "pending"), 1_000);
        shop.void(&card.id()).expect(200);
        assert_eq!(shop.acme.balance(&shop.wallet, "pending"), 0);
        let paid = shop
            .acme
            .get(&format!("/v1/payments/{payment}"))
            .expect(200);
        assert_eq!(
            (
                paid.field("status").as_str(),
                paid.field("amount_captured").as_str()
            ),
            ("voided", "0")
        );
        // The acquirer hears of it; nothing comes of it any more.
        shop.attend(&card);
        shop.refund(&card.id(), 1).refused(409, "invalid_state");

        let token = shop.acme.token(VISA).expect(201).id();
        let settled = sold(json!({ "payment_token": token }));
        shop.attend(&settled);
        shop.attend(&settled);
        shop.void(&settled.id()).refused(409, "already_settled");

        let again = sold(json!({ "tender": "cash" }));
        shop.refund(&again.id(), 100).expect(201);
        shop.void(&again.id()).refused(409, "invalid_state");
        shop.close(shop.expected()).expect(200);
        let late = sold_before(&shop);
        shop.void(&late).refused(422, "shift_closed");
    }
    verified(server);
}

/// A completed transaction of the shift that is closed.
fn sold_before(shop: &Shop<'_>) -> String {
    let path = format!("/v1/transactions?shift_id={}&status=completed", shop.shift);
    let mut all = shop.acme.all(&path);
    all.retain(|sale| sale["tenders"][0]["type"] == "cash" && sale["amount_refunded"] == 0);
    match all.first() {
        Some(sale) => sale["id"].as_str().unwrap().to_owned(),
        None => {
            let any = shop.acme.all(&path);
            // The card's is settled; the shift is asked before the payment.
            any[0]["id"].as_str().unwrap().to_owned()
        }
    }
}

/// A void gives money back: what holds refunds up holds it up, and what bounds a key bounds it.
#[test]
fn a_void_is_bounded_as_refunds_are() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let acme = &shop.acme;
        let policy = json!({ "act": "refund", "approvals": 1, "threshold": { "amount": 1_000, "currency": "PHP" } });
        acme.post("/v1/approval-policies", &policy).expect(201);
        let (small, large) = (
            shop.cash(1_000).expect(201).id(),
            shop.cash(1_001).expect(201).id(),
        );
        shop.void(&small).expect(200);
        let asked = shop.void(&large).expect(202);
        assert_eq!(asked.field("request/transaction_id"), large);
        assert_eq!(asked.field("request/amount"), "1001");
        assert_eq!(shop.sale(&large).field("status"), "completed");
        assert_eq!(shop.expected(), 2_001);
        let approve = format!("/v1/approvals/{}/approve", asked.id());
        let body = json!({ "hash": asked.field("hash") });
        let by = |key: &str| {
            let request = acme.server.request("POST", &approve).bearer(key);
            request.idempotent(&fresh("approve")).json(&body).send()
        };
        by(&acme.owner.text).refused(403, "same_person");
        let done = by(&acme.key(Role::Owner).text).expect(200);
        assert_eq!(done.field("status"), "executed");
        assert_eq!(done.field("resource_id"), large);
        assert_eq!(shop.sale(&large).field("status"), "voided");
        assert_eq!(shop.expected(), 1_000);

        // A card's, whose payment and wallet are found by way of the approval.
        let card = shop.card(1_002).expect(201);
        shop.attend(&card);
        assert_eq!(acme.balance(&shop.wallet, "pending"), 1_002);
        let asked = shop.void(&card.id()).expect(202);
        let approve = format!("/v1/approvals/{}/approve", asked.id());
        let body = json!({ "hash": asked.field("hash") });
        let other = acme.key(Role::Owner).text;
        let request = acme.server.request("POST", &approve).bearer(&other);
        let done = request.idempotent(&fresh("approve")).json(&body).send();
        assert_eq!(done.expect(200).field("status"), "executed");
        assert_eq!(shop.sale(&card.id()).field("status"), "voided");
        assert_eq!(acme.balance(&shop.wallet, "pending"), 0);

        let key = json!({ "role": "owner", "limits": { "per_day": 500 } });
        let key = acme.post("/v1/api-keys", &key).expect(201).field("key");
        let void = |sale: &str| {
            let path = format!("/v1/transactions/{sale}/void");
            let request = acme
                .server
                .request("POST", &path)
                .bearer(&key)
                .idempotent(sale);
            request.json(&json!({ "reason": "typed twice" })).send()
        };
        let (first, second) = (
            shop.cash(400).expect(201).id(),
            shop.cash(101).expect(201).id(),
        );
        void(&first).expect(200);
        void(&second).refused(403, "key_limit_exceeded");
    }
    verified(server);
}
