//! Recognising a card number in text that should hold none.
//!
//! A hit is a run of 13 to 19 digits, in groups with spaces or dashes between them, that begins and is as long as the
//! numbers of a known network and has the right check digit. Nearly three in a hundred random numbers of sixteen digits are
//! one by chance, so what is written in a form of its own is passed over: hexadecimal strings of twenty characters or more
//! (ids, hashes), UUIDs, international phone numbers (a `+` in front of 15 digits or
//! fewer) and fractions (`0.` in front). Nothing is said
//! A security code directly behind a number of fifteen or sixteen digits does not hide it. Nothing is said
//! about numbers with other marks between their digits, or written in other digits than 0 to 9.
//!
//! The search counts the digits of eight bytes at a time, and looks closer only where enough of them are near each other.

use std::borrow::Cow;
use std::ops::Range;

use strongroom_types::card::{LONGEST, SHORTEST, lengths_of};

use crate::chains::Chains;
use crate::number::{beginning, passes_luhn};

/// Most bytes between two groups of one number: one wide space of Unicode has three.
const GAP: usize = 3;
/// Characters from which on a hexadecimal word is taken for an id or a hash.
const HEX_WORD: usize = 20;
/// Most digits of an international phone number (E.164).
const PHONE: usize = 15;
/// Digits of a number of sixteen with a code of three behind it, and of one of fifteen with a code of four.
const WITH_CODE: usize = 19;
/// Digits that a masked number shows.
const KEPT: usize = 4;

/// Whether text holds a card number.
pub fn holds(text: &[u8]) -> bool {
    find(text).is_some()
}

/// The first card number in text, with the marks between its digits.
pub fn find(text: &[u8]) -> Option<Range<usize>> {
    Search::new(text).next()
}

/// Text with every card number in it masked but for its last four digits.
pub fn scrub(text: &[u8]) -> Cow<'_, [u8]> {
    let mut clean = Cow::Borrowed(text);
    for found in Search::new(text) {
        mask(clean.to_mut(), found);
    }
    // What is kept of one may begin another that was none before: of those nothing is kept.
    while let Cow::Owned(masked) = &mut clean {
        let again: Vec<Range<usize>> = Search::new(masked).collect();
        if again.is_empty() {
            break;
        }
        for found in again {
            let digits = masked.get_mut(found).unwrap_or(&mut []).iter_mut();
            digits
                .filter(|byte| byte.is_ascii_digit())
                .for_each(|digit| *digit = b'*');
        }
    }
    clean
}

fn mask(text: &mut [u8], found: Range<usize>) {
    let digits = text.get_mut(found).unwrap_or(&mut []);
    // SECURITY: what stands last there may be a security code.
    let count = digits.iter().filter(|byte| byte.is_ascii_digit()).count();
    let kept = if count == WITH_CODE { 0 } else { KEPT };
    let digits = digits.iter_mut().rev().filter(|byte| byte.is_ascii_digit());
    digits.skip(kept).for_each(|digit| *digit = b'*');
}

/// Where the last four digits begin, which may begin another number.
fn kept(text: &[u8], found: &Range<usize>) -> usize {
    let places = found.clone().rev();
    let mut digits = places.filter(|at| text.get(*at).is_some_and(u8::is_ascii_digit));
    digits.nth(KEPT - 1).unwrap_or(found.end)
}

/// The card numbers of a text, one after another.
///
/// SECURITY: anybody's request is searched before anything else is known of it, so the cost is linear: each stretch
/// of digits and each word is measured once, and the search never goes back.
struct Search<'a> {
    text: &'a [u8],
    chains: Chains<'a>,
    /// Where digits are near each other.
    chain: Range<usize>,
    /// The byte to look at next, behind the stretch that is searched.
    at: usize,
    /// What is left of the stretch of digits and marks that is searched.
    run: Range<usize>,
    /// The word that was looked at last, and whether it is a hexadecimal one.
    word: Range<usize>,
    is_hex: bool,
    /// Bytes of stretches and words that were measured.
    #[cfg(test)]
    measured: usize,
}

impl Iterator for Search<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            if let Some(found) = self.in_run() {
                self.run.start = kept(self.text, &found);
                return Some(found);
            }
            self.run = self.next_run()?;
        }
    }
}

impl<'a> Search<'a> {
    fn new(text: &'a [u8]) -> Search<'a> {
        Search {
            text,
            chains: Chains::new(text),
            chain: 0..0,
            at: 0,
            run: 0..0,
            word: 0..0,
            is_hex: false,
            #[cfg(test)]
            measured: 0,
        }
    }

    /// The next stretch of digits and marks with enough digits for a number.
    fn next_run(&mut self) -> Option<Range<usize>> {
        loop {
            if self.at >= self.chain.end {
                self.chain = self.chains.next()?;
                self.at = self.at.max(self.chain.start + SHORTEST - 1);
                continue;
            }
            let byte = self.text.get(self.at)?;
            if !is_part(*byte) {
                self.at += SHORTEST;
                continue;
            }
            // Not before the end of the last stretch: the byte there is no part.
            let run = around(self.text, self.at, is_part);
            self.at = run.end + SHORTEST;
            #[cfg(test)]
            {
                self.measured += run.len();
            }
            let bytes = self.text.get(run.clone()).unwrap_or(&[]);
            if bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= SHORTEST {
                return Some(run);
            }
        }
    }

    /// The next number in the stretch: whole groups, one after another.
    fn in_run(&mut self) -> Option<Range<usize>> {
        while let Some(group) = next_group(self.text, self.run.clone()) {
            self.run.start = group.end;
            let number = self.number_at(group.clone());
            if let Some(end) = number.or_else(|| self.number_with_code(group.clone())) {
                return Some(group.start..end);
            }
        }
        None
    }

    /// The end of the longest number that begins with `group`, if one does.
    fn number_at(&mut self, mut group: Range<usize>) -> Option<usize> {
        let start = group.start;
        let mut digits = [0u8; LONGEST];
        let mut length = 0;
        let mut lengths = None;
        let mut longest = None;
        loop {
            let part = self.text.get(group.clone()).unwrap_or(&[]);
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
                if is_number && !self.is_something_else(start..group.end) {
                    longest = Some(group.end);
                }
            }
            match next_group(self.text, group.end..self.run.end) {
                Some(next) if next.start - group.end <= GAP => group = next,
                _ => return longest,
            }
        }
    }

    /// The end of a group that is a number with its security code directly behind it.
    fn number_with_code(&mut self, group: Range<usize>) -> Option<usize> {
        let part = self.text.get(group.clone())?;
        if part.len() != WITH_CODE {
            return None;
        }
        let numbers = [3, 4].map(|code| part.get(..WITH_CODE - code).unwrap_or(&[]));
        let holds = numbers.iter().any(|number| {
            lengths_of(beginning(number)) & 1 << number.len() != 0 && passes_luhn(number)
        });
        let is_one = holds && !self.is_something_else(group.clone());
        is_one.then_some(group.end)
    }

    /// Whether what has the form of a number stands in a form of its own.
    fn is_something_else(&mut self, found: Range<usize>) -> bool {
        let before = self.text.get(..found.start).unwrap_or(&[]);
        let fraction = matches!(before, [.., digit, b'.'] if digit.is_ascii_digit());
        let phone = before.last() == Some(&b'+') && self.is_short(&found);
        phone || fraction || self.in_hex_word(&found) || in_uuid(self.text, &found)
    }

    /// Whether it has no more digits than a phone number.
    fn is_short(&self, found: &Range<usize>) -> bool {
        let bytes = self.text.get(found.clone()).unwrap_or(&[]);
        bytes.iter().filter(|byte| byte.is_ascii_digit()).count() <= PHONE
    }

    /// Whether it lies inside a long hexadecimal word that has letters too.
    fn in_hex_word(&mut self, found: &Range<usize>) -> bool {
        if !self.word.contains(&found.start) {
            self.word = around(self.text, found.start, |byte| byte.is_ascii_alphanumeric());
            let word = self.text.get(self.word.clone()).unwrap_or(&[]);
            self.is_hex = word.len() >= HEX_WORD
                && word.iter().all(u8::is_ascii_hexdigit)
                && word.iter().any(u8::is_ascii_alphabetic);
            #[cfg(test)]
            {
                self.measured += word.len();
            }
        }
        self.is_hex && found.end <= self.word.end
    }
}

/// The bytes around a place that are all of a kind.
fn around(text: &[u8], at: usize, is_kind: impl Fn(u8) -> bool) -> Range<usize> {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
    let is_kind = |byte: &&u8| is_kind(**byte);
    let start = at - before.iter().rev().take_while(is_kind).count();
    start..at + after.iter().take_while(is_kind).count()
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

fn next_group(text: &[u8], within: Range<usize>) -> Option<Range<usize>> {
    let bytes = text.get(within.clone())?;
    let skipped = bytes.iter().take_while(|b| !b.is_ascii_digit()).count();
    let length = bytes.get(skipped..)?;
    let length = length.iter().take_while(|b| b.is_ascii_digit()).count();
    let start = within.start + skipped;
    (length > 0).then_some(start..start + length)
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
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let is_digit =
        |(place, byte): (usize, &u8)| DASHES.contains(&place) || byte.is_ascii_hexdigit();
    DASHES.iter().all(|place| text.get(*place) == Some(&b'-'))
        && text.iter().enumerate().all(is_digit)
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
            ("4242424242424242737", "4242424242424242737"),
            ("3782822463100051234", "3782822463100051234"),
            ("x=4242424242424242&y", "4242424242424242"),
            ("4242424242424242.00", "4242424242424242"),
            ("6759649826438453", "6759649826438453"),
            ("+4242424242424242", "4242424242424242"),
            (
                "abcdefabcdefabcdef42 4242-4242-4242-4242 ",
                "4242-4242-4242-4242",
            ),
            (
                "abcdefabcdefabcdef4242 4242 4242 4242",
                "4242 4242 4242 4242",
            ),
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
        // The last four of one may be the first four of another.
        assert_eq!(
            String::from_utf8_lossy(&scrub(b"4242424242424242 4242 4242 4242")),
            "**************** **** **** 4242"
        );
    }

    /// Text of 1 MiB that says the same again and again.
    fn again(text: &str) -> Vec<u8> {
        text.bytes().cycle().take(1 << 20).collect()
    }

    #[test]
    fn the_search_costs_no_more_than_the_text_is_long() {
        for (pattern, passes) in [
            ("4242424242424242a", true),
            ("4242424242424242z", false),
            ("4242424242424242 ", false),
            ("4242-4242-4242-4242-", false),
            ("4 2 ", false),
            ("4", true),
            ("4242424242424242a ", false),
            ("42424242-4242-4242-8242-424242424242 ", false),
            (" ", true),
            ("+378282246310005a", true),
            ("0.4242424242424242a", true),
        ] {
            let text = again(pattern);
            let mut search = Search::new(&text);
            let count = search.by_ref().count();
            assert_eq!(count == 0, passes, "{pattern}");
            assert!(search.measured <= 2 * text.len(), "{pattern}");
        }
        // The square of it would take minutes.
        let began = std::time::Instant::now();
        assert!(!holds(&scrub(&again("4242424242424242 "))));
        assert!(!holds(&again("4242424242424242a")));
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
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

    #[test]
    fn what_is_kept_of_one_begins_no_other() {
        let groups = "7820822463 4242424242-4242-4242-8242-424242424242-4242-8242-4242424242424242-4242-8242-4242424242424-4242-8242-424242424242421000";
        for from in 0..groups.len() {
            let text = groups.get(from..).unwrap().as_bytes();
            let clean = scrub(text);
            assert_eq!(
                (find(&clean), clean.len()),
                (None, text.len()),
                "from {from}"
            );
        }
    }
}
