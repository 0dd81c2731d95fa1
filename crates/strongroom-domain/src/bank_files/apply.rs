//! Applying one entry of a bank's file: what becomes of its payout and the file's position, in one commit.

use strongroom_auth::permission::Operate;
use strongroom_types::id::{BankFileId, FilePageId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payout_files::{FilePage, PayoutFileStatus};
use crate::payouts::{Payout, PayoutStatus, fail, give_back, settle, step_keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};

use super::{BankEntry, BankFile, EntryAct, EntryStatus, Mismatch, PAGE, failure_of};

/// The entry at a position, by the server.
pub struct ApplyBankEntry {
    pub file: BankFileId,
    /// The page that it is on.
    pub page: FilePageId,
    /// How many of the file's entries went before.
    pub place: u32,
}

impl Command for ApplyBankEntry {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::BankEntryApplied
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default()
            .record(self.file.any())
            .record(self.page.any());
        let payout = facts
            .file_page(self.page)
            .and_then(|page| self.entry(page)?.payout);
        match payout {
            Some(id) => step_keys(facts, id)
                .records
                .into_iter()
                .fold(keys, Keys::record),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || Rejection::new(Code::NotFound, "there is no such bank file");
        let file = facts.bank_file(self.file).ok_or_else(missing)?;
        let page = facts.file_page(self.page).ok_or_else(missing)?;
        let entry = self.entry(page).ok_or_else(missing)?;
        if file.position != self.place || file.is_done() || page.of != self.file.any() {
            let text = format!("`{}` is not at this entry", self.file);
            return Err(Rejection::new(Code::InvalidState, text));
        }
        let (decision, status, mismatch) = match applied(facts, moment, entry) {
            Ok(Outcome::Moved(decision)) => (Some(*decision), EntryStatus::Applied, None),
            Ok(Outcome::Said(status)) => (None, status, None),
            Err(mismatch) => (None, EntryStatus::Unmatched, Some(mismatch)),
        };
        let next = BankEntry {
            status,
            mismatch,
            ..entry.clone()
        };
        let decision = decision.unwrap_or_else(|| {
            let (action, id) = (Action::BankEntryApplied, self.file.any());
            Decision::new(facts, action, id, Movement::none(), Vec::new())
        });
        Ok(self.written(decision, moment, file, page, next))
    }
}

impl ApplyBankEntry {
    fn index(&self) -> usize {
        usize::try_from(self.place).map_or(usize::MAX, |place| place % PAGE)
    }

    fn entry<'a>(&self, page: &'a FilePage) -> Option<&'a BankEntry> {
        page.entries.get(self.index())
    }

    /// The payout's step, if there was one, with the position behind it.
    fn written(
        &self,
        mut decision: Decision,
        moment: &Moment,
        file: &BankFile,
        page: &FilePage,
        entry: BankEntry,
    ) -> Decision {
        let id = self.file.any();
        let mut file = file.clone();
        file.position = file.position.saturating_add(1);
        file.counts.add(entry.status);
        decision = decision
            .detail("bank_file", id.to_string())
            .detail("entry", file.position.to_string());
        if let Some(reason) = entry.reason.as_deref().filter(|text| is_code(text)) {
            decision = decision.detail("reason_code", reason);
        }
        if file.is_done() {
            file.completed_at = Some(moment.now);
            decision = decision
                .event(EventFact::new(EventType::BankFileCompleted, id))
                .job(Job::BankFileDone(self.file));
        } else {
            decision = decision.job(Job::BankFile(self.file, moment.now));
        }
        let mut page = page.clone();
        if let Some(slot) = page.entries.get_mut(self.index()) {
            *slot = entry;
        }
        decision
            .reply(Reply::Empty)
            .change(page.id.any(), Record::FilePage(page))
            .change(id, Record::BankFile(file))
    }
}

/// What an entry does.
enum Outcome {
    Moved(Box<Decision>),
    Said(EntryStatus),
}

fn applied(facts: &Facts, moment: &mut Moment, entry: &BankEntry) -> Result<Outcome, Mismatch> {
    if let Some(mismatch) = entry.mismatch {
        return Err(mismatch);
    }
    if entry.act == EntryAct::Acknowledge && entry.payout.is_none() {
        return Ok(Outcome::Said(EntryStatus::Acknowledged));
    }
    let payout = entry.payout.and_then(|id| facts.payout(id));
    let payout = payout.ok_or(Mismatch::UnknownReference)?;
    is_meant(facts, entry, payout)?;
    let failure = failure_of(entry.reason.as_deref());
    let is_under_way = matches!(
        payout.body.status,
        PayoutStatus::Pending | PayoutStatus::Processing
    );
    let confirmed = Ok(Outcome::Said(EntryStatus::Confirmed));
    let moved = match (entry.act, payout.body.status) {
        (EntryAct::Note, _) => return Err(Mismatch::UnknownReference),
        (EntryAct::Acknowledge, _) => return Ok(Outcome::Said(EntryStatus::Acknowledged)),
        // One that came back went out before.
        (EntryAct::Settle, PayoutStatus::Completed | PayoutStatus::Reversed) => return confirmed,
        (EntryAct::Fail, PayoutStatus::Failed) => return confirmed,
        (EntryAct::Return, PayoutStatus::Failed | PayoutStatus::Reversed) => return confirmed,
        (EntryAct::Settle, _) if is_under_way => settle(facts, moment, payout),
        (EntryAct::Fail | EntryAct::Return, _) if is_under_way => {
            fail(facts, moment, payout, failure)
        }
        (EntryAct::Return, PayoutStatus::Completed) => give_back(facts, moment, payout, failure),
        _ => return Err(Mismatch::WrongState),
    };
    // What the ledger refuses – a wallet that is closed meanwhile – a person has to see to.
    let decision = moved.map_err(|_| Mismatch::WalletBlocked)?;
    Ok(Outcome::Moved(Box::new(decision)))
}

/// SECURITY: an entry moves only what it is about: a payout that went out in that file, from that account, of that amount.
fn is_meant(facts: &Facts, entry: &BankEntry, payout: &Payout) -> Result<(), Mismatch> {
    let place = payout.body.seat.and_then(|seat| seat.place);
    let place = place.ok_or(Mismatch::UnknownReference)?;
    let file = facts.payout_file(place.file);
    let went_out = file.is_some_and(|file| file.status == PayoutFileStatus::Sent);
    let in_file = entry.file.is_none_or(|file| file == place.file);
    let from_wallet = entry
        .wallet
        .is_none_or(|wallet| wallet == payout.body.source);
    if !(went_out && in_file && from_wallet) {
        return Err(Mismatch::UnknownReference);
    }
    match entry
        .amount
        .is_none_or(|amount| amount == payout.body.amount)
    {
        true => Ok(()),
        false => Err(Mismatch::AmountDiffers),
    }
}

fn is_code(text: &str) -> bool {
    text.len() == 4
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
