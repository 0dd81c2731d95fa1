//! Who stands at a till: a key, which may belong to one till alone.
//!
//! What a till's `key` names is found by an index; what a key is held to is on the key itself, where it stays when its till has
//! another key or is retired, and goes on to the key that it is rolled into.

use minicbor::{Decode, Encode};
use strongroom_types::id::{ApiKeyId, Kind, TillId};

use crate::api_keys::ApiKey;
use crate::decision::Decision;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::tills::TillBody;

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
        let keys = keys.record(self.key.any());
        keys.holder(Field::TillKey, &self.key.to_string())
    }
}

/// The till that the key belongs to, if to one.
pub(crate) fn till_of(facts: &Facts, key: ApiKeyId) -> Option<TillId> {
    let held = facts.api_key(key.any()).and_then(|key| key.till);
    held.or_else(|| named_by(facts, key))
}

/// The till whose key it is now.
pub(super) fn named_by(facts: &Facts, key: ApiKeyId) -> Option<TillId> {
    let holder = facts.holder(Field::TillKey, &key.to_string())?;
    (holder.kind == Kind::Till).then_some(TillId(holder.raw))
}

/// What rolling a key asks for.
pub(crate) fn key_facts(facts: &Facts, keys: Keys, key: ApiKeyId) -> Keys {
    let keys = keys.holder(Field::TillKey, &key.to_string());
    match named_by(facts, key) {
        Some(till) => keys.record(till.any()),
        None => keys,
    }
}

/// The till has the key that its own was rolled into.
pub(crate) fn with_key(
    decision: Decision,
    facts: &Facts,
    old: ApiKeyId,
    new: ApiKeyId,
) -> Decision {
    let till = named_by(facts, old).and_then(|id| facts.till(id));
    let Some(till) = till else { return decision };
    let id = till.id.any();
    let next = TillBody {
        key: Some(new),
        ..till.clone()
    };
    decision
        .release(Field::TillKey, Some(&old.to_string()), id)
        .claim(Field::TillKey, Some(&new.to_string()), id)
        .change(id, Record::Till(next))
}

/// What says whether whoever makes something stands at a till.
pub(crate) fn maker_keys(keys: Keys, maker: Option<ApiKeyId>) -> Keys {
    match maker {
        Some(key) => Hand {
            key,
            manages: false,
        }
        .keys(keys),
        None => keys,
    }
}

/// Whoever makes something, if that is the key of a till: it is kept beside it, for the till to read what it made.
pub(crate) fn at_till(facts: &Facts, maker: Option<ApiKeyId>) -> Option<ApiKeyId> {
    maker.filter(|key| till_of(facts, *key).is_some())
}

/// A key as it is held to a till, or to none.
pub(super) fn held(facts: &Facts, key: ApiKeyId, till: Option<TillId>) -> Option<Record> {
    let key = facts.api_key(key.any())?;
    Some(Record::ApiKey(ApiKey {
        till,
        ..key.clone()
    }))
}

/// SECURITY: a till's key that was taken out of the shop sells at no other till.
///
/// # Errors
/// [`Code::NotThisTill`].
pub(crate) fn of_this_till(facts: &Facts, hand: &Hand, till: TillId) -> Result<(), Rejection> {
    match till_of(facts, hand.key) {
        Some(own) if own != till => Err(not_its(own)),
        _ => Ok(()),
    }
}

pub(crate) fn not_its(own: TillId) -> Rejection {
    let text = format!("the key belongs to `{own}` and acts for no other till");
    Rejection::new(Code::NotThisTill, text)
}
