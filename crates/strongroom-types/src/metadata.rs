//! Free string pairs that a client hangs on a resource.
//!
//! Keys that JavaScript would sort as array indexes are refused: an event body must survive
//! `JSON.stringify(JSON.parse(body))` unchanged (CONTRACT 5).

use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

/// At most 50 pairs, keys of 1–40 characters, values of at most 500, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Metadata(#[n(0)] Vec<(String, String)>);

/// Why pairs are no metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFault {
    TooMany,
    KeyLength(String),
    ValueLength(String),
    IndexKey(String),
}

impl Metadata {
    /// # Errors
    /// The first fault found, in the order of the pairs.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Metadata, MetadataFault> {
        if pairs.len() > 50 {
            return Err(MetadataFault::TooMany);
        }
        for (key, value) in &pairs {
            if !(1..=40).contains(&key.chars().count()) {
                return Err(MetadataFault::KeyLength(key.chars().take(40).collect()));
            }
            if value.chars().count() > 500 {
                return Err(MetadataFault::ValueLength(key.clone()));
            }
            if is_index(key) {
                return Err(MetadataFault::IndexKey(key.clone()));
            }
        }
        Ok(Metadata(pairs))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// Whether JavaScript takes the key for an array index: a canonical integer below 2^32 − 1.
fn is_index(key: &str) -> bool {
    let canonical =
        key == "0" || (!key.starts_with('0') && key.bytes().all(|b| b.is_ascii_digit()));
    canonical && key.parse::<u64>().is_ok_and(|n| n < u64::from(u32::MAX))
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_index_like_keys() {
        let one = |key: &str, value: &str| Metadata::new(vec![(key.into(), value.into())]);
        assert!(one("order", "7").is_ok());
        assert!(one("4294967295", "").is_ok());
        assert_eq!(one("10", ""), Err(MetadataFault::IndexKey("10".into())));
        assert_eq!(one("0", ""), Err(MetadataFault::IndexKey("0".into())));
        assert!(one("007", "").is_ok());
        assert_eq!(one("", ""), Err(MetadataFault::KeyLength(String::new())));
        assert_eq!(
            one("a", &"x".repeat(501)),
            Err(MetadataFault::ValueLength("a".into()))
        );
        assert_eq!(
            Metadata::new(vec![("k".into(), "v".into()); 51]),
            Err(MetadataFault::TooMany)
        );
    }
}
