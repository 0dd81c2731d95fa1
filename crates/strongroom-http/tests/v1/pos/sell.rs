//! `POST /v1/transactions`

use serde_json::{Value, json};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, texts};

use crate::v1::pos::{Shop, thing, verified};
use crate::v1::{refuses, tenant};

#[test]
fn cash_is_taken_with_change_and_stock_goes_down_in_the_same_commit() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let acme = &shop.acme;
        let customer = acme
            .post("/v1/customers", &json!({ "name": "Ana" }))
            .expect(201)
            .id();
        let coffee = shop.product(10_000, Some(5));
        let mark = acme.mark();
        let sale = shop.sell(json!({
            "items": [
                { "product_id": coffee, "quantity": 2, "discount_amount": 500 },
                { "name": "Bag", "quantity": 3, "unit_amount": 333, "tax_rate_ppm": 120_000 },
            ],
            "discount_amount": 100, "amount": 20_399, "tender": "cash", "tendered": 30_000,
            "customer_id": customer, "reference_id": "receipt-1",
        }));
        let shown = sale.expect(201);
        let value = shown.json();
        assert_eq!(value["status"], "completed");
        assert_eq!(
            (&value["subtotal"], &value["amount"]),
            (&json!(20_499), &json!(20_399))
        );
        // 203.99 holds 12 % tax of 21.86 (203.99 × 12 / 112 = 21.856…).
        assert_eq!(
            value["taxes"],
            json!([{ "tax_rate_ppm": 120_000, "net": 18_213, "tax": 2_186 }])
        );
        let of_items = |field: &str| -> i64 {
            let items = value["items"].as_array().unwrap();
            items.iter().map(|item| item[field].as_i64().unwrap()).sum()
        };
        assert_eq!((of_items("tax"), of_items("discount_share")), (2_186, 100));
        assert_eq!(of_items("total"), 20_399);
        assert_eq!(value["tenders"][0]["change"], 9_601);
        assert_eq!(shop.stock(&coffee), "3");
        assert_eq!(shop.expected(), 1_000 + 20_399);
        assert_eq!(
            texts(&acme.events_since(&mark), "type"),
            ["transaction.created", "transaction.completed"]
        );
        let told = &acme.events_since(&mark)[1]["data"];
        assert_eq!(
            *told,
            json!({ "transaction_id": shown.id(), "amount": 20_399, "currency": "PHP", "status": "completed" })
        );
        let totals = acme
            .get(&format!("/v1/customers/{customer}"))
            .expect(200)
            .json();
        assert_eq!(totals["totals"][0]["amount"], 20_399);
        assert_eq!(shop.sale(&shown.id()).json(), value);
        let found = acme.all(&format!("/v1/transactions?shift_id={}", shop.shift));
        assert_eq!(found, std::slice::from_ref(&value));
        assert_eq!(
            acme.all("/v1/transactions?type=sale&reference_id=receipt-1"),
            std::slice::from_ref(&value)
        );
        // The movement of money that it caused is a transaction, too.
        let moved = acme.all("/v1/transactions?type=sale_cash");
        assert_eq!(
            (&moved[0]["sale_id"], &moved[0]["amount"]),
            (&json!(shown.id()), &json!(20_399))
        );
        let moved = acme.get(&format!(
            "/v1/transactions/{}",
            moved[0]["id"].as_str().unwrap()
        ));
        assert_eq!(moved.expect(200).field("type"), "sale_cash");

        let path = format!("/v1/transactions/{}/receipt", shown.id());
        let receipt = acme.get(&path).expect(200).json();
        let audit = value["receipt"]["audit_log_id"].as_str().unwrap();
        assert!(
            receipt["verification"].as_str().unwrap().contains(audit),
            "{receipt}"
        );
        acme.server.checkpoint();
        acme.get(value["receipt"]["proof"].as_str().unwrap())
            .expect(200);
        let html = acme.get(&format!("{path}?format=html")).expect(200);
        assert_eq!(
            html.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(
            html.text().contains("<td>TOTAL PHP</td><td>203.99</td>"),
            "{}",
            html.text()
        );
        let text = acme.get(&format!("{path}?format=text")).expect(200);
        assert_eq!(
            text.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        let lines: Vec<String> = text.text().lines().map(str::to_owned).collect();
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("change") && line.ends_with("96.01"))
        );
        acme.get(&format!("{path}?format=docx"))
            .refused(400, "invalid_parameter");
    }
    verified(server);
}

#[test]
fn a_card_s_transaction_follows_its_payment() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let coffee = shop.product(500, Some(10));
        let sell = |number: &str| {
            let token = shop.acme.token(number).expect(201).id();
            shop.sell(json!({ "items": [{ "product_id": coffee, "quantity": 1 }], "payment_token": token }))
                .expect(201)
        };
        let good = sell(VISA);
        assert_eq!(good.field("status"), "pending");
        assert_eq!(shop.stock(&coffee), "9");
        assert_eq!(shop.report()["transactions"], 0);
        let mark = shop.acme.mark();
        shop.attend(&good);
        assert_eq!(shop.sale(&good.id()).field("status"), "completed");
        let told = texts(&shop.acme.events_since(&mark), "type");
        assert!(
            told.contains(&"transaction.completed".to_owned()),
            "{told:?}"
        );
        assert_eq!(shop.acme.balance(&shop.wallet, "pending"), 500);
        let report = shop.report();
        assert_eq!(
            (&report["transactions"], &report["tenders"]["card"]),
            (&json!(1), &json!(500))
        );

        // Declined: what it took from stock is back.
        let bad = sell("4000000000000002");
        assert_eq!(shop.stock(&coffee), "8");
        shop.attend(&bad);
        assert_eq!(shop.sale(&bad.id()).field("status"), "failed");
        assert_eq!(shop.stock(&coffee), "9");
        assert_eq!(shop.report()["transactions"], 1);
        assert_eq!(shop.report()["shift"]["pending_transactions"], 0);
    }
    verified(server);
}

#[test]
fn cash_and_card_pay_one_transaction_together() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let split = |cash: i64, card: i64| {
            let token = shop.acme.token(VISA).expect(201).id();
            let tenders = json!([
                { "type": "cash", "amount": cash, "tendered": cash + 50 },
                { "type": "card", "payment_token": token, "amount": card },
            ]);
            shop.sell(json!({ "items": [thing(1_000)], "tenders": tenders }))
        };
        split(300, 600).refused(422, "amount_mismatch");
        split(400, 700).refused(422, "amount_mismatch");
        let sale = split(300, 700).expect(201);
        // Until the card is answered nothing is in the drawer, and the shift cannot be closed.
        assert_eq!(shop.expected(), 1_000);
        shop.close(1_000)
            .refused(422, "shift_has_pending_transactions");
        shop.acme.attend(&sale.field("tenders/1/payment_id"));
        assert_eq!(shop.sale(&sale.id()).field("status"), "completed");
        assert_eq!(shop.expected(), 1_300);
        let tenders = &shop.report()["tenders"];
        assert_eq!(
            (&tenders["cash"], &tenders["card"]),
            (&json!(300), &json!(700))
        );
        // Both movements of its entry are listed, page by page.
        let all = shop.acme.all("/v1/transactions");
        let one_by_one: Vec<Value> = {
            let mut found = Vec::new();
            let mut after = String::new();
            loop {
                let target = format!("/v1/transactions?limit=1{after}");
                let page = shop.acme.get(&target).expect(200).json();
                found.extend(page["data"].as_array().unwrap().iter().cloned());
                match page["next_cursor"].as_str() {
                    Some(cursor) => after = format!("&after={cursor}"),
                    None => break found,
                }
            }
        };
        assert_eq!(one_by_one, all);
        shop.close(1_300).expect(200);
    }
    verified(server);
}

#[test]
fn what_does_not_add_up_is_refused_and_nothing_moves() {
    let shop = Shop::new(tenant());
    let till = &shop.till;
    let cash = |items: &str, more: &str| {
        format!(r#"{{"till_id":"{till}","tender":"cash","items":[{items}]{more}}}"#)
    };
    let tea = r#"{"name":"Tea","quantity":1,"unit_amount":500}"#;
    let cases = [
        (
            cash(tea, r#","amount":499"#),
            422,
            "amount_mismatch",
            "/amount",
        ),
        (
            cash(tea, r#","amount":501"#),
            422,
            "amount_mismatch",
            "/amount",
        ),
        (
            cash(tea, r#","tendered":499"#),
            422,
            "amount_mismatch",
            "/tendered",
        ),
        (
            cash(tea, r#","discount_amount":501"#),
            422,
            "amount_invalid",
            "/discount_amount",
        ),
        (
            cash(tea, r#","discount_amount":500"#),
            422,
            "amount_invalid",
            "/items",
        ),
        (
            cash(tea, r#","currency":"USD""#),
            422,
            "currency_mismatch",
            "/currency",
        ),
        (cash("", ""), 422, "invalid_field", "/items"),
        (
            cash(r#"{"name":"Tea","quantity":-1,"unit_amount":5}"#, ""),
            422,
            "invalid_field",
            "/items/0/quantity",
        ),
        (
            cash(r#"{"name":"Tea","quantity":0,"unit_amount":5}"#, ""),
            422,
            "invalid_field",
            "/items/0/quantity",
        ),
        (
            cash(r#"{"name":"Tea","quantity":1.5,"unit_amount":5}"#, ""),
            422,
            "invalid_field",
            "/items/0/quantity",
        ),
        (
            cash(r#"{"name":"Tea","quantity":1}"#, ""),
            422,
            "field_required",
            "/items/0/unit_amount",
        ),
        (
            cash(r#"{"quantity":1,"unit_amount":5}"#, ""),
            422,
            "field_required",
            "/items/0/name",
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(b, s, c, p)| (b.as_str(), *s, *c, *p))
        .collect();
    refuses(&shop.acme, "POST", "/v1/transactions", &cases);
    assert_eq!(shop.expected(), 1_000);
}

#[test]
fn what_is_not_sold_or_paid_like_that_is_refused_and_nothing_moves() {
    let shop = Shop::new(tenant());
    let acme = &shop.acme;
    let coffee = shop.product(500, Some(1));
    let till = &shop.till;
    let used = acme.token(VISA).expect(201).id();
    shop.sell(json!({ "items": [thing(5)], "payment_token": used }))
        .expect(201);
    let cash = |items: &str, more: &str| {
        format!(r#"{{"till_id":"{till}","tender":"cash","items":[{items}]{more}}}"#)
    };
    let tea = r#"{"name":"Tea","quantity":1,"unit_amount":500}"#;
    let one = |more: &str| format!(r#"{{"product_id":"{coffee}","quantity":1{more}}}"#);
    let cases = [
        (
            cash(r#"{"sku":"nothing","quantity":1}"#, ""),
            404,
            "product_not_found",
            "/items/0/sku",
        ),
        (
            cash(r#"{"product_id":"prod_x","quantity":1}"#, ""),
            404,
            "product_not_found",
            "/items/0/product_id",
        ),
        (
            cash(&one(r#","unit_amount":499"#), ""),
            422,
            "price_mismatch",
            "/items/0/unit_amount",
        ),
        (
            cash(&one(r#","tax_rate_ppm":0"#), ""),
            422,
            "invalid_field",
            "/items/0/tax_rate_ppm",
        ),
        (
            cash(&format!("{},{}", one(""), one("")), ""),
            422,
            "out_of_stock",
            "/items/1/quantity",
        ),
        (
            cash(&one(r#","discount_amount":501"#), ""),
            422,
            "amount_invalid",
            "/items/0/discount_amount",
        ),
        (
            cash(tea, r#","customer_id":"cus_x""#),
            404,
            "customer_not_found",
            "/customer_id",
        ),
        (
            cash(tea, r#","payment_token":"tok_x""#),
            422,
            "invalid_field",
            "/tender",
        ),
        (
            format!(r#"{{"items":[{tea}]}}"#),
            422,
            "field_required",
            "/payment_token",
        ),
        (
            format!(r#"{{"items":[{tea}],"tender":"cash"}}"#),
            404,
            "till_not_found",
            "/till_id",
        ),
        (
            format!(r#"{{"items":[{tea}],"tender":"cash","till_id":"till_x"}}"#),
            404,
            "till_not_found",
            "/till_id",
        ),
        (
            format!(r#"{{"items":[{tea}],"payment_token":"tok_x"}}"#),
            404,
            "token_not_found",
            "/payment_token",
        ),
        (
            format!(r#"{{"items":[{tea}],"payment_token":"{used}"}}"#),
            422,
            "token_used",
            "/payment_token",
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(b, s, c, p)| (b.as_str(), *s, *c, *p))
        .collect();
    refuses(acme, "POST", "/v1/transactions", &cases);
    assert_eq!(shop.stock(&coffee), "1");
    assert_eq!(shop.expected(), 1_000);
    let taken = json!({ "items": [thing(5)], "tender": "cash", "reference_id": "r" });
    shop.sell(taken.clone()).expect(201);
    shop.sell(taken).refused(409, "reference_id_taken");
    acme.request("PATCH", &format!("/v1/products/{coffee}"))
        .json(&json!({ "active": false }))
        .send()
        .expect(200);
    let gone = json!({ "items": [{ "product_id": coffee, "quantity": 1 }], "tender": "cash" });
    shop.sell(gone).refused(422, "product_inactive");
}

#[test]
fn taxes_may_come_on_top() {
    let shop = Shop::new(tenant());
    let item = |rate: u32| json!({ "name": "Tea", "quantity": 1, "unit_amount": 333, "tax_rate_ppm": rate });
    let sale = shop.sell(json!({
        "items": [item(88_750), item(88_750), item(50_000)], "taxes_included": false, "tender": "cash",
    }));
    let value = sale.expect(201).json();
    // 6.66 × 8.875 % = 0.591…; 3.33 × 5 % = 0.1665.
    assert_eq!(
        value["taxes"],
        json!([
            { "tax_rate_ppm": 50_000, "net": 333, "tax": 17 },
            { "tax_rate_ppm": 88_750, "net": 666, "tax": 59 },
        ])
    );
    assert_eq!(value["amount"], 999 + 17 + 59);
    let taxes: Vec<i64> = value["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["tax"].as_i64().unwrap())
        .collect();
    assert_eq!(taxes, [30, 29, 17]);
}

#[test]
fn what_fits_nowhere_is_not_captured_and_can_be_voided() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        // All that came in from outside is an amount as well: fifty minor units are left.
        let most = (1_i64 << 53) - 1 - 1_000 - 50;
        let credit = format!("/v1/wallets/{}/credit", shop.wallet);
        shop.acme
            .post(&credit, &json!({ "amount": most }))
            .expect(201);
        let token = shop.acme.token(VISA).expect(201).id();
        let tenders = json!([
            { "type": "cash", "amount": 100 },
            { "type": "card", "payment_token": token, "amount": 1 },
        ]);
        let sale = shop.sell(json!({ "items": [thing(101)], "tenders": tenders }));
        let sale = sale.expect(201);
        let payment = sale.field("tenders/1/payment_id");
        shop.acme.attend(&payment);
        let path = format!("/v1/payments/{payment}");
        let shown = shop.acme.get(&path).expect(200);
        assert_eq!(shown.field("status"), "authorized");
        assert_eq!(shop.sale(&sale.id()).field("status"), "pending");
        let capture = shop.acme.post(&format!("{path}/capture"), &json!({}));
        capture.refused(422, "balance_limit");
        shop.void(&sale.id()).expect(200);
        assert_eq!(shop.sale(&sale.id()).field("status"), "voided");
        assert_eq!(shop.expected(), 1_000);
    }
    verified(server);
}

#[test]
fn the_sums_of_a_shift_are_amounts() {
    let shop = Shop::new(tenant());
    let most = (1_i64 << 53) - 1;
    let given_away = |off: i64| {
        let item =
            json!({ "name": "Tea", "quantity": 1, "unit_amount": most, "discount_amount": off });
        shop.sell(json!({ "items": [item], "tender": "cash" }))
    };
    given_away(most - 1).expect(201);
    given_away(most - 1).refused(422, "balance_limit");
    assert_eq!(shop.report()["transactions"], 1);
    let two =
        json!({ "name": "Tea", "quantity": 1, "unit_amount": most, "discount_amount": most - 1 });
    let sale = json!({ "items": [two, two], "tender": "cash" });
    let refused = shop.sell(sale).refused(422, "amount_invalid");
    assert_eq!(refused.field("errors/0/pointer"), "/items");
}
