//! Random work at a till, every answer and every read held against plain numbers that share no code with the product: carts of
//! several lines with discounts and taxes of several rates, paid in cash, by card or both; voids, refunds in cash and to cards that
//! are taken or refused, stock, a customer's totals, shifts with cash put in and taken out, their X and Z reports.

mod reads;
mod selling;
mod sums;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strongroom_engine::verify::verify;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

use sums::{Line, Sums};

/// Operations without being asked for more.
const OPS: u64 = 400;

/// What the shop has: SKU, price, rate of tax, stock.
const PRODUCTS: [(&str, i64, i64, Option<i64>); 3] = [
    ("COF", 250, 120_000, Some(20)),
    ("BRE", 99, 50_000, None),
    ("WIN", 1_333, 200_000, Some(8)),
];

#[derive(Default)]
struct Shift {
    float: i64,
    paid_in: i64,
    paid_out: i64,
    drawer: i64,
    sold: i64,
    discounts: i64,
    cash: i64,
    card: i64,
    sales: i64,
    voided: i64,
    refunds: i64,
    refunded: i64,
    pending: i64,
    taxes: BTreeMap<i64, (i64, i64)>,
    /// What was counted, and what had to be there.
    closed: Option<(i64, i64)>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Card {
    None,
    Asked { good: bool },
    Captured,
    Settled,
}

struct Sale {
    status: &'static str,
    lines: Vec<Line>,
    sums: Sums,
    off: i64,
    is_added: bool,
    cash: i64,
    tendered: i64,
    by_card: i64,
    card: Card,
    payment: String,
    shift: String,
    cash_back: i64,
    card_back: i64,
    is_customer: bool,
}

impl Sale {
    fn back(&self) -> i64 {
        self.cash_back + self.card_back
    }
}

#[derive(Default)]
struct Model {
    shifts: BTreeMap<String, Shift>,
    open: Option<String>,
    sales: BTreeMap<String, Sale>,
    stock: Vec<Option<i64>>,
    /// Of the wallet.
    available: i64,
    pending: i64,
    /// What the customer has bought.
    bought: i64,
    references: BTreeSet<usize>,
}

type Outcome = Result<(), &'static str>;

impl Model {
    fn shift(&mut self) -> Option<&mut Shift> {
        self.shifts.get_mut(self.open.as_ref()?)
    }

    /// A sale counts, or does not any more.
    fn counts(&mut self, sale: &str, sign: i64) {
        let sale = &self.sales[sale];
        let shift = self.shifts.get_mut(&sale.shift).unwrap();
        shift.sales += sign;
        shift.sold += sign * sale.sums.total;
        let lines = sale.lines.iter().map(|line| line.off).sum::<i64>();
        shift.discounts += sign * (sale.off + lines);
        shift.cash += sign * sale.cash;
        shift.drawer += sign * sale.cash;
        shift.card += sign * sale.by_card;
        for (rate, (net, tax)) in &sale.sums.taxes {
            let sum = shift.taxes.entry(*rate).or_default();
            *sum = (sum.0 + sign * net, sum.1 + sign * tax);
        }
        shift.taxes.retain(|_, sum| *sum != (0, 0));
        self.bought += sign * sale.sums.total * i64::from(sale.is_customer);
    }

    /// Takes lines from stock, or puts them back.
    fn take(&mut self, lines: &[Line], sign: i64) {
        for line in lines {
            if let Some(stock) = line.product.and_then(|n| self.stock[n].as_mut()) {
                *stock -= sign * line.quantity;
            }
        }
    }

    fn has(&self, lines: &[Line]) -> bool {
        let wanted = |n: usize| {
            let of = lines.iter().filter(|line| line.product == Some(n));
            of.map(|line| line.quantity).sum::<i64>()
        };
        let stock = self.stock.iter().enumerate();
        let mut counted = stock.filter_map(|(n, stock)| Some((n, (*stock)?)));
        counted.all(|(n, stock)| wanted(n) <= stock)
    }
}

/// What a card's refund says besides: whether it is refused by the bank.
fn is_refused(minor: i64) -> bool {
    minor % 100 == 4
}

struct World<'s> {
    acme: Tenant<'s>,
    wallet: String,
    till: String,
    customer: String,
    products: Vec<String>,
    model: Model,
    dice: Dice,
}

#[track_caller]
fn agrees(reply: &Reply, expected: Outcome) -> bool {
    match expected {
        Ok(()) => assert!(reply.status < 300, "should be done: {}", reply.text()),
        Err(code) => assert_eq!(reply.code(), code, "{}", reply.text()),
    }
    expected.is_ok()
}

impl World<'_> {
    fn step(&mut self) {
        match self.dice.below(14) {
            0 => self.open(),
            1 if self.dice.one_in(2) => self.close(),
            1 | 2 => self.cash(),
            3..8 => self.sell(),
            8..10 => self.answer(),
            10 => self.void(),
            11 | 12 => self.refund(),
            _ => self.count(),
        }
    }

    fn pick(&mut self) -> Option<String> {
        let all: Vec<String> = self.model.sales.keys().cloned().collect();
        // Mostly one of the last.
        let reach = if self.dice.one_in(3) {
            all.len()
        } else {
            all.len().min(8)
        };
        let back = self.dice.below(reach);
        all.len().checked_sub(1 + back).map(|n| all[n].clone())
    }

    fn open(&mut self) {
        let float = 100 * self.dice.between(0, 19);
        let body = json!({ "till_id": self.till, "opening_float": float });
        let reply = self.acme.post("/v1/shifts", &body);
        let expected = match self.model.open {
            Some(_) => Err("shift_open"),
            None => Ok(()),
        };
        if agrees(&reply, expected) {
            let shift = Shift {
                float,
                drawer: float,
                ..Shift::default()
            };
            self.model.open = Some(reply.id());
            self.model.shifts.insert(reply.id(), shift);
        }
    }

    /// The shift that is open, or one that was.
    fn some_shift(&self) -> Option<String> {
        let last = || self.model.shifts.keys().next_back().cloned();
        self.model.open.clone().or_else(last)
    }

    fn close(&mut self) {
        let Some(id) = self.some_shift() else { return };
        // Mostly once nothing is waited for any more.
        if !self.dice.one_in(4) {
            let asked = |(id, sale): (&String, &Sale)| {
                matches!(sale.card, Card::Asked { .. }).then(|| id.clone())
            };
            let waiting: Vec<String> = self.model.sales.iter().filter_map(asked).collect();
            waiting.iter().for_each(|id| self.answer_for(id));
        }
        let counted = 100 * self.dice.between(0, 49);
        let body = json!({ "counted_cash": counted });
        let reply = self.acme.post(&format!("/v1/shifts/{id}/close"), &body);
        let expected = match self.model.shift() {
            None => Err("shift_closed"),
            Some(shift) if shift.pending > 0 => Err("shift_has_pending_transactions"),
            Some(_) => Ok(()),
        };
        if agrees(&reply, expected) {
            let shift = self.model.shift().unwrap();
            shift.closed = Some((counted, shift.drawer));
            shift.drawer = 0;
            self.model.open = None;
        }
    }

    fn cash(&mut self) {
        let Some(id) = self.some_shift() else { return };
        let amount = 100 * self.dice.between(1, 20);
        let out = self.dice.one_in(2);
        let way = if out { "out" } else { "in" };
        let body = json!({ "type": way, "amount": amount, "reason": "model" });
        let reply = self.acme.post(&format!("/v1/shifts/{id}/cash"), &body);
        let expected = match self.model.shift() {
            None => Err("shift_closed"),
            Some(shift) if out && shift.drawer < amount => Err("insufficient_funds"),
            Some(_) => Ok(()),
        };
        if agrees(&reply, expected) {
            let shift = self.model.shift().unwrap();
            let (sum, sign) = match out {
                true => (&mut shift.paid_out, -1),
                false => (&mut shift.paid_in, 1),
            };
            *sum += amount;
            shift.drawer += sign * amount;
        }
    }

    /// The worker takes a card's payment one step further.
    fn answer(&mut self) {
        if let Some(id) = self.pick() {
            self.answer_for(&id);
        }
    }

    fn answer_for(&mut self, id: &str) {
        let sale = self.model.sales.get_mut(id).unwrap();
        let (card, minor) = (sale.card, sale.by_card);
        if sale.status == "voided" || !matches!(card, Card::Asked { .. } | Card::Captured) {
            return;
        }
        let (payment, shift) = (sale.payment.clone(), sale.shift.clone());
        self.acme.attend(&payment);
        match card {
            Card::Asked { good: true } => {
                (sale.card, sale.status) = (Card::Captured, "completed");
                self.model.pending += minor;
                self.model.counts(id, 1);
            }
            Card::Asked { good: false } => {
                (sale.card, sale.status) = (Card::None, "failed");
                let lines = sale.lines.clone();
                self.model.take(&lines, -1);
            }
            _ => {
                sale.card = Card::Settled;
                self.model.pending -= minor;
                self.model.available += minor;
                return;
            }
        }
        self.model.shifts.get_mut(&shift).unwrap().pending -= 1;
    }

    fn void(&mut self) {
        let Some(id) = self.pick() else { return };
        let path = format!("/v1/transactions/{id}/void");
        let reply = self.acme.post(&path, &json!({ "reason": "typed twice" }));
        let sale = &self.model.sales[&id];
        let shift = &self.model.shifts[&sale.shift];
        let expected = if shift.closed.is_some() {
            Err("shift_closed")
        } else if !matches!(sale.status, "completed" | "pending") || sale.back() > 0 {
            Err("invalid_state")
        } else {
            match sale.card {
                Card::Settled => Err("already_settled"),
                Card::Asked { .. } => Err("invalid_state"),
                Card::None | Card::Captured if shift.drawer < sale.cash => {
                    Err("insufficient_funds")
                }
                Card::None | Card::Captured => Ok(()),
            }
        };
        if agrees(&reply, expected) {
            self.model.counts(&id, -1);
            let sale = self.model.sales.get_mut(&id).unwrap();
            sale.status = "voided";
            if sale.card == Card::Captured {
                self.model.pending -= sale.by_card;
            }
            self.model.shifts.get_mut(&sale.shift).unwrap().voided += 1;
            let lines = sale.lines.clone();
            self.model.take(&lines, -1);
        }
    }

    fn refund(&mut self) {
        let Some(id) = self.pick() else { return };
        let amount = match self.dice.below(8) {
            0 => 104,
            _ => 10 * self.dice.between(1, 60),
        };
        let named = *self
            .dice
            .pick(&[None, None, Some("cash"), Some("card")])
            .unwrap();
        let mut body = json!({ "transaction_id": id, "amount": amount, "reason": "returned" });
        if let Some(named) = named {
            body["tender"] = json!(named);
        }
        let reply = self.acme.post("/v1/refunds", &body);
        let drawer = self.model.shift().map(|shift| shift.drawer);
        let sale = &self.model.sales[&id];
        let is_cash = match (named, sale.cash > 0, sale.by_card > 0) {
            (Some("cash"), true, _) | (None, true, false) => Some(true),
            (Some("card"), _, true) | (None, false, true) => Some(false),
            _ => None,
        };
        let expected = match (sale.status, is_cash, drawer) {
            (status, ..) if status != "completed" => Err("invalid_state"),
            (_, None, _) => Err("tender_required"),
            (_, Some(true), None) => Err("shift_closed"),
            (_, Some(true), _) if amount > sale.cash - sale.cash_back => {
                Err("refund_exceeds_payment")
            }
            (_, Some(true), Some(drawer)) if drawer < amount => Err("insufficient_funds"),
            (_, Some(true), _) => Ok(()),
            _ if amount > sale.by_card - sale.card_back => Err("refund_exceeds_payment"),
            _ if self.model.available < amount => Err("insufficient_funds"),
            _ => Ok(()),
        };
        if !agrees(&reply, expected) {
            return;
        }
        let sale = self.model.sales.get_mut(&id).unwrap();
        if is_cash == Some(true) {
            sale.cash_back += amount;
            let shift = self.model.shift().unwrap();
            shift.drawer -= amount;
            shift.refunds += 1;
            shift.refunded += amount;
            return;
        }
        // What the bank refuses comes back.
        if !is_refused(amount) {
            sale.card_back += amount;
            self.model.available -= amount;
        }
        self.acme.attend(&reply.id());
    }

    fn count(&mut self) {
        let n = self.dice.below(PRODUCTS.len());
        let Some(stock) = self.model.stock[n] else {
            return;
        };
        let change = self.dice.between(-2, 6);
        let body = json!({ "change": change, "reason": "model" });
        let path = format!("/v1/products/{}/stock", self.products[n]);
        let reply = self.acme.post(&path, &body);
        let expected = match (change, stock + change) {
            (0, _) => return,
            (_, ..0) => Err("out_of_stock"),
            _ => Ok(()),
        };
        if agrees(&reply, expected) {
            self.model.stock[n] = Some(stock + change);
        }
    }
}

fn opened(acme: Tenant<'_>, seed: u64) -> World<'_> {
    let wallet = acme.wallet("operating");
    let made = |path: &str, body: Value| acme.post(path, &body).expect(201).id();
    let store = made("/v1/stores", json!({ "name": "Makati" }));
    let till = made("/v1/tills", json!({ "store_id": store, "name": "1" }));
    let customer = made("/v1/customers", json!({ "name": "Ana" }));
    let products = PRODUCTS.map(|(sku, price, rate, stock)| {
        let body = json!({
            "sku": sku, "name": sku, "price": price, "tax_rate_ppm": rate, "stock": stock,
        });
        made("/v1/products", body)
    });
    World {
        acme,
        wallet,
        till,
        customer,
        products: products.to_vec(),
        model: Model {
            stock: PRODUCTS.map(|(.., stock)| stock).to_vec(),
            ..Model::default()
        },
        dice: Dice::new(seed),
    }
}

#[test]
fn random_work_at_a_till_is_what_plain_numbers_say() {
    let ops = crate::number("STRONGROOM_MODEL_OPS").unwrap_or(OPS);
    let seed = crate::number("STRONGROOM_MODEL_SEED").unwrap_or(41);
    // Every read looks at everything: the longer the sequence, the rarer.
    let every = (ops / 40).max(50);
    let mut server = TestServer::start(ServerSettings::default());
    {
        let mut world = opened(Tenant::found(&server), seed);
        for n in 1..=ops {
            world.step();
            if n % every == 0 {
                world.read();
            }
        }
        world.read();
        let (sales, shifts) = (world.model.sales.len(), world.model.shifts.len());
        println!(
            "{ops} operations at a till (seed {seed}): {sales} sales, {shifts} shifts, 0 differences"
        );
    }
    server.halt();
    let report = server.look(|store| verify(store, server.root_keys(), 2).unwrap());
    assert!(report.is_clean(), "{report}");
}
