//! Tills: devices that sell in a store, with a key of their own and, for selling without a connection, a chain.
//!
//! A till's API key acts for that till alone, and reads nothing of another store. Its public key signs what it sold
//! offline (`chain.rs`), which a lease must have allowed. One shift of a till is open at a time.

mod bound;
mod chain;
mod change;
mod create;
mod lease;
mod view;

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, ShiftId, StoreId, TillId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::time::Timestamp;

use crate::facts::Facts;
use crate::rejection::{Code, Rejection};

pub use bound::Hand;
pub(crate) use bound::{at_till, key_facts, maker_keys, not_its, of_this_till, till_of, with_key};
pub use chain::{Digest, Link, parse_signature};
pub use change::UpdateTill;
pub use create::CreateTill;
pub use lease::{Lease, LeaseTill, MOST_LEASE};
pub use view::TillView;

/// A till.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct TillBody {
    #[n(0)]
    #[class(operational)]
    pub id: TillId,
    #[n(1)]
    #[class(operational)]
    pub store: StoreId,
    #[n(2)]
    #[class(sensitive)]
    pub name: String,
    /// Its store's.
    #[n(3)]
    #[class(operational)]
    pub currency: Currency,
    /// Its store's, where card payments go.
    #[n(4)]
    #[class(operational)]
    pub wallet: Option<WalletId>,
    /// The key that acts for it.
    #[n(5)]
    #[class(operational)]
    pub key: Option<ApiKeyId>,
    /// Ed25519, 64 hexadecimal digits.
    #[n(6)]
    #[class(operational)]
    pub public_key: Option<Digest>,
    #[n(7)]
    #[class(operational)]
    pub retired: bool,
    #[n(8)]
    #[class(operational)]
    pub open_shift: Option<ShiftId>,
    /// Shifts that were closed: the number of the last Z report.
    #[n(9)]
    #[class(operational)]
    pub closed_shifts: u32,
    /// The newest last.
    #[n(10)]
    #[class(sensitive)]
    pub leases: Vec<Lease>,
    /// Transactions that were taken from its chain.
    #[n(11)]
    #[class(operational)]
    pub sequence: u64,
    /// The hash of the last of them; zeros before the first.
    #[n(12)]
    #[class(operational)]
    pub head: Digest,
    #[n(13)]
    #[class(sensitive)]
    pub metadata: Metadata,
    #[n(14)]
    #[class(operational)]
    pub created_at: Timestamp,
}

fn existing(facts: &Facts, id: TillId) -> Result<&TillBody, Rejection> {
    facts
        .till(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such till"))
}

/// A till that a body names, and that is in use.
///
/// # Errors
/// [`Code::TillNotFound`] or [`Code::TillRetired`].
pub(crate) fn in_use(facts: &Facts, id: TillId) -> Result<&TillBody, Rejection> {
    let missing = || Rejection::at(Code::TillNotFound, "/till_id", "there is no such till");
    let till = facts.till(id).ok_or_else(missing)?;
    not_retired(till)?;
    Ok(till)
}

fn not_retired(till: &TillBody) -> Result<(), Rejection> {
    match till.retired {
        true => {
            let text = format!("`{}` is retired", till.id);
            Err(Rejection::new(Code::TillRetired, text))
        }
        false => Ok(()),
    }
}
