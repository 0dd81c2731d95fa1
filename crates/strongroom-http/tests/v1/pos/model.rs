//! Random work at a till, every answer and every read held against plain numbers that share no code with the product.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA};

use crate::v1::pos::{Shop, verified};

const OPS: usize = 400;
const DECLINED: &str = "4000000000000002";
const PRICE: i64 = 250;

#[derive(Default)]
struct Shift {
    float: i64,
    paid_in: i64,
    paid_out: i64,
    drawer: i64,
    sold: i64,
    cash: i64,
    card: i64,
    sales: i64,
    voided: i64,
    refunds: i64,
    refunded: i64,
    pending: i64,
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
    amount: i64,
    pieces: i64,
    card: Card,
    payment: String,
    shift: String,
    refunded: i64,
}

#[derive(Default)]
struct Model {
    shifts: BTreeMap<String, Shift>,
    open: Option<String>,
    sales: BTreeMap<String, Sale>,
    stock: i64,
    /// Of the wallet.
    available: i64,
    pending: i64,
}

type Outcome = Result<(), &'static str>;

impl Model {
    fn shift(&mut self) -> Option<&mut Shift> {
        self.shifts.get_mut(self.open.as_ref()?)
    }

    fn counts(&mut self, sale: &str, sign: i64) {
        let sale = &self.sales[sale];
        let (amount, is_card) = (sale.amount, sale.card != Card::None);
        let shift = self.shifts.get_mut(&sale.shift).unwrap();
        shift.sales += sign;
        shift.sold += sign * amount;
        match is_card {
            true => shift.card += sign * amount,
            false => {
                shift.cash += sign * amount;
                shift.drawer += sign * amount;
            }
        }
    }
}

struct World<'s> {
    shop: Shop<'s>,
    coffee: String,
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
        match self.dice.below(12) {
            0 => self.open(),
            1 if self.dice.below(3) == 0 => self.close(),
            1..=2 => self.cash(),
            3..=6 => self.sell(),
            7..=8 => self.answer(),
            9 => self.void(),
            10 => self.refund(),
            _ => self.count(),
        }
    }

    fn pick(&mut self) -> Option<String> {
        let all: Vec<String> = self.model.sales.keys().cloned().collect();
        match all.len() {
            0 => None,
            n => Some(all[self.dice.below(n)].clone()),
        }
    }

    fn open(&mut self) {
        let float = 100 * i64::try_from(self.dice.below(20)).unwrap();
        let reply = self.shop.open(float);
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
            self.shop.shift = reply.id();
            self.model.open = Some(reply.id());
            self.model.shifts.insert(reply.id(), shift);
        }
    }

    fn close(&mut self) {
        let counted = 100 * i64::try_from(self.dice.below(50)).unwrap();
        let reply = self.shop.close(counted);
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
        let amount = 100 * i64::try_from(1 + self.dice.below(20)).unwrap();
        let out = self.dice.below(2) == 0;
        let body =
            json!({ "type": if out { "out" } else { "in" }, "amount": amount, "reason": "model" });
        let path = format!("/v1/shifts/{}/cash", self.shop.shift);
        let reply = self.shop.acme.post(&path, &body);
        let expected = match self.model.shift() {
            None => Err("shift_closed"),
            Some(shift) if out && shift.drawer < amount => Err("insufficient_funds"),
            Some(_) => Ok(()),
        };
        if agrees(&reply, expected) {
            let shift = self.model.shift().unwrap();
            match out {
                true => {
                    (shift.paid_out, shift.drawer) =
                        (shift.paid_out + amount, shift.drawer - amount)
                }
                false => {
                    (shift.paid_in, shift.drawer) = (shift.paid_in + amount, shift.drawer + amount)
                }
            }
        }
    }

    fn sell(&mut self) {
        let pieces = i64::try_from(1 + self.dice.below(3)).unwrap();
        let mut body = json!({ "items": [{ "product_id": self.coffee, "quantity": pieces }] });
        let kind = self.dice.below(4);
        let good = kind != 3;
        match kind {
            0 | 1 => body["tender"] = json!("cash"),
            _ => {
                let token = self.shop.acme.token(if good { VISA } else { DECLINED });
                body["payment_token"] = json!(token.expect(201).id());
            }
        }
        let reply = self.shop.sell(body);
        let expected = match (&self.model.open, self.model.stock) {
            (None, _) => Err("shift_closed"),
            (_, stock) if stock < pieces => Err("out_of_stock"),
            _ => Ok(()),
        };
        if !agrees(&reply, expected) {
            return;
        }
        let is_cash = kind < 2;
        let sale = Sale {
            status: if is_cash { "completed" } else { "pending" },
            amount: pieces * PRICE,
            pieces,
            card: if is_cash {
                Card::None
            } else {
                Card::Asked { good }
            },
            payment: match is_cash {
                true => String::new(),
                false => reply.field("tenders/0/payment_id"),
            },
            shift: self.model.open.clone().unwrap(),
            refunded: 0,
        };
        self.model.stock -= pieces;
        self.model.sales.insert(reply.id(), sale);
        match is_cash {
            true => self.model.counts(&reply.id(), 1),
            false => self.model.shift().unwrap().pending += 1,
        }
    }

    /// The worker takes a card's payment one step further.
    fn answer(&mut self) {
        let Some(id) = self.pick() else { return };
        let sale = self.model.sales.get_mut(&id).unwrap();
        let (card, amount, pieces) = (sale.card, sale.amount, sale.pieces);
        let waits = matches!(card, Card::Asked { .. } | Card::Captured) && sale.status != "voided";
        if !waits || (card == Card::Captured && sale.status == "failed") {
            return;
        }
        let (payment, shift) = (sale.payment.clone(), sale.shift.clone());
        self.shop.acme.attend(&payment);
        match card {
            Card::Asked { good: true } => {
                (sale.card, sale.status) = (Card::Captured, "completed");
                self.model.pending += amount;
                self.model.counts(&id, 1);
            }
            Card::Asked { good: false } => {
                (sale.card, sale.status) = (Card::None, "failed");
                self.model.stock += pieces;
            }
            _ => {
                sale.card = Card::Settled;
                self.model.pending -= amount;
                self.model.available += amount;
                return;
            }
        }
        self.model.shifts.get_mut(&shift).unwrap().pending -= 1;
    }

    fn void(&mut self) {
        let Some(id) = self.pick() else { return };
        let reply = self.shop.void(&id);
        let sale = &self.model.sales[&id];
        let shift = &self.model.shifts[&sale.shift];
        let expected = if shift.closed.is_some() {
            Err("shift_closed")
        } else if !matches!(sale.status, "completed" | "pending") || sale.refunded > 0 {
            Err("invalid_state")
        } else {
            match sale.card {
                Card::Settled => Err("already_settled"),
                Card::Asked { .. } => Err("invalid_state"),
                Card::None if shift.drawer < sale.amount => Err("insufficient_funds"),
                Card::None | Card::Captured => Ok(()),
            }
        };
        if agrees(&reply, expected) {
            self.model.counts(&id, -1);
            let sale = self.model.sales.get_mut(&id).unwrap();
            sale.status = "voided";
            self.model.stock += sale.pieces;
            if sale.card == Card::Captured {
                self.model.pending -= sale.amount;
            }
            self.model.shifts.get_mut(&sale.shift).unwrap().voided += 1;
        }
    }

    fn refund(&mut self) {
        let Some(id) = self.pick() else { return };
        let amount = 50 * i64::try_from(1 + self.dice.below(20)).unwrap();
        let reply = self.shop.refund(&id, amount);
        let drawer = self.model.shift().map(|shift| shift.drawer);
        let sale = &self.model.sales[&id];
        let left = sale.amount - sale.refunded;
        let expected = match (sale.status, sale.card, drawer) {
            (status, ..) if status != "completed" => Err("invalid_state"),
            (_, Card::None, None) => Err("shift_closed"),
            _ if amount > left => Err("refund_exceeds_payment"),
            (_, Card::None, Some(drawer)) if drawer < amount => Err("insufficient_funds"),
            (_, Card::None, _) => Ok(()),
            _ if self.model.available < amount => Err("insufficient_funds"),
            _ => Ok(()),
        };
        if !agrees(&reply, expected) {
            return;
        }
        let sale = self.model.sales.get_mut(&id).unwrap();
        sale.refunded += amount;
        if sale.card == Card::None {
            let shift = self.model.shift().unwrap();
            shift.drawer -= amount;
            shift.refunds += 1;
            shift.refunded += amount;
        } else {
            self.model.available -= amount;
            self.shop.acme.attend(&reply.id());
        }
    }

    fn count(&mut self) {
        let change = i64::try_from(self.dice.below(8)).unwrap() - 2;
        let body = json!({ "change": change, "reason": "model" });
        let path = format!("/v1/products/{}/stock", self.coffee);
        let reply = self.shop.acme.post(&path, &body);
        let expected = match self.model.stock + change {
            ..0 => Err("out_of_stock"),
            _ => Ok(()),
        };
        if agrees(&reply, expected) {
            self.model.stock += change;
        }
    }

    /// Everything that can be read says what the model says.
    fn read(&self) {
        let (acme, model) = (&self.shop.acme, &self.model);
        assert_eq!(self.shop.stock(&self.coffee), model.stock.to_string());
        assert_eq!(acme.available(&self.shop.wallet), model.available);
        assert_eq!(acme.balance(&self.shop.wallet, "pending"), model.pending);
        for (id, shift) in &model.shifts {
            let report = acme
                .get(&format!("/v1/shifts/{id}/report"))
                .expect(200)
                .json();
            let (counted, expected) = shift.closed.unzip();
            let held = expected.unwrap_or(shift.drawer);
            let cash = json!({
                "opening_float": shift.float, "sales": shift.cash, "refunds": shift.refunded,
                "refund_count": shift.refunds, "paid_in": shift.paid_in, "paid_out": shift.paid_out,
                "expected": held,
            });
            assert_eq!(report["cash"], cash, "{id}");
            let sums = [
                ("sold", shift.sold),
                ("transactions", shift.sales),
                ("voided", shift.voided),
            ];
            for (field, value) in sums {
                assert_eq!(report[field], json!(value), "{id} {field}");
            }
            assert_eq!(
                report["tenders"],
                json!({ "cash": shift.cash, "card": shift.card })
            );
            let shown = &report["shift"];
            assert_eq!(shown["pending_transactions"], json!(shift.pending));
            assert_eq!(
                shown["difference"],
                json!(counted.map(|counted| counted - held))
            );
        }
        let listed = acme.all("/v1/transactions?type=sale");
        assert_eq!(listed.len(), model.sales.len());
        for sale in listed {
            self.same(&sale);
        }
    }

    fn same(&self, shown: &Value) {
        let sale = &self.model.sales[shown["id"].as_str().unwrap()];
        let status = match (sale.status, sale.refunded) {
            ("completed", 0) => "completed",
            ("completed", all) if all == sale.amount => "refunded",
            ("completed", _) => "partially_refunded",
            (status, _) => status,
        };
        assert_eq!(shown["status"], status, "{shown}");
        let sums = (&shown["amount"], &shown["amount_refunded"]);
        assert_eq!(
            sums,
            (&json!(sale.amount), &json!(sale.refunded)),
            "{shown}"
        );
    }
}

#[test]
fn random_work_at_a_till_is_what_plain_numbers_say() {
    let server = TestServer::start(ServerSettings::default());
    {
        let shop = Shop::new(Tenant::found(&server));
        let body = json!({ "sku": "COF", "name": "Coffee", "price": PRICE, "stock": 20 });
        let coffee = shop.acme.post("/v1/products", &body).expect(201).id();
        let mut model = Model {
            stock: 20,
            open: Some(shop.shift.clone()),
            ..Model::default()
        };
        let first = Shift {
            float: 1_000,
            drawer: 1_000,
            ..Shift::default()
        };
        model.shifts.insert(shop.shift.clone(), first);
        let mut world = World {
            shop,
            coffee,
            model,
            dice: Dice::new(41),
        };
        for n in 1..=OPS {
            world.step();
            if n % 50 == 0 {
                world.read();
            }
        }
        world.read();
    }
    verified(server);
}
