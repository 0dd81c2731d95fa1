//! What happens to a file by its time, and once it is closed.

use strongroom_auth::permission::{Operate, ReadPayoutContents, SendPayoutFiles};
use strongroom_types::id::{PayoutFileId, PayoutId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::payouts::{PayoutStatus, begin_processing};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

use super::close::close;
use super::{Content, PayoutFile, PayoutFileStatus, PayoutFileView, hex};

fn existing(facts: &Facts, id: PayoutFileId) -> Result<&PayoutFile, Rejection> {
    facts
        .payout_file(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such payout file"))
}

fn wrong_state(file: &PayoutFile, wish: &str) -> Rejection {
    let status = match file.status {
        PayoutFileStatus::Open => "open",
        PayoutFileStatus::Closed => "not made yet",
        PayoutFileStatus::Ready => "ready",
        PayoutFileStatus::Sent => "sent",
    };
    let text = format!("`{}` is {status} and cannot be {wish}", file.id);
    Rejection::new(Code::InvalidState, text)
}

/// A file's cut-off has come: it is closed, or waits another day where nothing is in it.
pub struct AdvancePayoutFile {
    pub id: PayoutFileId,
}

impl Command for AdvancePayoutFile {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutFileClosed
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any());
        match facts.payout_file(self.id) {
            Some(file) => keys.record(file.rail.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let file = existing(facts, self.id)?;
        let missing = || Rejection::new(Code::PayoutRailNotFound, "there is no such rail");
        let rail = facts.payout_rail(file.rail).ok_or_else(missing)?;
        if file.status != PayoutFileStatus::Open || moment.now < file.cut_off {
            return Err(wrong_state(file, "closed now"));
        }
        if file.count > 0 {
            return Ok(close(facts, file, rail, moment.now));
        }
        let cut_off = rail.cut_off.next(moment.now);
        let next = PayoutFile {
            cut_off,
            ..file.clone()
        };
        let (id, none) = (self.id.any(), Movement::none());
        Ok(
            Decision::new(facts, Action::PayoutFileAdvanced, id, none, Vec::new())
                .job(Job::PayoutFile(self.id, cut_off))
                .reply(Reply::Empty)
                .change(id, Record::PayoutFile(next)),
        )
    }
}

/// The content was made: this is its hash.
pub struct SealPayoutFile {
    pub id: PayoutFileId,
    pub content: Content,
}

impl Command for SealPayoutFile {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutFileMade
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let file = existing(facts, self.id)?;
        if file.status != PayoutFileStatus::Closed {
            return Err(wrong_state(file, "made again"));
        }
        let next = PayoutFile {
            status: PayoutFileStatus::Ready,
            content: Some(self.content),
            ..file.clone()
        };
        let (id, none) = (self.id.any(), Movement::none());
        let events = vec![EventFact::new(EventType::PayoutFileReady, id)];
        Ok(
            Decision::new(facts, Action::PayoutFileMade, id, none, events)
                .detail("message_id", next.message_id())
                .detail("sha256", hex(&self.content.sha256))
                .detail("bytes", self.content.bytes.to_string())
                .job(Job::PayoutFileDone(self.id))
                .reply(Reply::Empty)
                .change(id, Record::PayoutFile(next)),
        )
    }
}

/// `GET /v1/payout-files/{id}/content`. SECURITY: names and accounts leave in one piece, so who took them goes on record.
pub struct DownloadPayoutFile {
    pub id: PayoutFileId,
}

impl Command for DownloadPayoutFile {
    type Permission = ReadPayoutContents;

    fn action(&self) -> Action {
        Action::PayoutFileDownloaded
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let file = existing(facts, self.id)?;
        let content = file
            .content
            .ok_or_else(|| wrong_state(file, "downloaded"))?;
        let (id, none) = (self.id.any(), Movement::none());
        Ok(
            Decision::new(facts, Action::PayoutFileDownloaded, id, none, Vec::new())
                .detail("sha256", hex(&content.sha256))
                .reply(Reply::Empty),
        )
    }
}

/// `POST /v1/payout-files/{id}/sent`: somebody says that the bank has it.
pub struct SendPayoutFile {
    pub id: PayoutFileId,
}

impl Command for SendPayoutFile {
    type Permission = SendPayoutFiles;

    fn action(&self) -> Action {
        Action::PayoutFileSent
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let file = existing(facts, self.id)?;
        if file.status != PayoutFileStatus::Ready {
            return Err(wrong_state(file, "sent"));
        }
        let next = PayoutFile {
            status: PayoutFileStatus::Sent,
            sent_at: Some(moment.now),
            ..file.clone()
        };
        let (id, none) = (self.id.any(), Movement::none());
        let events = vec![EventFact::new(EventType::PayoutFileSent, id)];
        Ok(
            Decision::new(facts, Action::PayoutFileSent, id, none, events)
                .job(Job::PayoutFile(self.id, moment.now))
                .reply(Reply::Stored(json(&PayoutFileView::new(&next))))
                .change(id, Record::PayoutFile(next)),
        )
    }
}

/// One payout of a file that was sent turns `processing`, unless the bank has answered for it already.
pub struct ReleasePayout {
    pub file: PayoutFileId,
    /// How many of the file's payouts went before.
    pub place: u32,
    pub payout: PayoutId,
}

impl Command for ReleasePayout {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::PayoutProcessing
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(self.file.any())
            .record(self.payout.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let file = existing(facts, self.file)?;
        if file.status != PayoutFileStatus::Sent || file.released != self.place {
            return Err(wrong_state(file, "released so"));
        }
        let missing = || Rejection::new(Code::NotFound, "there is no such payout");
        let payout = facts.payout(self.payout).ok_or_else(missing)?;
        let place = payout.body.seat.and_then(|seat| seat.place);
        if place.is_none_or(|place| place.file != self.file) {
            return Err(missing());
        }
        let next = PayoutFile {
            released: file.released.saturating_add(1),
            ..file.clone()
        };
        let id = self.file.any();
        let decision = match payout.body.status {
            PayoutStatus::Pending => begin_processing(facts, moment, payout)?,
            _ => {
                let (action, none) = (Action::PayoutFileAdvanced, Movement::none());
                Decision::new(facts, action, id, none, Vec::new()).reply(Reply::Empty)
            }
        };
        let job = match next.released < next.count {
            true => Job::PayoutFile(self.file, moment.now),
            false => Job::PayoutFileDone(self.file),
        };
        Ok(decision.job(job).change(id, Record::PayoutFile(next)))
    }
}
