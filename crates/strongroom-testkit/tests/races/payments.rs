//! Races for a payment: who captures it, who voids it, what is given back, while it is settled.

use serde_json::json;
use strongroom_domain::payments::AdvancePayment;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::tenant::Tenant;
use strongroom_types::id::PaymentId;

use crate::linear::{Event, Object};
use crate::{FUNDS, Race, Told, WAYS, fields, told};

const AMOUNT: i64 = 1_000;

/// A payment as its clients see it. What of it is settled, and which refunds have arrived, is nobody's but the server's.
pub struct Payment;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stands {
    status: &'static str,
    captured: i64,
    /// Given back, or on its way.
    back: i64,
}

impl Stands {
    fn authorized() -> Stands {
        Stands {
            status: "authorized",
            captured: 0,
            back: 0,
        }
    }

    fn captured() -> Stands {
        Stands {
            status: "captured",
            captured: AMOUNT,
            back: 0,
        }
    }

    fn shown(&self) -> String {
        let left = self.captured - self.back;
        format!("{} {} {left}", self.status, self.captured)
    }

    fn capture(&self, minor: Option<i64>) -> Result<Stands, &'static str> {
        if !matches!(self.status, "authorized" | "partially_captured") {
            return Err("invalid_state");
        }
        let left = AMOUNT - self.captured;
        let captured = self.captured + minor.unwrap_or(left);
        let status = match captured {
            AMOUNT => "captured",
            _ => "partially_captured",
        };
        match captured {
            ..=AMOUNT => Ok(Stands {
                status,
                captured,
                back: self.back,
            }),
            _ => Err("capture_exceeds_authorization"),
        }
    }

    fn void(&self) -> Result<Stands, &'static str> {
        let status = "voided";
        match self.status {
            "authorized" => Ok(Stands {
                status,
                ..self.clone()
            }),
            _ => Err("invalid_state"),
        }
    }

    fn refund(&self, minor: i64) -> Result<Stands, &'static str> {
        let back = self.back + minor;
        match back <= self.captured {
            true => Ok(Stands {
                back,
                ..self.clone()
            }),
            false => Err("refund_exceeds_payment"),
        }
    }
}

#[derive(Debug)]
pub enum Call {
    /// What is left when nothing is said.
    Capture(Option<i64>),
    Void,
    Refund(i64),
    Look,
}

impl Object for Payment {
    type State = Stands;
    type Call = Call;

    fn apply(state: &Stands, call: &Call) -> (String, Stands) {
        let outcome = match call {
            Call::Capture(minor) => state.capture(*minor),
            Call::Void => state.void(),
            Call::Refund(minor) => state.refund(*minor),
            Call::Look => Ok(state.clone()),
        };
        match (outcome, call) {
            (Ok(then), Call::Refund(minor)) => (format!("pending {minor}"), then),
            (Ok(then), _) => (then.shown(), then),
            (Err(code), _) => (code.to_owned(), state.clone()),
        }
    }

    fn look() -> Call {
        Call::Look
    }
}

/// One payment after another, into one wallet.
pub struct Desk<'s> {
    acme: Tenant<'s>,
    wallet: String,
    payment: String,
    available: i64,
}

impl<'s> Desk<'s> {
    fn new(acme: Tenant<'s>) -> Desk<'s> {
        let wallet = acme.funded("operating", FUNDS);
        Desk {
            acme,
            wallet,
            payment: String::new(),
            available: FUNDS,
        }
    }

    fn act(&self, call: &Call) -> Told {
        let path = format!("/v1/payments/{}", self.payment);
        let reply = match call {
            Call::Capture(minor) => {
                let body = minor.map_or(json!({}), |minor| json!({ "amount": minor }));
                self.acme.post(&format!("{path}/capture"), &body)
            }
            Call::Void => self.acme.post(&format!("{path}/void"), &json!({})),
            Call::Refund(minor) => self.acme.refund(&self.payment, *minor),
            Call::Look => self.acme.get(&path),
        };
        told(&reply, |reply| match call {
            Call::Refund(_) => fields(reply, &["status", "amount"]),
            _ => fields(reply, &["status", "amount_captured", "amount_refundable"]),
        })
    }

    /// The acquirer settles what was captured by now, or comes too early or too late for it.
    fn settle(&self) {
        let id = PaymentId::parse(&self.payment).unwrap();
        for _ in 0..4 {
            let step = AdvancePayment {
                id,
                pause: 0,
                heard: i64::MAX,
            };
            drop(self.acme.books.run(step));
        }
    }

    /// The acquirer hears of everything, and answers; then the wallet has what was captured and not given back.
    fn settled(&mut self) {
        for refund in self
            .acme
            .all(&format!("/v1/refunds?payment_id={}", self.payment))
        {
            self.acme.attend(refund["id"].as_str().unwrap());
        }
        let path = format!("/v1/payments/{}", self.payment);
        let look = || self.acme.get(&path).expect(200).json();
        let before = look();
        if before["status"] == "voided" || before["amount_settled"] != before["amount_captured"] {
            self.acme.attend(&self.payment);
        }
        let shown = look();
        let minor = |name: &str| shown[name].as_i64().unwrap();
        let (captured, refunded) = (minor("amount_captured"), minor("amount_refunded"));
        assert_eq!(minor("amount_settled"), captured, "{shown}");
        assert_eq!(minor("amount_refundable"), captured - refunded, "{shown}");
        self.available += captured - refunded;
        let held = ["available", "pending", "reserved"];
        let held = held.map(|which| self.acme.balance(&self.wallet, which));
        assert_eq!(held, [self.available, 0, 0], "{shown}");
    }
}

/// Those who look on, behind what the others want.
fn with_readers(mut calls: Vec<Call>) -> Vec<Call> {
    calls.resize_with(WAYS, || Call::Look);
    calls
}

/// The kinds differ in how the payment stands at first and what is wanted of it.
macro_rules! kinds {
    ($($name:ident, $text:literal, $one:expr, $beside:expr, $begin:expr;)*) => {
        $(pub struct $name<'s>(Desk<'s>);

        impl<'s> $name<'s> {
            pub fn new(acme: Tenant<'s>) -> $name<'s> {
                $name(Desk::new(acme))
            }
        }

        impl Race for $name<'_> {
            type Object = Payment;

            const NAME: &'static str = $text;

            fn is_for_one(round: u64) -> bool {
                let one: fn(u64) -> bool = $one;
                one(round)
            }

            fn begin(&mut self, round: u64, dice: &mut Dice) -> (Stands, Vec<Call>) {
                let begin: fn(u64, &mut Dice) -> (Stands, Vec<Call>) = $begin;
                let (first, calls) = begin(round, dice);
                let is_captured = first.status == "captured";
                self.0.payment = self.0.acme.payment(&self.0.wallet, AMOUNT, is_captured);
                (first, calls)
            }

            fn act(&self, call: &Call) -> Told {
                self.0.act(call)
            }

            fn beside(&self) {
                let beside: fn(&Desk<'_>) = $beside;
                beside(&self.0);
            }

            fn end(&mut self, _: &[Event<Call>]) {
                self.0.settled();
            }
        })*
    };
}

/// So many hundreds, from 1 on.
fn hundreds(dice: &mut Dice, most: i64) -> i64 {
    100 * dice.between(1, most)
}

kinds! {
    // All of it by everybody; or parts, of which more is wanted than there is.
    Captures, "capture", |round| round % 2 == 0, |_| (), |round, dice| {
        let wanted = |dice: &mut Dice| match round % 2 {
            0 => None,
            _ => Some(hundreds(dice, 7)),
        };
        let calls = (0..WAYS - 4).map(|_| Call::Capture(wanted(dice))).collect();
        (Stands::authorized(), with_readers(calls))
    };
    // Everybody voids; or half of them capture.
    Voids, "void", |_| true, |_| (), |round, _| {
        let wanted = |n: usize| match (round % 2, n % 2) {
            (1, 0) => Call::Capture(None),
            _ => Call::Void,
        };
        (Stands::authorized(), with_readers((0..WAYS - 4).map(wanted).collect()))
    };
    // All of it by everybody; or parts.
    Refunds, "refund", |round| round % 2 == 0, |desk| desk.settle(), |round, dice| {
        let wanted = |dice: &mut Dice| match round % 2 {
            0 => AMOUNT,
            _ => hundreds(dice, 5),
        };
        let calls = (0..WAYS - 4).map(|_| Call::Refund(wanted(dice))).collect();
        (Stands::captured(), with_readers(calls))
    };
    Everything, "capture, void, refund and settlement", |_| false, |desk| desk.settle(), |_, dice| {
        let wanted = |dice: &mut Dice| match dice.below(8) {
            0 => Call::Capture(None),
            1 | 2 => Call::Capture(Some(hundreds(dice, 5))),
            3 => Call::Void,
            _ => Call::Refund(hundreds(dice, 4)),
        };
        // Somebody wants a part of it, so that not everybody may be refused.
        let mut calls = vec![Call::Capture(Some(100))];
        calls.extend((1..WAYS - 6).map(|_| wanted(dice)));
        (Stands::authorized(), with_readers(calls))
    };
}
