//! Rails, payout files with their content, and bank files with their entries.

use std::collections::HashSet;

use strongroom_crypto::sha256;
use strongroom_domain::bank_files::{
    BankEntry, BankFile, EntryAct, EntryStatus, Known, KnownFile, PAGE,
};
use strongroom_domain::facts::Field;
use strongroom_domain::payout_files::{
    Content, FilePage, PayoutFile, PayoutFileStatus, end_to_end,
};
use strongroom_domain::payout_rails::PayoutRail;
use strongroom_domain::payouts::{Payout, Recipient};
use strongroom_domain::record::Record;
use strongroom_iso20022::{Bic, CreditTransfer, Debtor, FORMAT, Iban, Transfer, write};
use strongroom_store::IdRange;
use strongroom_types::id::{
    AnyId, BankFileId, FilePageId, Kind, PayoutFileId, PayoutId, PayoutRailId, RawId, WalletId,
};
use strongroom_types::zone::second_text;

use crate::accept::BANK_FILE_JOB;
use crate::opened::OpenFault;
use crate::view::paging::Collector;
use crate::view::payments::Looked;
use crate::view::{Listing, PageQuery, ReadFault, View};

/// Payouts opened at once.
const CHUNK: usize = 500;

#[derive(Clone, Debug, Default)]
pub struct PayoutFileFilter {
    pub wallet: Option<WalletId>,
    pub status: Option<PayoutFileStatus>,
}

#[derive(Clone, Debug, Default)]
pub struct BankFileFilter {
    pub payout_file: Option<PayoutFileId>,
}

impl View<'_> {
    /// One rail.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn payout_rail(&mut self, id: PayoutRailId) -> Result<PayoutRail, ReadFault> {
        match self.record(id.any())? {
            Some(Record::PayoutRail(rail)) => Ok(rail),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// One payout file.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn payout_file(&mut self, id: PayoutFileId) -> Result<PayoutFile, ReadFault> {
        match self.record(id.any())? {
            Some(Record::PayoutFile(file)) => Ok(file),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// One file of a bank.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn bank_file(&mut self, id: BankFileId) -> Result<BankFile, ReadFault> {
        match self.record(id.any())? {
            Some(Record::BankFile(file)) => Ok(file),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Rails, the newest wallet's first.
    ///
    /// # Errors
    /// As every list.
    pub fn payout_rails(&mut self, page: &PageQuery) -> Result<Listing<PayoutRail>, ReadFault> {
        let cursor = page.cursor(PayoutRailId::parse)?.map(|id| id.0);
        let found = self.found(
            &all(Kind::PayoutRail, cursor),
            page,
            |record| match record {
                Record::PayoutRail(rail) => Some(rail),
                _ => None,
            },
        )?;
        Ok(found.finish(|rail| rail.id.to_string()))
    }

    /// Payout files, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn payout_files(
        &mut self,
        filter: &PayoutFileFilter,
        page: &PageQuery,
    ) -> Result<Listing<PayoutFile>, ReadFault> {
        let cursor = page.cursor(PayoutFileId::parse)?.map(|id| id.0);
        let wanted = |file: &PayoutFile| {
            filter.wallet.is_none_or(|wallet| wallet == file.wallet())
                && filter.status.is_none_or(|status| status == file.status)
        };
        let found = self.found(
            &all(Kind::PayoutFile, cursor),
            page,
            |record| match record {
                Record::PayoutFile(file) => Some(file).filter(&wanted),
                _ => None,
            },
        )?;
        Ok(found.finish(|file| file.id.to_string()))
    }

    /// Files of banks, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn bank_files(
        &mut self,
        filter: &BankFileFilter,
        page: &PageQuery,
    ) -> Result<Listing<BankFile>, ReadFault> {
        let cursor = page.cursor(BankFileId::parse)?.map(|id| id.0);
        let wanted = |file: &BankFile| {
            filter
                .payout_file
                .is_none_or(|about| file.about == Some(about))
        };
        let found = self.found(&all(Kind::BankFile, cursor), page, |record| match record {
            Record::BankFile(file) => Some(file).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|file| file.id.to_string()))
    }

    /// The entries of a bank's file in their order, with their numbers from 1.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] when there is no such file; else as every list.
    pub fn bank_entries(
        &mut self,
        id: BankFileId,
        status: Option<EntryStatus>,
        page: &PageQuery,
    ) -> Result<Listing<(u32, BankEntry)>, ReadFault> {
        let file = self.bank_file(id)?;
        let cursor = page.cursor(|text| text.parse::<u32>().ok())?;
        let backward = page.is_backward();
        let mut found = Collector::new(page);
        let mut numbers: Vec<u32> = match (cursor, backward) {
            (None, _) => (1..=file.entries).collect(),
            (Some(cursor), true) => (1..cursor.min(file.entries.saturating_add(1))).collect(),
            (Some(cursor), false) => (cursor.saturating_add(1)..=file.entries).collect(),
        };
        if backward {
            numbers.reverse();
        }
        let mut open: Option<FilePage> = None;
        for number in numbers {
            if found.is_full() {
                break;
            }
            let at = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
            let wanted = file.pages.get(at / PAGE).copied();
            let wanted = wanted.ok_or(ReadFault::NotFound)?;
            let list = match open.take().filter(|page| page.id == wanted) {
                Some(list) => list,
                None => self.file_page(wanted)?,
            };
            let entry = list.entries.get(at % PAGE);
            let entry = entry.filter(|entry| status.is_none_or(|status| status == entry.status));
            found.extend(entry.cloned().map(|entry| (number, entry)));
            open = Some(list);
        }
        Ok(found.finish(|(number, _)| number.to_string()))
    }

    /// The file that was received with these bytes, or with this message, before.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn bank_file_of(
        &mut self,
        hash: &str,
        message: &str,
    ) -> Result<Option<BankFile>, ReadFault> {
        for (field, text) in [
            (Field::BankFileHash, hash),
            (Field::BankFileMessage, message),
        ] {
            let holder = self.holders(field, text, 1)?.first().copied();
            if let Some(id) = holder.filter(|id| id.kind == Kind::BankFile) {
                return self.bank_file(BankFileId(id.raw)).map(Some);
            }
        }
        Ok(None)
    }

    /// The payouts of a file, in its order.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn payouts_of_file(&mut self, file: &PayoutFile) -> Result<Vec<PayoutId>, ReadFault> {
        let mut all = Vec::new();
        for page in &file.pages {
            all.extend(self.file_page(*page)?.payouts);
        }
        Ok(all)
    }

    /// Makes the content of a closed file from its payouts: the same bytes each time.
    ///
    /// # Errors
    /// When one cannot be read, or the bytes are not those that were put on record.
    pub fn payout_file_content(&mut self, file: &PayoutFile) -> Result<Vec<u8>, ReadFault> {
        let closing = file.closing.as_ref().ok_or(ReadFault::NotFound)?;
        let mut payouts = Vec::new();
        for ids in self.payouts_of_file(file)?.chunks(CHUNK) {
            payouts.extend(self.seated(ids)?);
        }
        let lost = |what: &str| OpenFault::Malformed(format!("the {what} of `{}`", file.id));
        let names: Vec<String> = payouts.iter().map(|p| end_to_end(p.body.id)).collect();
        let pairs = payouts.iter().zip(&names);
        let transfers: Option<Vec<Transfer<'_>>> =
            pairs.map(|(p, name)| transfer(p, name)).collect();
        let transfers = transfers.ok_or_else(|| lost("accounts"))?;
        let iban = Iban::parse(&closing.iban).ok_or_else(|| lost("debtor"))?;
        let bic = closing.bic.as_deref().and_then(Bic::parse);
        let bytes = write(&CreditTransfer {
            message_id: &file.message_id(),
            created: &second_text(closing.at),
            execution_date: &closing.day,
            debtor: Debtor {
                name: &closing.debtor_name,
                iban: &iban,
                bic: bic.as_ref(),
            },
            transfers: &transfers,
            sum: file.sum,
        });
        match file.content {
            Some(known) if known != content(&bytes) => Err(lost("content").into()),
            _ => Ok(bytes),
        }
    }

    /// Payouts in the order of their ids.
    fn seated(&mut self, ids: &[PayoutId]) -> Result<Vec<Payout>, ReadFault> {
        let keys: Vec<AnyId> = ids.iter().map(|id| id.any()).collect();
        let mut found: std::collections::HashMap<RawId, Payout> = self
            .records(&keys)?
            .into_iter()
            .filter_map(|(id, record)| match record {
                Record::Payout(payout) => Some((id.raw, payout)),
                _ => None,
            })
            .collect();
        ids.iter()
            .map(|id| found.remove(&id.0).ok_or(ReadFault::NotFound))
            .collect()
    }

    fn file_page(&mut self, id: FilePageId) -> Result<FilePage, ReadFault> {
        match self.record(id.any())? {
            Some(Record::FilePage(page)) => Ok(page),
            _ => Err(ReadFault::NotFound),
        }
    }
}

/// What planning a bank's file may know: this tenant's files and accounts.
impl Known for View<'_> {
    type Fault = ReadFault;

    fn payout_file(&mut self, id: PayoutFileId) -> Result<Option<KnownFile>, ReadFault> {
        let file = match View::payout_file(self, id) {
            Err(ReadFault::NotFound) => return Ok(None),
            found => found?,
        };
        let mut payouts = Vec::new();
        for ids in self.payouts_of_file(&file)?.chunks(CHUNK) {
            let seated = self.seated(ids)?.into_iter();
            payouts.extend(seated.map(|p| (p.body.id, p.body.amount, p.body.status)));
        }
        Ok(Some(KnownFile { file, payouts }))
    }

    fn about_to_fail(&mut self) -> Result<HashSet<PayoutId>, ReadFault> {
        let (scope, mut range) = (self.scope.number, IdRange::default());
        let mut refused = HashSet::new();
        loop {
            let rows = self.reader.jobs(scope, BANK_FILE_JOB, range, CHUNK)?;
            let Some(last) = rows.last() else {
                return Ok(refused);
            };
            range.after = Some(last.id);
            for row in &rows {
                for page in self.bank_file(BankFileId(RawId(row.id)))?.pages {
                    let entries = self.file_page(page)?.entries.into_iter();
                    let fails = entries.filter(|entry| {
                        let waits = entry.status == EntryStatus::Waiting;
                        waits && entry.act == EntryAct::Fail && entry.mismatch.is_none()
                    });
                    refused.extend(fails.filter_map(|entry| entry.payout));
                }
            }
        }
    }

    fn wallet_of(&mut self, iban: &str) -> Result<Option<WalletId>, ReadFault> {
        let holder = self.holders(Field::PayoutRailIban, iban, 1)?;
        let rail = holder.first().filter(|id| id.kind == Kind::PayoutRail);
        Ok(rail.map(|id| WalletId(id.raw)))
    }
}

fn all(kind: Kind, cursor: Option<RawId>) -> Looked<'static> {
    Looked {
        kind,
        reference: None,
        times: (None, None),
        cursor,
    }
}

/// A payout as the bank is to carry it out; nothing once its recipient was erased.
fn transfer<'a>(payout: &'a Payout, name: &'a str) -> Option<Transfer<'a>> {
    let bank = payout.bank.as_ref()?;
    let Recipient::BankAccount { bank_code, .. } = &payout.body.recipient else {
        return None;
    };
    Some(Transfer {
        end_to_end: name,
        amount: payout.body.amount,
        name: &bank.account_name,
        iban: bank.iban.as_deref()?,
        bic: bank_code.as_deref().and_then(Bic::parse),
        remittance: remittance(payout),
    })
}

/// What the recipient reads: the description, or else the reference.
fn remittance(payout: &Payout) -> Option<&str> {
    let body = &payout.body;
    let reference = body.reference_id.as_ref().map(|r| r.as_str());
    body.description.as_deref().or(reference)
}

/// What a content comes to.
pub fn content(bytes: &[u8]) -> Content {
    Content {
        sha256: sha256(&[bytes]),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        format: FORMAT,
    }
}
