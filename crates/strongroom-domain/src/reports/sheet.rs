//! A report while it is made: fed with the log and the records, in pieces of any size.

use strongroom_types::id::{Kind, RawId};
use strongroom_types::time::Timestamp;

use crate::bank_files::BankFile;
use crate::entry::Transaction;
use crate::payout_files::FilePage;
use crate::record::Record;
use crate::reports::balances::Balances;
use crate::reports::movements::{Fees, Payouts, Sales};
use crate::reports::reconciliation::{Found, Reconciliation};
use crate::reports::shop::{Shifts, Taxes};
use crate::reports::table::Table;
use crate::reports::{Asked, ReportFailure, ReportType};

/// What a report reads, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Entries from this time on, and before the other; `None` for the beginning, and for the end, of the log.
    pub log: Option<(Option<Timestamp>, Option<Timestamp>)>,
    /// Then the records of these kinds.
    pub records: &'static [Kind],
    /// Only those made in the period, by their id; all otherwise.
    pub within: bool,
    /// Then sales that were made before the period and completed or voided in it.
    pub later: bool,
    /// One record alone.
    pub only: Option<RawId>,
    /// Then what the log has grown by meanwhile.
    pub tail: bool,
}

/// The accounts of the books.
const ACCOUNTS: &[Kind] = &[Kind::Account, Kind::Cash, Kind::Fees, Kind::External];

/// The same, and what banks were sent and said.
const ACCOUNTS_AND_BANKS: &[Kind] = &[
    Kind::Account,
    Kind::Cash,
    Kind::Fees,
    Kind::External,
    Kind::PayoutRail,
    Kind::PayoutFile,
    Kind::BankFile,
];

impl Stretch {
    /// Without what banks said.
    #[must_use]
    pub fn of_accounts(self) -> Stretch {
        Stretch {
            records: ACCOUNTS,
            ..self
        }
    }
}

/// The report of one type.
pub enum Sheet {
    Sales(Sales),
    Balances(Balances),
    Fees(Fees),
    Payouts(Payouts),
    Tax(Taxes),
    Shift(Shifts),
    Reconciliation(Box<Reconciliation>),
}

impl Sheet {
    pub fn new(asked: &Asked) -> Sheet {
        match asked.kind {
            ReportType::Sales => Sheet::Sales(Sales::new(asked)),
            ReportType::Balances => Sheet::Balances(Balances::new(asked)),
            ReportType::Fees => Sheet::Fees(Fees::new(asked)),
            ReportType::Payouts => Sheet::Payouts(Payouts::new(asked)),
            ReportType::Tax => Sheet::Tax(Taxes::new(asked)),
            ReportType::Shift => Sheet::Shift(Shifts::new(asked)),
            ReportType::Reconciliation => {
                Sheet::Reconciliation(Box::new(Reconciliation::new(asked)))
            }
        }
    }

    /// What it has to be fed with.
    pub fn stretch(asked: &Asked) -> Stretch {
        let none = Stretch {
            log: None,
            records: &[],
            within: false,
            later: false,
            only: None,
            tail: false,
        };
        match asked.kind {
            ReportType::Sales | ReportType::Fees | ReportType::Payouts => Stretch {
                log: Some((Some(asked.from), Some(asked.to))),
                ..none
            },
            // What an account held before and after is what its postings since then say.
            ReportType::Balances => Stretch {
                log: Some((Some(asked.from), None)),
                records: ACCOUNTS,
                tail: true,
                ..none
            },
            ReportType::Tax => Stretch {
                records: &[Kind::Sale],
                within: true,
                later: true,
                ..none
            },
            ReportType::Shift => Stretch {
                records: &[Kind::Shift],
                within: true,
                only: asked.shift.map(|shift| shift.0),
                ..none
            },
            ReportType::Reconciliation => Stretch {
                log: Some((None, None)),
                records: ACCOUNTS_AND_BANKS,
                tail: true,
                ..none
            },
        }
    }

    /// Takes in what one entry moved.
    pub fn entry(&mut self, sequence: u64, time: Timestamp, moved: &[Transaction]) {
        if let Sheet::Reconciliation(sheet) = self {
            sheet.take((sequence, time), moved);
            return;
        }
        for transaction in moved {
            match self {
                Sheet::Sales(sheet) => sheet.take(time, transaction),
                Sheet::Fees(sheet) => sheet.take(time, transaction),
                Sheet::Payouts(sheet) => sheet.take(time, transaction),
                Sheet::Balances(sheet) => sheet.take(time, transaction),
                Sheet::Reconciliation(_) | Sheet::Tax(_) | Sheet::Shift(_) => {}
            }
        }
    }

    /// Takes in a record; `held` is the cash of a shift.
    pub fn record(&mut self, raw: RawId, record: &Record, held: i64) {
        match (self, record) {
            (Sheet::Tax(sheet), Record::Sale(sale)) => sheet.take(sale),
            (Sheet::Shift(sheet), Record::Shift(shift)) => sheet.take(shift, held),
            (Sheet::Balances(sheet), record) => sheet.account(raw, record),
            (Sheet::Reconciliation(sheet), Record::PayoutRail(rail)) => sheet.statements.rail(rail),
            (Sheet::Reconciliation(sheet), Record::PayoutFile(file)) => sheet.statements.sent(file),
            (Sheet::Reconciliation(sheet), record) => sheet.account(raw, record),
            _ => {}
        }
    }

    /// Takes in the sale that was made before the period and completed or voided in an hour of it.
    pub fn record_of_hour(&mut self, hour: i64, record: &Record) {
        if let (Sheet::Tax(sheet), Record::Sale(sale)) = (self, record) {
            sheet.take_of(hour, sale);
        }
    }

    /// Whether it wants the pages of a bank's file.
    pub fn wants(&self, file: &BankFile) -> bool {
        match self {
            Sheet::Reconciliation(sheet) => sheet.statements.wants(file),
            _ => false,
        }
    }

    /// Takes in a page of a bank's file that it wants.
    pub fn bank_page(&mut self, file: &BankFile, page: &FilePage) {
        if let Sheet::Reconciliation(sheet) = self {
            sheet.statements.page(file, page);
        }
    }

    /// Lines so far, as far as that is known.
    pub fn lines(&self) -> usize {
        match self {
            Sheet::Sales(sheet) => sheet.lines(),
            Sheet::Fees(sheet) => sheet.lines(),
            Sheet::Payouts(sheet) => sheet.lines(),
            Sheet::Tax(sheet) => sheet.lines(),
            Sheet::Shift(sheet) => sheet.lines(),
            // Bounded by the number of accounts, and most of those have no line.
            Sheet::Balances(_) | Sheet::Reconciliation(_) => 0,
        }
    }

    /// How many accounts a reconciliation has seen.
    pub fn accounts(&self) -> usize {
        match self {
            Sheet::Reconciliation(sheet) => sheet.accounts(),
            _ => 0,
        }
    }

    /// The finished table; of a reconciliation with what does not agree.
    ///
    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<(Table, Option<Found>), ReportFailure> {
        let table = match self {
            Sheet::Reconciliation(sheet) => {
                let (table, found) = sheet.table()?;
                return Ok((table, Some(found)));
            }
            Sheet::Sales(sheet) => sheet.table(),
            Sheet::Balances(sheet) => sheet.table(),
            Sheet::Fees(sheet) => sheet.table(),
            Sheet::Payouts(sheet) => sheet.table(),
            Sheet::Tax(sheet) => sheet.table(),
            Sheet::Shift(sheet) => sheet.table(),
        };
        Ok((table?, None))
    }
}
