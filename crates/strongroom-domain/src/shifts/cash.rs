//! Cash put into a drawer or taken out of it, with a reason.

use strongroom_auth::permission::CreateShifts;
use strongroom_ledger::{Bucket, Leg};
use strongroom_types::id::ShiftId;
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::{EventFact, TransactionKind};
use crate::event::EventType;
use crate::facts::{Facts, Keys, external_key};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::shifts::{ShiftView, at_work, cash_key, existing, movement};
use crate::tills::Hand;
use crate::view::json;

/// Which way cash goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CashWay {
    In,
    Out,
}

/// `POST /v1/shifts/{id}/cash`.
pub struct MoveCash {
    pub id: ShiftId,
    pub way: CashWay,
    pub amount: Money,
    pub reason: String,
    pub hand: Hand,
}

/// What a command about a shift and its cash asks for.
pub(crate) fn shift_keys(facts: &Facts, keys: Keys, id: ShiftId) -> Keys {
    let keys = keys.record(id.any()).record(cash_key(id));
    match facts.shift(id) {
        Some(shift) => keys
            .record(shift.till.any())
            .record(external_key(shift.currency)),
        None => keys,
    }
}

impl Command for MoveCash {
    type Permission = CreateShifts;

    fn action(&self) -> Action {
        Action::ShiftCashMoved
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        shift_keys(facts, self.hand.keys(Keys::default()), self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let shift = at_work(facts, &self.hand, existing(facts, self.id)?)?;
        if self.amount.currency != shift.currency {
            let text = format!("`{}` is in {}", self.id, shift.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        let (kind, minor) = match self.way {
            CashWay::In => (TransactionKind::CashIn, self.amount.minor),
            CashWay::Out => (TransactionKind::CashOut, -self.amount.minor),
        };
        let reason = Some(self.reason.clone());
        let moved = movement(kind, self.id.any(), moment.fresh(), self.amount, reason);
        let legs = [
            Leg::new(external_key(shift.currency), Bucket::Available, -minor),
            Leg::new(cash_key(self.id), Bucket::Available, minor),
        ];
        let moved = Movement::post(facts, moved, &legs, moment.sequence)?;

        // From here it must succeed.
        let mut next = shift.clone();
        let sum = match self.way {
            CashWay::In => &mut next.totals.cash_in,
            CashWay::Out => &mut next.totals.cash_out,
        };
        *sum = sum.saturating_add(self.amount.minor);
        let held = moved.after(cash_key(self.id)).map(|a| a.balances.available);
        let reply = json(&ShiftView::new(&next, held.unwrap_or(0)));
        let created = moved.transactions.iter().map(|t| t.id.any()).collect();
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::ShiftCashMoved, id)];
        let mut decision = Decision::new(facts, Action::ShiftCashMoved, id, moved, events)
            .detail("reason", self.reason.clone())
            .reply(Reply::Stored(reply))
            .change(id, Record::Shift(next));
        decision.created = created;
        Ok(decision)
    }
}
