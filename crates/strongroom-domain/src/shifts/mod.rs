//! Shifts: the time between opening a till and counting its cash.
//!
//! The cash of a shift is an account of the ledger, with the shift's own number: float, sales, refunds and what is put
//! in or taken out are postings to it, and what it must hold is its balance. What else a shift sums up is kept on write
//! and derived again by `verify` from its transactions. A closed shift never changes.

mod cash;
mod close;
mod open;
mod totals;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, ApiKeyId, Kind, RawId, ShiftId, StoreId, TillId, TransactionId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::entry::{Transaction, TransactionKind};
use crate::facts::Facts;
use crate::rejection::{Code, Rejection};
use crate::tills::{Hand, till_of};

pub use cash::{CashWay, MoveCash};
pub use close::CloseShift;
pub use open::OpenShift;
pub(crate) use totals::add_taxes;
pub use totals::{ShiftTotals, TaxSum};
pub use view::{ShiftReport, ShiftView, TaxView};

/// Where a shift stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ShiftStatus {
    #[n(0)]
    Open,
    #[n(1)]
    Closed,
}

impl ShiftStatus {
    pub const ALL: &'static [ShiftStatus] = &[ShiftStatus::Open, ShiftStatus::Closed];

    pub const fn code(self) -> u8 {
        match self {
            ShiftStatus::Open => 0,
            ShiftStatus::Closed => 1,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            ShiftStatus::Open => "open",
            ShiftStatus::Closed => "closed",
        }
    }

    pub fn parse(text: &str) -> Option<ShiftStatus> {
        let all = ShiftStatus::ALL.iter().copied();
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// A shift.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct ShiftBody {
    #[n(0)]
    #[class(operational)]
    pub id: ShiftId,
    #[n(1)]
    #[class(operational)]
    pub status: ShiftStatus,
    #[n(2)]
    #[class(operational)]
    pub till: TillId,
    #[n(3)]
    #[class(operational)]
    pub store: StoreId,
    #[n(4)]
    #[class(operational)]
    pub currency: Currency,
    /// Whose shift it is.
    #[n(5)]
    #[class(operational)]
    pub opened_by: ApiKeyId,
    /// What was in the drawer at first, in minor units.
    #[n(6)]
    #[class(sensitive)]
    pub float: i64,
    #[n(7)]
    #[class(sensitive)]
    pub totals: ShiftTotals,
    /// Transactions of it whose payment is not answered yet.
    #[n(8)]
    #[class(operational)]
    pub pending: u32,
    #[n(9)]
    #[class(sensitive)]
    pub counted: Option<i64>,
    /// What the drawer had to hold when it was counted.
    #[n(10)]
    #[class(sensitive)]
    pub expected: Option<i64>,
    /// Of its Z report: the till's closed shifts are numbered from 1.
    #[n(11)]
    #[class(operational)]
    pub number: Option<u32>,
    #[n(12)]
    #[class(operational)]
    pub closed_by: Option<ApiKeyId>,
    #[n(13)]
    #[class(operational)]
    pub closed_at: Option<Timestamp>,
    #[n(14)]
    #[class(sensitive)]
    pub note: Option<String>,
    #[n(15)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// Whether it was opened with a key of its till's: then it is the till's, and whichever key is held to that works on it.
    #[n(16)]
    #[class(operational)]
    pub opened_by_till: Option<bool>,
}

impl ShiftBody {
    pub fn is_open(&self) -> bool {
        self.status == ShiftStatus::Open
    }
}

/// The key of a shift's cash.
pub fn cash_key(shift: ShiftId) -> AnyId {
    AnyId {
        kind: Kind::Cash,
        raw: shift.0,
    }
}

pub(crate) fn movement(
    kind: TransactionKind,
    cause: AnyId,
    id: RawId,
    amount: Money,
    description: Option<String>,
) -> Transaction {
    Transaction {
        id: TransactionId(id),
        kind,
        amount,
        cause: Some(cause),
        reference: None,
        description,
        postings: Vec::new(),
    }
}

fn existing(facts: &Facts, id: ShiftId) -> Result<&ShiftBody, Rejection> {
    facts
        .shift(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such shift"))
}

/// Whether the hand goes on with what another key opened: one that was rolled stands for the one before, and a till's key for
/// the till.
fn inherits(facts: &Facts, hand: &Hand, shift: &ShiftBody) -> bool {
    let rolled_from = facts
        .api_key(hand.key.any())
        .and_then(|key| key.rolled_from);
    let is_tills = shift.opened_by_till == Some(true);
    rolled_from == Some(shift.opened_by)
        || (is_tills && till_of(facts, hand.key) == Some(shift.till))
}

/// The shift, if it is open and the hand may act on it.
///
/// # Errors
/// [`Code::ShiftClosed`], [`Code::NotThisTill`] or [`Code::NotYourShift`].
pub(crate) fn at_work<'f>(
    facts: &Facts,
    hand: &Hand,
    shift: &'f ShiftBody,
) -> Result<&'f ShiftBody, Rejection> {
    crate::tills::of_this_till(facts, hand, shift.till)?;
    // SECURITY: whoever may sell does so on his own shift; others' are for who holds `manage:shifts`.
    if shift.opened_by != hand.key && !hand.manages && !inherits(facts, hand, shift) {
        let text = format!("`{}` was opened by `{}`", shift.id, shift.opened_by);
        return Err(Rejection::new(Code::NotYourShift, text));
    }
    if !shift.is_open() {
        let text = format!("`{}` is closed", shift.id);
        return Err(Rejection::new(Code::ShiftClosed, text));
    }
    Ok(shift)
}
