//! The file rail of a wallet: payouts from it to banks are collected into files of ISO 20022, paid from one account.
//!
//! A wallet has one rail at most, which shares its number, and is never without it again: it can be made inactive. Its
//! account is fixed: a wallet that is paid from another account is another wallet.

mod change;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, FilePageId, PayoutFileId, PayoutRailId, WalletId};
use strongroom_types::time::Timestamp;
use strongroom_types::zone::DailyTime;

pub use change::{CreatePayoutRail, UpdatePayoutRail};

/// The most payouts of one file.
pub const MOST_IN_FILE: u32 = 10_000;

/// A wallet's rail.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct PayoutRail {
    #[n(0)]
    #[class(operational)]
    pub id: PayoutRailId,
    #[n(1)]
    #[class(operational)]
    pub currency: Currency,
    /// Whose account it is, as the bank knows it.
    #[n(2)]
    #[class(sensitive)]
    pub debtor_name: String,
    #[n(3)]
    #[class(sensitive)]
    pub iban: String,
    #[n(4)]
    #[class(sensitive)]
    pub bic: Option<String>,
    /// When files are closed each day.
    #[n(5)]
    #[class(operational)]
    pub cut_off: DailyTime,
    #[n(6)]
    #[class(operational)]
    pub batch_limit: u32,
    /// Whether new payouts go on it.
    #[n(7)]
    #[class(operational)]
    pub active: bool,
    /// The file that takes payouts, if there is one.
    #[n(8)]
    #[class(operational)]
    pub open: Option<OpenFile>,
    #[n(9)]
    #[class(operational)]
    pub created_at: Timestamp,
}

/// The file that takes payouts, and its last page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OpenFile {
    #[n(0)]
    pub file: PayoutFileId,
    #[n(1)]
    pub page: FilePageId,
}

impl PayoutRail {
    pub fn wallet(&self) -> WalletId {
        WalletId(self.id.0)
    }
}

/// The rail that a wallet has, if it has one.
pub fn rail_of(wallet: WalletId) -> PayoutRailId {
    PayoutRailId(wallet.0)
}

pub(crate) fn rail_key(wallet: WalletId) -> AnyId {
    rail_of(wallet).any()
}

/// A rail on the wire.
#[derive(Serialize)]
pub struct PayoutRailView<'a> {
    pub id: PayoutRailId,
    pub object: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub wallet_id: WalletId,
    pub currency: Currency,
    pub debtor: DebtorView<'a>,
    pub cut_off: CutOffView<'a>,
    pub batch_limit: u32,
    pub active: bool,
    pub open_file_id: Option<PayoutFileId>,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
pub struct DebtorView<'a> {
    pub name: &'a str,
    pub iban: &'a str,
    pub bic: Option<&'a str>,
}

#[derive(Serialize)]
pub struct CutOffView<'a> {
    pub time: String,
    pub zone: &'a str,
}

impl<'a> PayoutRailView<'a> {
    pub fn new(rail: &'a PayoutRail) -> PayoutRailView<'a> {
        PayoutRailView {
            id: rail.id,
            object: "payout_rail",
            kind: "iso20022",
            wallet_id: rail.wallet(),
            currency: rail.currency,
            debtor: DebtorView {
                name: &rail.debtor_name,
                iban: &rail.iban,
                bic: rail.bic.as_deref(),
            },
            cut_off: CutOffView {
                time: rail.cut_off.to_string(),
                zone: rail.cut_off.zone(),
            },
            batch_limit: rail.batch_limit,
            active: rail.active,
            open_file_id: rail.open.map(|open| open.file),
            created_at: rail.created_at,
        }
    }
}
