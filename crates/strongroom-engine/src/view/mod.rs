//! Reading one tenant's books.
//!
//! A [`View`] exists only inside [`Engine::read`](crate::Engine::read), for the scope of the caller that was proven
//! there; there is no reading by id alone. Lists come newest first (events oldest first), a page at a time.

mod alerts;
mod approvals;
mod audit;
mod beneficiaries;
mod events;
mod fees;
mod files;
mod filters;
mod keys;
mod movements;
mod oauth;
mod paging;
mod payment_links;
mod payments;
mod payout_schedules;
mod payouts;
mod people;
mod reports;
mod roles;
mod sales;
mod shop;
mod tokens;
mod wallets;
mod webhooks;

use std::sync::Arc;

use strongroom_domain::entry::EntryFacts;
use strongroom_domain::facts::Field;
use strongroom_domain::organizations::Tenant;
use strongroom_domain::record::Record;
use strongroom_store::{EntryRow, IndexRow, Reader, RecordRow, StoreError, Wanted};
use strongroom_types::id::{AnyId, Kind, RawId};
use strongroom_types::mode::Scope;

use crate::journal::{AttemptFilter, Journals, RequestFilter};
use crate::load::{Unread, open_with};
use crate::opened::{OpenFault, OpenedEntry, Opener};
use crate::shared::Shared;

pub use beneficiaries::BeneficiaryFilter;
pub use files::{BankFileFilter, PayoutFileFilter, content as file_content};
pub use filters::{
    AlertFilter, ApprovalFilter, AuditFilter, PaymentFilter, PaymentLinkFilter, PayoutFilter,
    RefundFilter, TransactionFilter, WalletFilter,
};
pub(crate) use paging::Collector;
pub use paging::{Listing, PageQuery};
pub use payout_schedules::PayoutScheduleFilter;
pub use reports::ReportFilter;
pub use sales::{SaleFilter, ShiftFilter};
pub use shop::{CustomerFilter, ProductFilter, TillFilter};

/// Why a read has no answer.
#[derive(Debug)]
pub enum ReadFault {
    NotFound,
    /// The cursor names nothing in this list.
    BadCursor,
    /// The filter matches too little of too much.
    NarrowTheRange,
    Store(StoreError),
    Open(OpenFault),
}

impl From<StoreError> for ReadFault {
    fn from(error: StoreError) -> ReadFault {
        ReadFault::Store(error)
    }
}

impl From<OpenFault> for ReadFault {
    fn from(fault: OpenFault) -> ReadFault {
        ReadFault::Open(fault)
    }
}

/// Rows a list may look at for one page.
pub(crate) const MOST_SCANNED: usize = 100_000;

/// One tenant's books, open for reading.
pub struct View<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) scope: Scope,
    pub(crate) reader: &'a mut dyn Reader,
    pub(crate) opener: Opener,
    pub(crate) journals: Option<&'a Journals>,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        scope: Scope,
        reader: &'a mut dyn Reader,
        journals: Option<&'a Journals>,
    ) -> View<'a> {
        let opener = Opener::new(Arc::clone(&shared.hierarchy));
        View {
            shared,
            scope,
            reader,
            opener,
            journals,
        }
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The organization's books in this mode.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] before they are opened.
    pub fn tenant(&mut self) -> Result<Tenant, ReadFault> {
        match self.record(self.scope.organization.any())? {
            Some(Record::Tenant(tenant)) => Ok(tenant),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// The request log's lines, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn request_logs(
        &mut self,
        filter: &RequestFilter,
        page: &PageQuery,
    ) -> Result<Listing<Vec<u8>>, ReadFault> {
        match self.journals {
            Some(journals) => journals.requests.read(&self.scope, filter, page),
            None => Ok(Listing::default()),
        }
    }

    /// The attempts at deliveries to an endpoint, newest first.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] when there is no such endpoint; else as every list.
    pub fn webhook_attempts(
        &mut self,
        filter: &AttemptFilter,
        page: &PageQuery,
    ) -> Result<Listing<Vec<u8>>, ReadFault> {
        self.webhook(filter.webhook)?;
        match self.journals {
            Some(journals) => journals.attempts.read(&self.scope, filter, page),
            None => Ok(Listing::default()),
        }
    }

    /// Whether these books have a record of that id.
    ///
    /// # Errors
    /// As every read.
    pub fn holds(&mut self, id: AnyId) -> Result<bool, ReadFault> {
        Ok(self.record(id)?.is_some())
    }

    pub(crate) fn record(&mut self, id: AnyId) -> Result<Option<Record>, ReadFault> {
        Ok(self.records(&[id])?.pop().map(|(_, record)| record))
    }

    /// Reads and opens a set of records; those that do not exist are left out.
    pub(crate) fn records(&mut self, ids: &[AnyId]) -> Result<Vec<(AnyId, Record)>, ReadFault> {
        let keys = ids
            .iter()
            .map(|id| (self.scope.number, id.kind.code(), id.raw.0))
            .collect();
        let rows = self
            .reader
            .load(&Wanted {
                records: keys,
                ..Wanted::default()
            })?
            .records;
        rows.iter().map(|row| self.open_record(row)).collect()
    }

    pub(crate) fn open_record(&mut self, row: &RecordRow) -> Result<(AnyId, Record), ReadFault> {
        let kind =
            Kind::from_code(row.kind).ok_or(OpenFault::Malformed(format!("kind {}", row.kind)))?;
        let (record, unread) = open_with(&self.opener, &mut *self.reader, &self.scope, row);
        match unread {
            Some(Unread::Failed(error)) => return Err(error.into()),
            // The person may be erased, or his part was sealed again under another key since the row was read.
            Some(Unread::Gone) => {
                let again = self.again(row)?.filter(|again| again.body != row.body);
                if let Some(again) = again {
                    return self.open_record(&again);
                }
            }
            None => {}
        }
        let record = record?;
        Ok((
            AnyId {
                kind,
                raw: RawId(row.id),
            },
            record,
        ))
    }

    /// A row as it is now.
    fn again(&mut self, row: &RecordRow) -> Result<Option<RecordRow>, ReadFault> {
        let wanted = Wanted {
            records: vec![(row.scope, row.kind, row.id)],
            ..Wanted::default()
        };
        Ok(self.reader.load(&wanted)?.records.into_iter().next())
    }

    pub(crate) fn open_entry(&self, row: &EntryRow) -> Result<OpenedEntry, ReadFault> {
        Ok(self.opener.entry(&self.scope, row)?)
    }

    /// The holders of an indexed value, at most `limit`.
    pub(crate) fn holders(
        &mut self,
        field: Field,
        text: &str,
        limit: usize,
    ) -> Result<Vec<AnyId>, ReadFault> {
        let rows = self.indexed(field.code(), text, limit)?;
        let id = |row: &IndexRow| {
            Kind::from_code(row.kind).map(|kind| AnyId {
                kind,
                raw: RawId(row.id),
            })
        };
        Ok(rows.iter().filter_map(id).collect())
    }

    /// The rows under a text's hash, by kind and id: under every version of the key while that is replaced. Rows move to
    /// the newest version alone, so who looks there last misses none; and where that was not the newest any more, all is
    /// looked at again.
    fn indexed(
        &mut self,
        field: u16,
        text: &str,
        limit: usize,
    ) -> Result<Vec<IndexRow>, ReadFault> {
        let number = self.scope.number;
        loop {
            let older = self.shared.older_hashes(number, field, text);
            let newest = self.shared.index_hash(number, field, text);
            let mut rows = Vec::new();
            for hash in older.iter().rev() {
                rows.extend(self.reader.index(number, field, hash, limit)?);
            }
            rows.extend(self.reader.index(number, field, &newest, limit)?);
            if !older.is_empty() {
                rows.sort_by_key(|row| (row.kind, row.id));
                rows.dedup_by_key(|row| (row.kind, row.id));
                rows.truncate(limit);
            }
            if self.shared.index_hash(number, field, text) == newest {
                return Ok(rows);
            }
        }
    }

    /// The entry whose ids `raw` is one of, found by the time inside the id.
    pub(crate) fn entry_of(
        &mut self,
        raw: RawId,
    ) -> Result<(EntryRow, OpenedEntry, EntryFacts), ReadFault> {
        let time = i64::try_from(raw.milliseconds()).map_err(|_| ReadFault::NotFound)?;
        let log = self.scope.number;
        let Some(last) = self.reader.entry_at_time(log, time)? else {
            return Err(ReadFault::NotFound);
        };
        let mut to = last;
        while to > 0 {
            let rows = self.reader.entries(log, 1, to, true, 64)?;
            for row in rows {
                // An id can be one millisecond ahead of its entry, where a millisecond was full.
                if row.time + 1 < time || row.seq == 0 {
                    return Err(ReadFault::NotFound);
                }
                to = row.seq - 1;
                let mut entry = self.open_entry(&row)?;
                let Some(facts) = entry.facts.take() else {
                    continue;
                };
                if raw
                    .distance(facts.base)
                    .is_some_and(|distance| distance < IDS_PER_ENTRY)
                {
                    return Ok((row, entry, facts));
                }
            }
        }
        Err(ReadFault::NotFound)
    }

    /// The sequence behind a list's cursor.
    pub(crate) fn cursor_entry(
        &mut self,
        raw: Option<RawId>,
    ) -> Result<(EntryRow, EntryFacts), ReadFault> {
        let raw = raw.ok_or(ReadFault::BadCursor)?;
        match self.entry_of(raw) {
            Ok((row, _, facts)) => Ok((row, facts)),
            Err(ReadFault::NotFound) => Err(ReadFault::BadCursor),
            Err(fault) => Err(fault),
        }
    }
}

/// How far apart the ids of two entries are at least.
const IDS_PER_ENTRY: u64 = 1 << 16;
