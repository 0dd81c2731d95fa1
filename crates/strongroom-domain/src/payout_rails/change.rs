//! Putting a wallet on the file rail, and changing how.

use strongroom_auth::permission::ManagePayoutRails;
use strongroom_iso20022::{Bic, Iban};
use strongroom_types::id::{PayoutRailId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::zone::DailyTime;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

use super::{PayoutRail, PayoutRailView, rail_key, rail_of};

/// `POST /v1/payout-rails`.
pub struct CreatePayoutRail {
    pub wallet: WalletId,
    pub debtor_name: String,
    pub iban: Iban,
    pub bic: Option<Bic>,
    pub cut_off: DailyTime,
    pub batch_limit: u32,
}

impl Command for CreatePayoutRail {
    type Permission = ManagePayoutRails;

    fn action(&self) -> Action {
        Action::PayoutRailCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(rail_key(self.wallet))
            .books(self.wallet)
            .holder(Field::PayoutRailIban, self.iban.as_str())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || {
            Rejection::at(
                Code::WalletNotFound,
                "/wallet_id",
                "there is no such wallet",
            )
        };
        let books = facts.books(self.wallet).ok_or_else(missing)?;
        books.open(self.wallet)?;
        let id = rail_of(self.wallet);
        if facts.payout_rail(id).is_some() {
            let text = format!("the wallet is on the rail `{id}` already");
            return Err(Rejection::at(Code::AlreadyExists, "/wallet_id", text));
        }
        if let Some(holder) = facts.holder(Field::PayoutRailIban, self.iban.as_str()) {
            let text = format!("the account is that of `{holder}`: two wallets do not share one");
            return Err(Rejection::at(Code::AlreadyExists, "/debtor/iban", text));
        }

        // From here it must succeed.
        let rail = PayoutRail {
            id,
            currency: books.account.currency,
            debtor_name: self.debtor_name.clone(),
            iban: self.iban.as_str().to_owned(),
            bic: self.bic.as_ref().map(|bic| bic.as_str().to_owned()),
            cut_off: self.cut_off.clone(),
            batch_limit: self.batch_limit,
            active: true,
            open: None,
            created_at: moment.now,
        };
        let decision = written(facts, Action::PayoutRailCreated, rail);
        Ok(decision.claim(Field::PayoutRailIban, Some(self.iban.as_str()), id.any()))
    }
}

/// `PATCH /v1/payout-rails/{id}`: what is `None` stays as it is. A file that is open keeps its cut-off.
pub struct UpdatePayoutRail {
    pub id: PayoutRailId,
    pub debtor_name: Option<String>,
    pub bic: Option<Bic>,
    pub cut_off: Option<DailyTime>,
    pub batch_limit: Option<u32>,
    pub active: Option<bool>,
}

impl Command for UpdatePayoutRail {
    type Permission = ManagePayoutRails;

    fn action(&self) -> Action {
        Action::PayoutRailUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || Rejection::new(Code::NotFound, "there is no such rail");
        let old = facts.payout_rail(self.id).ok_or_else(missing)?;

        // From here it must succeed.
        let mut next = old.clone();
        let mut changed = Vec::new();
        if let Some(name) = &self.debtor_name {
            next.debtor_name.clone_from(name);
            changed.push("debtor_name");
        }
        if let Some(bic) = &self.bic {
            next.bic = Some(bic.as_str().to_owned());
            changed.push("debtor_bic");
        }
        if let Some(cut_off) = &self.cut_off {
            next.cut_off = cut_off.clone();
            changed.push("cut_off");
        }
        if let Some(limit) = self.batch_limit {
            next.batch_limit = limit;
            changed.push("batch_limit");
        }
        if let Some(active) = self.active {
            next.active = active;
            changed.push("active");
        }
        let decision = written(facts, Action::PayoutRailUpdated, next);
        Ok(decision.detail("changed", changed.join(",")))
    }
}

fn written(facts: &Facts, action: Action, rail: PayoutRail) -> Decision {
    let id = rail.id.any();
    let event = match action {
        Action::PayoutRailCreated => EventType::PayoutRailCreated,
        _ => EventType::PayoutRailUpdated,
    };
    let events = vec![EventFact::new(event, id)];
    Decision::new(facts, action, id, Movement::none(), events)
        .reply(Reply::Stored(json(&PayoutRailView::new(&rail))))
        .change(id, Record::PayoutRail(rail))
}
