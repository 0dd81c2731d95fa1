//! Recognising a card number in text that should hold none.
//!
//! A hit is a run of 13 to 19 digits, in groups with spaces or dashes between them, that begins and is as long as the
//! numbers of a known network and has the right check digit. Nearly three in a hundred random numbers of sixteen digits are
//! one by chance, so what is written in a form of its own is passed over: hexadecimal strings of twenty characters or more
//! (ids, hashes), UUIDs, international phone numbers (a `+` in front) and fractions (`0.` in front). Nothing is said
//! about numbers with other marks between their digits, or written in other digits than 0 to 9.
//!
//! The search touches every thirteenth byte and looks closer only where that could stand in a number.

use std::borrow::Cow;
use std::ops::Range;

use strongroom_types::card::{LONGEST, SHORTEST, lengths_of};

use crate::number::{beginning, passes_luhn};

/// Most bytes between two groups of one number: one wide space of Unicode has three.
const GAP: usize = 3;
/// Characters from which on a hexadecimal word is taken for an id or a hash.
const HEX_WORD: usize = 20;

/// Whether text holds a card number.
pub fn holds(text: &[u8]) -> bool {
    find(text).is_some()
}

/// The first card number in text, with the marks between its digits.
pub fn find(text: &[u8]) -> Option<Range<usize>> {
    find_from(text, 0)
}

/// Text with every card number in it masked but for its last four digits.
pub fn scrub(text: &[u8]) -> Cow<'_, [u8]> {
    let mut clean = Cow::Borrowed(text);
    let mut from = 0;
    while let Some(found) = find_from(text, from) {
        from = found.end;
        mask(clean.to_mut(), found);
    }
    clean
}

fn mask(text: &mut [u8], found: Range<usize>) {
    let digits = text.get_mut(found).unwrap_or(&mut []);
    let digits = digits.iter_mut().rev().filter(|byte| byte.is_ascii_digit());
    digits.skip(4).for_each(|digit| *digit = b'*');
}

fn find_from(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from.saturating_add(SHORTEST - 1);
    while let Some(byte) = text.get(at) {
        if !is_part(*byte) {
            at += SHORTEST;
            continue;
        }
        let before = text.get(from..at).unwrap_or(&[]);
        let start = at - before.iter().rev().take_while(|b| is_part(**b)).count();
        let after = text.get(at..).unwrap_or(&[]);
        let end = at + after.iter().take_while(|b| is_part(**b)).count();
        if let Some(found) = in_run(text, start..end) {
            return Some(found);
        }
        at = end + SHORTEST;
    }
    None
}

/// Whether a byte can stand in a number: a digit, or (part of) a mark between groups.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || is_gap(byte)
}

/// Space, tab, dash, and the bytes of the spaces and dashes that word processors put in their place (U+00A0, U+2007
/// to U+2015, U+202F).
const fn is_gap(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'-' | 0xC2 | 0xA0 | 0xE2 | 0x80 | 0x87..=0x8A | 0x90..=0x95 | 0xAF
    )
}

/// The first number in a stretch of digits and marks: whole groups, one after another.
fn in_run(text: &[u8], run: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.get(run.clone())?;
    if bytes.iter().filter(|byte| byte.is_ascii_digit()).count() < SHORTEST {
        return None;
    }
    let mut rest = run.start;
    while let Some(group) = next_group(text, rest..run.end) {
        rest = group.end;
        if let Some(end) = number_at(text, group.clone(), run.end) {
            return Some(group.start..end);
        }
    }
    None
}

fn next_group(text: &[u8], within: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.get(within.clone())?;
    let skipped = bytes.iter().take_while(|b| !b.is_ascii_digit()).count();
    let length = bytes.get(skipped..)?;
    let length = length.iter().take_while(|b| b.is_ascii_digit()).count();
    let start = within.start + skipped;
    (length > 0).then_some(start..start + length)
}

/// The end of the longest number that begins with `group`, if one does.
fn number_at(text: &[u8], mut group: Range<usize>, run_end: usize) -> Option<usize> {
    let start = group.start;
    let mut digits = [0u8; LONGEST];
    let mut length = 0;
    let mut lengths = None;
    let mut longest = None;
    loop {
        let part = text.get(group.clone()).unwrap_or(&[]);
        let Some(room) = digits.get_mut(length..length + part.len()) else {
            return longest;
        };
        room.copy_from_slice(part);
        length += part.len();
        let written = digits.get(..length).unwrap_or(&[]);
        if length >= 6 {
            // Most digits begin no number of any network: they are done with here.
            let lengths = *lengths.get_or_insert_with(|| lengths_of(beginning(written)));
            if lengths == 0 {
                return None;
            }
            let is_number = lengths & 1 << length != 0 && passes_luhn(written);
            if is_number && !is_something_else(text, start..group.end) {
                longest = Some(group.end);
            }
        }
        match next_group(text, group.end..run_end) {
            Some(next) if next.start - group.end <= GAP => group = next,
            _ => return longest,
        }
    }
}

/// Whether what has the form of a number stands in a form of its own.
fn is_something_else(text: &[u8], found: Range<usize>) -> bool {
    let before = text.get(..found.start).unwrap_or(&[]);
    let signed = before.last() == Some(&b'+');
    let fraction = matches!(before, [.., digit, b'.'] if digit.is_ascii_digit());
    signed || fraction || in_hex_word(text, &found) || in_uuid(text, &found)
}

/// Whether it begins or ends inside a long hexadecimal word that has letters too.
fn in_hex_word(text: &[u8], found: &Range<usize>) -> bool {
    let word_around = |at: usize| {
        let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric();
        let start = at - before.iter().rev().take_while(is_word).count();
        let end = at + after.iter().take_while(is_word).count();
        text.get(start..end).unwrap_or(&[])
    };
    [found.start, found.end - 1].into_iter().any(|at| {
        let word = word_around(at);
        word.len() >= HEX_WORD
            && word.iter().all(u8::is_ascii_hexdigit)
            && word.iter().any(u8::is_ascii_alphabetic)
    })
}

/// Whether it lies inside a UUID (RFC 9562): 8, 4, 4, 4 and 12 hexadecimal digits.
fn in_uuid(text: &[u8], found: &Range<usize>) -> bool {
    const LENGTH: usize = 36;
    (found.start.saturating_sub(LENGTH)..=found.start).any(|start| {
        let end = start + LENGTH;
        found.end <= end && text.get(start..end).is_some_and(is_uuid)
    })
}

fn is_uuid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Option<&str> {
        find(text.as_bytes()).map(|range| &text[range])
    }

    #[test]
    fn numbers_are_found_however_people_write_them() {
        for (text, number) in [
            ("4242424242424242", "4242424242424242"),
            ("4242 4242 4242 4242", "4242 4242 4242 4242"),
            ("4242-4242-4242-4242", "4242-4242-4242-4242"),
            (
                "4242\u{a0}4242\u{a0}4242\u{a0}4242",
                "4242\u{a0}4242\u{a0}4242\u{a0}4242",
            ),
            (
                "4242\u{2013}4242\u{2013}4242\u{2013}4242",
                "4242\u{2013}4242\u{2013}4242\u{2013}4242",
            ),
            (
                "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
                "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
            ),
            ("3782 822463 10005", "3782 822463 10005"),
            ("4222222222222", "4222222222222"),
            (r#"{"note":"card 5555555555554444!"}"#, "5555555555554444"),
            (
                "order 12 4242 4242 4242 4242 exp 12/30",
                "4242 4242 4242 4242",
            ),
            ("order-4242424242424242", "4242424242424242"),
            ("ref_4242424242424242", "4242424242424242"),
            ("card4242424242424242", "4242424242424242"),
            ("4242424242424242USD", "4242424242424242"),
            ("x=4242424242424242&y", "4242424242424242"),
            ("4242424242424242.00", "4242424242424242"),
            ("6759649826438453", "6759649826438453"),
        ] {
            assert_eq!(found(text), Some(number), "{text}");
            for pad in 0..30 {
                let padded = format!("{}{text}{}", "~".repeat(pad), "~".repeat(30 - pad));
                assert_eq!(found(&padded), Some(number), "{padded}");
            }
        }
    }

    #[test]
    fn what_only_resembles_a_number_passes() {
        for text in [
            "",
            "4242424242424241",
            "424242424242424",
            "42424242424242424242",
            "1234567890123452",
            "4242.4242.4242.4242",
            "tok_0197f5c0ffee4242424242424242ab",
            "wallet_4242424242424242abcdef01",
            "+4915112345678",
            "+49 151 1234 5678",
            "0.30000000000000004",
            "1767225600000",
            "1767225600000000",
            "2026-01-15T10:30:00.000Z",
            "2026-01-15 2026-01-16",
            "9007199254740991",
            "GB82 WEST 1234 5698 7654 32",
            "42424242-4242-4242-8242-424242424242",
            "sha256=4242424242424242abcdef4242424242424242",
            "sk_test_4242",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn masked_text_keeps_its_length_and_last_four() {
        let text = "a 4242424242424242, b 5555-5555-5555-4444; c 378282246310005 d 1234";
        let clean = scrub(text.as_bytes());
        assert_eq!(
            String::from_utf8_lossy(&clean),
            "a ************4242, b ****-****-****-4444; c ***********0005 d 1234"
        );
        assert!(matches!(scrub(b"nothing to hide 42"), Cow::Borrowed(_)));
    }

    /// A number with the right check digit behind `digits`.
    fn checked(digits: &str) -> String {
        let number = |last| format!("{digits}{last}");
        (0..10)
            .map(number)
            .find(|text| passes_luhn(text.as_bytes()))
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn every_number_is_found_wherever_it_stands(
            before in "[a-zA-Z \":,{}/_-]{0,40}", body in "4[0-9]{14}", after in "[a-zA-Z \":,{}/_-]{0,40}",
            every in 1usize..8, mark in "[ -]",
        ) {
            let number = checked(&body);
            let groups: Vec<String> =
                number.as_bytes().chunks(every).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            for written in [number.clone(), groups.join(&mark)] {
                // Hexadecimal neighbours make a long word of it.
                let text = format!("{before}~{written}~{after}");
                prop_assert_eq!(found(&text), Some(written.as_str()));
                let clean = scrub(text.as_bytes()).into_owned();
                prop_assert!(!holds(&clean));
            }
        }

        #[test]
        fn ids_hashes_and_uuids_pass(hex in "[0-9a-f]{24}", wide in "[0-9a-f]{64}", uuid in "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}") {
            for text in [format!("payout_{hex}"), wide, uuid.clone(), format!("{uuid}-2"), format!("a-{uuid}")] {
                prop_assert_eq!(found(&text), None);
            }
        }

        #[test]
        fn any_bytes_are_searched_in_bounds(bytes in proptest::collection::vec(prop_oneof![Just(b'4'), Just(b' '), Just(b'-'), Just(0xC2), any::<u8>()], 0..200)) {
            let clean = scrub(&bytes).into_owned();
            prop_assert_eq!(clean.len(), bytes.len());
            prop_assert!(!holds(&clean));
        }
    }
}
