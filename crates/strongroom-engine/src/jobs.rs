//! Work that is due after a commit, as the workers see it.

use std::collections::HashMap;

use strongroom_domain::payments::PaymentBody;
use strongroom_domain::record::Record;
use strongroom_domain::refunds::RefundBody;
use strongroom_store::Batch;
use strongroom_types::id::{AnyId, PaymentId, RawId, RefundId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::accept::{
    APPROVAL_JOB, BANK_FILE_JOB, PAYMENT_JOB, PAYMENT_LINK_JOB, PAYOUT_FILE_JOB, RAIL_JOB,
    REFUND_JOB, REPORT_JOB, TOKEN_JOB,
};
use crate::engine::Engine;
use crate::envelope::Failure;
use crate::scopes::installation;

/// Kinds of further jobs; with the others' numbers in `accept`: one does a payout at its time, one makes the next of a
/// schedule.
pub(crate) const SCHEDULED_PAYOUT_JOB: u8 = 44;
pub(crate) const PAYOUT_SCHEDULE_JOB: u8 = 45;

/// A job that is due: what is to be done for the resource with this number in this scope.
#[derive(Clone, Copy, Debug)]
pub struct DueJob {
    pub scope: Scope,
    pub id: RawId,
    pub work: DueWork,
    /// Since when.
    pub due: Timestamp,
}

/// What is carried to an acquirer, as it was when it was looked up.
pub enum CardWork {
    Payment(Box<PaymentBody>),
    Refund(Box<RefundBody>),
}

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DueWork {
    /// Take a payout one step along its rail.
    Rail,
    /// Drop the number of a token whose time is over.
    Token,
    /// Take a payment one step further with the acquirer, settle it, or let it lapse.
    Payment,
    /// Take a refund one step further with the acquirer.
    Refund,
    /// Write down that an approval's time is over.
    Approval,
    /// Write down that a payment link's time is over.
    PaymentLink,
    /// Close, make or release a payout file.
    PayoutFile,
    /// Go on with a bank's file.
    BankFile,
    /// Make a report, or write down that its time is over.
    Report,
    /// Do a payout whose time has come.
    ScheduledPayout,
    /// Make the next payout of a schedule.
    PayoutSchedule,
}

impl DueWork {
    const fn kind(self) -> u8 {
        match self {
            DueWork::Rail => RAIL_JOB,
            DueWork::Token => TOKEN_JOB,
            DueWork::Payment => PAYMENT_JOB,
            DueWork::Refund => REFUND_JOB,
            DueWork::Approval => APPROVAL_JOB,
            DueWork::PaymentLink => PAYMENT_LINK_JOB,
            DueWork::PayoutFile => PAYOUT_FILE_JOB,
            DueWork::BankFile => BANK_FILE_JOB,
            DueWork::Report => REPORT_JOB,
            DueWork::ScheduledPayout => SCHEDULED_PAYOUT_JOB,
            DueWork::PayoutSchedule => PAYOUT_SCHEDULE_JOB,
        }
    }

    fn of(kind: u8) -> Option<DueWork> {
        let all = [
            DueWork::Rail,
            DueWork::Token,
            DueWork::Payment,
            DueWork::Refund,
            DueWork::Approval,
            DueWork::PaymentLink,
            DueWork::PayoutFile,
            DueWork::BankFile,
            DueWork::Report,
            DueWork::ScheduledPayout,
            DueWork::PayoutSchedule,
        ];
        all.into_iter().find(|work| work.kind() == kind)
    }
}

impl Engine {
    /// The jobs due now, the longest waiting first.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn due_jobs(&self, limit: usize) -> Result<Vec<DueJob>, Failure> {
        let now = self.now();
        let rows = self
            .with_view(installation(), move |view| {
                Ok(view.reader.jobs_due(now.0, limit)?)
            })
            .await?;
        let due = rows.iter().filter_map(|row| {
            Some(DueJob {
                scope: self.shared().scope(row.scope)?,
                id: RawId(row.id),
                work: DueWork::of(row.kind)?,
                due: Timestamp(row.due),
            })
        });
        Ok(due.collect())
    }

    /// The payments and refunds that jobs are for, in one look; what is not there is left out.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn card_work(
        &self,
        jobs: &[DueJob],
    ) -> Result<HashMap<(u32, RawId), CardWork>, Failure> {
        let mut wanted: HashMap<u32, (Scope, Vec<AnyId>)> = HashMap::new();
        for job in jobs {
            let id = match job.work {
                DueWork::Payment => PaymentId(job.id).any(),
                DueWork::Refund => RefundId(job.id).any(),
                _ => continue,
            };
            let (_, ids) = wanted
                .entry(job.scope.number)
                .or_insert((job.scope, Vec::new()));
            ids.push(id);
        }
        let mut found = HashMap::new();
        for (scope, ids) in wanted.into_values() {
            let records = self
                .with_view(scope, move |view| view.records(&ids))
                .await?;
            found.extend(records.into_iter().filter_map(|(id, record)| {
                let body = match record {
                    Record::Payment(body) => CardWork::Payment(Box::new(body)),
                    Record::Refund(body) => CardWork::Refund(Box::new(body)),
                    _ => return None,
                };
                Some(((scope.number, id.raw), body))
            }));
        }
        Ok(found)
    }

    /// When the next job is due.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn next_job(&self) -> Result<Option<Timestamp>, Failure> {
        let next = self
            .with_view(installation(), |view| Ok(view.reader.next_job()?))
            .await?;
        Ok(next.map(Timestamp))
    }

    /// Whether what is due gives way to clients: it does unless it has waited long already.
    pub fn give_way_to_clients(&self, gives_way: bool) {
        self.shared().queue.hold_back(gives_way);
    }

    /// Waits until a commit has scheduled work.
    pub async fn jobs_changed(&self) {
        self.shared().jobs.notified().await;
    }

    /// Forgets a job that can never be done.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn drop_job(&self, job: DueJob) -> Result<(), Failure> {
        let removed_jobs = vec![(job.scope.number, job.work.kind(), job.id.0)];
        self.derive(Batch {
            removed_jobs,
            ..Batch::default()
        })
        .await
    }
}
