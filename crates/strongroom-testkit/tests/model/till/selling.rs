//! Carts, and how they are paid: chosen by seed, now and then with a fault in them.

use serde_json::{Value, json};
use strongroom_testkit::tenant::VISA;

use super::sums::{Line, sums};
use super::{Card, PRODUCTS, Sale, World, agrees};

const DECLINED: &str = "4000000000000002";
/// Rates of what is no product.
const RATES: [i64; 3] = [0, 50_000, 77_777];

impl World<'_> {
    fn line(&mut self) -> (Line, Value) {
        let quantity = self.dice.between(1, 3);
        let product = (!self.dice.one_in(4)).then(|| self.dice.below(PRODUCTS.len()));
        let (unit, rate) = match product {
            Some(n) => (PRODUCTS[n].1, PRODUCTS[n].2),
            None => (self.dice.between(1, 700), *self.dice.pick(&RATES).unwrap()),
        };
        let mut shown = match product {
            Some(n) if self.dice.one_in(2) => json!({ "sku": PRODUCTS[n].0 }),
            Some(n) => json!({ "product_id": self.products[n] }),
            None => json!({ "name": "Tea", "unit_amount": unit, "tax_rate_ppm": rate }),
        };
        shown["quantity"] = json!(quantity);
        // Now and then more than there is.
        let off = match self.dice.below(5) {
            0 => self.dice.between(1, unit),
            1 if self.dice.one_in(12) => quantity * unit + 1,
            _ => 0,
        };
        if off > 0 {
            shown["discount_amount"] = json!(off);
        }
        let line = Line {
            product,
            quantity,
            unit,
            off,
            rate,
        };
        (line, shown)
    }

    /// How it is paid: the parts in cash and by card, what is handed over, and whether the card is good.
    fn tender(&mut self, total: i64, body: &mut Value) -> (i64, i64, i64, bool) {
        let kind = self.dice.below(5);
        let cash = match kind {
            0 | 1 => total,
            2 if total > 1 => self.dice.between(1, total - 1),
            _ => 0,
        };
        let tendered = match self.dice.one_in(3) {
            true if cash > 0 => cash + self.dice.between(1, 500),
            _ => cash,
        };
        let good = !self.dice.one_in(4);
        if cash == total {
            body["tender"] = json!("cash");
            body["tendered"] = json!(tendered);
            return (cash, tendered, 0, good);
        }
        let token = self
            .acme
            .token(if good { VISA } else { DECLINED })
            .expect(201)
            .id();
        match cash {
            0 => body["payment_token"] = json!(token),
            _ => {
                body["tenders"] = json!([
                    { "type": "cash", "amount": cash, "tendered": tendered },
                    { "type": "card", "payment_token": token },
                ]);
            }
        }
        (cash, tendered, total - cash, good)
    }

    pub fn sell(&mut self) {
        let count = 1 + self.dice.below(4);
        let (lines, shown): (Vec<Line>, Vec<Value>) = (0..count).map(|_| self.line()).unzip();
        let mut body = json!({ "till_id": self.till, "items": shown });
        let off = match self.dice.below(6) {
            0 => self.dice.between(1, 200),
            1 if self.dice.one_in(12) => 100_000,
            _ => 0,
        };
        if off > 0 {
            body["discount_amount"] = json!(off);
        }
        let is_added = self.dice.one_in(3);
        if is_added {
            body["taxes_included"] = json!(false);
        }
        let sums = sums(&lines, off, is_added);
        let total = sums.as_ref().map_or(1, |sums| sums.total);
        let is_wrong = self.dice.one_in(20);
        if is_wrong || self.dice.one_in(2) {
            body["amount"] = json!(total + i64::from(is_wrong));
        }
        let reference = self.dice.one_in(4).then(|| self.dice.below(400));
        if let Some(n) = reference {
            body["reference_id"] = json!(format!("sale-{n}"));
        }
        let is_customer = self.dice.one_in(3);
        if is_customer {
            body["customer_id"] = json!(self.customer);
        }
        let (cash, tendered, by_card, good) = self.tender(total, &mut body);
        let reply = self.acme.post("/v1/transactions", &body);
        let taken = reference.is_some_and(|n| self.model.references.contains(&n));
        let expected = match (&self.model.open, &sums) {
            (None, _) => Err("shift_closed"),
            _ if taken => Err("reference_id_taken"),
            _ if !self.model.has(&lines) => Err("out_of_stock"),
            (_, None) => Err("amount_invalid"),
            _ if is_wrong => Err("amount_mismatch"),
            _ => Ok(()),
        };
        if !agrees(&reply, expected) {
            return;
        }
        self.model.take(&lines, 1);
        self.model.references.extend(reference);
        let sale = Sale {
            status: if by_card == 0 { "completed" } else { "pending" },
            lines,
            sums: sums.unwrap(),
            off,
            is_added,
            cash,
            tendered,
            by_card,
            card: match by_card {
                0 => Card::None,
                _ => Card::Asked { good },
            },
            payment: match (by_card, cash) {
                (0, _) => String::new(),
                (_, 0) => reply.field("tenders/0/payment_id"),
                _ => reply.field("tenders/1/payment_id"),
            },
            shift: self.model.open.clone().unwrap(),
            cash_back: 0,
            card_back: 0,
            is_customer,
        };
        self.model.sales.insert(reply.id(), sale);
        match by_card {
            0 => self.model.counts(&reply.id(), 1),
            _ => self.model.shift().unwrap().pending += 1,
        }
    }
}
