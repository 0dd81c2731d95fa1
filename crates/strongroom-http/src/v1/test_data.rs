//! What the sandbox does for which card and amount (CONTRACT 3); live mode has no such thing.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ReadAccount;
use strongroom_domain::payments::{SANDBOX_CARDS, SandboxRefund};
use strongroom_domain::payouts::sandbox_outcome;
use strongroom_domain::view;
use strongroom_types::money::Money;

use crate::call::{Answer, Call};
use crate::problem::Problem;
use crate::schema;
use crate::v1::account::mode;

/// A card that is simply approved.
const APPROVED: &str = "4242424242424242";

/// `GET /v1/test-data`.
pub async fn read(caller: Caller<ReadAccount>, call: Call) -> Result<Answer, Problem> {
    let mode = call.mode();
    call.read(&caller, move |view| {
        let currency = view.tenant()?.currency;
        let of_cards = SANDBOX_CARDS.iter().map(|(number, answer)| (*number, answer.as_str()));
        let cards = std::iter::once((APPROVED, "approved")).chain(of_cards);
        let cards = cards.map(|(number, outcome)| json!({ "number": number, "outcome": outcome }));
        let ending = |digits: i64, outcome: &str| {
            json!({ "minor_amount_ends_with": format!("{digits:02}"), "outcome": outcome })
        };
        let payouts = (0..100).filter_map(|digits| {
            let failure = sandbox_outcome(mode, Money::new(digits, currency))?;
            Some(ending(digits, failure.as_str()))
        });
        let refunds = SandboxRefund::ALL.iter();
        let refunds = refunds.map(|answer| ending(answer.digits(), answer.as_str()));
        let shown = |list: Vec<Schema>| if mode.is_live() { Vec::new() } else { list };
        Ok(view::json(&json!({
            "object": "test_data",
            "mode": mode,
            "cards": shown(cards.collect()),
            "bank_payouts": shown(payouts.collect()),
            "refunds": shown(refunds.collect()),
        })))
    })
    .await
}

pub fn schema() -> Schema {
    let card = schema::reply(vec![
        ("number", schema::text()),
        ("outcome", schema::text()),
    ]);
    let ending = || {
        schema::list(schema::reply(vec![
            ("minor_amount_ends_with", schema::text()),
            ("outcome", schema::text()),
        ]))
    };
    schema::reply(vec![
        ("object", schema::constant("test_data")),
        ("mode", mode()),
        ("cards", schema::list(card)),
        ("bank_payouts", ending()),
        ("refunds", ending()),
    ])
}
