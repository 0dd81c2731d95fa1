//! Writing decisions and refusals into the batch.

use std::sync::Arc;

use strongroom_domain::action::Action;
use strongroom_domain::decision::{Claim, Decision, Job, Reply};
use strongroom_domain::entry::{ChangeLine, EntryChanges, EntryFacts, EventFact};
use strongroom_domain::event::EventType;
use strongroom_domain::record::{PersonalPart, Record};
use strongroom_domain::rejection::Rejection;
use strongroom_store::{IndexRow, JobRow, LocatorRow, StoreError};
use strongroom_types::id::{AnyId, Kind, RawId, SubjectId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::cache::Slot;
use crate::commit::Commit;
use crate::draft::{Dirty, Draft, EntryParts, spent_column};
use crate::envelope::{Committed, Failure};
use crate::item::Pending;
use crate::jobs::{PAYOUT_SCHEDULE_JOB, SCHEDULED_PAYOUT_JOB};
use crate::seal::{BUSINESS, BodyWriter, CARD, ClearRecord, PERSONAL, SALT, Seat};
use crate::sealers::{KeySlot, SealTools, seal_personal};
use crate::spent::position;
use crate::webhooks::{RowId, WebhookWork, seal_work};

/// Kinds of jobs that are looked for by their time. Stored, never reused: one looks at a payout's rail, one drops the
/// number of a token, one each looks after a payment and a refund, one ends an approval that nobody ended in time.
pub(crate) const RAIL_JOB: u8 = 1;
pub(crate) const TOKEN_JOB: u8 = 4;
pub(crate) const PAYMENT_JOB: u8 = 5;
pub(crate) const REFUND_JOB: u8 = 6;
pub(crate) const APPROVAL_JOB: u8 = 13;
/// One ends a payment link that nobody has paid in time.
pub(crate) const PAYMENT_LINK_JOB: u8 = 21;
/// One closes, makes or releases a payout file, and one goes on with a bank's file.
pub(crate) const PAYOUT_FILE_JOB: u8 = 35;
pub(crate) const BANK_FILE_JOB: u8 = 36;
/// One makes a report, and ends it when its time is over.
pub(crate) const REPORT_JOB: u8 = 39;

impl Commit {
    /// Writes an accepted decision: records, indexes, jobs, and the entry that tells it.
    pub(crate) fn accept(
        &mut self,
        draft: &mut Draft,
        pending: &Pending,
        decision: Decision,
        base: RawId,
    ) -> Committed {
        let scope = pending.scope;
        let sequence = self.next_sequence(scope);
        let changes = decision
            .changes
            .into_iter()
            .map(|(id, record)| self.change(draft, scope, id, record, sequence));
        let changes = EntryChanges(changes.collect());
        for id in &decision.created {
            let row = LocatorRow {
                scope: scope.number,
                id: id.raw.0,
                kind: id.kind.code(),
                seq: sequence,
            };
            draft.batch.locators.push(row);
        }
        for claim in &decision.claims {
            self.claim(draft, scope, claim);
        }
        draft
            .erased
            .extend(decision.erased.iter().map(|subject| (scope, *subject)));
        for job in &decision.jobs {
            self.schedule(draft, scope, *job);
        }
        let facts = EntryFacts {
            action: decision.action,
            resource: Some(decision.resource),
            refusal: None,
            transactions: decision.transactions,
            payout: decision.payout,
            payment: decision.payment,
            refund: decision.refund,
            events: decision
                .events
                .into_iter()
                .map(|event| event.within(decision.resource))
                .collect(),
            details: decision.details,
            base,
        };
        let (kept, reply) = match decision.reply {
            Reply::Rendered => (None, None),
            Reply::Stored(bytes) => (Some(bytes.clone()), Some(bytes)),
            Reply::Secret(bytes) => (Some(bytes), None),
            Reply::Empty => (Some(Vec::new()), None),
        };
        let column = spent_column(&pending.envelope, true);
        self.write_entry(draft, pending, &facts, &changes, reply.as_deref(), column);
        Committed {
            facts: Box::new(facts),
            time: draft.now,
            sequence,
            kept,
            replayed: false,
        }
    }

    /// Puts a refusal on record, within its budget unless it spends a key or a signature. A refusal that could turn out otherwise later pins its key.
    pub(crate) fn refuse(
        &mut self,
        draft: &mut Draft,
        pending: &Pending,
        rejection: Rejection,
        base: RawId,
    ) -> Failure {
        let key = (
            pending.scope.number,
            pending.actor.credential,
            rejection.code.as_str(),
        );
        // Who signed cannot send the same bytes as a new request: the key leads the retry to this answer.
        let pinned = rejection.is_transient() || pending.envelope.signature.is_some();
        let column = spent_column(&pending.envelope, pinned);
        // SECURITY: what the refusal spends must be known after a restart, so the budget is for those that spend nothing.
        // A login attempt on a known account is always one record.
        let is_login = pending.command.action() == Action::UserSignedIn;
        let spends = !column.is_empty();
        if spends || is_login || self.refusals.allows(key, draft.now.seconds()) {
            let facts = EntryFacts {
                action: pending.command.action(),
                resource: None,
                refusal: Some(rejection.clone()),
                transactions: Vec::new(),
                payout: None,
                payment: None,
                refund: None,
                events: self.alert(pending, &rejection, draft.now.seconds()),
                details: Vec::new(),
                base,
            };
            self.write_entry(
                draft,
                pending,
                &facts,
                &EntryChanges(Vec::new()),
                None,
                column,
            );
        }
        let over = self.refusals.take();
        if !over.is_empty() {
            self.shared
                .refusals
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .extend(over);
        }
        Failure::Rejected {
            rejection,
            replayed: false,
            request: pending.envelope.request,
        }
    }

    /// What subscribers are told of a refusal. SECURITY: the key alone, and once a minute: nobody floods them.
    fn alert(&mut self, pending: &Pending, rejection: &Rejection, second: i64) -> Vec<EventFact> {
        let (scope, credential) = (pending.scope.number, pending.actor.credential);
        let key = (scope, credential, rejection.code.as_str());
        let is_alarming = pending.command.action() == Action::CardNumberRefused;
        match is_alarming && credential.is_some() && self.refusals.alerts(key, second) {
            true => vec![EventFact {
                event: EventType::SecurityCardNumberRefused,
                about: credential,
            }],
            false => Vec::new(),
        }
    }

    fn next_sequence(&self, scope: Scope) -> u64 {
        self.logs
            .get(&scope.number)
            .map_or(1, |log| log.sequence + 1)
    }

    fn write_entry(
        &mut self,
        draft: &mut Draft,
        pending: &Pending,
        facts: &EntryFacts,
        changes: &EntryChanges,
        reply: Option<&[u8]>,
        column: Vec<u8>,
    ) {
        let sequence = self.next_sequence(pending.scope);
        Commit::spends(draft, &column, position(pending.scope.number, sequence));
        let Some(log) = self.logs.get_mut(&pending.scope.number) else {
            return;
        };
        let mut tools = SealTools {
            sealers: &mut self.sealers,
            random: &mut self.random,
        };
        draft.entry(
            log,
            &mut tools,
            &EntryParts {
                facts,
                actor: &pending.actor.part,
                changes,
                reply,
            },
            column,
        );
    }

    /// Gives a record its next version, in memory; it is sealed at the end of the batch.
    fn change(
        &mut self,
        draft: &mut Draft,
        scope: Scope,
        id: AnyId,
        record: Arc<Record>,
        sequence: u64,
    ) -> ChangeLine {
        if let Record::Organization(organization) = record.as_ref() {
            self.open_logs(organization);
            draft
                .touched
                .extend([organization.test_scope, organization.live_scope]);
        }
        let key = (scope.number, id);
        let (version, created) = match self.cache.get(key) {
            Some(slot) => (slot.version + 1, slot.created),
            None => (1, draft.now),
        };
        let clear = self.clear(&record);
        let line = ChangeLine {
            record: id,
            version,
            commitment: clear.commitment(id, version),
        };
        let status = record.status();
        draft.dirty.insert(
            key,
            Dirty {
                clear,
                version,
                sequence,
                created,
                status,
            },
        );
        self.cache.put(
            key,
            Slot {
                record,
                version,
                created,
            },
        );
        line
    }

    fn clear(&mut self, record: &Record) -> ClearRecord {
        let mut business = Vec::with_capacity(64);
        record.business(&mut business);
        let personal = record.personal().into_iter().map(|part| {
            let salt: [u8; SALT] = self.random.take();
            let mut bytes = salt.to_vec();
            bytes.extend_from_slice(&part.bytes);
            PersonalPart {
                subject: part.subject,
                bytes,
            }
        });
        let personal = personal.collect();
        ClearRecord {
            business,
            personal,
            sealed: record.sealed().map(<[u8]>::to_vec),
        }
    }

    /// Seals the last version of every changed record.
    pub(crate) fn seal_records(&mut self, draft: &mut Draft) -> Result<(), StoreError> {
        for ((number, id), dirty) in draft.take_dirty() {
            let Some(scope) = self.logs.get(&number).map(|log| log.scope) else {
                continue;
            };
            let seat = Seat::record(&scope, id, dirty.version);
            let sealed = dirty.clear.sealed.as_deref();
            let parts = 1 + dirty.clear.personal.len() + usize::from(sealed.is_some());
            let mut body = BodyWriter::new(parts);
            let slot = KeySlot {
                scope,
                purpose: strongroom_crypto::Purpose::Record,
                period: 0,
            };
            let mut tools = SealTools {
                sealers: &mut self.sealers,
                random: &mut self.random,
            };
            body.part(BUSINESS, None, |out| {
                tools.seal(slot, draft.now, &seat, &dirty.clear.business, out)
            });
            for part in &dirty.clear.personal {
                let key = self.subject_key(draft, scope, part.subject)?;
                let seat = seat.personal(part.subject);
                let random = &mut self.random;
                body.part(PERSONAL, Some(part.subject), |out| {
                    seal_personal(&key, random, &seat, &part.bytes, out)
                });
            }
            if let Some(sealed) = sealed {
                body.part(CARD, None, |out| out.extend_from_slice(sealed));
            }
            draft
                .batch
                .records
                .push(Draft::record_row(&scope, id, &dirty, body.bytes));
            // Large, and never decided over again but to be emptied.
            if id.kind == Kind::ReportPart {
                self.cache.forget((number, id));
            }
        }
        self.erase_subjects(draft)
    }

    /// Takes the keys of erased subjects out of the store, in the commit that says so.
    fn erase_subjects(&mut self, draft: &mut Draft) -> Result<(), StoreError> {
        for (scope, subject) in std::mem::take(&mut draft.erased) {
            let slot = (scope.number, subject.0.0);
            self.subjects.remove(&slot);
            // SECURITY: every version of it: there are two while the keys of subjects are replaced.
            for row in self.reader.subject_versions(scope.number, &subject.0.0)? {
                let hierarchy = &self.shared.hierarchy;
                // SECURITY: a number is never given out again. Where it is the highest, an empty key takes one above it.
                if hierarchy.highest_number() <= row.number {
                    hierarchy.new_subject(scope.number, subject.0.0, draft.now.0);
                }
                draft.batch.removed_keys.push(row.number);
                draft.erased_keys.push(row.number);
            }
        }
        Ok(())
    }

    /// The subject's key: known, stored, or made now.
    fn subject_key(
        &mut self,
        draft: &Draft,
        scope: Scope,
        subject: SubjectId,
    ) -> Result<Arc<strongroom_crypto::DataKey>, StoreError> {
        let slot = (scope.number, subject.0.0);
        let hierarchy = &self.shared.hierarchy;
        if let Some(key) = self
            .subjects
            .get(&slot)
            .and_then(|number| hierarchy.find(*number))
        {
            return Ok(key);
        }
        let key = match self.reader.subject_key(scope.number, &subject.0.0)? {
            Some(row) => hierarchy
                .open_subject(&row)
                .map_err(|error| StoreError::Corrupt(error.to_string()))?,
            None => hierarchy.new_subject(scope.number, subject.0.0, draft.now.0),
        };
        if self.subjects.len() > 10_000 {
            self.subjects.clear();
        }
        self.subjects.insert(slot, key.number);
        Ok(key)
    }

    fn schedule(&mut self, draft: &mut Draft, scope: Scope, job: Job) {
        let key = |kind, id: RawId| (scope.number, kind, id.0);
        match job {
            Job::Rail(payout, due) => self.at(draft, key(RAIL_JOB, payout.0), due),
            Job::RailDone(payout) => done(draft, key(RAIL_JOB, payout.0)),
            Job::Token(token, due) => self.at(draft, key(TOKEN_JOB, token.0), due),
            Job::TokenDone(token) => done(draft, key(TOKEN_JOB, token.0)),
            Job::Payment(payment, due) => self.at(draft, key(PAYMENT_JOB, payment.0), due),
            Job::PaymentDone(payment) => done(draft, key(PAYMENT_JOB, payment.0)),
            Job::Refund(refund, due) => self.at(draft, key(REFUND_JOB, refund.0), due),
            Job::RefundDone(refund) => done(draft, key(REFUND_JOB, refund.0)),
            Job::Approval(approval, due) => self.at(draft, key(APPROVAL_JOB, approval.0), due),
            Job::ApprovalDone(approval) => done(draft, key(APPROVAL_JOB, approval.0)),
            Job::PaymentLink(link, due) => self.at(draft, key(PAYMENT_LINK_JOB, link.0), due),
            Job::PaymentLinkDone(link) => done(draft, key(PAYMENT_LINK_JOB, link.0)),
            Job::PayoutFile(file, due) => self.at(draft, key(PAYOUT_FILE_JOB, file.0), due),
            Job::PayoutFileDone(file) => done(draft, key(PAYOUT_FILE_JOB, file.0)),
            Job::BankFile(file, due) => self.at(draft, key(BANK_FILE_JOB, file.0), due),
            Job::BankFileDone(file) => done(draft, key(BANK_FILE_JOB, file.0)),
            Job::Report(report, due) => self.at(draft, key(REPORT_JOB, report.0), due),
            Job::ReportDone(report) => done(draft, key(REPORT_JOB, report.0)),
            Job::ScheduledPayout(id, due) => self.at(draft, key(SCHEDULED_PAYOUT_JOB, id.0), due),
            Job::ScheduledPayoutDone(id) => done(draft, key(SCHEDULED_PAYOUT_JOB, id.0)),
            Job::PayoutSchedule(id, due) => self.at(draft, key(PAYOUT_SCHEDULE_JOB, id.0), due),
            Job::PayoutScheduleDone(id) => done(draft, key(PAYOUT_SCHEDULE_JOB, id.0)),
            Job::Lane(id, lane) => self.send(draft, scope, id, WebhookWork::Lane(lane)),
            Job::Delivery(id, delivery) => {
                self.send(draft, scope, id, WebhookWork::Delivery(delivery));
            }
        }
    }

    /// Schedules work for a time.
    fn at(&self, draft: &mut Draft, key: JobKey, due: Timestamp) {
        let (scope, kind, id) = key;
        draft.batch.removed_jobs.retain(|removed| *removed != key);
        draft.batch.jobs.push(JobRow {
            scope,
            kind,
            id,
            due: due.0,
            attempt: 0,
            body: job_mark(self.shared.spent_key.mac(), key, due.0).to_vec(),
        });
    }

    fn send(&mut self, draft: &mut Draft, scope: Scope, id: RowId, work: WebhookWork) {
        let (hierarchy, now) = (&self.shared.hierarchy, draft.now);
        let row = seal_work(hierarchy, &mut self.random, (&scope, id), &work, now);
        draft.batch.jobs.push(row);
        draft.webhook_work.push((scope, id, work));
    }

    fn claim(&mut self, draft: &mut Draft, scope: Scope, claim: &Claim) {
        let field = claim.key.field;
        let hash = self
            .shared
            .index_hash(scope.number, field.code(), &claim.key.text);
        let row = IndexRow {
            scope: scope.number,
            field: field.code(),
            hash,
            kind: claim.holder.kind.code(),
            id: claim.holder.raw.0,
            unique: field.is_unique(),
        };
        let same = |other: &IndexRow| {
            other.field == row.field && other.hash == row.hash && other.id == row.id
        };
        draft.batch.indexes.retain(|other| !same(other));
        draft.batch.removed_indexes.retain(|other| !same(other));
        draft.holders.insert(
            (scope.number, field.code(), hash),
            (!claim.released).then_some(claim.holder),
        );
        // INVARIANT(index-moves): what stands under an older version of the key goes with it, so that nothing is found twice.
        for hash in self
            .shared
            .older_hashes(scope.number, row.field, &claim.key.text)
        {
            let older = IndexRow {
                hash,
                ..row.clone()
            };
            draft.batch.removed_indexes.push(older);
        }
        match claim.released {
            true => draft.batch.removed_indexes.push(row),
            false => draft.batch.indexes.push(row),
        }
    }
}

/// Scope, kind and number of a job.
type JobKey = (u32, u8, [u8; 12]);

/// Takes work off the list.
fn done(draft: &mut Draft, key: JobKey) {
    let batch = &mut draft.batch;
    batch
        .jobs
        .retain(|job| (job.scope, job.kind, job.id) != key);
    batch.removed_jobs.push(key);
}

/// Whether a kind of record begins its life in the log alone.
pub(crate) fn lives_in_log(kind: Kind) -> bool {
    matches!(kind, Kind::Payout)
}

/// What binds a job's due time to what it is for, so that nobody can move it unseen.
pub(crate) fn job_mark(mac: &strongroom_crypto::MacKey, key: JobKey, due: i64) -> [u8; 16] {
    let (scope, kind, id) = key;
    mac.short_fields(&[
        b"job",
        &scope.to_be_bytes(),
        &[kind],
        &id,
        &due.to_be_bytes(),
    ])
}
