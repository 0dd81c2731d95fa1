//! Closing a file: from then on nothing joins or leaves it.

use strongroom_auth::permission::CreatePayoutFiles;
use strongroom_types::id::WalletId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payout_rails::{PayoutRail, rail_key, rail_of};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

use super::{Closing, PayoutFile, PayoutFileStatus, PayoutFileView};

/// `POST /v1/payout-files`: closes what is open for a wallet, before its cut-off.
pub struct ClosePayoutFile {
    pub wallet: WalletId,
}

impl Command for ClosePayoutFile {
    type Permission = CreatePayoutFiles;

    fn action(&self) -> Action {
        Action::PayoutFileClosed
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(rail_key(self.wallet));
        let rail = facts.payout_rail(rail_of(self.wallet));
        match rail.and_then(|rail| rail.open) {
            Some(open) => keys.record(open.file.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || {
            let text = "the wallet is on no file rail: `POST /v1/payout-rails`";
            Rejection::at(Code::PayoutRailNotFound, "/wallet_id", text)
        };
        let rail = facts
            .payout_rail(rail_of(self.wallet))
            .ok_or_else(missing)?;
        let open = rail.open.and_then(|open| facts.payout_file(open.file));
        match open.filter(|file| file.count > 0) {
            Some(file) => Ok(close(facts, file, rail, moment.now)),
            None => {
                let text = "no payout waits for a file of this wallet";
                Err(Rejection::new(Code::PayoutFileEmpty, text))
            }
        }
    }
}

/// The file, closed.
pub(super) fn closed(file: &PayoutFile, rail: &PayoutRail, now: Timestamp) -> PayoutFile {
    PayoutFile {
        status: PayoutFileStatus::Closed,
        closing: Some(Closing {
            at: now,
            debtor_name: rail.debtor_name.clone(),
            iban: rail.iban.clone(),
            bic: rail.bic.clone(),
            day: rail.cut_off.date(now),
        }),
        ..file.clone()
    }
}

pub(super) fn close(
    facts: &Facts,
    file: &PayoutFile,
    rail: &PayoutRail,
    now: Timestamp,
) -> Decision {
    let next = closed(file, rail, now);
    let id = next.id;
    let rail = PayoutRail {
        open: None,
        ..rail.clone()
    };
    let events = vec![EventFact::new(EventType::PayoutFileClosed, id.any())];
    let none = Movement::none();
    Decision::new(facts, Action::PayoutFileClosed, id.any(), none, events)
        .detail("payouts", next.count.to_string())
        .job(Job::PayoutFile(id, now))
        .reply(Reply::Stored(json(&PayoutFileView::new(&next))))
        .change(rail.id.any(), Record::PayoutRail(rail))
        .change(id.any(), Record::PayoutFile(next))
}
