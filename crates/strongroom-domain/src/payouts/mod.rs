//! Payouts: money leaving a wallet, to another wallet at once or to a bank account over a rail.
//!
//! `initiated → pending → processing → completed`; `failed`, `cancelled` (before processing) and `reversed` (after
//! completed) end it. To a bank, the money is held (available → reserved) until the rail has answered: the sandbox, or a
//! bank that payouts go to in files ([`crate::payout_files`]). One that is for later is `scheduled` first, and holds
//! nothing ([`later`]).

mod begin;
mod create;
mod later;
mod on_file;
mod recurring;
mod steps;
pub(crate) mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::id::{
    ApiKeyId, BeneficiaryId, PayoutId, PayoutScheduleId, SubjectId, WalletId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::fees::PayoutFee;
use crate::payout_files::Seat;

pub(crate) use create::check_wallet;
pub use create::{CreatePayout, NewRecipient, SeenAccount};
pub(crate) use later::makers_keys;
pub use later::{ExecutePayout, FARTHEST};
pub(crate) use on_file::{begin_processing, fail, give_back, settle};
pub(crate) use recurring::{Planned, Recurring, occur};
pub(crate) use steps::step_keys;
pub use steps::{AdvancePayout, CancelPayout, ReversePayout, sandbox_outcome};

macro_rules! statuses {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        /// Where a payout stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
        #[cbor(index_only)]
        #[serde(rename_all = "snake_case")]
        pub enum PayoutStatus { $(#[n($code)] $name,)* }

        impl PayoutStatus {
            pub const fn code(self) -> u8 {
                match self { $(PayoutStatus::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(PayoutStatus::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<PayoutStatus> {
                match text { $($text => Some(PayoutStatus::$name),)* _ => None }
            }
        }
    };
}

statuses! {
    Initiated = 0, "initiated";
    Pending = 1, "pending";
    Processing = 2, "processing";
    Completed = 3, "completed";
    Failed = 4, "failed";
    Cancelled = 5, "cancelled";
    Reversed = 6, "reversed";
    Scheduled = 40, "scheduled";
}

/// Why a rail refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PayoutFailure {
    #[n(0)]
    InsufficientFunds,
    #[n(1)]
    InvalidAccount,
    #[n(2)]
    BankUnavailable,
    /// What follows, banks say of payouts in files.
    #[n(3)]
    AccountClosed,
    #[n(4)]
    AccountBlocked,
    #[n(5)]
    RecipientMismatch,
    #[n(6)]
    AmountRefused,
    #[n(7)]
    Duplicate,
    #[n(8)]
    RegulatoryReason,
    #[n(9)]
    RecipientRefused,
    #[n(10)]
    TooLate,
    #[n(11)]
    BankRefused,
    /// What follows, the books say of what was to be done later.
    #[n(40)]
    WalletUnavailable,
    #[n(41)]
    BeneficiaryUnavailable,
    #[n(42)]
    BeneficiaryCoolingOff,
    #[n(43)]
    BeneficiaryChanged,
    #[n(44)]
    LimitExceeded,
    #[n(45)]
    NotPermitted,
    #[n(46)]
    NoRail,
    #[n(47)]
    NotExecutable,
}

impl PayoutFailure {
    pub const ALL: &'static [PayoutFailure] = &[
        PayoutFailure::InsufficientFunds,
        PayoutFailure::InvalidAccount,
        PayoutFailure::BankUnavailable,
        PayoutFailure::AccountClosed,
        PayoutFailure::AccountBlocked,
        PayoutFailure::RecipientMismatch,
        PayoutFailure::AmountRefused,
        PayoutFailure::Duplicate,
        PayoutFailure::RegulatoryReason,
        PayoutFailure::RecipientRefused,
        PayoutFailure::TooLate,
        PayoutFailure::BankRefused,
        PayoutFailure::WalletUnavailable,
        PayoutFailure::BeneficiaryUnavailable,
        PayoutFailure::BeneficiaryCoolingOff,
        PayoutFailure::BeneficiaryChanged,
        PayoutFailure::LimitExceeded,
        PayoutFailure::NotPermitted,
        PayoutFailure::NoRail,
        PayoutFailure::NotExecutable,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            PayoutFailure::AccountClosed => "account_closed",
            PayoutFailure::AccountBlocked => "account_blocked",
            PayoutFailure::RecipientMismatch => "recipient_mismatch",
            PayoutFailure::AmountRefused => "amount_refused",
            PayoutFailure::Duplicate => "duplicate",
            PayoutFailure::RegulatoryReason => "regulatory_reason",
            PayoutFailure::RecipientRefused => "recipient_refused",
            PayoutFailure::TooLate => "too_late",
            PayoutFailure::BankRefused => "bank_refused",
            PayoutFailure::InsufficientFunds => "insufficient_funds",
            PayoutFailure::InvalidAccount => "invalid_account",
            PayoutFailure::BankUnavailable => "bank_unavailable",
            PayoutFailure::WalletUnavailable => "wallet_unavailable",
            PayoutFailure::BeneficiaryUnavailable => "beneficiary_unavailable",
            PayoutFailure::BeneficiaryCoolingOff => "beneficiary_cooling_off",
            PayoutFailure::BeneficiaryChanged => "beneficiary_changed",
            PayoutFailure::LimitExceeded => "limit_exceeded",
            PayoutFailure::NotPermitted => "not_permitted",
            PayoutFailure::NoRail => "no_rail",
            PayoutFailure::NotExecutable => "not_executable",
        }
    }
}

/// Who is paid. Account numbers and names are in the personal part.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Recipient {
    #[n(0)]
    Wallet(#[n(0)] WalletId),
    #[n(1)]
    BankAccount {
        #[n(0)]
        subject: SubjectId,
        #[n(1)]
        bank_code: Option<String>,
    },
}

/// A payout without its personal part.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct PayoutBody {
    #[n(0)]
    #[class(operational)]
    pub id: PayoutId,
    #[n(1)]
    #[class(operational)]
    pub status: PayoutStatus,
    #[n(2)]
    #[class(sensitive)]
    pub amount: Money,
    #[n(3)]
    #[class(operational)]
    pub source: WalletId,
    #[n(4)]
    #[class(sensitive)]
    pub recipient: Recipient,
    #[n(5)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(6)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(7)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(8)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(9)]
    #[class(operational)]
    pub processed_at: Option<Timestamp>,
    #[n(10)]
    #[class(operational)]
    pub failure: Option<PayoutFailure>,
    /// Its place on a file rail; nothing where the sandbox carries it.
    #[n(11)]
    #[class(operational)]
    pub seat: Option<Seat>,
    /// What is charged for it, where a schedule was in force when it was made.
    #[n(20)]
    #[class(sensitive)]
    pub fee: Option<PayoutFee>,
    #[n(40)]
    #[class(operational)]
    pub payee: Option<Payee>,
    /// When it was to be done, and by whose word; kept once it was.
    #[n(41)]
    #[class(operational)]
    pub later: Option<Later>,
    #[n(42)]
    #[class(operational)]
    pub occurrence: Option<Occurrence>,
}

/// The beneficiary that a payout goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Payee {
    #[n(0)]
    pub id: BeneficiaryId,
    /// The only account of it that may be paid: of what others agreed to, the one that they saw.
    #[n(1)]
    pub only: Option<u32>,
}

/// A time to come, and who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Later {
    #[n(0)]
    pub at: Timestamp,
    #[n(1)]
    pub maker: ApiKeyId,
}

/// Which one of a schedule's payouts it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Occurrence {
    #[n(0)]
    pub schedule: PayoutScheduleId,
    /// Counts from one.
    #[n(1)]
    pub number: u32,
}

impl PayoutBody {
    /// When it is to be done, while it is for later.
    pub fn waits_until(&self) -> Option<Timestamp> {
        let later = self
            .later
            .filter(|_| self.status == PayoutStatus::Scheduled);
        later.map(|later| later.at)
    }

    /// Whether the rail's worker has to look at it again. On a file rail, its file is looked at instead once it is in one.
    pub fn is_on_rail(&self) -> bool {
        let is_collected = self.seat.is_some_and(|seat| seat.place.is_some());
        let is_open = matches!(
            self.status,
            PayoutStatus::Initiated | PayoutStatus::Pending | PayoutStatus::Processing
        );
        is_open && !is_collected
    }

    /// What is charged for it.
    pub fn fee(&self) -> i64 {
        self.fee.map_or(0, |fee| fee.minor)
    }

    /// What leaves its source: the amount and the fee.
    pub fn outgoing(&self) -> i64 {
        self.amount.minor.saturating_add(self.fee())
    }

    /// The data subject of the personal part.
    pub fn subject(&self) -> Option<SubjectId> {
        match self.recipient {
            Recipient::BankAccount { subject, .. } => Some(subject),
            Recipient::Wallet(_) => None,
        }
    }
}

/// A bank account to pay to; exactly one of number and IBAN.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct BankAccount {
    #[n(0)]
    #[class(personal)]
    pub account_name: String,
    #[n(1)]
    #[class(personal)]
    pub account_number: Option<String>,
    #[n(2)]
    #[class(personal)]
    pub iban: Option<String>,
}

impl BankAccount {
    /// The text by which the same account is found again; a number and an IBAN never meet.
    pub fn index_text(&self, bank_code: Option<&str>) -> Option<String> {
        let bank = bank_code.unwrap_or("");
        match (&self.iban, &self.account_number) {
            (Some(iban), _) => Some(format!("iban\u{1f}{bank}\u{1f}{iban}")),
            (None, Some(number)) => Some(format!("number\u{1f}{bank}\u{1f}{number}")),
            (None, None) => None,
        }
    }
}

/// A payout as stored.
#[derive(Clone)]
pub struct Payout {
    pub body: PayoutBody,
    pub bank: Option<BankAccount>,
}

/// All but the last four characters as `*`; everything when there are no more than four.
pub(crate) fn masked(number: &str) -> String {
    let length = number.chars().count();
    let hidden = if length > 4 { length - 4 } else { length };
    number
        .chars()
        .enumerate()
        .map(|(n, letter)| if n < hidden { '*' } else { letter })
        .collect()
}
