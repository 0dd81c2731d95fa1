//! A race for a payment link: whoever pays first pays, unless it was cancelled before.

use serde_json::json;
use strongroom_testkit::dice::Dice;
use strongroom_testkit::tenant::{Tenant, VISA};

use crate::linear::{Event, Object};
use crate::{Race, Told, WAYS, fields, told};

const AMOUNT: i64 = 500;

pub struct Link;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stands {
    status: &'static str,
    attempts: u32,
}

#[derive(Debug)]
pub enum Call {
    Pay,
    Cancel,
    Look,
}

impl Object for Link {
    type State = Stands;
    type Call = Call;

    fn apply(state: &Stands, call: &Call) -> (String, Stands) {
        let untouched = state.status == "active" && state.attempts == 0;
        let shown = |state: &Stands| format!("{} {}", state.status, state.attempts);
        match call {
            // Every form knew of no attempt.
            Call::Pay if untouched => {
                let attempts = 1;
                let then = Stands {
                    attempts,
                    ..state.clone()
                };
                ("paid".to_owned(), then)
            }
            Call::Pay => ("refused".to_owned(), state.clone()),
            Call::Cancel if untouched => {
                let status = "cancelled";
                let then = Stands {
                    status,
                    ..state.clone()
                };
                (shown(&then), then)
            }
            Call::Cancel if state.status == "active" => {
                ("payment_link_busy".to_owned(), state.clone())
            }
            Call::Cancel => ("invalid_state".to_owned(), state.clone()),
            Call::Look => (shown(state), state.clone()),
        }
    }

    /// The acquirer's answer.
    fn drifts(state: &Stands) -> Vec<Stands> {
        let status = "paid";
        match (state.status, state.attempts) {
            ("active", 1) => vec![Stands {
                status,
                ..state.clone()
            }],
            _ => Vec::new(),
        }
    }

    fn look() -> Call {
        Call::Look
    }
}

pub struct Payers<'s> {
    acme: Tenant<'s>,
    wallet: String,
    link: String,
    paid: i64,
}

impl<'s> Payers<'s> {
    pub fn new(acme: Tenant<'s>) -> Payers<'s> {
        let wallet = acme.wallet("operating");
        Payers {
            acme,
            wallet,
            link: String::new(),
            paid: 0,
        }
    }

    /// Sends the form; whoever made a payment has the acquirer asked for it.
    fn pay(&self) -> Told {
        let fields = format!("attempt=0&number={VISA}&expiry=12+%2F+30&cvv=737&name=Ana");
        let path = format!("/pay/{}", self.link);
        let request = self.acme.server.request("POST", &path);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let reply = request.body(fields).send();
        assert_eq!(reply.status, 303, "{}", reply.text());
        let location = reply.header("location").unwrap();
        let (answer, id) = match location.split_once("?attempt=") {
            Some((_, payment)) => {
                self.acme.attend(payment);
                ("paid", payment)
            }
            None => ("refused", ""),
        };
        Told {
            answer: answer.to_owned(),
            id: id.to_owned(),
        }
    }
}

impl Race for Payers<'_> {
    type Object = Link;

    const NAME: &'static str = "link payment";

    fn is_for_one(_: u64) -> bool {
        true
    }

    fn begin(&mut self, round: u64, _: &mut Dice) -> (Stands, Vec<Call>) {
        let body = json!({ "amount": AMOUNT, "wallet_id": self.wallet });
        self.link = self.acme.post("/v1/payment-links", &body).expect(201).id();
        let first = Stands {
            status: "active",
            attempts: 0,
        };
        let wanted = |n: usize| match n {
            0..4 => Call::Look,
            4..8 if round % 2 == 1 => Call::Cancel,
            _ => Call::Pay,
        };
        (first, (0..WAYS).map(wanted).collect())
    }

    fn act(&self, call: &Call) -> Told {
        let path = format!("/v1/payment-links/{}", self.link);
        let reply = match call {
            Call::Pay => return self.pay(),
            Call::Cancel => self.acme.post(&format!("{path}/cancel"), &json!({})),
            Call::Look => self.acme.get(&path),
        };
        told(&reply, |reply| fields(reply, &["status", "attempts"]))
    }

    fn end(&mut self, history: &[Event<Call>]) {
        let link = self.acme.get(&format!("/v1/payment-links/{}", self.link));
        let link = link.expect(200).json();
        let was_paid = history.iter().any(|event| event.answer == "paid");
        let status = if was_paid { "paid" } else { "cancelled" };
        assert_eq!(link["status"], status, "{link}");
        assert_eq!(link["payment_id"].is_string(), was_paid, "{link}");
        self.paid += i64::from(was_paid);
        assert_eq!(
            self.acme.balance(&self.wallet, "pending"),
            self.paid * AMOUNT
        );
        let payments = self.acme.all("/v1/payments?status=captured").len();
        assert_eq!(i64::try_from(payments).unwrap(), self.paid);
    }
}
