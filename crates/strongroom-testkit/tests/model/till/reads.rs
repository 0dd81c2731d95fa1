//! Everything that can be read of a till says what the model says.

use serde_json::{Value, json};

use super::{PRODUCTS, Sale, Shift, World};

impl World<'_> {
    pub fn read(&self) {
        let (acme, model) = (&self.acme, &self.model);
        for (id, stock) in self.products.iter().zip(&model.stock) {
            let product = acme.get(&format!("/v1/products/{id}")).expect(200).json();
            assert_eq!(product["stock"], json!(stock), "{product}");
        }
        assert_eq!(acme.available(&self.wallet), model.available);
        assert_eq!(acme.balance(&self.wallet, "pending"), model.pending);
        assert_eq!(acme.balance(&self.wallet, "reserved"), 0);
        let customer = acme.get(&format!("/v1/customers/{}", self.customer));
        let totals = &customer.expect(200).json()["totals"];
        let bought = totals[0]["amount"].as_i64().unwrap_or(0);
        assert_eq!(bought, model.bought, "{totals}");
        for (id, shift) in &model.shifts {
            let path = format!("/v1/shifts/{id}/report");
            report(&acme.get(&path).expect(200).json(), shift);
        }
        let listed = acme.all("/v1/transactions?type=sale");
        assert_eq!(listed.len(), model.sales.len());
        for shown in listed {
            let sale = &model.sales[shown["id"].as_str().unwrap()];
            self.same(&shown, sale);
        }
    }

    fn same(&self, shown: &Value, sale: &Sale) {
        let status = match (sale.status, sale.back()) {
            ("completed", 0) => "completed",
            ("completed", all) if all == sale.sums.total => "refunded",
            ("completed", _) => "partially_refunded",
            (status, _) => status,
        };
        let expected = json!({
            "status": status,
            "amount": sale.sums.total,
            "currency": "PHP",
            "shift_id": sale.shift,
            "subtotal": sale.sums.subtotal,
            "discount_amount": sale.off,
            "taxes_included": !sale.is_added,
            "taxes": taxes(&sale.sums.taxes),
            "items": self.items(sale),
            "tenders": tenders(sale),
            "amount_refunded": sale.back(),
            "customer_id": sale.is_customer.then_some(&self.customer),
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(shown[name], *value, "{name} of {shown}");
        }
    }

    fn items(&self, sale: &Sale) -> Value {
        let lines = sale.lines.iter().zip(&sale.sums.lines);
        let shown = lines.map(|(line, charged)| {
            json!({
                "product_id": line.product.map(|n| &self.products[n]),
                "name": line.product.map_or("Tea", |n| PRODUCTS[n].0),
                "quantity": line.quantity,
                "unit_amount": line.unit,
                "discount_amount": line.off,
                "discount_share": charged.share,
                "tax_rate_ppm": line.rate,
                "tax": charged.tax,
                "total": charged.total,
            })
        });
        shown.collect()
    }
}

fn taxes(of: &std::collections::BTreeMap<i64, (i64, i64)>) -> Value {
    let shown = of
        .iter()
        .map(|(rate, (net, tax))| json!({ "tax_rate_ppm": rate, "net": net, "tax": tax }));
    shown.collect()
}

fn tenders(sale: &Sale) -> Value {
    let cash = json!({
        "type": "cash", "amount": sale.cash, "tendered": sale.tendered,
        "change": sale.tendered - sale.cash, "amount_refunded": sale.cash_back,
    });
    let card = json!({
        "type": "card", "amount": sale.by_card, "payment_id": sale.payment, "amount_refunded": sale.card_back,
    });
    let both = [(sale.cash > 0, cash), (sale.by_card > 0, card)];
    both.into_iter()
        .filter_map(|(is, tender)| is.then_some(tender))
        .collect()
}

/// The X or Z report of a shift.
fn report(shown: &Value, shift: &Shift) {
    let (counted, expected) = shift.closed.unzip();
    let held = expected.unwrap_or(shift.drawer);
    let wanted = json!({
        "type": if counted.is_some() { "z" } else { "x" },
        "transactions": shift.sales,
        "voided": shift.voided,
        "sold": shift.sold,
        "discounts": shift.discounts,
        "taxes": taxes(&shift.taxes),
        "tenders": { "cash": shift.cash, "card": shift.card },
        "cash": {
            "opening_float": shift.float, "sales": shift.cash, "refunds": shift.refunded,
            "refund_count": shift.refunds, "paid_in": shift.paid_in, "paid_out": shift.paid_out,
            "expected": held,
        },
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(shown[name], *value, "{name} of {shown}");
    }
    let own = &shown["shift"];
    assert_eq!(own["pending_transactions"], json!(shift.pending), "{shown}");
    let difference = counted.map(|counted| counted - held);
    assert_eq!(own["difference"], json!(difference), "{shown}");
}
