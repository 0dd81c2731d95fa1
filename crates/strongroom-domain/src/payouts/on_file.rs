//! What a file rail does with a payout: it joins a file, goes out in it, and is what the bank says of it.

use strongroom_iso20022::{Iban, reads_as_latin};
use strongroom_types::id::WalletId;

use crate::action::Action;
use crate::command::Moment;
use crate::decision::{Decision, Job};
use crate::entry::TransactionKind;
use crate::event::EventType;
use crate::facts::Facts;
use crate::payout_files::{Seat, collect};
use crate::payout_rails::rail_of;
use crate::rejection::{Code, Rejection};
use crate::wallets::WalletStatus;

use super::steps::{Step, wrong_state};
use super::{BankAccount, Payout, PayoutFailure, PayoutStatus};

/// The place of a new payout on its wallet's file rail; nothing where the wallet is on none, or the account has no IBAN.
pub(super) fn seat_for(
    facts: &Facts,
    source: WalletId,
    account: &BankAccount,
) -> Result<Option<Seat>, Rejection> {
    let rail = facts.payout_rail(rail_of(source));
    let (Some(rail), Some(iban)) = (rail.filter(|rail| rail.active), &account.iban) else {
        return Ok(None);
    };
    if Iban::parse(iban).is_none() {
        let text = "the IBAN has not the form of its country: the rail cannot carry it";
        return Err(Rejection::at(
            Code::RailCannotCarry,
            "/recipient/iban",
            text,
        ));
    }
    if !reads_as_latin(&account.account_name) {
        let text = "nothing of the name can be written in the Latin letters that banks pass on";
        let pointer = "/recipient/account_name";
        return Err(Rejection::at(Code::RailCannotCarry, pointer, text));
    }
    Ok(Some(Seat {
        rail: rail.id,
        place: None,
    }))
}

/// `initiated → pending`: it joins the open file of its rail.
pub(super) fn join_file(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
    seat: Seat,
) -> Result<Decision, Rejection> {
    if payout.body.status != PayoutStatus::Initiated || seat.place.is_some() {
        return Err(wrong_state(payout, "put into a file"));
    }
    let joined = collect(facts, moment, payout, seat)?;
    let mut seated = payout.clone();
    seated.body.seat = Some(joined.seat);
    let done = Some(Job::RailDone(payout.body.id));
    let step = Step::onward(Action::PayoutPending, PayoutStatus::Pending, done);
    let decision = step.take(facts, moment, &seated)?;
    Ok(joined.written(decision, moment))
}

/// `pending → processing`: its file was sent.
pub(crate) fn begin_processing(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
) -> Result<Decision, Rejection> {
    let step = Step::onward(Action::PayoutProcessing, PayoutStatus::Processing, None);
    step.take(facts, moment, payout)
}

/// The bank has carried it out.
pub(crate) fn settle(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
) -> Result<Decision, Rejection> {
    passing(payout, Step::completed(payout.body.id)).take(facts, moment, payout)
}

/// The bank has refused it: the money is given back.
pub(crate) fn fail(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
    failure: PayoutFailure,
) -> Result<Decision, Rejection> {
    passing(payout, Step::failed(payout.body.id, failure)).take(facts, moment, payout)
}

/// The money came back after it was carried out.
pub(crate) fn give_back(
    facts: &Facts,
    moment: &mut Moment,
    payout: &Payout,
    failure: PayoutFailure,
) -> Result<Decision, Rejection> {
    let source = payout.body.source;
    // A frozen wallet gets back what is its own, as when a payout fails; one that is closed takes nothing any more.
    let books = facts.books(source);
    if let Some(closed) = books.filter(|books| books.status == WalletStatus::Closed) {
        closed.open(source)?;
    }
    let step = Step {
        action: Action::PayoutReversed,
        status: PayoutStatus::Reversed,
        failure: Some(failure),
        kind: Some(TransactionKind::PayoutReversal),
        events: vec![EventType::WalletCredited, EventType::PayoutReversed],
        job: None,
    };
    step.take(facts, moment, payout)
}

/// With what it passes on its way, where the bank was quicker than the release of its file.
fn passing(payout: &Payout, mut step: Step) -> Step {
    if payout.body.status == PayoutStatus::Pending {
        step.events.insert(0, EventType::PayoutProcessing);
    }
    step
}
