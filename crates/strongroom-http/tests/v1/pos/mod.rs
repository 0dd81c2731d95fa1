//! `/v1/shifts`, `/v1/transactions` at a till, refunds of them, `/v1/tills/{id}/transactions`

mod offline;
mod race;
mod receipt;
mod refund;
mod sell;
mod shift;
mod void;

use serde_json::{Value, json};
use strongroom_crypto::SigningKey;
use strongroom_engine::verify::verify;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, VISA, fresh};

/// A shop with one till and an open shift.
pub struct Shop<'s> {
    pub acme: Tenant<'s>,
    pub wallet: String,
    pub till: String,
    pub shift: String,
}

/// The till's own key.
pub const SEED: [u8; 32] = [9; 32];

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<'s> Shop<'s> {
    pub fn new(acme: Tenant<'s>) -> Shop<'s> {
        let wallet = acme.wallet("operating");
        let mut shop = Shop {
            acme,
            wallet,
            till: String::new(),
            shift: String::new(),
        };
        let store = shop.acme.post("/v1/stores", &json!({ "name": "Makati" }));
        shop.till = shop.new_till(&store.expect(201).id());
        shop.shift = shop.open(1_000).expect(201).id();
        shop
    }

    fn new_till(&self, store: &str) -> String {
        let public = hex(&SigningKey::from_seed(&SEED).public());
        let body = json!({ "store_id": store, "name": "1", "public_key": public });
        self.acme.post("/v1/tills", &body).expect(201).id()
    }

    pub fn open(&self, float: i64) -> Reply {
        let body = json!({ "till_id": self.till, "opening_float": float });
        self.acme.post("/v1/shifts", &body)
    }

    pub fn close(&self, counted: i64) -> Reply {
        let path = format!("/v1/shifts/{}/close", self.shift);
        self.acme.post(&path, &json!({ "counted_cash": counted }))
    }

    pub fn product(&self, price: i64, stock: Option<i64>) -> String {
        let body = json!({
            "sku": fresh("sku"), "name": "Coffee", "price": price, "tax_rate_ppm": 120_000, "stock": stock,
        });
        self.acme.post("/v1/products", &body).expect(201).id()
    }

    pub fn stock(&self, product: &str) -> String {
        self.acme
            .get(&format!("/v1/products/{product}"))
            .expect(200)
            .field("stock")
    }

    pub fn sell(&self, body: Value) -> Reply {
        let mut body = body;
        if body.get("till_id").is_none() {
            body["till_id"] = json!(self.till);
        }
        self.acme.post("/v1/transactions", &body)
    }

    /// So many minor units of something, for cash.
    pub fn cash(&self, minor: i64) -> Reply {
        self.sell(json!({ "items": [thing(minor)], "tender": "cash" }))
    }

    /// The same by a card, whose payment is not answered yet.
    pub fn card(&self, minor: i64) -> Reply {
        let token = self.acme.token(VISA).expect(201).id();
        self.sell(json!({ "items": [thing(minor)], "payment_token": token }))
    }

    pub fn attend(&self, sale: &Reply) {
        self.acme.attend(&sale.field("tenders/0/payment_id"));
    }

    pub fn sale(&self, id: &str) -> Reply {
        self.acme.get(&format!("/v1/transactions/{id}")).expect(200)
    }

    pub fn expected(&self) -> i64 {
        let shift = self.acme.get(&format!("/v1/shifts/{}", self.shift));
        shift.expect(200).field("expected_cash").parse().unwrap()
    }

    pub fn report(&self) -> Value {
        let path = format!("/v1/shifts/{}/report", self.shift);
        self.acme.get(&path).expect(200).json()
    }

    pub fn void(&self, sale: &str) -> Reply {
        let path = format!("/v1/transactions/{sale}/void");
        self.acme.post(&path, &json!({ "reason": "typed twice" }))
    }

    pub fn refund(&self, sale: &str, minor: i64) -> Reply {
        let body = json!({ "transaction_id": sale, "amount": minor, "reason": "returned" });
        self.acme.post("/v1/refunds", &body)
    }
}

/// An item that is no product.
pub fn thing(minor: i64) -> Value {
    json!({ "name": "Tea", "quantity": 1, "unit_amount": minor })
}

/// Everything that is stored follows from the log.
pub fn verified(mut server: TestServer) {
    server.halt();
    let report = server.look(|store| verify(store, server.root_keys(), 1).unwrap());
    assert!(report.is_clean(), "{report}");
}
