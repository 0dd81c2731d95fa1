//! Sales, fees and payouts: what moved, by day, currency and wallet.

use std::collections::HashMap;
use std::hash::Hash;

use strongroom_ledger::Posting;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, Kind, ShiftId, WalletId};
use strongroom_types::time::{DAY, Timestamp};

use crate::entry::{Transaction, TransactionKind};
use crate::reports::table::{Cell, Column, Line, Table};
use crate::reports::{Asked, ReportFailure};

/// The day of a time, counted from 1970; and as it is written.
fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY)
}

fn day_text(day: i64) -> String {
    let text = Timestamp(day.saturating_mul(DAY)).to_string();
    text.chars().take(10).collect()
}

/// What came to the accounts of fees; what went back is below zero.
fn fee_of(transaction: &Transaction) -> i64 {
    let fees = transaction.postings.iter();
    let fees = fees.filter(|posting| posting.account.kind == Kind::Fees);
    fees.filter_map(|posting| posting.change.total()).sum()
}

/// The wallet that a movement is about: the first it touched.
fn wallet_of(transaction: &Transaction) -> Option<WalletId> {
    transaction.wallets().next()
}

fn drawer_of(transaction: &Transaction) -> Option<ShiftId> {
    let is_cash = |posting: &&Posting| posting.account.kind == Kind::Cash;
    let cash = transaction.postings.iter().find(is_cash)?;
    Some(ShiftId(cash.account.raw))
}

/// Sums under keys of some kind.
struct Sums<K, V>(HashMap<K, V>);

impl<K: Hash + Eq, V: Default> Sums<K, V> {
    fn of(&mut self, key: K) -> &mut V {
        self.0.entry(key).or_default()
    }
}

/// The lines of sums, in the order of their texts.
fn sorted(lines: Vec<Line>) -> Vec<Line> {
    let mut lines = lines;
    let key = |(_, cells): &Line| -> Vec<String> {
        let texts = cells
            .iter()
            .take_while(|cell| !matches!(cell, Cell::Number(_)));
        texts
            .map(|cell| match cell {
                Cell::Text(text) => text.clone(),
                _ => String::new(),
            })
            .collect()
    };
    lines.sort_by_cached_key(key);
    lines
}

/// What was sold: captures of cards, and cash at tills.
pub struct Sales {
    wallet: Option<WalletId>,
    sums: Sums<(i64, Currency, Place), Sold>,
}

/// Where it was paid: into a wallet by a card, or into a drawer in cash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Card(WalletId),
    Cash(ShiftId),
}

#[derive(Default)]
struct Sold {
    captures: i128,
    gross: i128,
    reversals: i128,
    reversed: i128,
    refunds: i128,
    refunded: i128,
    settled: i128,
    fees: i128,
}

const SALES: &[Column] = &[
    Column::text("day"),
    Column::text("currency"),
    Column::text("tender"),
    Column::text("wallet_id"),
    Column::text("shift_id"),
    Column::count("sales"),
    Column::minor("gross"),
    Column::count("reversals"),
    Column::minor("reversed"),
    Column::count("refunds"),
    Column::minor("refunded"),
    Column::minor("settled"),
    Column::minor("fees"),
    Column::minor("net"),
];

impl Sales {
    pub fn new(asked: &Asked) -> Sales {
        Sales {
            wallet: asked.wallet,
            sums: Sums(HashMap::new()),
        }
    }

    pub fn lines(&self) -> usize {
        self.sums.0.len()
    }

    pub fn take(&mut self, time: Timestamp, transaction: &Transaction) {
        let place = match transaction.kind {
            TransactionKind::PaymentCapture
            | TransactionKind::PaymentSettlement
            | TransactionKind::PaymentReversal
            | TransactionKind::RefundSettlement => wallet_of(transaction).map(Place::Card),
            TransactionKind::SaleCash | TransactionKind::SaleVoid | TransactionKind::CashRefund => {
                drawer_of(transaction).map(Place::Cash)
            }
            _ => None,
        };
        let seen = |place: &Place| match (self.wallet, place) {
            (None, _) => true,
            (Some(wallet), Place::Card(of)) => wallet == *of,
            (Some(_), Place::Cash(_)) => false,
        };
        let Some(place) = place.filter(seen) else {
            return;
        };
        let minor = i128::from(transaction.amount.minor);
        let fee = i128::from(fee_of(transaction));
        let key = (day_of(time), transaction.amount.currency, place);
        let sold = self.sums.of(key);
        sold.fees += fee;
        match transaction.kind {
            TransactionKind::PaymentCapture | TransactionKind::SaleCash => {
                sold.captures += 1;
                sold.gross += minor;
            }
            TransactionKind::PaymentReversal | TransactionKind::SaleVoid => {
                sold.reversals += 1;
                sold.reversed += minor;
            }
            TransactionKind::RefundSettlement | TransactionKind::CashRefund => {
                sold.refunds += 1;
                sold.refunded += minor;
            }
            _ => sold.settled += minor,
        }
    }

    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<Table, ReportFailure> {
        let mut lines = Vec::with_capacity(self.sums.0.len());
        for ((day, currency, place), sold) in self.sums.0 {
            let (tender, wallet, shift) = match place {
                Place::Card(wallet) => ("card", Cell::text(wallet), Cell::Nothing),
                Place::Cash(shift) => ("cash", Cell::Nothing, Cell::text(shift)),
            };
            let net = sold.gross - sold.reversed - sold.refunded - sold.fees;
            let cells = vec![
                Cell::Text(day_text(day)),
                Cell::text(currency),
                Cell::text(tender),
                wallet,
                shift,
                Cell::sum(sold.captures)?,
                Cell::sum(sold.gross)?,
                Cell::sum(sold.reversals)?,
                Cell::sum(sold.reversed)?,
                Cell::sum(sold.refunds)?,
                Cell::sum(sold.refunded)?,
                Cell::sum(sold.settled)?,
                Cell::sum(sold.fees)?,
                Cell::sum(net)?,
            ];
            lines.push((currency, cells));
        }
        Table::new(SALES, sorted(lines))
    }
}

/// What was charged, and what came back.
pub struct Fees {
    wallet: Option<WalletId>,
    sums: Sums<(i64, Currency, &'static str, Option<WalletId>), Charged>,
}

#[derive(Default)]
struct Charged {
    count: i128,
    charged: i128,
    returned: i128,
}

const FEES: &[Column] = &[
    Column::text("day"),
    Column::text("currency"),
    Column::text("source"),
    Column::text("wallet_id"),
    Column::count("count"),
    Column::minor("charged"),
    Column::minor("returned"),
    Column::minor("net"),
];

impl Fees {
    pub fn new(asked: &Asked) -> Fees {
        Fees {
            wallet: asked.wallet,
            sums: Sums(HashMap::new()),
        }
    }

    pub fn lines(&self) -> usize {
        self.sums.0.len()
    }

    pub fn take(&mut self, time: Timestamp, transaction: &Transaction) {
        let fee = i128::from(fee_of(transaction));
        let wallet = wallet_of(transaction);
        if fee == 0 || self.wallet.is_some_and(|wanted| wallet != Some(wanted)) {
            return;
        }
        let source = match transaction.cause.map(|cause| cause.kind) {
            Some(Kind::Payout) => "payouts",
            Some(Kind::Refund) => "refunds",
            _ => "payments",
        };
        let key = (day_of(time), transaction.amount.currency, source, wallet);
        let sums = self.sums.of(key);
        sums.count += 1;
        match fee > 0 {
            true => sums.charged += fee,
            false => sums.returned -= fee,
        }
    }

    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<Table, ReportFailure> {
        let mut lines = Vec::with_capacity(self.sums.0.len());
        for ((day, currency, source, wallet), sums) in self.sums.0 {
            let cells = vec![
                Cell::Text(day_text(day)),
                Cell::text(currency),
                Cell::text(source),
                Cell::maybe(wallet),
                Cell::sum(sums.count)?,
                Cell::sum(sums.charged)?,
                Cell::sum(sums.returned)?,
                Cell::sum(sums.charged - sums.returned)?,
            ];
            lines.push((currency, cells));
        }
        Table::new(FEES, sorted(lines))
    }
}

/// What was paid out.
pub struct Payouts {
    wallet: Option<WalletId>,
    sums: Sums<(i64, Currency, WalletId), PaidOut>,
}

#[derive(Default)]
struct PaidOut {
    made: i128,
    made_amount: i128,
    completed: i128,
    completed_amount: i128,
    released: i128,
    released_amount: i128,
    reversed: i128,
    reversed_amount: i128,
    fees: i128,
}

const PAYOUTS: &[Column] = &[
    Column::text("day"),
    Column::text("currency"),
    Column::text("wallet_id"),
    Column::count("created"),
    Column::minor("created_amount"),
    Column::count("completed"),
    Column::minor("completed_amount"),
    Column::count("released"),
    Column::minor("released_amount"),
    Column::count("reversed"),
    Column::minor("reversed_amount"),
    Column::minor("fees"),
];

impl Payouts {
    pub fn new(asked: &Asked) -> Payouts {
        Payouts {
            wallet: asked.wallet,
            sums: Sums(HashMap::new()),
        }
    }

    pub fn lines(&self) -> usize {
        self.sums.0.len()
    }

    pub fn take(&mut self, time: Timestamp, transaction: &Transaction) {
        let Some(source) = source_of(transaction) else {
            return;
        };
        if self.wallet.is_some_and(|wanted| wanted != source) {
            return;
        }
        let minor = i128::from(transaction.amount.minor);
        let key = (day_of(time), transaction.amount.currency, source);
        let sums = self.sums.of(key);
        sums.fees += i128::from(fee_of(transaction));
        let kind = transaction.kind;
        if matches!(kind, TransactionKind::Payout | TransactionKind::PayoutHold) {
            sums.made += 1;
            sums.made_amount += minor;
        }
        match kind {
            TransactionKind::Payout | TransactionKind::PayoutSettlement => {
                sums.completed += 1;
                sums.completed_amount += minor;
            }
            TransactionKind::PayoutRelease => {
                sums.released += 1;
                sums.released_amount += minor;
            }
            TransactionKind::PayoutReversal => {
                sums.reversed += 1;
                sums.reversed_amount += minor;
            }
            _ => {}
        }
    }

    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<Table, ReportFailure> {
        let mut lines = Vec::with_capacity(self.sums.0.len());
        for ((day, currency, wallet), sums) in self.sums.0 {
            let cells = vec![
                Cell::Text(day_text(day)),
                Cell::text(currency),
                Cell::text(wallet),
                Cell::sum(sums.made)?,
                Cell::sum(sums.made_amount)?,
                Cell::sum(sums.completed)?,
                Cell::sum(sums.completed_amount)?,
                Cell::sum(sums.released)?,
                Cell::sum(sums.released_amount)?,
                Cell::sum(sums.reversed)?,
                Cell::sum(sums.reversed_amount)?,
                Cell::sum(sums.fees)?,
            ];
            lines.push((currency, cells));
        }
        Table::new(PAYOUTS, sorted(lines))
    }
}

/// The wallet that a payout is paid from.
fn source_of(transaction: &Transaction) -> Option<WalletId> {
    match transaction.kind {
        TransactionKind::Payout
        | TransactionKind::PayoutHold
        | TransactionKind::PayoutSettlement
        | TransactionKind::PayoutRelease => wallet_of(transaction),
        // The one that it comes back to; the one that it went to lost it.
        TransactionKind::PayoutReversal => {
            let is_back = |posting: &&Posting| {
                let is_wallet = posting.account.kind == Kind::Account;
                is_wallet && posting.change.total().is_some_and(|total| total > 0)
            };
            let posting = transaction.postings.iter().find(is_back)?;
            Some(WalletId(posting.account.raw))
        }
        _ => None,
    }
}

/// An account as a report names it: its kind and its id.
pub(super) fn named(account: AnyId, currency: Currency) -> (&'static str, Cell) {
    match account.kind {
        Kind::Account => ("wallet", Cell::text(WalletId(account.raw))),
        Kind::Cash => ("cash", Cell::text(ShiftId(account.raw))),
        Kind::Fees => ("fees", Cell::text(currency)),
        _ => ("outside", Cell::text(currency)),
    }
}
