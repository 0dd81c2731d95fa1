//! Balances: what every account held at the beginning and at the end, and what moved in between.
//!
//! A posting says what its account held after it, and so before it. Of the postings since the beginning, the first of an
//! account gives what it held then, the last one before the end what it holds by then; an account without any holds what
//! its record says.

use std::collections::HashMap;

use strongroom_ledger::{Account, Balances as Buckets};
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, Kind, RawId, WalletId};
use strongroom_types::time::Timestamp;

use crate::entry::Transaction;
use crate::facts::books_key;
use crate::record::Record;
use crate::reports::movements::named;
use crate::reports::table::{Cell, Column, Line, Table};
use crate::reports::{Asked, ReportFailure};

pub struct Balances {
    end: Timestamp,
    wallet: Option<WalletId>,
    currency: Option<Currency>,
    accounts: HashMap<AnyId, Held>,
}

struct Held {
    currency: Currency,
    opening: Buckets,
    closing: Buckets,
    postings: i64,
    incoming: i64,
    outgoing: i64,
    /// Whether it holds what was recorded: if it was posted to after the log was read, what its record says is too late.
    is_recorded: bool,
}

const BALANCES: &[Column] = &[
    Column::text("account_type"),
    Column::text("account_id"),
    Column::text("currency"),
    Column::minor("opening_available"),
    Column::minor("opening_pending"),
    Column::minor("opening_reserved"),
    Column::minor("opening_total"),
    Column::count("postings"),
    Column::minor("incoming"),
    Column::minor("outgoing"),
    Column::minor("closing_available"),
    Column::minor("closing_pending"),
    Column::minor("closing_reserved"),
    Column::minor("closing_total"),
];

impl Balances {
    pub fn new(asked: &Asked) -> Balances {
        Balances {
            end: asked.to,
            wallet: asked.wallet,
            currency: asked.currency,
            accounts: HashMap::new(),
        }
    }

    fn sees(&self, account: AnyId, currency: Currency) -> bool {
        self.wallet
            .is_none_or(|wallet| books_key(wallet) == account)
            && self.currency.is_none_or(|wanted| wanted == currency)
    }

    pub fn take(&mut self, time: Timestamp, transaction: &Transaction) {
        for posting in &transaction.postings {
            if !self.sees(posting.account, posting.currency) {
                continue;
            }
            let before = before(&posting.after, &posting.change);
            let held = self.accounts.entry(posting.account).or_insert(Held {
                currency: posting.currency,
                opening: before,
                closing: before,
                postings: 0,
                incoming: 0,
                outgoing: 0,
                is_recorded: false,
            });
            if std::mem::take(&mut held.is_recorded) {
                held.opening = before;
                held.closing = before;
            }
            if time >= self.end {
                continue;
            }
            let moved = posting.change.total().unwrap_or(0);
            held.closing = posting.after;
            held.postings = held.postings.saturating_add(1);
            match moved > 0 {
                true => held.incoming = held.incoming.saturating_add(moved),
                false => held.outgoing = held.outgoing.saturating_sub(moved),
            }
        }
    }

    /// An account that nothing moved in: what is recorded is what it held all along. One that was posted to since comes
    /// again with the end of the log.
    pub fn account(&mut self, raw: RawId, record: &Record) {
        let Some((id, account)) = account_of(raw, record) else {
            return;
        };
        if self.sees(id, account.currency) && !self.accounts.contains_key(&id) {
            self.accounts.insert(
                id,
                Held {
                    currency: account.currency,
                    opening: account.balances,
                    closing: account.balances,
                    postings: 0,
                    incoming: 0,
                    outgoing: 0,
                    is_recorded: true,
                },
            );
        }
    }

    /// # Errors
    /// [`ReportFailure`].
    pub fn table(self) -> Result<Table, ReportFailure> {
        let mut accounts: Vec<(AnyId, Held)> = self.accounts.into_iter().collect();
        accounts.retain(|(_, held)| {
            held.postings > 0 || !held.opening.is_zero() || !held.closing.is_zero()
        });
        accounts.sort_unstable_by_key(|(id, held)| (order(id.kind), held.currency.code(), id.raw));
        let mut lines: Vec<Line> = Vec::with_capacity(accounts.len());
        for (id, held) in accounts {
            let (kind, name) = named(id, held.currency);
            let mut cells = vec![Cell::text(kind), name, Cell::text(held.currency)];
            cells.extend(buckets(&held.opening)?);
            cells.push(Cell::Number(held.postings));
            cells.push(Cell::Number(held.incoming));
            cells.push(Cell::Number(held.outgoing));
            cells.extend(buckets(&held.closing)?);
            lines.push((held.currency, cells));
        }
        Table::new(BALANCES, lines)
    }
}

/// What an account held before a posting.
fn before(after: &Buckets, change: &Buckets) -> Buckets {
    Buckets {
        available: after.available.saturating_sub(change.available),
        pending: after.pending.saturating_sub(change.pending),
        reserved: after.reserved.saturating_sub(change.reserved),
    }
}

fn buckets(of: &Buckets) -> Result<[Cell; 4], ReportFailure> {
    let total = of.total().ok_or(ReportFailure::Overflow)?;
    Ok([of.available, of.pending, of.reserved, total].map(Cell::Number))
}

/// Wallets first, the outside world last.
pub(super) fn order(kind: Kind) -> u8 {
    match kind {
        Kind::Account => 0,
        Kind::Cash => 1,
        Kind::Fees => 2,
        _ => 3,
    }
}

/// The account in a record, if it is one.
pub(super) fn account_of(raw: RawId, record: &Record) -> Option<(AnyId, Account)> {
    let account = match record {
        Record::Books(books) => books.account,
        Record::Cash(account) | Record::Fees(account) | Record::External(account) => *account,
        _ => return None,
    };
    let kind = record.kind();
    Some((AnyId { kind, raw }, account))
}

#[cfg(test)]
mod tests {
    use strongroom_ledger::Posting;
    use strongroom_types::id::TransactionId;
    use strongroom_types::money::Money;

    use super::*;
    use crate::entry::TransactionKind;

    fn outside(minor: i64) -> Buckets {
        Buckets {
            available: minor,
            ..Buckets::default()
        }
    }

    /// Its record is read with the posting in it, and the posting comes with the end of the log.
    #[test]
    fn an_account_that_is_first_posted_to_meanwhile_opens_without_it() {
        let php = Currency::parse("PHP").unwrap();
        let id = AnyId {
            kind: Kind::External,
            raw: RawId([1; 12]),
        };
        let credit = Transaction {
            id: TransactionId(RawId([2; 12])),
            kind: TransactionKind::Credit,
            amount: Money::new(5, php),
            cause: None,
            reference: None,
            description: None,
            postings: vec![Posting {
                account: id,
                currency: php,
                change: outside(5),
                after: outside(12),
                previous: 0,
            }],
        };
        for (end, closing) in [(Timestamp(9), 12), (Timestamp(3), 7)] {
            let mut sheet = Balances {
                end,
                wallet: None,
                currency: None,
                accounts: HashMap::new(),
            };
            let account = Account {
                currency: php,
                balances: outside(12),
                last: 3,
            };
            sheet.account(id.raw, &Record::External(account));
            sheet.take(Timestamp(4), &credit);
            let held = &sheet.accounts[&id];
            let found = (held.opening.available, held.closing.available);
            assert_eq!(found, (7, closing));
        }
    }
}
