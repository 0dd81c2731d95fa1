//! What is derived from entries and records for finding them: locators, blind indexes, jobs. Exactly those, no others.

use std::collections::{HashMap, HashSet, VecDeque};

use strongroom_crypto::MacKey;
use strongroom_domain::action::Action;
use strongroom_domain::entry::EntryFacts;
use strongroom_domain::facts::Field;
use strongroom_domain::payments::Waits;
use strongroom_domain::payouts::{Payout, Recipient};
use strongroom_domain::record::Record;
use strongroom_domain::tokens::TokenStatus;
use strongroom_domain::users::UserStatus;
use strongroom_domain::wallets::Wallet;
use strongroom_domain::webhooks::WebhookStatus;
use strongroom_store::{HeadRow, IdRange, JobRow, LocatorRow, Reader, StoreError};
use strongroom_types::id::{AnyId, Kind, RawId, WebhookId};
use strongroom_types::mode::Scope;

use crate::accept::{
    APPROVAL_JOB, BANK_FILE_JOB, PAYMENT_JOB, PAYMENT_LINK_JOB, PAYOUT_FILE_JOB, RAIL_JOB,
    REFUND_JOB, REPORT_JOB, TOKEN_JOB,
};
use crate::jobs::{PAYOUT_SCHEDULE_JOB, SCHEDULED_PAYOUT_JOB};
use crate::opened::Opener;
use crate::rotation::{USES_JOB, is_uses_row};
use crate::verify::claim::{Claim, Claimed};
use crate::verify::due::{Changed, Due, is_plausible};
use crate::verify::files;
use crate::verify::keys::Keys;
use crate::verify::planned;
use crate::verify::report::Damages;
use crate::verify::unread::Unread;
use crate::verify::{roles, shop};
use crate::webhooks::{DELIVERY_JOB, LANE_JOB, UNSCHEDULED, WebhookWork, is_lane_of, open_work};

/// Locators read at once.
const PAGE: usize = 4_096;

/// Index rows that follow from the log and the records.
#[derive(Default)]
pub(super) struct Claims {
    expected: HashSet<Claim, foldhash::fast::RandomState>,
    /// What stands for a claim under an older version of the key.
    older: HashMap<Claim, Claim>,
}

impl Claims {
    pub fn extend(&mut self, claims: impl IntoIterator<Item = Claimed>) {
        for Claimed { newest, older } in claims {
            self.expected.insert(newest);
            self.older
                .extend(older.into_iter().map(|claim| (claim, newest)));
        }
    }

    /// Takes in what a record's current version claims.
    pub fn record(&mut self, scope: u32, record: &Record, keys: &Keys) {
        let keys = keys.blind_index(scope);
        Claims::each(record, &mut |field, text, holder| {
            self.extend(Claimed::new(scope, &keys, field, text, holder));
        });
    }

    fn each(record: &Record, told: &mut dyn FnMut(Field, &str, AnyId)) {
        let mut claim = |field, text: Option<&str>, holder| {
            if let Some(text) = text {
                told(field, text, holder);
            }
        };
        match record {
            Record::Wallet(Wallet { body, owner }) => {
                let (id, owner) = (body.id.any(), owner.as_ref());
                claim(
                    Field::WalletReference,
                    body.reference_id.as_ref().map(|r| r.as_str()),
                    id,
                );
                claim(
                    Field::WalletEmail,
                    owner.and_then(|owner| owner.email.as_deref()),
                    id,
                );
                claim(
                    Field::WalletPhone,
                    owner.and_then(|owner| owner.phone.as_deref()),
                    id,
                );
            }
            Record::Payment(payment) => claim(
                Field::PaymentReference,
                payment.reference_id.as_ref().map(|r| r.as_str()),
                payment.id.any(),
            ),
            Record::Refund(refund) => claim(
                Field::RefundReference,
                refund.reference_id.as_ref().map(|r| r.as_str()),
                refund.id.any(),
            ),
            Record::User(user) if user.body.status != UserStatus::Deactivated => {
                let profile = user.profile.as_ref();
                let email = profile.map(|profile| profile.email.as_str());
                claim(Field::UserEmail, email, user.body.id.any());
            }
            Record::PaymentLink(link) => claim(
                Field::PaymentLinkReference,
                link.body.reference_id.as_ref().map(|r| r.as_str()),
                link.body.id.any(),
            ),
            Record::Alert(alert) => {
                let open = alert.open_text();
                claim(Field::OpenAlert, open.as_deref(), alert.id.any());
            }
            Record::Payout(payout) => {
                if let Recipient::BankAccount { subject, .. } = &payout.body.recipient {
                    claim(
                        Field::BankAccount,
                        bank_text(payout).as_deref(),
                        subject.any(),
                    );
                }
            }
            other => {
                let claims = shop::claims(other).into_iter().chain(roles::claims(other));
                for (field, text, id) in claims
                    .chain(files::claims(other))
                    .chain(planned::claims(other))
                {
                    claim(field, Some(&text), id);
                }
            }
        }
    }

    /// Holds all index rows against the claims; says how many there are.
    pub fn finish(
        mut self,
        reader: &mut dyn Reader,
        unread: &Unread,
        damages: &mut Damages,
    ) -> Result<u64, StoreError> {
        let mut count = 0;
        reader.all_indexes(&mut |row| {
            count += 1;
            let found = Claim::of(&row);
            let claim = self.older.get(&found).copied().unwrap_or(found);
            let from_log = [
                Field::PayoutReference.code(),
                Field::TransferReference.code(),
            ]
            .contains(&row.field);
            let is_claimed = self.expected.remove(&claim) || (from_log && unread.any(row.scope));
            if !is_claimed {
                damages.note(format!("{}: nothing has this value", claim.name()));
            }
            let unique = Field::ALL
                .iter()
                .find(|field| field.code() == row.field)
                .map(|field| field.is_unique());
            if unique.is_some_and(|unique| unique != row.unique) {
                damages.note(format!(
                    "{}: it is not marked as its field is",
                    claim.name()
                ));
            }
        })?;
        let mut missing: Vec<String> = self.expected.iter().map(Claim::name).collect();
        missing.sort_unstable();
        missing
            .iter()
            .for_each(|name| damages.note(format!("{name}: it is missing")));
        Ok(count)
    }
}

/// Tells every field, text and holder by which a record is found.
pub(crate) fn claims_of_record(record: &Record, told: &mut dyn FnMut(Field, &str, AnyId)) {
    Claims::each(record, told);
}

/// The text by which a bank account is found again.
fn bank_text(payout: &Payout) -> Option<String> {
    let Recipient::BankAccount { bank_code, .. } = &payout.body.recipient else {
        return None;
    };
    payout.bank.as_ref()?.index_text(bank_code.as_deref())
}

/// One log's locators, walked beside its entries: both rise together.
pub(super) struct Locators {
    reader: Box<dyn Reader>,
    log: u32,
    page: VecDeque<LocatorRow>,
    after: Option<[u8; 12]>,
}

impl Locators {
    pub fn new(reader: Box<dyn Reader>, log: u32) -> Locators {
        Locators {
            reader,
            log,
            page: VecDeque::new(),
            after: None,
        }
    }

    /// Takes the locators of one entry.
    pub fn fold(
        &mut self,
        seq: u64,
        facts: &EntryFacts,
        unread: &Unread,
        damages: &mut Damages,
    ) -> Result<(), StoreError> {
        for id in created(facts) {
            while let Some(row) = self.peek()?.filter(|row| row.id < id.raw.0) {
                self.step();
                self.surplus(&row, unread, damages);
            }
            let Some(row) = self.peek()?.filter(|row| row.id == id.raw.0) else {
                damages.note(format!(
                    "the locator of `{id}` of log {}: it is missing",
                    self.log
                ));
                continue;
            };
            self.step();
            if row.kind != id.kind.code() || row.seq != seq {
                damages.note(format!(
                    "the locator of `{id}` of log {}: it leads elsewhere",
                    self.log
                ));
            }
        }
        Ok(())
    }

    /// Names the locators behind the last entry's.
    pub fn finish(mut self, unread: &Unread, damages: &mut Damages) -> Result<(), StoreError> {
        while let Some(row) = self.peek()? {
            self.step();
            self.surplus(&row, unread, damages);
        }
        Ok(())
    }

    fn surplus(&self, row: &LocatorRow, unread: &Unread, damages: &mut Damages) {
        if !unread.contains(self.log, row.seq) {
            damages.note(format!(
                "the locator of `{}` of log {}: no entry made it",
                RawId(row.id),
                self.log
            ));
        }
    }

    fn step(&mut self) {
        self.page.pop_front();
    }

    fn peek(&mut self) -> Result<Option<LocatorRow>, StoreError> {
        if self.page.is_empty() {
            let range = IdRange {
                after: self.after,
                before: None,
            };
            self.page = self
                .reader
                .locators(self.log, &[], range, false, PAGE)?
                .into();
            self.after = self.page.back().map(|row| row.id).or(self.after);
        }
        Ok(self.page.front().cloned())
    }
}

/// The resources whose ids lead to this entry: a new payout, or else its movements.
fn created(facts: &EntryFacts) -> Vec<AnyId> {
    if facts.refusal.is_some() {
        return Vec::new();
    }
    match facts.action {
        Action::PayoutCreated => facts.resource.into_iter().collect(),
        // INVARIANT(token-order): a token's own id is random, so another one leads to it.
        Action::TokenCreated | Action::PaymentLinkCreated => {
            let kind = facts.resource.map_or(Kind::Token, |resource| resource.kind);
            let raw = facts.base.plus(1);
            vec![AnyId { kind, raw }]
        }
        _ => facts
            .transactions
            .iter()
            .map(|transaction| transaction.id.any())
            .collect(),
    }
}

/// Jobs that must be there: one for each payout that a rail has not ended, with the time of its last step, one for each
/// token whose number has an end, and one lane for each endpoint that is not deleted.
#[derive(Default)]
pub(super) struct Jobs {
    expected: HashMap<(u32, u8, [u8; 12]), Due>,
    /// Endpoints, and whether their lane must be there and was not seen yet.
    endpoints: HashMap<(u32, WebhookId), bool>,
}

impl Jobs {
    pub fn record(&mut self, scope: u32, record: &Record, changed: Changed) {
        match record {
            Record::Payout(payout) => {
                if payout.body.is_on_rail() {
                    let key = (scope, RAIL_JOB, payout.body.id.0.0);
                    self.expected.insert(key, Due::Soon(changed));
                }
                self.expected.extend(planned::payout_job(scope, payout));
            }
            Record::Webhook(webhook) => {
                let followed = webhook.status != WebhookStatus::Deleted;
                self.endpoints.insert((scope, webhook.id), followed);
            }
            Record::Payment(payment) => {
                let due = match payment.waits() {
                    // A refund changes its payment, not when that is looked at.
                    Waits::Soon => Some(Due::SinceAny(changed)),
                    Waits::Until(end) => Some(Due::At(end.0)),
                    Waits::Never => None,
                };
                let key = (scope, PAYMENT_JOB, payment.id.0.0);
                self.expected.extend(due.map(|due| (key, due)));
            }
            Record::Refund(refund) if refund.is_pending() => {
                let key = (scope, REFUND_JOB, refund.id.0.0);
                self.expected.insert(key, Due::Soon(changed));
            }
            Record::Approval(approval) if approval.body.is_waiting() => {
                let key = (scope, APPROVAL_JOB, approval.body.id.0.0);
                self.expected
                    .insert(key, Due::At(approval.body.expires_at.0));
            }
            Record::PaymentLink(link) => {
                let key = (scope, PAYMENT_LINK_JOB, link.body.id.0.0);
                let due = link.body.lapses().map(|end| Due::At(end.0));
                self.expected.extend(due.map(|due| (key, due)));
            }
            Record::Report(report) => {
                let due = report.waits().map(|end| match end {
                    Some(end) => Due::At(end.0),
                    None => Due::Soon(changed),
                });
                let key = (scope, REPORT_JOB, report.id.0.0);
                self.expected.extend(due.map(|due| (key, due)));
            }
            Record::Token(token) => {
                let waits = token.body.status == TokenStatus::Active;
                if let Some(end) = token.body.expires_at.filter(|_| waits) {
                    let key = (scope, TOKEN_JOB, token.body.id.0.0);
                    self.expected.insert(key, Due::At(end.0));
                }
            }
            Record::PayoutSchedule(schedule) => {
                self.expected.extend(planned::schedule_job(scope, schedule));
            }
            other => self.expected.extend(files::job(scope, other, changed)),
        }
    }

    pub fn finish(
        mut self,
        reader: &mut dyn Reader,
        marks: Option<&MacKey>,
        opening: (&Opener, &[(Scope, HeadRow)]),
        damages: &mut Damages,
    ) -> Result<(), StoreError> {
        for row in reader.jobs_due(i64::MAX, usize::MAX)? {
            if [LANE_JOB, DELIVERY_JOB].contains(&row.kind) {
                self.work(&row, opening, damages);
                continue;
            }
            if row.kind == USES_JOB {
                if !is_uses_row(&row, marks) {
                    damages.note(format!(
                        "the uses of a key of log {}: they were altered",
                        row.scope
                    ));
                }
                continue;
            }
            let name = format!(
                "the job of kind {} for `{}` of log {}",
                row.kind,
                RawId(row.id),
                row.scope
            );
            match self.expected.remove(&(row.scope, row.kind, row.id)) {
                None => damages.note(format!("{name}: nothing asks for it")),
                Some(due) if !is_plausible(&row, due, marks) => {
                    damages.note(format!("{name}: its time or attempts do not fit"))
                }
                Some(_) => {}
            }
        }
        let lost = self.endpoints.iter().filter(|(_, waits)| **waits);
        let mut lost: Vec<_> = lost.map(|(key, _)| *key).collect();
        lost.sort_unstable();
        for (scope, id) in lost {
            damages.note(format!("the lane of `{id}` of log {scope}: it is missing"));
        }
        let mut missing: Vec<_> = self.expected.into_keys().collect();
        missing.sort_unstable();
        for (scope, kind, id) in missing {
            let what = match kind {
                RAIL_JOB => "payout",
                TOKEN_JOB => "token",
                PAYMENT_JOB => "payment",
                APPROVAL_JOB => "approval",
                PAYMENT_LINK_JOB => "payment link",
                PAYOUT_FILE_JOB => "payout file",
                BANK_FILE_JOB => "bank file",
                REPORT_JOB => "report",
                SCHEDULED_PAYOUT_JOB => "scheduled payout",
                PAYOUT_SCHEDULE_JOB => "payout schedule",
                _ => "refund",
            };
            damages.note(format!(
                "the job for {what} `{}` of log {scope}: it is missing",
                RawId(id)
            ));
        }
        Ok(())
    }
}

impl Jobs {
    /// Holds the sender's work against the endpoints and the ends of the logs.
    fn work(
        &mut self,
        row: &JobRow,
        (opener, logs): (&Opener, &[(Scope, HeadRow)]),
        damages: &mut Damages,
    ) {
        let id = RawId(row.id);
        let name = format!("the work `{id}` of log {}", row.scope);
        let log = logs.iter().find(|(scope, _)| scope.number == row.scope);
        let Some((scope, head)) = log else {
            return damages.note(format!("{name}: there is no such log"));
        };
        let work = match open_work(opener, scope, row) {
            Ok(work) => work,
            Err(fault) => return damages.note(fault.to_string()),
        };
        let Some(waits) = self.endpoints.get_mut(&(row.scope, work.endpoint())) else {
            return damages.note(format!("{name}: there is no such webhook"));
        };
        if is_lane_of(id, &work) {
            *waits = false;
        }
        let reached = match work {
            WebhookWork::Lane(lane) => lane.done,
            WebhookWork::Delivery(delivery) => delivery.sequence,
        };
        if reached > head.seq || row.due != UNSCHEDULED || row.attempt != 0 {
            damages.note(format!("{name}: it does not fit its log"));
        }
    }
}
