//! Reconciliation: what every account is recorded to hold, against what its postings add up to; and beside it what banks and
//! acquirers have told (`statements.rs`, `acquirers.rs`).
//!
//! The log is added up to its end, then the records are read. One that was posted to meanwhile is held against its
//! postings as they stood at its own last one, when the log's new end is read.

use std::collections::HashMap;

use strongroom_ledger::{Account, Balances as Buckets};
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, RawId};
use strongroom_types::time::Timestamp;

use crate::entry::Transaction;
use crate::record::Record;
use crate::reports::acquirers::Acquirers;
use crate::reports::balances::{account_of, order};
use crate::reports::movements::named;
use crate::reports::statements::Statements;
use crate::reports::table::{Cell, Column, Line, Table};
use crate::reports::{Asked, ReportFailure};

/// An account whose record is not what its postings say.
struct Difference {
    account: AnyId,
    currency: Currency,
    recorded: i64,
    derived: i64,
}

/// What the postings of an account add up to.
struct Derived {
    currency: Currency,
    sums: Buckets,
    last: u64,
    /// What it was recorded to hold as of a posting that is still to come.
    later: Option<Account>,
    is_recorded: bool,
}

/// Accounts of one kind and currency.
#[derive(Default)]
struct Group {
    accounts: i64,
    postings: i64,
    recorded: i128,
    derived: i128,
    differing: i64,
}

pub struct Reconciliation {
    accounts: HashMap<AnyId, Derived>,
    groups: HashMap<(u8, Currency), Group>,
    /// One of each group, for its name.
    examples: HashMap<(u8, Currency), AnyId>,
    differences: Vec<Difference>,
    pub statements: Statements,
    acquirers: Acquirers,
}

/// What does not agree.
#[derive(Default)]
pub struct Found {
    pub accounts: Vec<AnyId>,
    /// Lines of banks that match nothing.
    pub unmatched: u64,
}

impl Found {
    pub fn differences(&self) -> u64 {
        let accounts = u64::try_from(self.accounts.len()).unwrap_or(u64::MAX);
        accounts.saturating_add(self.unmatched)
    }
}

const COLUMNS: &[Column] = &[
    Column::text("check"),
    Column::text("account_type"),
    Column::text("account_id"),
    Column::text("currency"),
    Column::text("status"),
    Column::count("accounts"),
    Column::count("postings"),
    Column::minor("recorded"),
    Column::minor("derived"),
    Column::minor("difference"),
    Column::text("item"),
    Column::single("count"),
    Column::single_minor("amount"),
];

/// How many columns are of accounts.
const OF_ACCOUNTS: usize = 10;

/// A line that tells a figure of somebody else's.
pub(super) fn figure(
    (place, id): ([Cell; 2], Cell),
    currency: Currency,
    status: Option<&str>,
    told: [Cell; 3],
) -> Line {
    let mut cells = Vec::from(place);
    cells.extend([id, Cell::text(currency), Cell::maybe(status)]);
    cells.resize(OF_ACCOUNTS, Cell::Nothing);
    cells.extend(told);
    (currency, cells)
}

/// A line of accounts.
fn of_accounts(currency: Currency, mut cells: Vec<Cell>) -> Line {
    cells.resize(COLUMNS.len(), Cell::Nothing);
    (currency, cells)
}

impl Reconciliation {
    pub fn new(asked: &Asked) -> Reconciliation {
        Reconciliation::of((asked.from, asked.to))
    }

    /// The period is that of what others told; accounts are reconciled over all time.
    fn of(period: (Timestamp, Timestamp)) -> Reconciliation {
        Reconciliation {
            accounts: HashMap::new(),
            groups: HashMap::new(),
            examples: HashMap::new(),
            differences: Vec::new(),
            statements: Statements::new(period),
            acquirers: Acquirers::new(period),
        }
    }

    /// Takes in all that one entry moved. It may move an account more than once, which is compared when it has done so.
    pub fn take(&mut self, (sequence, time): (u64, Timestamp), moved: &[Transaction]) {
        for transaction in moved {
            self.acquirers.take(time, transaction);
        }
        let postings = || moved.iter().flat_map(|transaction| &transaction.postings);
        for posting in postings() {
            let derived = self.accounts.entry(posting.account).or_insert(Derived {
                currency: posting.currency,
                sums: Buckets::default(),
                last: 0,
                later: None,
                is_recorded: false,
            });
            // A sum that no account can hold differs from whatever is recorded.
            derived.sums = derived.sums.plus(&posting.change).unwrap_or_default();
            derived.last = sequence;
            let key = (order(posting.account.kind), posting.currency);
            let group = self.groups.entry(key).or_default();
            group.postings = group.postings.saturating_add(1);
        }
        for posting in postings() {
            let Some(derived) = self.accounts.get_mut(&posting.account) else {
                continue;
            };
            let sums = derived.sums;
            let is_now = |account: &Account| account.last == sequence;
            if let Some(account) = derived.later.take_if(|account| is_now(account)) {
                self.compare(posting.account, &account, sums);
            }
        }
    }

    pub fn account(&mut self, raw: RawId, record: &Record) {
        let Some((id, account)) = account_of(raw, record) else {
            return;
        };
        let derived = self.accounts.entry(id).or_insert(Derived {
            currency: account.currency,
            sums: Buckets::default(),
            last: 0,
            later: None,
            is_recorded: false,
        });
        derived.is_recorded = true;
        if account.last > derived.last {
            derived.later = Some(account);
            return;
        }
        let sums = derived.sums;
        self.compare(id, &account, sums);
    }

    fn compare(&mut self, id: AnyId, account: &Account, sums: Buckets) {
        let key = (order(id.kind), account.currency);
        let total = |of: &Buckets| of.total().unwrap_or(i64::MAX);
        let (recorded, derived) = (total(&account.balances), total(&sums));
        let group = self.groups.entry(key).or_default();
        self.examples.entry(key).or_insert(id);
        group.accounts = group.accounts.saturating_add(1);
        group.recorded += i128::from(recorded);
        group.derived += i128::from(derived);
        if account.balances != sums {
            group.differing = group.differing.saturating_add(1);
            self.differences.push(Difference {
                account: id,
                currency: account.currency,
                recorded,
                derived,
            });
        }
    }

    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Names accounts that have postings and no record, and records whose last posting never came.
    fn close(&mut self) {
        let open = self.accounts.iter().filter(|(_, derived)| {
            derived.later.is_some() || (!derived.is_recorded && derived.last > 0)
        });
        let open: Vec<(AnyId, Account, Buckets)> = open
            .map(|(id, derived)| {
                let none = Account::empty(derived.currency);
                (*id, derived.later.unwrap_or(none), derived.sums)
            })
            .collect();
        for (id, account, sums) in open {
            let known = self.differences.len();
            self.compare(id, &account, sums);
            // What adds up to nothing and has no record is no difference; what lacks a posting is one.
            if self.differences.len() == known && account.last > 0 {
                let total = account.balances.total().unwrap_or(i64::MAX);
                let key = (order(id.kind), account.currency);
                let group = self.groups.entry(key).or_default();
                group.differing = group.differing.saturating_add(1);
                self.differences.push(Difference {
                    account: id,
                    currency: account.currency,
                    recorded: total,
                    derived: total,
                });
            }
        }
    }

    /// The table, and what does not agree.
    ///
    /// # Errors
    /// [`ReportFailure`].
    pub fn table(mut self) -> Result<(Table, Found), ReportFailure> {
        self.close();
        let mut lines: Vec<Line> = Vec::new();
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|((kind, currency), _)| (*kind, currency.code()));
        for (key, group) in groups {
            let kind = self.examples.get(key).map(|id| named(*id, key.1).0);
            let cells = vec![
                Cell::text("accounts"),
                Cell::maybe(kind),
                Cell::Nothing,
                Cell::text(key.1),
                Cell::text(status(group.differing == 0)),
                Cell::Number(group.accounts),
                Cell::Number(group.postings),
                Cell::sum(group.recorded)?,
                Cell::sum(group.derived)?,
                Cell::sum(group.recorded - group.derived)?,
            ];
            lines.push(of_accounts(key.1, cells));
        }
        let mut differences = self.differences;
        differences.sort_unstable_by_key(|found| found.account);
        let differing = differences.iter().map(|found| found.account).collect();
        for found in differences {
            let (kind, name) = named(found.account, found.currency);
            // Its figures are in the line of its kind already, and are added up there.
            let cells = vec![
                Cell::text("account"),
                Cell::text(kind),
                name,
                Cell::text(found.currency),
                Cell::Text(format!(
                    "differs: recorded {}, derived {}",
                    found.recorded, found.derived
                )),
            ];
            lines.push(of_accounts(found.currency, cells));
        }
        lines.extend(self.statements.lines()?);
        lines.extend(self.acquirers.lines()?);
        let found = Found {
            accounts: differing,
            unmatched: self.statements.unmatched(),
        };
        Ok((Table::new(COLUMNS, lines)?, found))
    }
}

fn status(agrees: bool) -> &'static str {
    match agrees {
        true => "matches",
        false => "differs",
    }
}

#[cfg(test)]
mod tests {
    use strongroom_ledger::Posting;
    use strongroom_types::id::{Kind, TransactionId};
    use strongroom_types::money::Money;

    use super::*;
    use crate::entry::TransactionKind;

    fn php() -> Currency {
        Currency::parse("PHP").unwrap()
    }

    fn outside(minor: i64) -> Buckets {
        Buckets {
            available: minor,
            ..Buckets::default()
        }
    }

    fn moved(n: u8, minor: i64) -> Transaction {
        Transaction {
            id: TransactionId(RawId([n; 12])),
            kind: TransactionKind::Credit,
            amount: Money::new(minor, php()),
            cause: None,
            reference: None,
            description: None,
            postings: vec![Posting {
                account: AnyId {
                    kind: Kind::External,
                    raw: RawId([1; 12]),
                },
                currency: php(),
                change: outside(minor),
                after: outside(0),
                previous: 0,
            }],
        }
    }

    fn recorded(minor: i64, last: u64) -> Record {
        Record::External(Account {
            currency: php(),
            balances: outside(minor),
            last,
        })
    }

    fn empty() -> Reconciliation {
        Reconciliation::of((Timestamp(0), Timestamp(i64::MAX)))
    }

    fn found(sheet: Reconciliation) -> Vec<String> {
        let (table, _) = sheet.table().unwrap();
        let status = |line: &Line| match line.1.get(4) {
            Some(Cell::Text(text)) => text.clone(),
            _ => String::new(),
        };
        table.lines.iter().map(status).collect()
    }

    #[test]
    fn a_record_is_held_against_the_sum_of_its_postings() {
        let raw = RawId([1; 12]);
        let mut good = empty();
        good.take((1, Timestamp(5)), &[moved(1, 5)]);
        good.take((2, Timestamp(5)), &[moved(2, -2)]);
        good.account(raw, &recorded(3, 2));
        assert_eq!(found(good), ["matches"]);
        let mut bad = empty();
        bad.take((1, Timestamp(5)), &[moved(1, 5)]);
        bad.account(raw, &recorded(4, 1));
        assert_eq!(found(bad), ["differs", "differs: recorded 4, derived 5"]);
    }

    /// A record that was read after the log grew is compared at its own last posting.
    #[test]
    fn what_is_posted_meanwhile_is_no_difference() {
        let raw = RawId([1; 12]);
        let mut sheet = empty();
        sheet.take((1, Timestamp(5)), &[moved(1, 5)]);
        sheet.account(raw, &recorded(12, 3));
        sheet.take((2, Timestamp(5)), &[moved(2, 4)]);
        sheet.take((3, Timestamp(5)), &[moved(3, 3)]);
        sheet.take((4, Timestamp(5)), &[moved(4, 9)]);
        assert_eq!(found(sheet), ["matches"]);
        let mut twice = empty();
        twice.account(raw, &recorded(12, 1));
        twice.take((1, Timestamp(5)), &[moved(1, 5), moved(2, 7)]);
        assert_eq!(found(twice), ["matches"]);
        let mut lost = empty();
        lost.take((1, Timestamp(5)), &[moved(1, 5)]);
        lost.account(raw, &recorded(5, 3));
        // The sums are the same, and yet a posting is missing: the line of its kind says so, too.
        assert_eq!(found(lost), ["differs", "differs: recorded 5, derived 5"]);
        let mut nowhere = empty();
        nowhere.take((1, Timestamp(5)), &[moved(1, 5)]);
        assert_eq!(
            found(nowhere),
            ["differs", "differs: recorded 0, derived 5"]
        );
    }
}
