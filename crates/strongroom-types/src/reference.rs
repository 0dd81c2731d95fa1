//! The client's own name for a resource.

use minicbor::{Decode, Encode};
use serde::Serialize;

/// `^[a-zA-Z0-9_-]{1,100}$`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct ReferenceId(#[n(0)] String);

impl ReferenceId {
    pub fn parse(text: &str) -> Option<ReferenceId> {
        let fits = (1..=100).contains(&text.len());
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        (fits && text.bytes().all(allowed)).then(|| ReferenceId(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_letters() {
        assert!(ReferenceId::parse(&"a".repeat(100)).is_some());
        for text in ["", "a b", "ü", "a/b", &"a".repeat(101), "a\n"] {
            assert!(ReferenceId::parse(text).is_none(), "{text:?}");
        }
    }
}
