//! Many at once: exactly what one after another could have done.

use std::sync::Barrier;

use serde_json::json;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use crate::v1::pos::{Shop, verified};

const WAYS: usize = 32;
const ROUNDS: usize = 5;

/// Runs `act` on threads that begin together.
fn at_once(act: impl Fn(usize) -> Reply + Sync) -> Vec<Reply> {
    let gate = Barrier::new(WAYS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..WAYS)
            .map(|n| {
                let (gate, act) = (&gate, &act);
                scope.spawn(move || {
                    gate.wait();
                    act(n)
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

fn done(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| reply.status < 300).count()
}

#[test]
fn the_last_piece_is_sold_once() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        for round in 1..=ROUNDS {
            let last = shop.product(500, Some(1));
            let body =
                json!({ "items": [{ "product_id": last, "quantity": 1 }], "tender": "cash" });
            let replies = at_once(|_| shop.sell(body.clone()));
            assert_eq!(done(&replies), 1, "round {round}");
            for reply in replies.iter().filter(|reply| reply.status >= 300) {
                assert_eq!(reply.code(), "out_of_stock");
            }
            assert_eq!(shop.stock(&last), "0");
        }
        assert_eq!(
            shop.expected(),
            1_000 + 500 * i64::try_from(ROUNDS).unwrap()
        );
    }
    verified(server);
}

#[test]
fn what_is_sold_while_a_shift_closes_is_in_it_or_refused() {
    let server = TestServer::start(ServerSettings::default());
    {
        let mut shop = Shop::new(Tenant::found(&server));
        for round in 1..=ROUNDS {
            let replies = at_once(|n| match n % 8 {
                0 => shop.close(0),
                _ => shop.cash(100),
            });
            let (closes, sales): (Vec<_>, Vec<_>) =
                replies.iter().enumerate().partition(|(n, _)| n % 8 == 0);
            let closed: Vec<&Reply> = closes
                .iter()
                .map(|(_, r)| *r)
                .filter(|r| r.status == 200)
                .collect();
            assert_eq!(closed.len(), 1, "round {round}: one close counts");
            let sold = sales
                .iter()
                .filter(|(_, reply)| reply.status == 201)
                .count();
            for (_, reply) in sales.iter().filter(|(_, reply)| reply.status != 201) {
                assert_eq!(reply.code(), "shift_closed");
            }
            let report = shop.report();
            assert_eq!(report["transactions"], json!(sold));
            let float = report["cash"]["opening_float"].as_i64().unwrap();
            let expected = float + 100 * i64::try_from(sold).unwrap();
            assert_eq!(closed[0].field("expected_cash"), expected.to_string());
            // One of many opens the next.
            let opened = at_once(|_| shop.open(100));
            assert_eq!(done(&opened), 1);
            let open = opened.iter().find(|reply| reply.status == 201).unwrap();
            shop.shift = open.id();
        }
    }
    verified(server);
}

#[test]
fn refunds_never_give_back_more_than_was_paid() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        shop.cash(1_000_000).expect(201);
        for round in 1..=ROUNDS {
            let sale = shop.cash(1_000).expect(201).id();
            let before = shop.expected();
            let replies = at_once(|n| shop.refund(&sale, if n % 2 == 0 { 300 } else { 400 }));
            let given: i64 = replies
                .iter()
                .filter(|reply| reply.status == 201)
                .map(|reply| reply.field("amount").parse::<i64>().unwrap())
                .sum();
            assert!((700..=1_000).contains(&given), "round {round}: {given}");
            assert_eq!(shop.expected(), before - given);
            assert_eq!(shop.sale(&sale).field("amount_refunded"), given.to_string());
        }
    }
    verified(server);
}

#[test]
fn a_void_and_a_settlement_do_not_both_happen() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        for round in 1..=ROUNDS {
            let sale = shop.card(1_000).expect(201);
            let payment = sale.field("tenders/0/payment_id");
            shop.acme.attend(&payment);
            let before = shop.acme.available(&shop.wallet);
            let gate = Barrier::new(2);
            let voided = std::thread::scope(|scope| {
                let settle = scope.spawn(|| {
                    gate.wait();
                    settle(&shop, &payment);
                });
                gate.wait();
                let voided = shop.void(&sale.id());
                settle.join().unwrap();
                voided
            });
            let shown = shop
                .acme
                .get(&format!("/v1/payments/{payment}"))
                .expect(200);
            let (status, settled) = (shown.field("status"), shown.field("amount_settled"));
            let after = shop.acme.available(&shop.wallet);
            match voided.status {
                200 => {
                    assert_eq!(
                        (status.as_str(), settled.as_str()),
                        ("voided", "0"),
                        "round {round}"
                    );
                    assert_eq!(after, before);
                }
                _ => {
                    assert_eq!(voided.code(), "already_settled", "round {round}");
                    assert_eq!((status.as_str(), settled.as_str()), ("captured", "1000"));
                    assert_eq!(after, before + 1_000);
                }
            }
            assert_eq!(shop.acme.balance(&shop.wallet, "pending"), 0);
        }
    }
    verified(server);
}

/// One step of the worker; that a void came first is no fault of it.
fn settle(shop: &Shop<'_>, payment: &str) {
    use strongroom_domain::payments::AdvancePayment;
    use strongroom_types::id::PaymentId;
    let id = PaymentId::parse(payment).unwrap();
    let _ = shop.acme.books.run(AdvancePayment {
        id,
        pause: 0,
        heard: i64::MAX,
    });
}
