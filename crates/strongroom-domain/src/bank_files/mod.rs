//! Files of a bank: what it says of payouts that were sent (pain.002) and of accounts (camt.053, camt.054).
//!
//! A file is planned when it comes: each thing it says becomes an entry that names a payout and what is to become of it,
//! or that nothing here is meant ([`plan`]). Then entry after entry is applied, each in one commit with the file's
//! position, so that a file cut off anywhere goes on where it stopped. What matches nothing is kept as `unmatched`.
//! Of a statement only what is needed to match and to show a line is kept: no names, no accounts of others, no texts.

mod apply;
mod batches;
mod plan;
mod reasons;
mod receive;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{BankFileId, FilePageId, PayoutFileId, PayoutId, WalletId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::payout_files::hex;

pub use apply::ApplyBankEntry;
pub use plan::{Known, KnownFile, Plan, plan};
pub use reasons::failure_of;
pub use receive::ReceiveBankFile;

/// Entries of one page.
pub const PAGE: usize = 100;
/// The most entries of one file.
pub const MOST_ENTRIES: usize = 25_000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum BankFileKind {
    #[n(0)]
    StatusReport,
    #[n(1)]
    Statement,
    #[n(2)]
    Notification,
}

/// A file of a bank.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct BankFile {
    #[n(0)]
    #[class(operational)]
    pub id: BankFileId,
    #[n(1)]
    #[class(operational)]
    pub kind: BankFileKind,
    #[n(2)]
    #[class(sensitive)]
    pub message_id: String,
    /// The payout file that a status report is about.
    #[n(3)]
    #[class(operational)]
    pub about: Option<PayoutFileId>,
    /// The wallets whose accounts it reports.
    #[n(4)]
    #[class(operational)]
    pub wallets: Vec<WalletId>,
    #[cbor(n(5), with = "minicbor::bytes")]
    #[class(operational)]
    pub sha256: [u8; 32],
    #[n(6)]
    #[class(operational)]
    pub bytes: u64,
    #[n(7)]
    #[class(operational)]
    pub pages: Vec<FilePageId>,
    #[n(8)]
    #[class(operational)]
    pub entries: u32,
    /// How many of them are done.
    #[n(9)]
    #[class(operational)]
    pub position: u32,
    #[n(10)]
    #[class(operational)]
    pub counts: Counts,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub completed_at: Option<Timestamp>,
}

/// What became of a file's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Counts {
    #[n(0)]
    pub applied: u32,
    #[n(1)]
    pub confirmed: u32,
    #[n(2)]
    pub acknowledged: u32,
    #[n(3)]
    pub unmatched: u32,
}

impl Counts {
    pub fn add(&mut self, status: EntryStatus) {
        let count = match status {
            EntryStatus::Waiting => return,
            EntryStatus::Applied => &mut self.applied,
            EntryStatus::Confirmed => &mut self.confirmed,
            EntryStatus::Acknowledged => &mut self.acknowledged,
            EntryStatus::Unmatched => &mut self.unmatched,
        };
        *count = count.saturating_add(1);
    }
}

impl BankFile {
    pub fn is_done(&self) -> bool {
        self.position >= self.entries
    }

    /// The text by which the same message is found again. A bank counts its messages per account or per message that
    /// it answers.
    pub fn message_text(&self) -> String {
        message_text(self.kind, self.about, &self.wallets, &self.message_id)
    }

    /// The text by which the same bytes are found again.
    pub fn hash_text(&self) -> String {
        hex(&self.sha256)
    }
}

fn message_text(
    kind: BankFileKind,
    about: Option<PayoutFileId>,
    wallets: &[WalletId],
    message_id: &str,
) -> String {
    let kind = match kind {
        BankFileKind::StatusReport => "status",
        BankFileKind::Statement => "statement",
        BankFileKind::Notification => "notification",
    };
    let place = match (about, wallets.first()) {
        (Some(file), _) => file.to_string(),
        (None, Some(wallet)) => wallet.to_string(),
        (None, None) => String::new(),
    };
    format!("{kind}\u{1f}{place}\u{1f}{message_id}")
}

/// What an entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EntryAct {
    /// Nothing: it is about something else.
    #[n(0)]
    Note,
    /// The payout was carried out.
    #[n(1)]
    Settle,
    /// The payout was refused.
    #[n(2)]
    Fail,
    /// The money came back.
    #[n(3)]
    Return,
    /// The bank has it, and has not decided.
    #[n(4)]
    Acknowledge,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum EntryStatus {
    #[n(0)]
    Waiting,
    /// It changed its payout.
    #[n(1)]
    Applied,
    /// Its payout was that far already.
    #[n(2)]
    Confirmed,
    #[n(3)]
    Acknowledged,
    /// Somebody has to look at it.
    #[n(4)]
    Unmatched,
}

impl EntryStatus {
    pub fn parse(text: &str) -> Option<EntryStatus> {
        match text {
            "waiting" => Some(EntryStatus::Waiting),
            "applied" => Some(EntryStatus::Applied),
            "confirmed" => Some(EntryStatus::Confirmed),
            "acknowledged" => Some(EntryStatus::Acknowledged),
            "unmatched" => Some(EntryStatus::Unmatched),
            _ => None,
        }
    }
}

/// Why an entry matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// It names no payout.
    #[n(0)]
    NoReference,
    /// It names none of ours, or one of another account or file.
    #[n(1)]
    UnknownReference,
    #[n(2)]
    AmountDiffers,
    /// The payout is where this cannot happen to it.
    #[n(3)]
    WrongState,
    /// The wallet takes no money now.
    #[n(4)]
    WalletBlocked,
}

/// One thing that a file says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BankEntry {
    #[n(0)]
    pub act: EntryAct,
    #[n(1)]
    pub payout: Option<PayoutId>,
    /// The file that the payout must be in.
    #[n(2)]
    pub file: Option<PayoutFileId>,
    /// The wallet that it must come from.
    #[n(3)]
    pub wallet: Option<WalletId>,
    #[n(4)]
    pub amount: Option<Money>,
    /// ISO external code.
    #[n(5)]
    pub reason: Option<String>,
    /// What the bank calls the transfer by.
    #[n(6)]
    pub reference: Option<String>,
    /// What the bank calls the line by.
    #[n(7)]
    pub bank_reference: Option<String>,
    #[n(8)]
    pub date: Option<String>,
    /// Whether money came in; nothing where none is said to have moved.
    #[n(9)]
    pub credit: Option<bool>,
    #[n(10)]
    pub status: EntryStatus,
    #[n(11)]
    pub mismatch: Option<Mismatch>,
}

/// A bank's file on the wire.
#[derive(Serialize)]
pub struct BankFileView<'a> {
    pub id: BankFileId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub kind: BankFileKind,
    pub status: &'static str,
    pub message_id: &'a str,
    pub payout_file_id: Option<PayoutFileId>,
    pub wallet_ids: &'a [WalletId],
    pub sha256: String,
    pub bytes: u64,
    pub entries: u32,
    pub entries_done: u32,
    pub counts: Counts,
    pub completed_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl<'a> BankFileView<'a> {
    pub fn new(file: &'a BankFile) -> BankFileView<'a> {
        BankFileView {
            id: file.id,
            object: "bank_file",
            kind: file.kind,
            status: match file.is_done() {
                true => "completed",
                false => "processing",
            },
            message_id: &file.message_id,
            payout_file_id: file.about,
            wallet_ids: &file.wallets,
            sha256: hex(&file.sha256),
            bytes: file.bytes,
            entries: file.entries,
            entries_done: file.position,
            counts: file.counts,
            completed_at: file.completed_at,
            created_at: file.created_at,
        }
    }
}

/// An entry on the wire.
#[derive(Serialize)]
pub struct BankEntryView<'a> {
    /// Its number in the file, from 1, as text: lists go on after it.
    pub id: String,
    pub object: &'static str,
    pub status: EntryStatus,
    pub mismatch: Option<Mismatch>,
    pub payout_id: Option<PayoutId>,
    pub direction: Option<&'static str>,
    pub amount: Option<i64>,
    pub amount_decimal: Option<String>,
    pub currency: Option<Currency>,
    pub reason_code: Option<&'a str>,
    pub reference: Option<&'a str>,
    pub bank_reference: Option<&'a str>,
    pub booked_on: Option<&'a str>,
}

impl<'a> BankEntryView<'a> {
    pub fn new(number: u32, entry: &'a BankEntry) -> BankEntryView<'a> {
        BankEntryView {
            id: number.to_string(),
            object: "bank_file_entry",
            status: entry.status,
            mismatch: entry.mismatch,
            payout_id: entry.payout,
            direction: entry.credit.map(|is_credit| match is_credit {
                true => "credit",
                false => "debit",
            }),
            amount: entry.amount.map(|amount| amount.minor),
            amount_decimal: entry.amount.map(Money::decimal),
            currency: entry.amount.map(|amount| amount.currency),
            reason_code: entry.reason.as_deref(),
            reference: entry.reference.as_deref(),
            bank_reference: entry.bank_reference.as_deref(),
            booked_on: entry.date.as_deref(),
        }
    }
}
