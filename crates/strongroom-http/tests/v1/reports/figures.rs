//! The figures of reports, against what the API's own lists say.

use serde_json::{Value, json};
use strongroom_engine::Failure;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use super::{lines, of, sum, with};
use crate::v1::fees::schedule;
use crate::v1::payments::verified;
use crate::v1::pos::Shop;

/// Card payments with fees, refunds, payouts of every end; all lists are read again.
#[test]
fn sums_are_those_of_the_lists() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let returned = json!({ "refunds": "returned" });
    schedule(&acme, "payments", 290, 15, &returned).expect(201);
    schedule(&acme, "payouts", 50, 0, &json!({})).expect(201);
    let wallet = acme.funded("operating", 50_000);
    let paid: Vec<String> = [10_000, 2_500, 199]
        .map(|minor| acme.paid(&wallet, minor))
        .into();
    acme.payment(&wallet, 700, true);
    let refund = acme.refund(&paid[0], 4_000).expect(201).id();
    acme.attend(&refund);
    acme.pay(&wallet, &acme.wallet("master"), 3_000).expect(201);
    acme.pay_bank(&wallet, 2_000).expect(201);
    acme.pay_bank(&wallet, 2_001).expect(201);
    while server.rail() > 0 {}

    let payments = acme.all("/v1/payments");
    let sales = lines(&acme, &of("sales"));
    assert_eq!(sum(&sales, "gross"), sum(&payments, "amount_captured"));
    assert_eq!(sum(&sales, "settled"), sum(&payments, "amount_settled"));
    assert_eq!(sum(&sales, "refunded"), sum(&payments, "amount_refunded"));
    assert_eq!(sum(&sales, "fees"), sum(&payments, "fee"));
    assert_eq!(sum(&sales, "sales"), 4);
    let net = sum(&sales, "gross") - sum(&sales, "refunded") - sum(&sales, "fees");
    assert_eq!(sum(&sales, "net"), net);
    assert_eq!(sales[0]["wallet_id"], json!(wallet));
    assert_eq!(sales[0]["day"], "2026-01-01");

    let completed = acme.all("/v1/payouts?status=completed");
    let payouts = lines(&acme, &of("payouts"));
    assert_eq!(
        sum(&payouts, "created_amount"),
        sum(&acme.all("/v1/payouts"), "amount")
    );
    assert_eq!(sum(&payouts, "completed_amount"), sum(&completed, "amount"));
    assert_eq!(sum(&payouts, "fees"), sum(&completed, "fee"));
    assert_eq!(sum(&payouts, "released_amount"), 2_001);

    let fees = lines(&acme, &of("fees"));
    let all = sum(&payments, "fee") + sum(&completed, "fee");
    assert_eq!(sum(&fees, "net"), all);
    assert_eq!(sum(&fees, "returned"), sum(&acme.all("/v1/refunds"), "fee"));

    let balances = lines(&acme, &of("balances"));
    for wallet in acme.all("/v1/wallets") {
        let line = balances
            .iter()
            .find(|line| line["account_id"] == wallet["id"]);
        let total = line.map_or(0, |line| line["closing_total"].as_i64().unwrap());
        assert_eq!(json!(total), wallet["balance"]["total"], "{wallet}");
    }
    let of_fees = balances.iter().find(|line| line["account_type"] == "fees");
    assert_eq!(of_fees.unwrap()["closing_total"], json!(all));
    for line in &balances {
        let moved = line["incoming"].as_i64().unwrap() - line["outgoing"].as_i64().unwrap();
        let held =
            line["closing_total"].as_i64().unwrap() - line["opening_total"].as_i64().unwrap();
        assert_eq!(moved, held, "{line}");
    }
    assert_eq!(
        sum(&balances, "closing_total"),
        0,
        "nothing is made or lost"
    );
    drop(acme);
    verified(server);
}

/// What happens at the first instant is in, what happens at the last is not.
#[test]
fn periods_are_half_open() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let wallet = acme.wallet("operating");
    let mut times = Vec::new();
    for minor in [100, 200, 400] {
        server.clock.advance(1_000);
        times.push(server.engine.now());
        acme.credit(&wallet, minor);
    }
    let within = |from: usize, to: i64| {
        let asked = json!({
            "type": "balances", "wallet_id": wallet, "from": times[from].to_string(),
            "to": times[2].plus(to).to_string(),
        });
        let line = lines(&acme, &asked).remove(0);
        ["opening_total", "incoming", "closing_total"].map(|name| line[name].as_i64().unwrap())
    };
    assert_eq!(within(0, 0), [0, 300, 300]);
    assert_eq!(within(0, 1), [0, 700, 700]);
    assert_eq!(within(1, 0), [100, 200, 300]);
    assert_eq!(within(2, 1), [300, 400, 700]);
    // Before all, and after all.
    let early =
        json!({ "type": "balances", "from": "2025-01-01T00:00:00Z", "to": times[0].to_string() });
    assert_eq!(lines(&acme, &early).len(), 0);
    let late = json!({
        "type": "balances", "from": times[2].plus(1).to_string(), "to": times[2].plus(9).to_string(),
    });
    let held = lines(&acme, &late);
    assert_eq!(sum(&held, "opening_total"), 0, "wallet and outside");
    assert_eq!(held[0]["opening_total"], 700);
    assert_eq!(sum(&held, "postings"), 0);
    drop(acme);
    verified(server);
}

/// What is too much for one report is had a currency at a time.
#[test]
fn balances_are_had_by_currency() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let dollars = json!({ "type": "master", "currency": "USD" });
    let dollars = acme.post("/v1/wallets", &dollars).expect(201).id();
    acme.credit(&dollars, 700);
    acme.funded("operating", 500);
    let all = lines(&acme, &of("balances"));
    let of_currency = |code: &str| lines(&acme, &with("balances", "currency", code));
    let (us, ph) = (of_currency("USD"), of_currency("PHP"));
    assert_eq!(us[0]["account_id"], json!(dollars));
    for found in [&us, &ph] {
        assert_eq!(found.len(), 2, "the wallet and the outside");
        assert_eq!(sum(found, "closing_total"), 0);
    }
    assert_eq!(all.len(), 4);
    assert!(us.iter().chain(&ph).all(|line| all.contains(line)));
    assert_eq!(of_currency("EUR"), Vec::<Value>::new());
    let shown = acme.get("/v1/reports").expect(200);
    assert_eq!(shown.field("data/0/currency"), "EUR");
    assert_eq!(shown.field("data/3/currency"), "null");
    drop(acme);
    verified(server);
}

#[test]
fn a_till_s_day_is_the_same_in_all_of_them() {
    let server = TestServer::start(ServerSettings::default());
    let shop = Shop::new(Tenant::found(&server));
    let product = shop.product(11_200, Some(10));
    let sell = |quantity: i64| {
        let items = json!([{ "product_id": product, "quantity": quantity }]);
        shop.sell(json!({ "items": items, "tender": "cash" }))
            .expect(201)
    };
    let (first, voided) = (sell(2).id(), sell(1).id());
    shop.cash(500).expect(201);
    shop.void(&voided).expect(200);
    let card = shop.card(900).expect(201);
    shop.attend(&card);
    shop.refund(&first, 1_000).expect(201);
    let report = shop.report();
    let acme = &shop.acme;

    let shift = lines(acme, &with("shift", "shift_id", &shop.shift)).remove(0);
    for (column, pointer) in [
        ("sales", "/transactions"),
        ("voided", "/voided"),
        ("sold", "/sold"),
        ("cash", "/tenders/cash"),
        ("card", "/tenders/card"),
        ("cash_refunds", "/cash/refunds"),
        ("opening_float", "/cash/opening_float"),
        ("expected_cash", "/cash/expected"),
    ] {
        assert_eq!(Some(&shift[column]), report.pointer(pointer), "{column}");
    }
    assert_eq!(shift["status"], "open");

    let taxes = lines(acme, &of("tax"));
    let of_shift: Vec<Value> = report["taxes"].as_array().unwrap().clone();
    assert_eq!(sum(&taxes, "tax"), sum(&of_shift, "tax"));
    assert_eq!(sum(&taxes, "tax"), 2_400);
    assert_eq!(sum(&taxes, "gross"), 22_400 + 500 + 900);
    let store = taxes[0]["store_id"].as_str().unwrap();
    assert_eq!(lines(acme, &with("tax", "store_id", store)), taxes);

    let sales = lines(acme, &of("sales"));
    let tender = |wanted: &str| -> Vec<Value> {
        let of = sales.iter().filter(|line| line["tender"] == wanted);
        of.cloned().collect()
    };
    let (cash, card) = (tender("cash"), tender("card"));
    assert_eq!(sum(&cash, "gross"), 22_400 + 11_200 + 500);
    assert_eq!(sum(&cash, "reversed"), 11_200);
    assert_eq!(sum(&cash, "refunded"), 1_000);
    assert_eq!(sum(&card, "gross"), 900);
    assert_eq!(cash[0]["shift_id"], json!(shop.shift));
    shop.close(shop.expected()).expect(200);
    let closed = lines(acme, &with("shift", "shift_id", &shop.shift)).remove(0);
    assert_eq!(closed["difference"], 0);
    assert_eq!(closed["z_number"], 1);
    drop(shop);
    verified(server);
}

/// Figures without an entry that was there would be wrong, and nobody would know.
#[test]
fn a_log_with_a_gap_makes_no_report() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let acme = Tenant::found(&server);
    let mark = acme.mark();
    acme.funded("operating", 1_000);
    let audit = acme.audit_since(&mark);
    let credit = |record: &&Value| record["action"] == "wallet_credited";
    let credited = audit.iter().find(credit).unwrap()["sequence"].as_i64();
    let report = acme.post("/v1/reports", &of("balances")).expect(202).id();

    let scope = acme.books.scope;
    let entry = i64::from(scope.number) << 40 | credited.unwrap();
    let database = rusqlite::Connection::open(server.folder().join("strongroom.db")).unwrap();
    let gone = database.execute("DELETE FROM log WHERE entry = ?1", [entry]);
    assert_eq!(gone.unwrap(), 1);
    let failed = server.try_attend(scope, &report).unwrap_err();
    assert!(matches!(failed, Failure::Internal), "{failed:?}");
    let shown = acme.get(&format!("/v1/reports/{report}")).expect(200);
    assert_eq!(shown.field("status"), "queued", "it waits to be made");
}
