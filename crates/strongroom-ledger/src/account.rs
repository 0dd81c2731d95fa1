//! An account: one currency, three buckets.

use minicbor::{Decode, Encode};
use strongroom_types::currency::Currency;
use strongroom_types::money::LIMIT;

/// Which part of a balance a leg touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// May be spent.
    Available,
    /// Announced, not yet here.
    Pending,
    /// Held for something that has begun.
    Reserved,
}

/// Minor units per bucket; also used for the signed change of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Balances {
    #[n(0)]
    pub available: i64,
    #[n(1)]
    pub pending: i64,
    #[n(2)]
    pub reserved: i64,
}

impl Balances {
    /// The sum of the three, or `None` beyond the wire's limit of 2^53 − 1 either way.
    pub fn total(&self) -> Option<i64> {
        let total = self
            .available
            .checked_add(self.pending)?
            .checked_add(self.reserved)?;
        (-LIMIT..=LIMIT).contains(&total).then_some(total)
    }

    /// Adds bucket by bucket; `None` on overflow.
    pub fn plus(&self, change: &Balances) -> Option<Balances> {
        Some(Balances {
            available: self.available.checked_add(change.available)?,
            pending: self.pending.checked_add(change.pending)?,
            reserved: self.reserved.checked_add(change.reserved)?,
        })
    }

    pub fn is_zero(&self) -> bool {
        *self == Balances::default()
    }

    pub(crate) fn add(&mut self, bucket: Bucket, amount: i64) -> Option<()> {
        let slot = match bucket {
            Bucket::Available => &mut self.available,
            Bucket::Pending => &mut self.pending,
            Bucket::Reserved => &mut self.reserved,
        };
        *slot = slot.checked_add(amount)?;
        Some(())
    }
}

/// The state of one account's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    #[n(0)]
    pub currency: Currency,
    #[n(1)]
    pub balances: Balances,
    /// Sequence of the log entry with its latest posting; 0 when there is none.
    #[n(2)]
    pub last: u64,
}

impl Account {
    pub fn empty(currency: Currency) -> Account {
        Account {
            currency,
            balances: Balances::default(),
            last: 0,
        }
    }
}
