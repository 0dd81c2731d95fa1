//! Taxes at the edges of periods: what is completed or voided later than it was made.

use serde_json::{Value, json};
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA};
use strongroom_types::time::{DAY, HOUR, SECOND};

use super::{FROM, lines, sum};
use crate::v1::pos::{Shop, verified};

const MINUTE: i64 = 60 * SECOND;
const DECLINED: &str = "4000000000000002";
const BORDER: &str = "2026-01-01T01:00:00Z";

/// Sells a coffee of 112.00 with 12.00 of tax in it.
fn coffee(shop: &Shop<'_>, tender: &Value) -> Reply {
    let mut body = tender.clone();
    body["items"] = json!([{ "product_id": shop.product(11_200, None), "quantity": 1 }]);
    shop.sell(body).expect(201)
}

fn by_card(shop: &Shop<'_>, number: &str) -> Reply {
    let token = shop.acme.token(number);
    coffee(shop, &json!({ "payment_token": token.expect(201).id() }))
}

fn in_cash(shop: &Shop<'_>) -> Reply {
    coffee(shop, &json!({ "tender": "cash" }))
}

fn taxes(shop: &Shop<'_>, from: &str, to: &str) -> Vec<Value> {
    let asked = json!({ "type": "tax", "from": from, "to": to });
    lines(&shop.acme, &asked)
}

/// Kind, number of sales, and tax of each line.
fn told(lines: &[Value]) -> Vec<(&str, i64, i64)> {
    let number = |value: &Value| value.as_i64().unwrap();
    let told = lines.iter().map(|line| {
        let kind = line["kind"].as_str().unwrap();
        (kind, number(&line["sales"]), number(&line["tax"]))
    });
    told.collect()
}

/// Made before midnight, paid after it: it is in one report, and that is the later one.
#[test]
fn a_sale_counts_when_it_is_completed() {
    let server = TestServer::start(ServerSettings::default());
    let shop = Shop::new(Tenant::found(&server));
    server.clock.advance(59 * MINUTE + 30 * SECOND);
    let sale = by_card(&shop, VISA);
    assert_eq!(sale.field("completed_at"), "null");
    server.clock.advance(MINUTE);
    let now = server.engine.now().to_string();
    assert_eq!(taxes(&shop, FROM, BORDER), Vec::<Value>::new());
    assert_eq!(
        taxes(&shop, BORDER, &now),
        Vec::<Value>::new(),
        "nobody has paid yet"
    );
    shop.attend(&sale);
    let shown = shop.sale(&sale.id());
    assert_eq!(shown.field("completed_at"), now);
    assert_eq!(shown.field("created_at"), "2026-01-01T00:59:30.000Z");

    server.clock.advance(10 * DAY + 15 * HOUR);
    let now = server.engine.now().to_string();
    assert_eq!(taxes(&shop, FROM, BORDER), Vec::<Value>::new());
    assert_eq!(told(&taxes(&shop, BORDER, &now)), [("sale", 1, 1_200)]);
    assert_eq!(told(&taxes(&shop, FROM, &now)), [("sale", 1, 1_200)]);
    // What is never paid is in none.
    let refused = by_card(&shop, DECLINED);
    server.clock.advance(HOUR);
    shop.attend(&refused);
    let shown = shop.sale(&refused.id());
    assert_eq!(shown.field("status"), "failed");
    assert_eq!(shown.field("completed_at"), "null");
    server.clock.advance(1);
    let now = server.engine.now().to_string();
    assert_eq!(told(&taxes(&shop, BORDER, &now)), [("sale", 1, 1_200)]);
    drop(shop);
    verified(server);
}

/// A report that was made stays true: what is voided later is taken off in the period of the void.
#[test]
fn a_void_is_taken_off_when_it_happens() {
    let server = TestServer::start(ServerSettings::default());
    let shop = Shop::new(Tenant::found(&server));
    let (kept, voided) = (in_cash(&shop), in_cash(&shop));
    assert_eq!(kept.field("completed_at"), kept.field("created_at"));
    server.clock.advance(2 * HOUR);
    let january = taxes(&shop, FROM, BORDER);
    assert_eq!(told(&january), [("sale", 2, 2_400)]);

    // Longer than one slice of hours.
    server.clock.advance(11 * DAY);
    shop.void(&voided.id()).expect(200);
    server.clock.advance(1);
    let now = server.engine.now().to_string();
    assert_eq!(taxes(&shop, FROM, BORDER), january);
    let february = taxes(&shop, BORDER, &now);
    assert_eq!(told(&february), [("void", -1, -1_200)]);
    assert_eq!(sum(&february, "gross"), -11_200);
    assert_eq!(sum(&february, "net"), -10_000);
    let whole = taxes(&shop, FROM, &now);
    assert_eq!(told(&whole), [("sale", 2, 2_400), ("void", -1, -1_200)]);
    drop(shop);
    verified(server);
}

/// Borders need not be those of hours, and what begins and ends within one period is in it with both of its lines.
#[test]
fn borders_within_an_hour_share_nothing_and_miss_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let shop = Shop::new(Tenant::found(&server));
    let border = "2026-01-01T01:30:00Z";
    server.clock.advance(HOUR + 20 * MINUTE);
    let card = by_card(&shop, VISA);
    let cash = in_cash(&shop);
    server.clock.advance(10 * MINUTE);
    shop.attend(&card);
    shop.void(&cash.id()).expect(200);
    // Completed in one hour and voided in the next, both behind the border.
    server.clock.advance(HOUR);
    shop.void(&card.id()).expect(200);
    server.clock.advance(1);
    let now = server.engine.now().to_string();
    assert_eq!(told(&taxes(&shop, FROM, border)), [("sale", 1, 1_200)]);
    assert_eq!(
        told(&taxes(&shop, border, &now)),
        [("sale", 1, 1_200), ("void", -2, -2_400)]
    );
    assert_eq!(
        told(&taxes(&shop, border, "2026-01-01T02:00:00Z")),
        [("sale", 1, 1_200), ("void", -1, -1_200)]
    );
    assert_eq!(
        told(&taxes(&shop, FROM, &now)),
        [("sale", 2, 2_400), ("void", -2, -2_400)]
    );
    drop(shop);
    verified(server);
}
