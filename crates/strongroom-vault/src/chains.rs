//! Where digits are near each other: what the tripwire looks at closer.
//!
//! Eight bytes at a time: nearly all text holds no thirteen digits that are near each other,
//! and is done with here.

use std::ops::Range;
use std::slice::ChunksExact;

/// Bytes of a word.
const WORD: usize = 8;
/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; WORD])
}

/// Stretches of words that follow each other, each with a digit in it, and with as many digits in all as a number has.
///
/// Between two groups of a number stand three bytes at most, so no word from its first to its last digit is without one.
pub(crate) struct Chains<'a> {
    words: ChunksExact<'a, u8>,
    /// What is behind the last whole word.
    rest: &'a [u8],
    /// Where the next word begins.
    at: usize,
}

impl<'a> Chains<'a> {
    pub fn new(text: &'a [u8]) -> Chains<'a> {
        let words = text.chunks_exact(WORD);
        Chains {
            rest: words.remainder(),
            words,
            at: 0,
        }
    }

    /// How many digits the next word has.
    #[inline]
    fn digits(&mut self) -> Option<u64> {
        if let Some(bytes) = self.words.next() {
            self.at = self.at.wrapping_add(WORD);
            return bytes.first_chunk().map(digits_in);
        }
        if self.rest.is_empty() {
            return None;
        }
        let mut last = [0; WORD];
        let places = last.iter_mut().zip(self.rest);
        places.for_each(|(to, from)| *to = *from);
        self.at += self.rest.len();
        self.rest = &[];
        Some(digits_in(&last))
    }
}

impl Iterator for Chains<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.at;
            let mut digits = self.digits()?;
            if digits == 0 {
                continue;
            }
            let mut end = self.at;
            while let Some(more) = self.digits().filter(|more| *more > 0) {
                digits = digits.wrapping_add(more);
                end = self.at;
            }
            if digits >= LEAST_DIGITS {
                return Some(start..end);
            }
        }
    }
}

/// [`SHORTEST`] as a count of digits.
const LEAST_DIGITS: u64 = 13;

/// How many of eight bytes are digits.
fn digits_in(bytes: &[u8; WORD]) -> u64 {
    let word = u64::from_ne_bytes(*bytes) ^ eight(b'0');
    // A digit is below ten now. What is not sets the highest bit of its byte, and carries nothing into the next one.
    let others = (word & eight(0x7f)).wrapping_add(eight(0x7f - 9)) | word;
    let others = (others >> 7) & eight(1);
    WORD_COUNT.wrapping_sub(others.wrapping_mul(eight(1)) >> 56)
}

/// [`WORD`] as a count.
const WORD_COUNT: u64 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_counted_eight_at_a_time(bytes in any::<[u8; 8]>()) {
            let one_by_one = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(digits_in(&bytes), u64::try_from(one_by_one).unwrap());
        }

        /// A number lies in one stretch, wherever it stands and however much room is between its digits.
        #[test]
        fn a_number_lies_in_one_stretch(
            before in "[a-z,:\"]{0,40}", gaps in proptest::collection::vec(0..=3usize, 13), after in "[a-z,:\"]{0,40}",
        ) {
            let mut text = before.clone();
            for gap in &gaps {
                text.push('5');
                text.push_str(&" ".repeat(*gap));
            }
            let number = before.len()..text.trim_end().len();
            text.push_str(&after);
            let stretches: Vec<_> = Chains::new(text.as_bytes()).collect();
            prop_assert_eq!(stretches.len(), 1, "{}", text);
            prop_assert!(stretches[0].start <= number.start && number.end <= stretches[0].end);
        }
    }

    #[test]
    fn every_byte_is_a_digit_or_is_not() {
        for byte in 0..=u8::MAX {
            let one = [b'x', byte, 0, 0xff, byte, b'/', b':', 0x80];
            let expected = if byte.is_ascii_digit() { 2 } else { 0 };
            assert_eq!(digits_in(&one), expected, "{byte}");
        }
    }

    #[test]
    fn what_has_few_digits_has_no_stretch() {
        let text = r#"{"amount":125000,"currency":"PHP","recipient":{"account_number":"0012345678"},"reference_id":"inv-2026-0042"}"#;
        assert_eq!(Chains::new(text.as_bytes()).count(), 0);
        assert_eq!(Chains::new(b"").count(), 0);
        assert_eq!(Chains::new(b"123456789012").count(), 0);
        let mut one = Chains::new(b"1234567890123");
        assert_eq!((one.next(), one.next()), (Some(0..13), None));
    }
}
