//! `POST /v1/refunds {transaction_id}`

use serde_json::json;
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

use crate::v1::pos::{Shop, thing, verified};

#[test]
fn cash_goes_back_out_of_the_drawer_and_a_card_s_money_to_the_card() {
    let server = TestServer::start(ServerSettings::default());
    {
        let mut shop = Shop::new(Tenant::found(&server));
        let sale = shop.cash(1_000).expect(201).id();
        let refund = shop.refund(&sale, 400).expect(201);
        assert_eq!(refund.field("status"), "completed");
        assert_eq!(refund.field("transaction_id"), sale);
        assert_eq!(refund.json()["payment_id"], json!(null));
        assert_eq!(shop.expected(), 1_600);
        let shown = shop.sale(&sale);
        assert_eq!(shown.field("status"), "partially_refunded");
        shop.refund(&sale, 601)
            .refused(422, "refund_exceeds_payment");
        // The rest, without saying how much, on another day out of another shift's drawer.
        shop.close(1_600).expect(200);
        let body = json!({ "transaction_id": sale, "reason": "cold" });
        shop.acme
            .post("/v1/refunds", &body)
            .refused(422, "shift_closed");
        shop.shift = shop.open(0).expect(201).id();
        shop.acme
            .post("/v1/refunds", &body)
            .refused(422, "insufficient_funds");
        shop.cash(5_000).expect(201);
        let rest = shop.acme.post("/v1/refunds", &body).expect(201);
        assert_eq!(rest.field("amount"), "600");
        assert_eq!(shop.sale(&sale).field("status"), "refunded");
        let cash = &shop.report()["cash"];
        assert_eq!(
            (&cash["refunds"], &cash["refund_count"]),
            (&json!(600), &json!(1))
        );

        let card = shop.card(2_000).expect(201);
        shop.attend(&card);
        shop.attend(&card);
        let back = shop.refund(&card.id(), 500).expect(201);
        assert_eq!(back.field("status"), "pending");
        assert_eq!(back.field("payment_id"), card.field("tenders/0/payment_id"));
        assert_eq!(shop.sale(&card.id()).field("amount_refunded"), "500");
        let mark = shop.acme.mark();
        shop.acme.attend(&back.id());
        let told = shop.acme.events_since(&mark);
        assert!(
            told.iter()
                .any(|event| event["type"] == "transaction.refunded"),
            "{told:?}"
        );
        // The payment itself knows what went back, whichever way it was asked for.
        let more = json!({ "payment_id": card.field("tenders/0/payment_id"), "amount": 1_600, "reason": "x" });
        shop.acme
            .post("/v1/refunds", &more)
            .refused(422, "refund_exceeds_payment");
        let listed = shop.acme.all(&format!("/v1/refunds?transaction_id={sale}"));
        assert_eq!(listed.len(), 2);
    }
    verified(server);
}

#[test]
fn of_two_tenders_one_must_be_named() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let token = shop.acme.token(VISA).expect(201).id();
        let tenders = json!([
            { "type": "cash", "amount": 300 }, { "type": "card", "payment_token": token },
        ]);
        let sale = shop
            .sell(json!({ "items": [thing(1_000)], "tenders": tenders }))
            .expect(201);
        shop.refund(&sale.id(), 1).refused(409, "invalid_state");
        let payment = sale.field("tenders/1/payment_id");
        shop.acme.attend(&payment);
        shop.acme.attend(&payment);
        shop.refund(&sale.id(), 1).refused(422, "tender_required");
        let of = |tender: &str, amount: i64| {
            let body = json!({
                "transaction_id": sale.id(), "tender": tender, "amount": amount, "reason": "cold",
            });
            shop.acme.post("/v1/refunds", &body)
        };
        of("cash", 301).refused(422, "refund_exceeds_payment");
        of("card", 701).refused(422, "refund_exceeds_payment");
        of("cash", 300).expect(201);
        let card = of("card", 700).expect(201).id();
        shop.acme.attend(&card);
        assert_eq!(shop.sale(&sale.id()).field("status"), "refunded");
        of("check", 1).refused(422, "invalid_field");
        let nobody = json!({ "transaction_id": "txn_x", "reason": "x" });
        shop.acme
            .post("/v1/refunds", &nobody)
            .refused(404, "transaction_not_found");
        let both = json!({ "transaction_id": sale.id(), "payment_id": payment, "reason": "x" });
        shop.acme
            .post("/v1/refunds", &both)
            .refused(422, "invalid_field");
    }
    verified(server);
}

#[test]
fn a_refund_over_a_policy_s_threshold_waits_for_another_person() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let acme = &shop.acme;
        let cash = shop.cash(9_000).expect(201).id();
        let card = shop.card(9_000).expect(201);
        shop.attend(&card);
        shop.attend(&card);
        let threshold = json!({ "amount": 5_000, "currency": "PHP" });
        let policy = json!({ "act": "refund", "threshold": threshold, "approvals": 1 });
        acme.post("/v1/approval-policies", &policy).expect(201);
        let second = acme.key(Role::Owner);
        shop.refund(&cash, 1_000).expect(201);
        for sale in [cash, card.id()] {
            let waiting = shop.refund(&sale, 6_000).expect(202);
            let path = format!("/v1/approvals/{}/approve", waiting.id());
            let body = json!({ "hash": waiting.field("hash") });
            let request = acme.server.request("POST", &path).bearer(&second.text);
            let done = request.idempotent(&fresh("approve")).json(&body).send();
            assert_eq!(done.expect(200).field("status"), "executed");
        }
        assert_eq!(shop.expected(), 1_000 + 9_000 - 1_000 - 6_000);
        assert_eq!(shop.sale(&card.id()).field("amount_refunded"), "6000");
    }
    verified(server);
}
