//! Opening a till: one shift at a time.

use strongroom_auth::permission::CreateShifts;
use strongroom_ledger::{Account, Bucket, Leg};
use strongroom_types::id::{ShiftId, TillId};
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
use crate::shifts::{ShiftBody, ShiftStatus, ShiftTotals, ShiftView, cash_key, movement};
use crate::tills::{Hand, TillBody, in_use, of_this_till, till_of};
use crate::view::json;

/// `POST /v1/shifts`.
pub struct OpenShift {
    /// The till of the key when absent.
    pub till: Option<TillId>,
    /// What is in the drawer; nothing when absent.
    pub float: Option<Money>,
    pub hand: Hand,
    pub note: Option<String>,
}

impl Command for OpenShift {
    type Permission = CreateShifts;

    fn action(&self) -> Action {
        Action::ShiftOpened
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = self.hand.keys(Keys::default());
        let Some(id) = self.till.or_else(|| till_of(facts, self.hand.key)) else {
            return keys;
        };
        let keys = keys.record(id.any());
        match facts.till(id) {
            Some(till) => keys.record(external_key(till.currency)),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let till = self.till_in(facts)?;
        let (id, currency) = (ShiftId(moment.fresh()), till.currency);
        let float = self.float.unwrap_or(Money::new(0, currency));
        let moved = match float.minor {
            0 => Movement::none(),
            minor => {
                let (kind, cause) = (TransactionKind::CashFloat, id.any());
                let moved = movement(kind, cause, moment.fresh(), float, None);
                let legs = [
                    Leg::new(external_key(currency), Bucket::Available, -minor),
                    Leg::new(cash_key(id), Bucket::Available, minor),
                ];
                Movement::post(facts, moved, &legs, moment.sequence)?
            }
        };

        // From here it must succeed.
        let is_tills = till_of(facts, self.hand.key) == Some(till.id);
        let body = ShiftBody {
            opened_by_till: is_tills.then_some(true),
            ..self.body(id, till, float.minor, moment)
        };
        let mut next = till.clone();
        next.open_shift = Some(id);
        let events = vec![EventFact::new(EventType::ShiftOpened, id.any())];
        let reply = json(&ShiftView::new(&body, float.minor));
        let created: Vec<_> = moved.transactions.iter().map(|t| t.id.any()).collect();
        let empty = created.is_empty();
        let mut decision = Decision::new(facts, Action::ShiftOpened, id.any(), moved, events)
            .reply(Reply::Stored(reply))
            .change(till.id.any(), Record::Till(next))
            .change(id.any(), Record::Shift(body));
        if empty {
            decision = decision.change(cash_key(id), Record::Cash(Account::empty(currency)));
        }
        decision.created = created;
        Ok(decision)
    }
}

impl OpenShift {
    fn till_in<'f>(&self, facts: &'f Facts) -> Result<&'f TillBody, Rejection> {
        let required = || {
            let text = "name a till, or use the key of one";
            Rejection::at(Code::TillNotFound, "/till_id", text)
        };
        let id = self.till.or_else(|| till_of(facts, self.hand.key));
        let till = in_use(facts, id.ok_or_else(required)?)?;
        of_this_till(facts, &self.hand, till.id)?;
        if let Some(open) = till.open_shift {
            let text = format!("`{open}` of `{}` is open", till.id);
            return Err(Rejection::new(Code::ShiftOpen, text));
        }
        let currency = till.currency;
        if self.float.is_some_and(|float| float.currency != currency) {
            let text = format!("`{}` sells in {currency}", till.id);
            return Err(Rejection::at(Code::CurrencyMismatch, "/currency", text));
        }
        Ok(till)
    }

    fn body(&self, id: ShiftId, till: &TillBody, float: i64, moment: &Moment) -> ShiftBody {
        ShiftBody {
            id,
            status: ShiftStatus::Open,
            till: till.id,
            store: till.store,
            currency: till.currency,
            opened_by: self.hand.key,
            float,
            totals: ShiftTotals::default(),
            pending: 0,
            counted: None,
            expected: None,
            number: None,
            closed_by: None,
            closed_at: None,
            note: self.note.clone(),
            created_at: moment.now,
            opened_by_till: None,
        }
    }
}
