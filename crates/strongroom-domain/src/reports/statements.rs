//! What banks' files say of the payouts that were sent to them, and of what they name that nothing here is.
//!
//! By when payout files were sent and banks' files were received: a period that is over gets nothing more. A payout that is
//! named by several files counts once; a line that matches nothing counts in each that tells it.

use std::collections::{BTreeMap, HashSet};

use strongroom_types::currency::Currency;
use strongroom_types::id::{PayoutId, PayoutRailId, WalletId};
use strongroom_types::time::Timestamp;

use crate::bank_files::{BankEntry, BankFile, BankFileKind, EntryAct, EntryStatus};
use crate::payout_files::{FilePage, PayoutFile};
use crate::payout_rails::{PayoutRail, rail_of};
use crate::reports::ReportFailure;
use crate::reports::reconciliation::figure;
use crate::reports::table::{Cell, Line};

/// What a figure is of, in the order of its lines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    /// Payouts in files that were sent.
    Sent,
    /// Payouts that the bank refused.
    Refused,
    /// Payouts that a statement or notification booked.
    Confirmed,
    /// Payouts whose money one says came back.
    Returned,
    UnmatchedDebits,
    UnmatchedCredits,
    /// Lines of status reports, which move nothing.
    UnmatchedReports,
    /// Lines that are not applied yet.
    Waiting,
}

impl Item {
    const fn as_str(self) -> &'static str {
        match self {
            Item::Sent => "sent",
            Item::Refused => "refused",
            Item::Confirmed => "confirmed",
            Item::Returned => "returned",
            Item::UnmatchedDebits => "unmatched_debits",
            Item::UnmatchedCredits => "unmatched_credits",
            Item::UnmatchedReports => "unmatched_reports",
            Item::Waiting => "waiting",
        }
    }

    const fn is_unmatched(self) -> bool {
        matches!(
            self,
            Item::UnmatchedDebits | Item::UnmatchedCredits | Item::UnmatchedReports
        )
    }

    /// Whether its lines have amounts: a status report names payouts alone.
    const fn has_amount(self) -> bool {
        !matches!(self, Item::Refused | Item::UnmatchedReports | Item::Waiting)
    }
}

/// Those that every rail has a line of.
const ALWAYS: [Item; 6] = [
    Item::Sent,
    Item::Refused,
    Item::Confirmed,
    Item::Returned,
    Item::UnmatchedDebits,
    Item::UnmatchedCredits,
];

/// How many, and minor units.
#[derive(Clone, Copy, Default)]
struct Figure {
    count: i64,
    amount: i128,
}

/// A rail, the code of a currency, and what a figure is of.
type Key = (PayoutRailId, &'static str, Item);

pub struct Statements {
    period: (Timestamp, Timestamp),
    figures: BTreeMap<Key, (Currency, Figure)>,
    /// The currency of each rail's wallet.
    currencies: BTreeMap<PayoutRailId, Currency>,
    /// What was counted before, as refused, booked or returned.
    refused: HashSet<PayoutId>,
    confirmed: HashSet<PayoutId>,
    returned: HashSet<PayoutId>,
}

impl Statements {
    pub fn new(period: (Timestamp, Timestamp)) -> Statements {
        Statements {
            period,
            figures: BTreeMap::new(),
            currencies: BTreeMap::new(),
            refused: HashSet::new(),
            confirmed: HashSet::new(),
            returned: HashSet::new(),
        }
    }

    fn is_within(&self, time: Timestamp) -> bool {
        (self.period.0..self.period.1).contains(&time)
    }

    pub fn rail(&mut self, rail: &PayoutRail) {
        self.currencies.insert(rail.id, rail.currency);
        for item in ALWAYS {
            self.figure(rail.id, rail.currency, item);
        }
    }

    pub fn sent(&mut self, file: &PayoutFile) {
        if file.sent_at.is_some_and(|time| self.is_within(time)) {
            let figure = self.figure(file.rail, file.sum.currency, Item::Sent);
            figure.count = figure.count.saturating_add(i64::from(file.count));
            figure.amount += i128::from(file.sum.minor);
        }
    }

    /// Whether the lines of a bank's file are wanted.
    pub fn wants(&self, file: &BankFile) -> bool {
        self.is_within(file.created_at)
    }

    /// Takes in a page of a bank's file that is wanted.
    pub fn page(&mut self, file: &BankFile, page: &FilePage) {
        for entry in &page.entries {
            let wallet = entry.wallet.or(file.wallets.first().copied());
            if let Some(wallet) = wallet {
                self.entry(file.kind, wallet, entry);
            }
        }
    }

    fn entry(&mut self, kind: BankFileKind, wallet: WalletId, entry: &BankEntry) {
        let rail = rail_of(wallet);
        let amount = entry.amount;
        let currency = amount.map(|amount| amount.currency);
        let Some(currency) = currency.or(self.currencies.get(&rail).copied()) else {
            return;
        };
        if let Some(item) = self.item(kind, entry) {
            let figure = self.figure(rail, currency, item);
            figure.count = figure.count.saturating_add(1);
            figure.amount += amount.map_or(0, |amount| i128::from(amount.minor));
        }
    }

    /// What an entry counts as; nothing where it says nothing new.
    fn item(&mut self, kind: BankFileKind, entry: &BankEntry) -> Option<Item> {
        match entry.status {
            EntryStatus::Waiting => return Some(Item::Waiting),
            EntryStatus::Acknowledged => return None,
            EntryStatus::Unmatched => {
                return Some(match entry.credit {
                    Some(false) => Item::UnmatchedDebits,
                    Some(true) => Item::UnmatchedCredits,
                    None => Item::UnmatchedReports,
                });
            }
            EntryStatus::Applied | EntryStatus::Confirmed => {}
        }
        let booked = kind != BankFileKind::StatusReport;
        let (item, counted) = match entry.act {
            EntryAct::Settle if booked => (Item::Confirmed, &mut self.confirmed),
            EntryAct::Return if booked => (Item::Returned, &mut self.returned),
            EntryAct::Fail => (Item::Refused, &mut self.refused),
            _ => return None,
        };
        entry
            .payout
            .is_some_and(|id| counted.insert(id))
            .then_some(item)
    }

    fn figure(&mut self, rail: PayoutRailId, currency: Currency, item: Item) -> &mut Figure {
        let key = (rail, currency.code(), item);
        let known = self.figures.entry(key);
        &mut known.or_insert((currency, Figure::default())).1
    }

    /// How many lines of banks match nothing.
    pub fn unmatched(&self) -> u64 {
        let unmatched = self
            .figures
            .iter()
            .filter(|((_, _, item), _)| item.is_unmatched());
        let counts = unmatched.map(|(_, (_, figure))| u64::try_from(figure.count).unwrap_or(0));
        counts.sum()
    }

    /// The lines of a reconciliation.
    ///
    /// # Errors
    /// [`ReportFailure`].
    pub fn lines(&self) -> Result<Vec<Line>, ReportFailure> {
        let lines = self
            .figures
            .iter()
            .map(|((rail, _, item), (currency, of))| {
                let status = match (*item, of.count) {
                    (Item::Waiting, _) => Some("waits"),
                    (item, 0) if item.is_unmatched() => Some("matches"),
                    (item, _) if item.is_unmatched() => Some("differs"),
                    _ => None,
                };
                let amount = match item.has_amount() {
                    true => Cell::sum(of.amount)?,
                    false => Cell::Nothing,
                };
                let place = ["bank", "payout_rail"].map(Cell::text);
                let told = [Cell::text(item.as_str()), Cell::Number(of.count), amount];
                Ok(figure((place, Cell::text(rail)), *currency, status, told))
            });
        lines.collect()
    }
}
