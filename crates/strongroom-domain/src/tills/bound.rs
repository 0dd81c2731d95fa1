//! Who stands at a till: a key, which may belong to one till alone.

use minicbor::{Decode, Encode};
use strongroom_types::id::{ApiKeyId, Kind, TillId};

use crate::facts::{Facts, Field, Keys};
use crate::rejection::{Code, Rejection};

/// The key that acts, and whether it may act on the shifts of others (`manage:shifts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hand {
    #[n(0)]
    pub key: ApiKeyId,
    #[n(1)]
    pub manages: bool,
}

impl Hand {
    /// What says whether the key belongs to a till.
    pub(crate) fn keys(&self, keys: Keys) -> Keys {
        keys.holder(Field::TillKey, &self.key.to_string())
    }
}

/// The till that the key belongs to, if to one.
pub(crate) fn till_of(facts: &Facts, hand: &Hand) -> Option<TillId> {
    let holder = facts.holder(Field::TillKey, &hand.key.to_string())?;
    (holder.kind == Kind::Till).then_some(TillId(holder.raw))
}

/// SECURITY: a till's key that was taken out of the shop sells at no other till.
///
/// # Errors
/// [`Code::NotThisTill`].
pub(crate) fn of_this_till(facts: &Facts, hand: &Hand, till: TillId) -> Result<(), Rejection> {
    match till_of(facts, hand) {
        Some(own) if own != till => Err(not_its(own)),
        _ => Ok(()),
    }
}

pub(crate) fn not_its(own: TillId) -> Rejection {
    let text = format!("the key belongs to `{own}` and acts for no other till");
    Rejection::new(Code::NotThisTill, text)
}
