//! Wallets: the tree, who owns them, their state, and their books.
//!
//! A wallet is two records under one number: the wallet itself (rarely changed, with its owner's personal part) and
//! its [`Books`] (balances and status, all that a payment needs to know).

mod awaited;
mod change;
mod create;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_ledger::Account;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{SubjectId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::rejection::{Code, Rejection};

pub use awaited::Awaited;
pub use change::{SetWalletStatus, UpdateWallet};
pub use create::CreateWallet;

/// Where a wallet stands in the tree: master → operating, reserve, sub-merchant → user wallets (sub-merchant again).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WalletType {
    #[n(0)]
    Master,
    #[n(1)]
    Operating,
    #[n(2)]
    Reserve,
    #[n(3)]
    SubMerchant,
}

impl WalletType {
    pub fn parse(text: &str) -> Option<WalletType> {
        match text {
            "master" => Some(WalletType::Master),
            "operating" => Some(WalletType::Operating),
            "reserve" => Some(WalletType::Reserve),
            "sub_merchant" => Some(WalletType::SubMerchant),
            _ => None,
        }
    }

    fn fits_below(self, parent: WalletType) -> bool {
        match self {
            WalletType::Master => false,
            WalletType::Operating | WalletType::Reserve => parent == WalletType::Master,
            WalletType::SubMerchant => {
                matches!(parent, WalletType::Master | WalletType::SubMerchant)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WalletStatus {
    #[n(0)]
    Active,
    /// Takes no money and gives none.
    #[n(1)]
    Frozen,
    /// Empty for good.
    #[n(2)]
    Closed,
}

impl WalletStatus {
    pub const fn code(self) -> u8 {
        match self {
            WalletStatus::Active => 0,
            WalletStatus::Frozen => 1,
            WalletStatus::Closed => 2,
        }
    }

    pub fn parse(text: &str) -> Option<WalletStatus> {
        match text {
            "active" => Some(WalletStatus::Active),
            "frozen" => Some(WalletStatus::Frozen),
            "closed" => Some(WalletStatus::Closed),
            _ => None,
        }
    }
}

/// A wallet's books: what every payment loads.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct Books {
    #[n(0)]
    #[class(operational)]
    pub status: WalletStatus,
    /// Warn when `available` falls below this many minor units.
    #[n(1)]
    #[class(sensitive)]
    pub low_balance: Option<i64>,
    #[n(2)]
    #[class(sensitive)]
    pub account: Account,
    /// What it waits for besides; nothing where nothing was begun since that is counted.
    #[n(3)]
    #[class(operational)]
    pub awaited: Option<Awaited>,
}

impl Books {
    /// Whether this change takes `available` from at or over the threshold to under it.
    pub fn falls_low(&self, after: i64) -> bool {
        self.low_balance
            .is_some_and(|limit| self.account.balances.available >= limit && after < limit)
    }

    /// Refuses unless money may move here.
    ///
    /// # Errors
    /// [`Code::WalletFrozen`] or [`Code::WalletClosed`], naming the wallet.
    pub fn open(&self, id: WalletId) -> Result<(), Rejection> {
        match self.status {
            WalletStatus::Active => Ok(()),
            WalletStatus::Frozen => Err(Rejection::new(
                Code::WalletFrozen,
                format!("`{id}` is frozen"),
            )),
            WalletStatus::Closed => Err(Rejection::new(
                Code::WalletClosed,
                format!("`{id}` is closed"),
            )),
        }
    }
}

/// A wallet without its personal part.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct WalletBody {
    #[n(0)]
    #[class(operational)]
    pub id: WalletId,
    #[n(1)]
    #[class(operational)]
    pub wallet_type: WalletType,
    #[n(2)]
    #[class(operational)]
    pub currency: Currency,
    #[n(3)]
    #[class(operational)]
    pub parent: Option<WalletId>,
    #[n(4)]
    #[class(operational)]
    pub subject: SubjectId,
    #[n(5)]
    #[class(sensitive)]
    pub business: Option<Business>,
    #[n(6)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(7)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(8)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// Wallets directly below that are not closed.
    #[n(9)]
    #[class(operational)]
    pub children: u32,
}

/// The firm behind a wallet.
#[derive(Clone, Encode, Decode, Serialize, Classified)]
#[part(business)]
pub struct Business {
    #[n(0)]
    #[class(sensitive)]
    pub name: Option<String>,
    #[n(1)]
    #[class(sensitive)]
    pub registration_number: Option<String>,
    #[n(2)]
    #[class(sensitive)]
    pub industry: Option<String>,
}

/// The person behind a wallet.
#[derive(Clone, Encode, Decode, Serialize, Classified)]
#[part(personal)]
pub struct Owner {
    #[n(0)]
    #[class(personal)]
    pub name: Option<String>,
    #[n(1)]
    #[class(personal)]
    pub email: Option<String>,
    #[n(2)]
    #[class(personal)]
    pub phone: Option<String>,
}

/// A wallet as stored.
#[derive(Clone)]
pub struct Wallet {
    pub body: WalletBody,
    pub owner: Option<Owner>,
}
