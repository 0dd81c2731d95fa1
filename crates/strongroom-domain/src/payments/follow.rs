//! What follows from what became of a payment, in the same entry: its sale, its link, and its wallet's count of what it waits for.

use crate::command::Moment;
use crate::decision::Decision;
use crate::facts::{Facts, Keys};
use crate::payments::PaymentBody;
use crate::rejection::Rejection;
use crate::sales;

/// What following asks for, as far as it is known by now.
pub(super) fn follow_keys(facts: &Facts, keys: Keys, payment: &PaymentBody) -> Keys {
    let keys = keys.books(payment.wallet);
    let keys = match payment.link {
        Some(link) => keys.record(link.any()),
        None => keys,
    };
    sales::follow_keys(facts, keys, payment.sale)
}

/// The decision about a payment, with what follows from it.
///
/// # Errors
/// As [`sales::follow`].
pub(super) fn follow(
    decision: Decision,
    facts: &Facts,
    moment: &mut Moment,
) -> Result<Decision, Rejection> {
    let decision = sales::follow(decision, facts, moment)?;
    let decision = decision.settling_link(facts, moment.now);
    Ok(decision.counting_payment(facts))
}
