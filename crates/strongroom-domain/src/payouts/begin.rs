//! How a payout begins, at once or later: to a wallet it is done in the same commit, to a bank the money is held.

use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::{RawId, WalletId};

use crate::action::Action;
use crate::command::Moment;
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, books_key};
use crate::fees::{FeeOn, PayoutFee, fees_key};
use crate::payout_files::Seat;
use crate::rejection::{Code, Rejection};
use crate::view;

use super::on_file::seat_for;
use super::steps::{hold, transaction};
use super::{BankAccount, Payout, PayoutBody, PayoutStatus, Recipient};

/// Begins a payout, told as `action`; `movement` is the id of what it moves.
pub(super) fn begin(
    facts: &Facts,
    moment: &Moment,
    payout: Payout,
    action: Action,
    movement: RawId,
) -> Result<Decision, Rejection> {
    match payout.body.recipient {
        Recipient::Wallet(target) => to_wallet(facts, moment, payout, action, (movement, target)),
        Recipient::BankAccount { .. } => to_bank(facts, moment, payout, action, movement),
    }
}

/// What is charged for it now.
fn fee(facts: &Facts, moment: &Moment, body: &PayoutBody) -> Option<PayoutFee> {
    let terms = facts.fee_terms(FeeOn::Payouts, body.amount.currency, moment.now)?;
    Some(PayoutFee {
        schedule: terms.schedule,
        minor: terms.of(body.amount.minor),
    })
}

/// Completes in the commit that begins it.
fn to_wallet(
    facts: &Facts,
    moment: &Moment,
    mut payout: Payout,
    action: Action,
    (movement, target): (RawId, WalletId),
) -> Result<Decision, Rejection> {
    let (id, source, amount) = (payout.body.id, payout.body.source, payout.body.amount);
    let fee = fee(facts, moment, &payout.body);
    let mut legs = vec![
        Leg::new(books_key(source), Bucket::Available, -amount.minor),
        Leg::new(books_key(target), Bucket::Available, amount.minor),
    ];
    if let Some(fee) = fee.filter(|fee| fee.minor > 0) {
        let fees = fees_key(amount.currency);
        legs.push(Leg::new(books_key(source), Bucket::Available, -fee.minor));
        legs.push(Leg::new(fees, Bucket::Available, fee.minor));
    }
    let transaction = transaction(TransactionKind::Payout, id, movement, amount);
    let movement = Movement::post(facts, transaction, &legs, moment.sequence)?;

    // From here it must succeed.
    payout.body.fee = fee;
    payout.body.status = PayoutStatus::Completed;
    payout.body.processed_at = Some(moment.now);
    let events = vec![
        EventFact::new(EventType::PayoutInitiated, id.any()),
        EventFact::new(EventType::PayoutPending, id.any()),
        EventFact::new(EventType::PayoutProcessing, id.any()),
        EventFact::new(EventType::WalletDebited, source.any()),
        EventFact::new(EventType::WalletCredited, target.any()),
        EventFact::new(EventType::PayoutCompleted, id.any()),
    ];
    // One that is new is in its entry alone.
    let is_stored = action != Action::PayoutCreated;
    Ok(Decision::new(facts, action, id.any(), movement, events).about_payout(payout, is_stored))
}

/// Holds the money and leaves the rest to the rail.
fn to_bank(
    facts: &Facts,
    moment: &Moment,
    mut payout: Payout,
    action: Action,
    movement: RawId,
) -> Result<Decision, Rejection> {
    let seat = carried(facts, moment, payout.body.source, payout.bank.as_ref())?;
    let (id, source, amount) = (payout.body.id, payout.body.source, payout.body.amount);
    let transaction = transaction(TransactionKind::PayoutHold, id, movement, amount);
    let fee = fee(facts, moment, &payout.body);
    let held = fee.map_or(0, |fee| fee.minor);
    let movement = Movement::post(
        facts,
        transaction,
        &hold(source, amount.minor.saturating_add(held)),
        moment.sequence,
    )?;

    // From here it must succeed.
    payout.body.seat = seat;
    payout.body.fee = fee;
    payout.body.status = PayoutStatus::Initiated;
    let events = vec![
        EventFact::new(EventType::PayoutInitiated, id.any()),
        EventFact::new(EventType::WalletReserved, source.any()),
    ];
    Ok(Decision::new(facts, action, id.any(), movement, events)
        .job(Job::Rail(id, moment.now))
        .reply(Reply::Stored(view::json(&view::PayoutView::new(&payout))))
        .about_payout(payout, true))
}

/// The place that a payout to a bank has on a file rail; nothing where the sandbox carries it.
pub(super) fn carried(
    facts: &Facts,
    moment: &Moment,
    source: WalletId,
    bank: Option<&BankAccount>,
) -> Result<Option<Seat>, Rejection> {
    let seat = match bank {
        Some(account) => seat_for(facts, source, account)?,
        None => None,
    };
    // SECURITY: the sandbox never pretends to have paid live money.
    if seat.is_none() && moment.scope.mode.is_live() {
        let text = "no rail carries this in live mode: the wallet is on no file rail, or the recipient has no IBAN";
        return Err(Rejection::at(Code::NoRail, "/recipient/type", text));
    }
    Ok(seat)
}
