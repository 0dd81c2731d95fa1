//! Races for a sale at a till: who takes it back, what of it is given back, while its shift is closed or its card is settled.

use serde_json::json;
use strongroom_domain::payments::AdvancePayment;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::tenant::{Tenant, VISA};
use strongroom_types::id::PaymentId;

use crate::linear::{Event, Object};
use crate::shifts::{open, sale, till};
use crate::{Race, Told, WAYS, fields, told};

const AMOUNT: i64 = 1_000;
const FLOAT: i64 = 5_000;

/// A sale, and the shift that it belongs to.
pub struct Sale;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stands {
    is_open: bool,
    is_voided: bool,
    /// Paid by card, and settled.
    is_settled: bool,
    /// Whether it may be settled by itself.
    is_card: bool,
    back: i64,
}

#[derive(Debug)]
pub enum Call {
    Void,
    Refund(i64),
    Close,
    Look,
}

impl Stands {
    fn shown(&self) -> String {
        let status = match (self.is_voided, self.back) {
            (true, _) => "voided",
            (false, 0) => "completed",
            (false, AMOUNT) => "refunded",
            (false, _) => "partially_refunded",
        };
        format!("{status} {}", self.back)
    }
}

impl Object for Sale {
    type State = Stands;
    type Call = Call;

    fn apply(state: &Stands, call: &Call) -> (String, Stands) {
        let refused = |code: &str| (code.to_owned(), state.clone());
        let mut then = state.clone();
        match call {
            Call::Look => (state.shown(), then),
            Call::Void if !state.is_open => refused("shift_closed"),
            Call::Void if state.is_voided || state.back > 0 => refused("invalid_state"),
            Call::Void if state.is_settled => refused("already_settled"),
            Call::Void => {
                then.is_voided = true;
                (then.shown(), then)
            }
            Call::Refund(_) if state.is_voided => refused("invalid_state"),
            Call::Refund(_) if !state.is_open => refused("shift_closed"),
            Call::Refund(minor) if state.back + minor > AMOUNT => refused("refund_exceeds_payment"),
            Call::Refund(minor) => {
                then.back += minor;
                (format!("completed {minor}"), then)
            }
            Call::Close if !state.is_open => refused("shift_closed"),
            Call::Close => {
                then.is_open = false;
                ("closed".to_owned(), then)
            }
        }
    }

    fn drifts(state: &Stands) -> Vec<Stands> {
        let is_settled = true;
        match state.is_card && !state.is_settled && !state.is_voided {
            true => vec![Stands {
                is_settled,
                ..state.clone()
            }],
            false => Vec::new(),
        }
    }

    fn look() -> Call {
        Call::Look
    }
}

/// One sale after another at one till.
pub struct Counter<'s> {
    acme: Tenant<'s>,
    wallet: String,
    till: String,
    shift: String,
    sale: String,
}

impl<'s> Counter<'s> {
    fn new(acme: Tenant<'s>) -> Counter<'s> {
        let wallet = acme.wallet("operating");
        let till = till(&acme);
        Counter {
            acme,
            wallet,
            till,
            shift: String::new(),
            sale: String::new(),
        }
    }

    /// Sells in a new shift; gives how it stands.
    fn sold(&mut self, token: Option<&str>) -> Stands {
        self.shift = open(&self.acme, &self.till, FLOAT);
        let mut body = sale(&self.till, AMOUNT);
        match token {
            Some(token) => body["payment_token"] = json!(token),
            None => body["tender"] = json!("cash"),
        }
        self.sale = self.acme.post("/v1/transactions", &body).expect(201).id();
        Stands {
            is_open: true,
            is_voided: false,
            is_settled: false,
            is_card: token.is_some(),
            back: 0,
        }
    }

    fn close(&self) -> strongroom_testkit::exchange::Reply {
        let path = format!("/v1/shifts/{}/close", self.shift);
        self.acme.post(&path, &json!({ "counted_cash": 0 }))
    }

    fn look(&self) -> strongroom_testkit::exchange::Reply {
        self.acme.get(&format!("/v1/transactions/{}", self.sale))
    }

    fn payment(&self) -> String {
        self.look().expect(200).field("tenders/0/payment_id")
    }

    fn act(&self, call: &Call) -> Told {
        let reply = match call {
            Call::Void => {
                let path = format!("/v1/transactions/{}/void", self.sale);
                self.acme.post(&path, &json!({ "reason": "race" }))
            }
            Call::Refund(minor) => {
                let body =
                    json!({ "transaction_id": self.sale, "amount": minor, "reason": "race" });
                self.acme.post("/v1/refunds", &body)
            }
            Call::Close => self.close(),
            Call::Look => self.look(),
        };
        told(&reply, |reply| match call {
            Call::Refund(_) => fields(reply, &["status", "amount"]),
            Call::Close => fields(reply, &["status"]),
            _ => fields(reply, &["status", "amount_refunded"]),
        })
    }
}

/// Cash: voided, given back in parts, while the shift may be closed.
pub struct TakenBack<'s>(Counter<'s>);

impl<'s> TakenBack<'s> {
    pub fn new(acme: Tenant<'s>) -> TakenBack<'s> {
        TakenBack(Counter::new(acme))
    }
}

impl Race for TakenBack<'_> {
    type Object = Sale;

    const NAME: &'static str = "void and refund of a sale";

    fn is_for_one(round: u64) -> bool {
        round.is_multiple_of(2)
    }

    fn begin(&mut self, round: u64, dice: &mut Dice) -> (Stands, Vec<Call>) {
        let first = self.0.sold(None);
        let mut wanted = |n: usize| match (round % 2, n) {
            (_, 0..4) => Call::Look,
            // Either takes the whole of it: whoever is first.
            (0, _) if n.is_multiple_of(2) => Call::Void,
            (0, _) => Call::Refund(AMOUNT),
            (_, 4) => Call::Close,
            (_, 5..7) => Call::Void,
            _ => Call::Refund(100 * dice.between(1, 4)),
        };
        (first, (0..WAYS).map(&mut wanted).collect())
    }

    fn act(&self, call: &Call) -> Told {
        self.0.act(call)
    }

    /// The drawer has what is left of the sale.
    fn end(&mut self, history: &[Event<Call>]) {
        if !history.iter().any(|event| event.answer == "closed") {
            self.0.close().expect(200);
        }
        let shown = self.0.look().expect(200).json();
        let kept = match shown["status"] == "voided" {
            true => 0,
            false => AMOUNT - shown["amount_refunded"].as_i64().unwrap(),
        };
        let path = format!("/v1/shifts/{}", self.0.shift);
        let shift = self.0.acme.get(&path).expect(200).json();
        assert_eq!(
            shift["expected_cash"],
            json!(FLOAT + kept),
            "{shown} {shift}"
        );
    }
}

/// By card: voided before the acquirer settles it, or settled.
pub struct Settled<'s>(Counter<'s>, i64);

impl<'s> Settled<'s> {
    pub fn new(acme: Tenant<'s>) -> Settled<'s> {
        Settled(Counter::new(acme), 0)
    }
}

impl Race for Settled<'_> {
    type Object = Sale;

    const NAME: &'static str = "void of a sale and its settlement";

    /// A settlement is none of theirs, so all may be refused.
    fn is_for_one(_: u64) -> bool {
        false
    }

    fn begin(&mut self, _: u64, _: &mut Dice) -> (Stands, Vec<Call>) {
        let token = self.0.acme.token(VISA).expect(201).id();
        let first = self.0.sold(Some(&token));
        self.0.acme.attend(&self.0.payment());
        let wanted = |n: usize| match n {
            0..4 => Call::Look,
            4 => Call::Close,
            _ => Call::Void,
        };
        (first, (0..WAYS).map(wanted).collect())
    }

    fn act(&self, call: &Call) -> Told {
        self.0.act(call)
    }

    fn beside(&self) {
        let id = PaymentId::parse(&self.0.payment()).unwrap();
        // That a void came first is no fault of it.
        drop(self.0.acme.books.run(AdvancePayment {
            id,
            pause: 0,
            heard: i64::MAX,
        }));
    }

    /// Voided, and none of it is in the wallet; or settled, and all of it is.
    fn end(&mut self, history: &[Event<Call>]) {
        if !history.iter().any(|event| event.answer == "closed") {
            self.0.close().expect(200);
        }
        let voids = history
            .iter()
            .filter(|event| matches!(event.call, Call::Void));
        let voided = voids
            .filter(|event| event.answer.starts_with("voided"))
            .count();
        let payment = self.0.payment();
        let path = format!("/v1/payments/{payment}");
        self.0.acme.attend(&payment);
        let shown = self.0.acme.get(&path).expect(200).json();
        let expected = match voided {
            0 => ("captured", AMOUNT),
            _ => ("voided", 0),
        };
        assert!(voided <= 1, "{history:#?}");
        assert_eq!(shown["status"], expected.0, "{shown}");
        assert_eq!(shown["amount_settled"], json!(expected.1), "{shown}");
        self.1 += expected.1;
        let held = ["available", "pending", "reserved"];
        let held = held.map(|which| self.0.acme.balance(&self.0.wallet, which));
        assert_eq!(held, [self.1, 0, 0]);
    }
}
