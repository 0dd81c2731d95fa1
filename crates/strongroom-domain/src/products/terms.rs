//! What a product costs, and what it cost before.

use minicbor::{Decode, Encode};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::products::ProductBody;

/// Former terms that are remembered.
const KEPT: usize = 16;

/// A price and a rate that were in force until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    #[n(0)]
    pub price: Money,
    #[n(1)]
    pub tax_ppm: u32,
    #[n(2)]
    pub until: Timestamp,
}

impl ProductBody {
    /// The price and the rate at a time, as far back as they are remembered.
    pub(crate) fn terms_at(&self, time: Timestamp) -> (Money, u32) {
        let mut former = self.former.iter().flatten();
        match former.find(|terms| time < terms.until) {
            Some(terms) => (terms.price, terms.tax_ppm),
            None => (self.price, self.tax_ppm),
        }
    }

    /// The former terms once it becomes `next`.
    pub(super) fn followed_by(&self, next: &ProductBody, now: Timestamp) -> Option<Vec<Terms>> {
        if (self.price, self.tax_ppm) == (next.price, next.tax_ppm) {
            return self.former.clone();
        }
        let mut all = self.former.clone().unwrap_or_default();
        all.push(Terms {
            price: self.price,
            tax_ppm: self.tax_ppm,
            until: now,
        });
        let surplus = all.len().saturating_sub(KEPT);
        all.drain(..surplus);
        Some(all)
    }
}
