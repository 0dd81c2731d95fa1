//! The text of an API key: `sk_test_` (or `sk_live_`, `pk_test_`, `pk_live_`), 32 random base-62 letters (190 bits)
//! and six letters of CRC-32 over what stands before them, so that a scanner can tell a real key offline.

use strongroom_types::mode::Mode;
use strongroom_types::secret::SecretText;

use crate::base62;
use crate::credential::KeyType;

const RANDOM_LETTERS: usize = 32;
const CHECKSUM_LETTERS: usize = 6;

/// Makes a key text from random bytes; `None` when too few of them were usable (64 bytes practically always do).
pub fn mint(key_type: KeyType, mode: Mode, random: &[u8]) -> Option<SecretText> {
    let mut text = prefix(key_type, mode);
    let head = text.len();
    text.extend(base62::letters(random).take(RANDOM_LETTERS));
    if text.len() != head + RANDOM_LETTERS {
        return None;
    }
    text.push_str(&base62::checksum(crc32fast::hash(text.as_bytes())));
    Some(SecretText::new(text))
}

/// The key's opening letters: `sk_test_`.
pub fn prefix(key_type: KeyType, mode: Mode) -> String {
    let kind = match key_type {
        KeyType::Secret => "sk",
        KeyType::Publishable => "pk",
    };
    format!("{kind}_{}_", mode.as_str())
}

/// Whether a text has a key's form and checksum. Says nothing about whether the key exists.
pub fn is_well_formed(text: &str) -> bool {
    let head = ["sk_test_", "sk_live_", "pk_test_", "pk_live_"]
        .iter()
        .find(|p| text.starts_with(**p));
    let Some(head) = head else { return false };
    let body = text.len().checked_sub(CHECKSUM_LETTERS);
    let Some((body, check)) = body.and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    body.len() == head.len() + RANDOM_LETTERS
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && base62::checksum(crc32fast::hash(body.as_bytes())) == check
}

/// What may be shown of a key: its opening letters and the last four.
pub fn hint(text: &SecretText) -> String {
    let text = text.expose();
    let head = text.get(..8).unwrap_or("");
    let tail = text
        .len()
        .checked_sub(4)
        .and_then(|at| text.get(at..))
        .unwrap_or("");
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_keys_are_recognised_and_damage_is_not() {
        let random: Vec<u8> = (0..64).collect();
        let key = mint(KeyType::Secret, Mode::Test, &random).unwrap();
        let text = key.expose();
        assert_eq!(text.len(), 8 + 32 + 6);
        assert!(is_well_formed(text));
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            assert!(
                !is_well_formed(std::str::from_utf8(&bytes).unwrap()),
                "changed at {at}"
            );
        }
        assert!(!is_well_formed("sk_test_1234567890abcdef"));
        assert!(!is_well_formed("sk_test_üüüüüü"));
        assert_eq!(hint(&key), format!("sk_test_…{}", &text[42..]));
    }

    #[test]
    fn too_few_usable_bytes_make_no_key() {
        assert!(mint(KeyType::Publishable, Mode::Live, &[255; 64]).is_none());
    }
}
