//! A race for a shift: it is closed while others sell, put cash in and take it out. What was sold is in it, or is refused.

use serde_json::json;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, VISA};

use crate::linear::{Event, Object};
use crate::{Race, Told, WAYS, fields, told};

const FLOAT: i64 = 1_000;
/// What every closer has counted.
const COUNTED: i64 = 900;

pub struct Drawer;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stands {
    is_open: bool,
    /// What is in it, or had to be when it was counted.
    held: i64,
    pending: i64,
    sales: i64,
}

#[derive(Debug)]
pub enum Call {
    Close,
    /// For cash.
    Sell(i64),
    /// By a card whose payment is not answered as long as this lasts.
    Card(i64),
    In(i64),
    Out(i64),
    Look,
}

impl Stands {
    fn shown(&self) -> String {
        let kind = if self.is_open { "x" } else { "z" };
        format!("{kind} {} {} {}", self.held, self.pending, self.sales)
    }

    fn with(&self, cash: i64) -> Stands {
        let held = self.held + cash;
        Stands {
            held,
            ..self.clone()
        }
    }
}

impl Object for Drawer {
    type State = Stands;
    type Call = Call;

    fn apply(state: &Stands, call: &Call) -> (String, Stands) {
        let refused = |code: &str| (code.to_owned(), state.clone());
        match call {
            Call::Look => (state.shown(), state.clone()),
            _ if !state.is_open => refused("shift_closed"),
            Call::Close if state.pending > 0 => refused("shift_has_pending_transactions"),
            Call::Close => {
                let is_open = false;
                let then = Stands {
                    is_open,
                    ..state.clone()
                };
                let told = format!("closed {} {}", state.held, COUNTED - state.held);
                (told, then)
            }
            Call::Sell(minor) => {
                let mut then = state.with(*minor);
                then.sales += 1;
                (format!("completed {minor}"), then)
            }
            Call::Card(minor) => {
                let mut then = state.clone();
                then.pending += 1;
                (format!("pending {minor}"), then)
            }
            Call::Out(minor) if *minor > state.held => refused("insufficient_funds"),
            Call::In(minor) => (state.with(*minor).held.to_string(), state.with(*minor)),
            Call::Out(minor) => (state.with(-minor).held.to_string(), state.with(-minor)),
        }
    }

    fn look() -> Call {
        Call::Look
    }
}

pub struct Closing<'s> {
    acme: Tenant<'s>,
    till: String,
    shift: String,
    tokens: Vec<String>,
}

impl<'s> Closing<'s> {
    pub fn new(acme: Tenant<'s>) -> Closing<'s> {
        acme.wallet("operating");
        let till = till(&acme);
        Closing {
            acme,
            till,
            shift: String::new(),
            tokens: Vec::new(),
        }
    }

    fn sell(&self, minor: i64, token: Option<&String>) -> Reply {
        let mut body = sale(&self.till, minor);
        match token {
            Some(token) => body["payment_token"] = json!(token),
            None => body["tender"] = json!("cash"),
        }
        self.acme.post("/v1/transactions", &body)
    }

    fn cash(&self, way: &str, minor: i64) -> Reply {
        let body = json!({ "type": way, "amount": minor, "reason": "race" });
        self.acme
            .post(&format!("/v1/shifts/{}/cash", self.shift), &body)
    }

    fn close(&self) -> Reply {
        let path = format!("/v1/shifts/{}/close", self.shift);
        self.acme.post(&path, &json!({ "counted_cash": COUNTED }))
    }
}

/// A till of a new store.
pub fn till(acme: &Tenant<'_>) -> String {
    let store = acme.post("/v1/stores", &json!({ "name": "Makati" }));
    let body = json!({ "store_id": store.expect(201).id(), "name": "1" });
    acme.post("/v1/tills", &body).expect(201).id()
}

pub fn open(acme: &Tenant<'_>, till: &str, float: i64) -> String {
    let body = json!({ "till_id": till, "opening_float": float });
    acme.post("/v1/shifts", &body).expect(201).id()
}

pub fn sale(till: &str, minor: i64) -> serde_json::Value {
    let items = json!([{ "name": "Tea", "quantity": 1, "unit_amount": minor }]);
    json!({ "till_id": till, "items": items })
}

impl Race for Closing<'_> {
    type Object = Drawer;

    const NAME: &'static str = "shift close";

    fn is_for_one(round: u64) -> bool {
        round.is_multiple_of(3)
    }

    fn begin(&mut self, round: u64, dice: &mut Dice) -> (Stands, Vec<Call>) {
        self.shift = open(&self.acme, &self.till, FLOAT);
        let token = || self.acme.token(VISA).expect(201).id();
        self.tokens = (0..if round % 3 == 2 { 2 } else { 0 })
            .map(|_| token())
            .collect();
        let first = Stands {
            is_open: true,
            held: FLOAT,
            pending: 0,
            sales: 0,
        };
        let mut wanted = |n: usize| match (round % 3, n) {
            (_, 0..4) => Call::Look,
            (0, _) | (_, 4..8) => Call::Close,
            (2, 8..10) => Call::Card(300),
            _ => match dice.below(4) {
                0 => Call::In(100 * dice.between(1, 9)),
                1 => Call::Out(100 * dice.between(1, 9)),
                _ => Call::Sell(100 * dice.between(1, 9)),
            },
        };
        (first, (0..WAYS).map(&mut wanted).collect())
    }

    fn act(&self, call: &Call) -> Told {
        let reply = match call {
            Call::Close => self.close(),
            Call::Sell(minor) => self.sell(*minor, None),
            // Each card once: whoever comes second has the other one.
            Call::Card(minor) => self.sell(*minor, self.tokens.iter().find(|token| claim(token))),
            Call::In(minor) => self.cash("in", *minor),
            Call::Out(minor) => self.cash("out", *minor),
            Call::Look => self.acme.get(&format!("/v1/shifts/{}/report", self.shift)),
        };
        told(&reply, |reply| match call {
            Call::Close => fields(reply, &["status", "expected_cash", "difference"]),
            Call::Sell(_) | Call::Card(_) => fields(reply, &["status", "amount"]),
            Call::In(_) | Call::Out(_) => fields(reply, &["expected_cash"]),
            Call::Look => {
                let names = [
                    "type",
                    "cash/expected",
                    "shift/pending_transactions",
                    "transactions",
                ];
                fields(reply, &names)
            }
        })
    }

    /// What waits for its card is answered, and the shift is closed; then its report adds up.
    fn end(&mut self, _: &[Event<Call>]) {
        for pending in self.acme.all("/v1/transactions?type=sale&status=pending") {
            let payment = pending["tenders"][0]["payment_id"].as_str().unwrap();
            self.acme.attend(payment);
        }
        let path = format!("/v1/shifts/{}/report", self.shift);
        if self.acme.get(&path).expect(200).field("type") == "x" {
            self.close().expect(200);
        }
        let report = self.acme.get(&path).expect(200).json();
        let cash = |name: &str| report["cash"][name].as_i64().unwrap();
        let held = FLOAT + cash("sales") + cash("paid_in") - cash("paid_out");
        assert_eq!(cash("expected"), held, "{report}");
        let sold = self.acme.all(&format!(
            "/v1/transactions?type=sale&shift_id={}",
            self.shift
        ));
        assert_eq!(report["transactions"], json!(sold.len()), "{report}");
        let minor = sold.iter().map(|sale| sale["amount"].as_i64().unwrap());
        assert_eq!(report["sold"], json!(minor.sum::<i64>()), "{report}");
    }
}

/// Takes a token that nobody has taken.
fn claim(token: &str) -> bool {
    use std::collections::HashSet;
    use std::sync::{Mutex, OnceLock};
    static TAKEN: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    let taken = TAKEN.get_or_init(Mutex::default);
    taken.lock().unwrap().insert(token.to_owned())
}
