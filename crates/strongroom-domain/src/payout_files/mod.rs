//! Payout files: payouts that go to a bank together, as one message of ISO 20022.
//!
//! `open → closed → ready → sent`. While it is open, payouts join and leave it (a cancelled one). Closing – at the
//! rail's cut-off, at its limit, or on demand – fixes what is in it, from whose account and for which day; then its
//! content is made and its hash put on record (`ready`). The content itself is stored nowhere: it is made again from
//! the payouts' sealed records, the same bytes each time, and held against that hash. Once somebody says that it was
//! sent, its payouts turn `processing`, one after another.
//!
//! INVARIANT(one-file): a payout is in one file at most, for ever, and no file changes once it is closed.

mod close;
mod collect;
mod loaded;
mod steps;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, FilePageId, PayoutFileId, PayoutId, PayoutRailId, RawId, WalletId,
};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::bank_files::BankEntry;

pub use close::ClosePayoutFile;
pub(crate) use collect::{collect, file_keys, withdraw};
pub use steps::{
    AdvancePayoutFile, DownloadPayoutFile, ReleasePayout, SealPayoutFile, SendPayoutFile,
};

/// Payouts of one page.
pub const PAGE: usize = 200;

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PayoutFileStatus {
    #[n(0)]
    Open,
    #[n(1)]
    Closed,
    #[n(2)]
    Ready,
    #[n(3)]
    Sent,
}

impl PayoutFileStatus {
    pub const fn code(self) -> u8 {
        match self {
            PayoutFileStatus::Open => 0,
            PayoutFileStatus::Closed => 1,
            PayoutFileStatus::Ready => 2,
            PayoutFileStatus::Sent => 3,
        }
    }

    pub fn parse(text: &str) -> Option<PayoutFileStatus> {
        match text {
            "open" => Some(PayoutFileStatus::Open),
            "closed" => Some(PayoutFileStatus::Closed),
            "ready" => Some(PayoutFileStatus::Ready),
            "sent" => Some(PayoutFileStatus::Sent),
            _ => None,
        }
    }
}

/// A payout file.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct PayoutFile {
    #[n(0)]
    #[class(operational)]
    pub id: PayoutFileId,
    #[n(1)]
    #[class(operational)]
    pub rail: PayoutRailId,
    #[n(2)]
    #[class(operational)]
    pub status: PayoutFileStatus,
    #[n(3)]
    #[class(sensitive)]
    pub sum: Money,
    #[n(4)]
    #[class(operational)]
    pub count: u32,
    #[n(5)]
    #[class(operational)]
    pub pages: Vec<FilePageId>,
    #[n(6)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// When it is closed at the latest.
    #[n(7)]
    #[class(operational)]
    pub cut_off: Timestamp,
    #[n(8)]
    #[class(sensitive)]
    pub closing: Option<Closing>,
    #[n(9)]
    #[class(operational)]
    pub content: Option<Content>,
    #[n(10)]
    #[class(operational)]
    pub sent_at: Option<Timestamp>,
    /// How many of its payouts were looked at since it was sent.
    #[n(11)]
    #[class(operational)]
    pub released: u32,
}

/// What is fixed when a file is closed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Closing {
    #[n(0)]
    pub at: Timestamp,
    #[n(1)]
    pub debtor_name: String,
    #[n(2)]
    pub iban: String,
    #[n(3)]
    pub bic: Option<String>,
    /// The day it is to be carried out, `YYYY-MM-DD`.
    #[n(4)]
    pub day: String,
}

/// What a file's content comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Content {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub sha256: [u8; 32],
    #[n(1)]
    pub bytes: u64,
    /// The way it was written ([`strongroom_iso20022::FORMAT`]).
    #[n(2)]
    pub format: u8,
}

impl PayoutFile {
    /// What the bank knows it by; unlike every other of this server.
    pub fn message_id(&self) -> String {
        message_id(self.id)
    }

    pub fn wallet(&self) -> WalletId {
        WalletId(self.rail.0)
    }

    /// When somebody has to look at it again.
    pub fn waits(&self) -> FileWaits {
        match self.status {
            PayoutFileStatus::Open => FileWaits::Until(self.cut_off),
            PayoutFileStatus::Closed => FileWaits::Soon,
            PayoutFileStatus::Sent if self.released < self.count => FileWaits::Soon,
            PayoutFileStatus::Ready | PayoutFileStatus::Sent => FileWaits::Never,
        }
    }
}

/// When a file has work for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileWaits {
    Soon,
    Until(Timestamp),
    Never,
}

const MESSAGE: &str = "SR";
const PAYOUT: &str = "PO";

/// `SR` and the 24 digits of a file.
pub fn message_id(id: PayoutFileId) -> String {
    format!("{MESSAGE}{}", id.0)
}

/// The file of a message id, if it is one of ours by its form.
pub fn file_of_message(text: &str) -> Option<PayoutFileId> {
    let digits = text.strip_prefix(MESSAGE)?;
    RawId::from_hex(digits).map(PayoutFileId)
}

/// What a bank calls a payout by: `PO` and its 24 digits.
pub fn end_to_end(id: PayoutId) -> String {
    format!("{PAYOUT}{}", id.0)
}

/// The payout that a bank speaks of, if it is one of ours by its form.
pub fn payout_of_reference(text: &str) -> Option<PayoutId> {
    let digits = text.strip_prefix(PAYOUT)?;
    RawId::from_hex(digits).map(PayoutId)
}

/// A page of the list that a file is made of.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct FilePage {
    #[n(0)]
    #[class(operational)]
    pub id: FilePageId,
    #[n(1)]
    #[class(operational)]
    pub of: AnyId,
    #[n(2)]
    #[class(operational)]
    pub payouts: Vec<PayoutId>,
    /// Of a bank's file.
    #[n(3)]
    #[class(sensitive)]
    pub entries: Vec<BankEntry>,
}

/// A payout's place on a file rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seat {
    #[n(0)]
    pub rail: PayoutRailId,
    /// Nothing until it is collected.
    #[n(1)]
    pub place: Option<SeatInFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SeatInFile {
    #[n(0)]
    pub file: PayoutFileId,
    #[n(1)]
    pub page: FilePageId,
}

/// A payout file on the wire.
#[derive(Serialize)]
pub struct PayoutFileView {
    pub id: PayoutFileId,
    pub object: &'static str,
    pub status: PayoutFileStatus,
    pub wallet_id: WalletId,
    pub rail_id: PayoutRailId,
    pub message: &'static str,
    pub message_id: String,
    pub payouts: u32,
    pub amount: i64,
    pub amount_decimal: String,
    pub currency: Currency,
    pub cut_off_at: Timestamp,
    pub execution_date: Option<String>,
    pub sha256: Option<String>,
    pub bytes: Option<u64>,
    pub closed_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl PayoutFileView {
    pub fn new(file: &PayoutFile) -> PayoutFileView {
        let closing = file.closing.as_ref();
        PayoutFileView {
            id: file.id,
            object: "payout_file",
            status: file.status,
            wallet_id: file.wallet(),
            rail_id: file.rail,
            message: "pain.001.001.09",
            message_id: file.message_id(),
            payouts: file.count,
            amount: file.sum.minor,
            amount_decimal: file.sum.decimal(),
            currency: file.sum.currency,
            cut_off_at: file.cut_off,
            execution_date: closing.map(|closing| closing.day.clone()),
            sha256: file.content.map(|content| hex(&content.sha256)),
            bytes: file.content.map(|content| content.bytes),
            closed_at: closing.map(|closing| closing.at),
            sent_at: file.sent_at,
            created_at: file.created_at,
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_back_and_nothing_else_does() {
        let raw = RawId([7; 12]);
        assert_eq!(
            file_of_message(&message_id(PayoutFileId(raw))),
            Some(PayoutFileId(raw))
        );
        assert_eq!(
            payout_of_reference(&end_to_end(PayoutId(raw))),
            Some(PayoutId(raw))
        );
        assert!(end_to_end(PayoutId(raw)).len() <= 35);
        for text in [
            "",
            "PO",
            "NOTPROVIDED",
            "SR070707070707070707070707",
            "po070707070707070707070707",
        ] {
            assert_eq!(payout_of_reference(text), None, "{text}");
        }
    }
}
