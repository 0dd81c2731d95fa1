//! Reports: what a stretch of the log comes to, made by the server beside its other work.
//!
//! `queued → completed` or `failed`; `deleted` or `expired` end it. The figures of every report come from the postings of the
//! log (`movements.rs`, `balances.rs`, `reconciliation.rs`) or, where those do not say it, from the records of what was
//! sold (`shop.rs`); nothing is counted beside them. A report that is being made leaves nothing behind: its content comes
//! to be with the entry that completes it, as records of its own ([`ReportPart`]), and goes with the one that ends it. So
//! a server that dies on the way begins again.

mod acquirers;
mod balances;
mod change;
mod movements;
mod reconciliation;
mod sheet;
mod shop;
mod statements;
mod table;
mod view;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, ApiKeyId, Kind, RawId, ReportId, ReportPartId, ShiftId, StoreId, WalletId,
};
use strongroom_types::time::{DAY, SECOND, Timestamp};

use crate::facts::Facts;
use crate::record::Record;
use crate::tills::Digest;

pub use change::{
    Content, DeleteReport, ExpireReport, FinishReport, MOST_WAITING, PART, RequestReport,
};
pub use reconciliation::Found;
pub use sheet::{Sheet, Stretch};
pub use table::{Cell, Column, ColumnKind, MOST_LINES, Table};
pub use view::ReportView;

/// How long a finished report is kept where nothing else is asked for, and at most, in milliseconds.
pub const KEPT_FOR: i64 = 7 * DAY;
pub const KEPT_LONGEST: i64 = 30 * DAY;

/// How far ahead a period may end, in milliseconds: clocks differ, and that much is waited for.
pub const AHEAD: i64 = 60 * SECOND;

/// The most bytes of a report's content.
pub const MOST_BYTES: usize = 16 << 20;

macro_rules! named {
    ($(#[$doc:meta])* $set:ident: $($(#[$about:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $set { $($(#[$about])* #[n($code)] $name,)* }

        impl $set {
            pub const ALL: &'static [$set] = &[$($set::$name,)*];

            pub const fn code(self) -> u8 {
                match self { $($set::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $($set::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<$set> {
                match text { $($text => Some($set::$name),)* _ => None }
            }
        }
    };
}

named! {
    /// What a report tells.
    ReportType:
    Sales = 0, "sales";
    Balances = 1, "balances";
    Fees = 2, "fees";
    Payouts = 3, "payouts";
    Tax = 4, "tax";
    Shift = 5, "shift";
    Reconciliation = 6, "reconciliation";
}

named! {
    /// How it is written.
    ReportFormat:
    Json = 0, "json";
    Csv = 1, "csv";
    Parquet = 2, "parquet";
    Pdf = 3, "pdf";
}

named! {
    /// Where it stands. That it is being made is no state of its own: a server that dies begins again.
    ReportStatus:
    Queued = 0, "queued";
    Completed = 1, "completed";
    Failed = 2, "failed";
    Deleted = 3, "deleted";
    Expired = 4, "expired";
}

named! {
    /// Why it failed.
    ReportFailure:
    /// More lines than a report may have, or more bytes.
    TooLarge = 0, "report_too_large";
    /// Entries of the period are no longer kept.
    NotKept = 1, "entries_not_kept";
    /// A sum passed what an amount can be.
    Overflow = 2, "sum_too_large";
}

impl ReportFormat {
    pub const fn media(self) -> &'static str {
        match self {
            ReportFormat::Json => "application/json",
            ReportFormat::Csv => "text/csv; charset=utf-8",
            ReportFormat::Parquet => "application/vnd.apache.parquet",
            ReportFormat::Pdf => "application/pdf",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asked {
    #[n(0)]
    pub kind: ReportType,
    #[n(1)]
    pub format: ReportFormat,
    /// From this instant on, and before the other.
    #[n(2)]
    pub from: Timestamp,
    #[n(3)]
    pub to: Timestamp,
    #[n(4)]
    pub wallet: Option<WalletId>,
    #[n(5)]
    pub store: Option<StoreId>,
    #[n(6)]
    pub shift: Option<ShiftId>,
    /// How long it is kept once it is made, in milliseconds.
    #[n(7)]
    pub kept_for: i64,
    /// Accounts of this currency alone.
    #[n(8)]
    pub currency: Option<Currency>,
}

impl Asked {
    /// Whether it is of all time, or of one shift, whatever the period.
    pub fn is_timeless(&self) -> bool {
        match self.kind {
            ReportType::Reconciliation => true,
            ReportType::Shift => self.shift.is_some(),
            _ => false,
        }
    }

    /// The end of its period, if that is to be waited for at a time.
    fn ends_after(&self, now: Timestamp) -> Option<Timestamp> {
        (!self.is_timeless() && self.to > now).then_some(self.to)
    }
}

/// A report.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct ReportBody {
    #[n(0)]
    #[class(operational)]
    pub id: ReportId,
    #[n(1)]
    #[class(operational)]
    pub status: ReportStatus,
    #[n(2)]
    #[class(operational)]
    pub asked: Asked,
    #[n(3)]
    #[class(operational)]
    pub requested_by: ApiKeyId,
    #[n(4)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// When it was completed, or failed.
    #[n(5)]
    #[class(operational)]
    pub finished_at: Option<Timestamp>,
    #[n(6)]
    #[class(operational)]
    pub expires_at: Option<Timestamp>,
    /// Lines, and bytes of its content, which stand in so many parts.
    #[n(7)]
    #[class(operational)]
    pub lines: u64,
    #[n(8)]
    #[class(operational)]
    pub size: u64,
    #[n(9)]
    #[class(operational)]
    pub parts: u32,
    /// SHA-256 over the content.
    #[n(10)]
    #[class(operational)]
    pub digest: Option<Digest>,
    #[n(11)]
    #[class(operational)]
    pub failure: Option<ReportFailure>,
    /// How many differences a reconciliation has found.
    #[n(12)]
    #[class(operational)]
    pub differences: Option<u64>,
}

impl ReportBody {
    /// Where it stands at a time: what is due to expire is expired, though nobody has written that down yet.
    pub fn status_at(&self, now: Timestamp) -> ReportStatus {
        let is_over = self.expires_at.is_some_and(|end| end <= now);
        match self.status {
            ReportStatus::Completed if is_over => ReportStatus::Expired,
            status => status,
        }
    }

    /// When the server looks at it again: once its period is over while it is to be made, then when its own time is.
    pub fn waits(&self) -> Option<Option<Timestamp>> {
        match self.status {
            // One that was asked for before there was a bound is made as it was asked for.
            ReportStatus::Queued => Some(
                self.asked
                    .ends_after(self.created_at)
                    .filter(|end| *end <= self.created_at.plus(AHEAD)),
            ),
            ReportStatus::Completed => Some(self.expires_at),
            ReportStatus::Failed | ReportStatus::Deleted | ReportStatus::Expired => None,
        }
    }

    /// The keys of its parts.
    pub fn part_keys(&self) -> impl Iterator<Item = AnyId> + use<> {
        let id = self.id;
        (0..self.parts).map(move |n| part_key(id, n))
    }
}

/// A piece of a finished report's content; empty once that has gone.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct ReportPart {
    #[cbor(n(0), with = "minicbor::bytes")]
    #[class(sensitive)]
    pub bytes: Vec<u8>,
}

/// Reports of an organization and mode that wait to be made.
#[derive(Clone, Copy, Default, Encode, Decode, Classified)]
#[part(business)]
pub struct ReportDesk {
    #[n(0)]
    #[class(operational)]
    pub waiting: u32,
}

/// The key of the desk: there is one per scope.
pub fn report_desk_key() -> AnyId {
    AnyId {
        kind: Kind::ReportDesk,
        raw: RawId::ZERO,
    }
}

/// The key of a part. Reports are as far apart as their entries, and have fewer parts than that.
pub fn part_key(report: ReportId, n: u32) -> AnyId {
    ReportPartId(report.0.plus(u64::from(n))).any()
}

impl Facts {
    pub fn report(&self, id: ReportId) -> Option<&ReportBody> {
        match self.record(id.any()).map(AsRef::as_ref) {
            Some(Record::Report(report)) => Some(report),
            _ => None,
        }
    }

    pub(crate) fn report_desk(&self) -> ReportDesk {
        match self.record(report_desk_key()).map(AsRef::as_ref) {
            Some(Record::ReportDesk(desk)) => *desk,
            _ => ReportDesk::default(),
        }
    }
}
