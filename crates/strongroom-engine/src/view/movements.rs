//! Movements of money: the organization's transactions, and the statement of one wallet.

use std::cmp::Reverse;

use strongroom_domain::entry::{Transaction, TransactionKind};
use strongroom_domain::facts::Field;
use strongroom_store::{EntryRow, MAX_SEQ, Wanted};
use strongroom_types::id::{Kind, TransactionId, WalletId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, TransactionFilter, View};

/// A transaction and when it was posted.
type Posted = (Transaction, Timestamp);

impl View<'_> {
    /// One transaction.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn transaction(&mut self, id: TransactionId) -> Result<Posted, ReadFault> {
        let (row, _, facts) = self.entry_of(id.0)?;
        let found = facts
            .transactions
            .into_iter()
            .find(|transaction| transaction.id == id);
        found
            .map(|transaction| (transaction, Timestamp(row.time)))
            .ok_or(ReadFault::NotFound)
    }

    /// Transactions of the organization, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn transactions(
        &mut self,
        filter: &TransactionFilter,
        page: &PageQuery,
    ) -> Result<Listing<Posted>, ReadFault> {
        if let Some(wallet) = filter.wallet {
            return match self.statement(wallet, filter, page) {
                Err(ReadFault::NotFound) => {
                    Ok(Collector::new(page).finish(|_: &Posted| String::new()))
                }
                outcome => outcome,
            };
        }
        let mut found = Collector::new(page);
        if let Some(text) = &filter.reference_id {
            self.transfer_by_reference(text, filter, page, &mut found)?;
            return Ok(found.finish(cursor_of));
        }
        let backward = page.is_backward();
        let cursor = page.cursor(TransactionId::parse)?;
        let mut at = match cursor {
            None => self.start_of(filter, backward)?,
            // An entry may hold several: what of it lies behind the cursor belongs to this page.
            Some(id) => Some(self.cursor_entry(Some(id.0))?.0.seq),
        };
        while let Some(from) = at {
            let rows = self.chunk(from, backward, found.chunk())?;
            let Some(last) = rows.last() else { break };
            at = step(last.seq, backward);
            for row in &rows {
                found.looked()?;
                if past(filter, row, backward) {
                    at = None;
                    break;
                }
                self.take_matching(row, filter, (cursor, backward), &mut found)?;
            }
            if found.is_full() {
                break;
            }
        }
        Ok(found.finish(cursor_of))
    }

    fn take_matching(
        &mut self,
        row: &EntryRow,
        filter: &TransactionFilter,
        (cursor, backward): (Option<TransactionId>, bool),
        found: &mut Collector<Posted>,
    ) -> Result<(), ReadFault> {
        let Some(facts) = self.open_entry(row)?.facts else {
            return Ok(());
        };
        let time = Timestamp(row.time);
        let mut transactions = facts.transactions;
        transactions.retain(|transaction| match (cursor, backward) {
            (None, _) => true,
            (Some(cursor), true) => transaction.id > cursor,
            (Some(cursor), false) => transaction.id < cursor,
        });
        if !backward {
            transactions.reverse();
        }
        for transaction in transactions {
            if matches_transaction(filter, &transaction, time) {
                found.push((transaction, time));
            }
        }
        Ok(())
    }

    fn transfer_by_reference(
        &mut self,
        text: &str,
        filter: &TransactionFilter,
        page: &PageQuery,
        found: &mut Collector<Posted>,
    ) -> Result<(), ReadFault> {
        let holder = self
            .holders(Field::TransferReference, text, 1)?
            .first()
            .copied();
        let Some(id) = holder.filter(|id| id.kind == Kind::Transaction) else {
            return Ok(());
        };
        if page.after.is_some() || page.before.is_some() {
            return Ok(());
        }
        let posted = self.transaction(TransactionId(id.raw))?;
        if matches_transaction(filter, &posted.0, posted.1) {
            found.push(posted);
        }
        Ok(())
    }

    /// Where a walk begins: at the newest entry before the filter's end, or at the oldest after its start.
    fn start_of(
        &mut self,
        filter: &TransactionFilter,
        backward: bool,
    ) -> Result<Option<u64>, ReadFault> {
        if backward {
            return Ok(Some(1));
        }
        match filter.created_before {
            Some(before) => Ok(self.reader.entry_at_time(self.scope.number, before.0)?),
            None => Ok(Some(MAX_SEQ)),
        }
    }

    /// Entries from `from` on, down the log or, backward, up.
    pub(crate) fn chunk(
        &mut self,
        from: u64,
        backward: bool,
        limit: usize,
    ) -> Result<Vec<EntryRow>, ReadFault> {
        let (low, high) = if backward { (from, MAX_SEQ) } else { (1, from) };
        Ok(self
            .reader
            .entries(self.scope.number, low, high, !backward, limit)?)
    }

    /// A wallet's transactions, newest first, by walking its postings back.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] when there is no such wallet, otherwise as every list.
    pub fn statement(
        &mut self,
        wallet: WalletId,
        filter: &TransactionFilter,
        page: &PageQuery,
    ) -> Result<Listing<Posted>, ReadFault> {
        let (_, books) = self.wallet(wallet)?;
        let cursor = page.cursor(TransactionId::parse)?;
        if page.is_backward() {
            return self.statement_before(wallet, books.account.last, filter, page, cursor);
        }
        let mut at = match cursor {
            None => books.account.last,
            Some(id) => {
                let (_, facts) = self.cursor_entry(Some(id.0))?;
                let posting = facts.transactions.iter().find_map(|t| t.posting(wallet));
                posting.ok_or(ReadFault::BadCursor)?.previous
            }
        };
        let mut found = Collector::new(page);
        while at > 0 && !found.is_full() {
            found.looked()?;
            let (posted, previous) = self.step_back(wallet, at)?;
            at = previous;
            if filter.created_after.is_some_and(|after| posted.1 < after) {
                break;
            }
            if matches_transaction(filter, &posted.0, posted.1) {
                found.push(posted);
            }
        }
        Ok(found.finish(cursor_of))
    }

    /// The page just above a cursor: everything newer is walked, the nearest are kept.
    fn statement_before(
        &mut self,
        wallet: WalletId,
        last: u64,
        filter: &TransactionFilter,
        page: &PageQuery,
        cursor: Option<TransactionId>,
    ) -> Result<Listing<Posted>, ReadFault> {
        let (row, facts) = self.cursor_entry(cursor.map(|id| id.0))?;
        let stop = row.seq;
        // The cursor must stand in this statement, as it must for `after`.
        if facts
            .transactions
            .iter()
            .all(|t| t.posting(wallet).is_none())
        {
            return Err(ReadFault::BadCursor);
        }
        let mut newer = Vec::new();
        let mut found = Collector::new(page);
        let mut at = last;
        while at > stop {
            found.looked()?;
            let (posted, previous) = self.step_back(wallet, at)?;
            at = previous;
            if matches_transaction(filter, &posted.0, posted.1) {
                newer.push(posted);
            }
        }
        newer.sort_by_key(|(transaction, _)| Reverse(transaction.id));
        newer
            .into_iter()
            .rev()
            .for_each(|posted| found.push(posted));
        Ok(found.finish(cursor_of))
    }

    /// The wallet's transaction in an entry, and the entry before it.
    fn step_back(&mut self, wallet: WalletId, sequence: u64) -> Result<(Posted, u64), ReadFault> {
        let wanted = Wanted {
            entries: vec![(self.scope.number, sequence)],
            ..Wanted::default()
        };
        let row = self
            .reader
            .load(&wanted)?
            .entries
            .into_iter()
            .next()
            .ok_or(ReadFault::NotFound)?;
        let facts = self.open_entry(&row)?.facts.ok_or(ReadFault::NotFound)?;
        let touched = facts
            .transactions
            .into_iter()
            .find(|t| t.posting(wallet).is_some());
        let transaction = touched.ok_or(ReadFault::NotFound)?;
        let previous = transaction
            .posting(wallet)
            .map_or(0, |posting| posting.previous);
        Ok(((transaction, Timestamp(row.time)), previous))
    }
}

fn cursor_of(posted: &Posted) -> String {
    posted.0.id.to_string()
}

/// The next sequence of a walk; `None` past the beginning.
pub(crate) fn step(sequence: u64, backward: bool) -> Option<u64> {
    if backward {
        Some(sequence + 1)
    } else {
        sequence.checked_sub(1).filter(|seq| *seq > 0)
    }
}

/// Whether nothing further on can match the filter's times.
fn past(filter: &TransactionFilter, row: &EntryRow, backward: bool) -> bool {
    match backward {
        true => filter
            .created_before
            .is_some_and(|before| row.time >= before.0),
        false => filter.created_after.is_some_and(|after| row.time < after.0),
    }
}

fn matches_transaction(
    filter: &TransactionFilter,
    transaction: &Transaction,
    time: Timestamp,
) -> bool {
    filter.kind.is_none_or(|kind| kind == transaction.kind)
        && filter
            .payout
            .is_none_or(|payout| transaction.cause == Some(payout.any()))
        && filter
            .wallet
            .is_none_or(|wallet| transaction.posting(wallet).is_some())
        && filter
            .reference_id
            .as_deref()
            .is_none_or(|text| is_transfer_of(transaction, text))
        && filter
            .min_amount
            .is_none_or(|least| transaction.amount.minor >= least)
        && filter
            .max_amount
            .is_none_or(|most| transaction.amount.minor <= most)
        && within(time, filter.created_after, filter.created_before)
}

/// Only transfers have a reference id; the reference of a credit is the client's free text.
fn is_transfer_of(transaction: &Transaction, text: &str) -> bool {
    transaction.kind == TransactionKind::Transfer && transaction.reference.as_deref() == Some(text)
}
