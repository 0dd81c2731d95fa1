//! `verify`: everything that is stored, held against everything else, from the entries of the logs alone.
//!
//! Reads only, on a store that nobody writes: a copy, or a stopped directory. It goes on after damage and names what it
//! can name; what follows from an entry that could not be read is not blamed on others. Nothing is trusted because it
//! is there: records, balances, indexes, locators, jobs, tiles, heads and runs are all derived again.
//! [`audit_verify`] is the part that needs no key but the checkpoints'; [`export_bundle`] takes a log elsewhere.

mod awaited;
mod books;
mod bundle;
mod claim;
mod due;
mod fees;
mod files;
mod indexes;
mod keys;
mod log;
mod numbers;
mod open;
mod payments;
mod planned;
mod points;
mod records;
mod report;
mod reports;
mod roles;
mod runs;
mod shop;
mod tree;
mod unread;

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_crypto::{Purpose, RootKeys, SealedView};
use strongroom_domain::record::Record;
use strongroom_domain::tokens::Token;
use strongroom_store::{HeadRow, Reader, RecordRow, Store, StoreError};
use strongroom_types::id::Kind;
use strongroom_types::mode::{INSTALLATION, Mode, Scope};
use strongroom_types::time::Timestamp;

use crate::opened::{OpenFault, Opener};
use crate::scopes::installation;
use crate::start::{StartError, scope_of};
use crate::vault::open_card;
use awaited::Awaited;
use books::Books;
use fees::Fees;
use files::Files;
use indexes::{Claims, Jobs};
use keys::{KeyPlace, Keys};
use log::Walk;
use open::Prints;
use payments::Payments;
use planned::Planned;
use records::{Changes, Checked, open_records};
use report::Damages;
use reports::Reports;
use roles::Roles;
use runs::Runs;
use shop::Shop;
use tree::Point;
use unread::Unread;

pub use bundle::{BundleRequest, export_bundle};
pub(crate) use indexes::claims_of_record;
pub use numbers::{NumberFound, Vaulted};
pub(crate) use open::claims_of_entry;
pub use report::{LogReport, VerifyReport};

/// Records opened at once.
const RECORDS: usize = 1_000;

/// Verifies a whole store.
///
/// # Errors
/// [`StartError`] when the store cannot be read at all or the root does not open its keys; all else is in the report.
pub fn verify(
    store: &dyn Store,
    root: RootKeys,
    threads: usize,
) -> Result<VerifyReport, StartError> {
    let mut damages = Damages::default();
    let mut reader = store.reader()?;
    if let Some(found) = damages.section("the store's own check", reader.check()) {
        found
            .into_iter()
            .for_each(|damage| damages.note(format!("store: {damage}")));
    }
    let keys = Keys::open(&mut *reader, root, &mut damages)?;
    let logs = logs(&mut *reader, &mut damages)?;
    let prints = Prints::new();
    let runs = Runs::read(&mut *reader, &prints, &mut damages);
    let runs = damages
        .section("runs of spent hashes", runs)
        .unwrap_or_default();
    let mut verifier = Verifier {
        store,
        reader,
        threads,
        keys,
        prints,
        damages,
        unread: Unread::default(),
        books: Books::default(),
        changes: Changes::default(),
        claims: Claims::default(),
        jobs: Jobs::default(),
        payments: Payments::default(),
        awaited: Awaited::default(),
        fees: Fees::default(),
        reports: Reports::default(),
        shop: Shop::default(),
        files: Files::default(),
        roles: Roles::default(),
        planned: Planned::default(),
        runs,
        points: HashMap::new(),
        report: VerifyReport::default(),
    };
    verifier.logs(&logs)?;
    verifier.records(&logs)?;
    Ok(verifier.finish(&logs))
}

/// Verifies the logs alone: dense sequences, and leaves that lead to the stored heads, to every checkpoint and, with
/// `pinned`, to a checkpoint (a signed note) that was kept elsewhere. Opens no part of any entry.
///
/// # Errors
/// As [`verify`].
pub fn audit_verify(
    store: &dyn Store,
    root: RootKeys,
    pinned: Option<&str>,
) -> Result<VerifyReport, StartError> {
    let mut damages = Damages::default();
    let mut reader = store.reader()?;
    let keys = Keys::open(&mut *reader, root, &mut damages)?;
    let opener = Opener::new(Arc::clone(&keys.hierarchy));
    let logs = logs(&mut *reader, &mut damages)?;
    let mut report = VerifyReport::default();
    let mut pinned = pinned.map(|note| (note, note.lines().next().unwrap_or_default()));
    for (scope, head) in &logs {
        let name = format!("checkpoints of log {}", scope.number);
        let stored = points::stored(&mut *reader, &opener, scope, &mut damages);
        let mut points = damages.section(&name, stored).unwrap_or_default();
        if let Some(key) = points::verifier(&keys.hierarchy, scope)
            && let Some((note, _)) = pinned.take_if(|(_, origin)| *origin == key.name)
        {
            points.extend(
                damages.section("the checkpoint kept elsewhere", points::pinned(note, &key)),
            );
        }
        let walked = log::walk_heads(&mut *reader, scope, head, points, &mut damages);
        report
            .logs
            .extend(damages.section(&format!("log {}", scope.number), walked));
    }
    if pinned.is_some() {
        damages.note("the checkpoint kept elsewhere: it is of a log that is not here");
    }
    damages.into_report(&mut report);
    Ok(report)
}

/// All logs by number, the installation's first.
fn logs(
    reader: &mut dyn Reader,
    damages: &mut Damages,
) -> Result<Vec<(Scope, HeadRow)>, StoreError> {
    let mut logs = Vec::new();
    for head in reader.heads()? {
        if let Some(scope) = damages.section("a head", scope_of(&head)) {
            logs.push((scope, head));
        }
    }
    if logs.iter().all(|(scope, _)| *scope != installation()) {
        damages.note("log 1: the installation's log is missing");
    }
    Ok(logs)
}

/// What a verification knows by now.
struct Verifier<'a> {
    store: &'a dyn Store,
    reader: Box<dyn Reader>,
    threads: usize,
    keys: Keys,
    prints: Prints,
    damages: Damages,
    unread: Unread,
    books: Books,
    changes: Changes,
    claims: Claims,
    jobs: Jobs,
    payments: Payments,
    awaited: Awaited,
    fees: Fees,
    reports: Reports,
    shop: Shop,
    files: Files,
    roles: Roles,
    planned: Planned,
    runs: Runs,
    /// Roots that logs must have had, by log.
    points: HashMap<u32, Vec<Point>>,
    report: VerifyReport,
}

impl Verifier<'_> {
    fn logs(&mut self, logs: &[(Scope, HeadRow)]) -> Result<(), StoreError> {
        let opener = Opener::new(Arc::clone(&self.keys.hierarchy));
        for (scope, head) in logs {
            let number = scope.number;
            let stored = points::stored(&mut *self.reader, &opener, scope, &mut self.damages);
            let stored = self
                .damages
                .section(&format!("checkpoints of log {number}"), stored);
            self.points
                .entry(number)
                .or_default()
                .extend(stored.into_iter().flatten());
            let walked = Walk::new(self, *scope, head.clone())?.run();
            self.damages.section(&format!("log {number}"), walked);
        }
        let mut strange: Vec<u32> = self.points.keys().copied().collect();
        strange.sort_unstable();
        for log in strange {
            self.damages.note(format!(
                "log {log}: its head was put on record, and it is not there"
            ));
        }
        Ok(())
    }

    /// Opens all records and holds them against the logs.
    fn records(&mut self, logs: &[(Scope, HeadRow)]) -> Result<(), StoreError> {
        let mut scanning = self.store.reader()?;
        let mut page = Vec::new();
        let scanned = scanning.all_records(&mut |row| {
            page.push(row);
            if page.len() == RECORDS {
                self.record_page(std::mem::take(&mut page), logs);
            }
        });
        self.record_page(page, logs);
        self.damages.section("records", scanned);
        Ok(())
    }

    fn record_page(&mut self, mut rows: Vec<RecordRow>, logs: &[(Scope, HeadRow)]) {
        self.report.records += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let scope_of = |number| {
            logs.iter()
                .map(|(scope, _)| *scope)
                .find(|scope| scope.number == number)
        };
        // Checkpoints were read with their logs.
        rows.retain(|row| row.kind != Kind::Checkpoint.code() || scope_of(row.scope).is_none());
        let opener = Opener::new(Arc::clone(&self.keys.hierarchy));
        let opened = open_records(rows, &scope_of, &opener, &mut *self.reader, self.threads);
        for checked in self.damages.section("records", opened).unwrap_or_default() {
            self.record(&checked, logs);
        }
    }

    fn record(&mut self, checked: &Checked, logs: &[(Scope, HeadRow)]) {
        let changed = checked.hold(&mut self.changes, &self.unread, &mut self.damages);
        let (scope, id) = (checked.row.scope, checked.id());
        let business = match &checked.outcome {
            Err(OpenFault::NoKey(number)) => Some(number),
            _ => None,
        };
        for number in checked.lacking.iter().chain(business) {
            let what = || id.map_or_else(String::new, |id| format!("`{id}` of log {scope}"));
            self.keys.lacks(*number, false, what);
        }
        let (Ok((record, _)), Some(id)) = (&checked.outcome, id) else {
            return;
        };
        self.claims.record(scope, record, &self.keys);
        self.jobs.record(scope, record, changed.unwrap_or_default());
        self.payments.record(scope, record);
        self.awaited.record(scope, id, record);
        self.fees.record(scope, record);
        self.reports.record(scope, record);
        self.shop.record(scope, record);
        self.files.record(scope, record);
        self.roles.record(scope, record);
        self.planned.record(scope, record);
        match record {
            Record::Token(token) => self.card(scope, token, logs),
            Record::Books(books) => {
                self.books
                    .check_record(scope, id, &books.account, &self.unread, &mut self.damages);
            }
            Record::External(account) | Record::Cash(account) | Record::Fees(account) => {
                self.books
                    .check_record(scope, id, account, &self.unread, &mut self.damages);
            }
            Record::Organization(organization) => {
                for (number, mode) in [
                    (organization.test_scope, Mode::Test),
                    (organization.live_scope, Mode::Live),
                ] {
                    let expected = Scope {
                        number,
                        organization: organization.id,
                        mode,
                    };
                    if logs.iter().all(|(scope, _)| *scope != expected) {
                        self.damages.note(format!(
                            "log {number}: it belongs to `{id}`, and its head is not there"
                        ));
                    }
                }
            }
            _ => {}
        }
    }

    /// Holds a token's number against the hash in its body.
    fn card(&mut self, log: u32, token: &Token, logs: &[(Scope, HeadRow)]) {
        let Some((scope, _)) = logs.iter().find(|(scope, _)| scope.number == log) else {
            return;
        };
        if let (Some(digest), None) = (token.body.digest, &token.sealed) {
            self.report.vaulted.push(Vaulted {
                log,
                token: token.body.id,
                digest,
                fingerprint: token.body.fingerprint,
            });
        }
        let opener = Opener::new(Arc::clone(&self.keys.hierarchy));
        match open_card(&opener, scope, token, &mut |_| None) {
            Ok(_) => {}
            Err(OpenFault::NoKey(number)) => {
                let what = || format!("the card of `{}` of log {log}", token.body.id);
                self.keys.lacks(number, false, what);
            }
            Err(fault) => self.damages.note(format!("log {log}: {fault}")),
        }
        let purpose = token.sealed.as_deref().and_then(|sealed| {
            let key = SealedView::parse(sealed).ok()?.key;
            self.keys.place(key)
        });
        let expected = KeyPlace {
            scope: log,
            purpose: Purpose::Card.number(),
            period: 0,
        };
        if purpose.is_some_and(|place| place != expected) {
            self.damages.note(format!(
                "the card of `{}` of log {log}: it is sealed under a key of another purpose",
                token.body.id
            ));
        }
    }

    /// What is left to compare once everything was read.
    fn finish(self, logs: &[(Scope, HeadRow)]) -> VerifyReport {
        let latest = logs
            .iter()
            .map(|(_, head)| Timestamp(head.time))
            .max()
            .unwrap_or_default();
        let Verifier {
            mut reader,
            keys,
            unread,
            mut damages,
            mut report,
            ..
        } = self;
        let reader = &mut *reader;
        self.changes.finish(&mut damages);
        self.books.finish(&mut damages);
        self.payments.finish(&unread, &mut damages);
        self.payments
            .finish_links(&self.awaited, &unread, &mut damages);
        self.awaited.finish(&unread, &mut damages);
        self.fees.finish(&unread, &mut damages);
        self.reports.finish(&unread, &mut damages);
        self.shop.finish(&unread, &mut damages);
        self.files.finish(&unread, &mut damages);
        self.roles.finish(&unread, &mut damages);
        self.planned.finish(&unread, &mut damages);
        report.latest = latest;
        report.accounts = self.books.len();
        report.postings = self.books.postings;
        let indexes = self.claims.finish(reader, &unread, &mut damages);
        report.indexes = damages.section("blind indexes", indexes).unwrap_or(0);
        let marks = keys.spent();
        let opener = Opener::new(Arc::clone(&keys.hierarchy));
        let marks = marks.as_ref().map(|key| key.mac());
        let jobs = self
            .jobs
            .finish(reader, marks, (&opener, logs), &mut damages);
        damages.section("jobs", jobs);
        let runs = self.runs.finish(reader, latest, &mut damages);
        damages.section("runs of spent hashes", runs);
        let rows = keys::check_rows(reader, &keys, latest, &mut damages);
        damages.section("keys", rows);
        let strangers = strange_locators(reader, logs, &mut damages);
        damages.section("locators", strangers);
        keys.finish(&mut damages);
        damages.into_report(&mut report);
        report
    }
}

/// Names locators of logs that are not there; the others were walked with their logs.
fn strange_locators(
    reader: &mut dyn Reader,
    logs: &[(Scope, HeadRow)],
    damages: &mut Damages,
) -> Result<(), StoreError> {
    reader.all_locators(&mut |row| {
        if logs.iter().all(|(scope, _)| scope.number != row.scope) {
            damages.note(format!(
                "a locator of log {}: there is no such log",
                row.scope
            ));
        }
    })
}

const _: () = assert!(
    INSTALLATION == 1,
    "messages name the installation's log by its number"
);
