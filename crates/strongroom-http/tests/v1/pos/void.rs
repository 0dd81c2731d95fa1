//! `POST /v1/transactions/{id}/void`

use serde_json::json;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA};

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
