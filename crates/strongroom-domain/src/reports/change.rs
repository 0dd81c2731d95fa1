//! What happens to a report: asked for, finished, deleted, expired.

use strongroom_auth::permission::{ManageReports, Operate, ReadReports};
use strongroom_types::id::{ApiKeyId, ReportId, ShiftId, StoreId, WalletId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::reports::{
    AHEAD, Asked, ReportBody, ReportDesk, ReportFailure, ReportPart, ReportStatus, ReportType,
    ReportView, part_key, report_desk_key,
};
use crate::tills::Digest;
use crate::view::json;

/// Reports of an organization and mode that may wait at once.
pub const MOST_WAITING: u32 = 20;

/// The most bytes of one part.
pub const PART: usize = 256 << 10;

/// `POST /v1/reports`.
pub struct RequestReport {
    pub asked: Asked,
    pub by: ApiKeyId,
}

impl Command for RequestReport {
    type Permission = ReadReports;

    fn action(&self) -> Action {
        Action::ReportRequested
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(report_desk_key());
        let named = [
            self.asked.wallet.map(WalletId::any),
            self.asked.store.map(StoreId::any),
            self.asked.shift.map(ShiftId::any),
        ];
        named.into_iter().flatten().fold(keys, Keys::record)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        self.check(facts)?;
        self.check_period(moment.now)?;
        let desk = facts.report_desk();
        if desk.waiting >= MOST_WAITING {
            let text = format!("{MOST_WAITING} reports wait already");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let report = ReportBody {
            id: ReportId(moment.fresh()),
            status: ReportStatus::Queued,
            asked: self.asked,
            requested_by: self.by,
            created_at: moment.now,
            finished_at: None,
            expires_at: None,
            lines: 0,
            size: 0,
            parts: 0,
            digest: None,
            failure: None,
            differences: None,
        };
        let reply = json(&ReportView::new(&report, None, moment.now));
        let waiting = desk.waiting.saturating_add(1);
        let action = (Action::ReportRequested, EventType::ReportRequested);
        Ok(told(facts, action, report, moment.now)
            .reply(Reply::Stored(reply))
            .change(
                report_desk_key(),
                Record::ReportDesk(ReportDesk { waiting }),
            ))
    }
}

impl RequestReport {
    /// A report never tells of a period that is not over: its figures would be others a moment later.
    fn check_period(&self, now: Timestamp) -> Result<(), Rejection> {
        match self.asked.ends_after(now) {
            Some(end) if end > now.plus(AHEAD) => {
                let text = format!(
                    "the period ends at {end}, and it is {now}: ask once it is over, or for what is over by now"
                );
                Err(Rejection::at(Code::PeriodNotOver, "/to", text))
            }
            _ => Ok(()),
        }
    }

    /// What it names must be there, and must be what its type can be narrowed to.
    fn check(&self, facts: &Facts) -> Result<(), Rejection> {
        let asked = &self.asked;
        if asked.from >= asked.to {
            let text = "must be after `from`: the period is from one instant up to, and without, the other";
            return Err(Rejection::at(Code::InvalidField, "/to", text));
        }
        if asked.currency.is_some() && asked.kind != ReportType::Balances {
            return Err(not_narrowed(asked.kind, "/currency"));
        }
        let (by_wallet, by_store) = match asked.kind {
            ReportType::Sales | ReportType::Balances | ReportType::Fees | ReportType::Payouts => {
                (true, false)
            }
            ReportType::Tax | ReportType::Shift => (false, true),
            ReportType::Reconciliation => (false, false),
        };
        let named = [
            ("/wallet_id", asked.wallet.map(|id| (id.any(), by_wallet))),
            ("/store_id", asked.store.map(|id| (id.any(), by_store))),
            ("/shift_id", asked.shift.map(|id| (id.any(), by_store))),
        ];
        for (pointer, filter) in named {
            let Some((id, fits)) = filter else { continue };
            if !fits {
                return Err(not_narrowed(asked.kind, pointer));
            }
            if facts.record(id).is_none() {
                let text = "there is none of that id";
                return Err(Rejection::at(Code::NotFound, pointer, text));
            }
        }
        Ok(())
    }
}

fn not_narrowed(kind: ReportType, pointer: &'static str) -> Rejection {
    let text = format!("a report of `{}` is not narrowed to one", kind.as_str());
    Rejection::at(Code::InvalidField, pointer, text)
}

/// What a finished report is.
pub struct Content {
    pub bytes: Vec<u8>,
    pub lines: u64,
    pub digest: Digest,
    pub differences: Option<u64>,
}

/// The server's own: a report is made, or cannot be.
pub struct FinishReport {
    pub id: ReportId,
    pub outcome: Result<Content, ReportFailure>,
}

impl Command for FinishReport {
    type Permission = Operate;

    fn action(&self) -> Action {
        match self.outcome {
            Ok(_) => Action::ReportCompleted,
            Err(_) => Action::ReportFailed,
        }
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(self.id.any())
            .record(report_desk_key())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let report = existing(facts, self.id)?;
        if report.status != ReportStatus::Queued {
            return Err(wrong_state(report, report.status, "finished"));
        }

        // From here it must succeed.
        let mut next = report.clone();
        next.finished_at = Some(moment.now);
        let event = match &self.outcome {
            Ok(content) => {
                next.status = ReportStatus::Completed;
                next.expires_at = Some(moment.now.plus(report.asked.kept_for));
                next.lines = content.lines;
                next.size = u64::try_from(content.bytes.len()).unwrap_or(u64::MAX);
                next.parts = u32::try_from(content.bytes.chunks(PART).len()).unwrap_or(u32::MAX);
                next.digest = Some(content.digest);
                next.differences = content.differences;
                EventType::ReportCompleted
            }
            Err(failure) => {
                next.status = ReportStatus::Failed;
                next.failure = Some(*failure);
                EventType::ReportFailed
            }
        };
        let id = next.id;
        let decision = told(facts, (self.action(), event), next, moment.now);
        let mut decision = one_less(decision, facts).reply(Reply::Empty);
        if let Ok(content) = &self.outcome {
            for (n, bytes) in (0..).zip(content.bytes.chunks(PART)) {
                let bytes = bytes.to_vec();
                let part = Record::ReportPart(ReportPart { bytes });
                decision = decision.change(part_key(id, n), part);
            }
        }
        Ok(decision)
    }
}

/// `DELETE /v1/reports/{id}`: also while it is made, which ends it.
pub struct DeleteReport {
    pub id: ReportId,
}

impl Command for DeleteReport {
    type Permission = ManageReports;

    fn action(&self) -> Action {
        Action::ReportDeleted
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        emptied_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let report = existing(facts, self.id)?;
        let status = report.status_at(moment.now);
        if matches!(status, ReportStatus::Deleted | ReportStatus::Expired) {
            return Err(wrong_state(report, status, "deleted"));
        }

        // From here it must succeed.
        let was_waiting = report.status == ReportStatus::Queued;
        let next = ended(report, ReportStatus::Deleted);
        let reply = json(&ReportView::new(&next, None, moment.now));
        let action = (Action::ReportDeleted, EventType::ReportDeleted);
        let decision = told(facts, action, next, moment.now).reply(Reply::Stored(reply));
        let decision = emptied(decision, report);
        Ok(match was_waiting {
            true => one_less(decision, facts),
            false => decision,
        })
    }
}

/// The server's own: a report's time is over.
pub struct ExpireReport {
    pub id: ReportId,
}

impl Command for ExpireReport {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::ReportExpired
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        emptied_keys(facts, self.id)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let report = existing(facts, self.id)?;
        let is_due = report.status_at(moment.now) == ReportStatus::Expired;
        if report.status != ReportStatus::Completed || !is_due {
            return Err(wrong_state(report, report.status, "expired"));
        }

        // From here it must succeed.
        let next = ended(report, ReportStatus::Expired);
        let action = (Action::ReportExpired, EventType::ReportExpired);
        let decision = told(facts, action, next, moment.now).reply(Reply::Empty);
        Ok(emptied(decision, report))
    }
}

/// A decision about a report: the event with its particulars, the record, the job that follows.
fn told(
    facts: &Facts,
    (action, event): (Action, EventType),
    report: ReportBody,
    now: Timestamp,
) -> Decision {
    let about = report.id.any();
    let events = vec![EventFact::new(event, about)];
    let job = match report.waits() {
        Some(time) => Job::Report(report.id, time.unwrap_or(now)),
        None => Job::ReportDone(report.id),
    };
    Decision::new(facts, action, about, Movement::none(), events)
        .detail("report_type", report.asked.kind.as_str())
        .detail("report_format", report.asked.format.as_str())
        .detail("report_status", report.status.as_str())
        .detail("report_from", report.asked.from.to_string())
        .detail("report_to", report.asked.to.to_string())
        .detail("report_failure", report.failure.map_or("", |f| f.as_str()))
        .job(job)
        .change(about, Record::Report(report))
}

fn one_less(decision: Decision, facts: &Facts) -> Decision {
    let waiting = facts.report_desk().waiting.saturating_sub(1);
    let desk = Record::ReportDesk(ReportDesk { waiting });
    decision.change(report_desk_key(), desk)
}

/// A report without its content.
fn ended(report: &ReportBody, status: ReportStatus) -> ReportBody {
    ReportBody {
        status,
        parts: 0,
        ..report.clone()
    }
}

fn emptied_keys(facts: &Facts, id: ReportId) -> Keys {
    let keys = Keys::default().record(id.any()).record(report_desk_key());
    match facts.report(id) {
        Some(report) => report.part_keys().fold(keys, Keys::record),
        None => keys,
    }
}

/// The parts of a report keep their place and lose their bytes.
fn emptied(decision: Decision, report: &ReportBody) -> Decision {
    let none = || Record::ReportPart(ReportPart { bytes: Vec::new() });
    report
        .part_keys()
        .fold(decision, |decision, key| decision.change(key, none()))
}

fn existing(facts: &Facts, id: ReportId) -> Result<&ReportBody, Rejection> {
    facts
        .report(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such report"))
}

fn wrong_state(report: &ReportBody, status: ReportStatus, wish: &str) -> Rejection {
    let status = status.as_str();
    let text = format!("`{}` is {status} and cannot be {wish}", report.id);
    Rejection::new(Code::InvalidState, text)
}
