//! Closing a shift: the cash is counted, and leaves the drawer.

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
use crate::shifts::cash::shift_keys;
use crate::shifts::{ShiftBody, ShiftStatus, ShiftView, at_work, cash_key, existing, movement};
use crate::tills::{Hand, TillBody};
use crate::view::json;

/// `POST /v1/shifts/{id}/close`.
pub struct CloseShift {
    pub id: ShiftId,
    pub counted: Money,
    pub hand: Hand,
    pub note: Option<String>,
}

impl Command for CloseShift {
    type Permission = CreateShifts;

    fn action(&self) -> Action {
        Action::ShiftClosed
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        shift_keys(facts, self.hand.keys(Keys::default()), self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let shift = at_work(facts, &self.hand, existing(facts, self.id)?)?;
        let till = facts.till(shift.till);
        let till = till.ok_or_else(|| Rejection::new(Code::TillNotFound, "no such till"))?;
        if self.counted.currency != shift.currency {
            let text = format!("`{}` is in {}", self.id, shift.currency);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        if shift.pending > 0 {
            let text = format!("{} transactions wait for their payment", shift.pending);
            return Err(Rejection::new(Code::ShiftHasPending, text));
        }
        let expected = facts.cash(self.id, shift.currency).balances.available;
        let moved = self.emptied(facts, moment, shift, expected)?;

        // From here it must succeed.
        let (next, till) = self.closed(shift, till, expected, moment);
        let reply = json(&ShiftView::new(&next, 0));
        let created = moved.transactions.iter().map(|t| t.id.any()).collect();
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::ShiftClosed, id)];
        let mut decision = Decision::new(facts, Action::ShiftClosed, id, moved, events)
            .reply(Reply::Stored(reply))
            .change(till.id.any(), Record::Till(till))
            .change(id, Record::Shift(next));
        decision.created = created;
        Ok(decision)
    }
}

impl CloseShift {
    /// What the drawer had to hold leaves it; what was counted besides, or is missing, stands in the shift.
    fn emptied(
        &self,
        facts: &Facts,
        moment: &mut Moment,
        shift: &ShiftBody,
        expected: i64,
    ) -> Result<Movement, Rejection> {
        if expected == 0 {
            return Ok(Movement::none());
        }
        let amount = Money::new(expected, shift.currency);
        let kind = TransactionKind::CashClose;
        let moved = movement(kind, self.id.any(), moment.fresh(), amount, None);
        let legs = [
            Leg::new(cash_key(self.id), Bucket::Available, -expected),
            Leg::new(external_key(shift.currency), Bucket::Available, expected),
        ];
        Movement::post(facts, moved, &legs, moment.sequence)
    }

    fn closed(
        &self,
        shift: &ShiftBody,
        till: &TillBody,
        expected: i64,
        moment: &Moment,
    ) -> (ShiftBody, TillBody) {
        let mut till = till.clone();
        till.open_shift = None;
        till.closed_shifts = till.closed_shifts.saturating_add(1);
        let next = ShiftBody {
            status: ShiftStatus::Closed,
            counted: Some(self.counted.minor),
            expected: Some(expected),
            number: Some(till.closed_shifts),
            closed_by: Some(self.hand.key),
            closed_at: Some(moment.now),
            note: self.note.clone().or_else(|| shift.note.clone()),
            ..shift.clone()
        };
        (next, till)
    }
}
