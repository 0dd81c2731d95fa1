//! What is asked of a person's password: long enough, not one that leaked lists begin with, nothing of his own.
//!
//! The list is a few hundred words and patterns rather than millions of lines: a list of passwords of twelve letters and
//! more is, but for few, these words doubled, numbered, or respelled, and that is what is looked for here. Nothing is
//! asked of a network.

use std::collections::HashSet;
use std::sync::LazyLock;

/// In characters.
pub const SHORTEST: usize = 12;
pub const LONGEST: usize = 128;

/// Words that leaked passwords are made of, one a line.
const WORDS: &str = include_str!("password/words.txt");

/// Rows that fingers walk along.
const ROWS: [&str; 7] = [
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
];

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    Short,
    Long,
    /// On the list, or made of what is.
    Common,
    /// A pattern: one letter, a row of keys, a sequence.
    Pattern,
    /// It says who its owner is.
    Own,
}

impl Weak {
    pub const fn detail(self) -> &'static str {
        match self {
            Weak::Short => "must have at least 12 characters",
            Weak::Long => "must have at most 128 characters",
            Weak::Common => "is made of words that leaked passwords are made of",
            Weak::Pattern => "is a pattern that is tried first",
            Weak::Own => "must not hold your name, your e-mail address or the name of this program",
        }
    }
}

/// Takes a password, or says what is wrong with it. `own` are texts about its owner.
///
/// # Errors
/// The first [`Weak`] in the order of the list.
pub fn check(password: &str, own: &[&str]) -> Result<(), Weak> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    let lower = password.to_lowercase();
    if is_pattern(&lower) {
        return Err(Weak::Pattern);
    }
    if is_common(&lower) {
        return Err(Weak::Common);
    }
    match is_own(&lower, own) {
        true => Err(Weak::Own),
        false => Ok(()),
    }
}

/// Four letters or fewer in all, or hardly a step that is not to a neighbour in the alphabet or on the keyboard.
fn is_pattern(lower: &str) -> bool {
    let letters: Vec<char> = lower.chars().collect();
    let distinct: HashSet<&char> = letters.iter().collect();
    let jumps = letters
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if !is_step(*a, *b)));
    distinct.len() <= 4 || jumps.count() <= letters.len() / 5
}

fn is_step(a: char, b: char) -> bool {
    let near = a.is_ascii_alphanumeric() && u32::from(a).abs_diff(u32::from(b)) <= 1;
    let joined = |row: &str| {
        let places = row.find(a).zip(row.find(b));
        places.is_some_and(|(a, b)| a.abs_diff(b) <= 1)
    };
    near || ROWS.iter().any(|row| joined(row))
}

/// Nothing but listed words, whatever digits and signs stand around, between or instead of letters.
fn is_common(lower: &str) -> bool {
    let bare = lower.trim_matches(|c: char| !c.is_alphabetic());
    let plain: String = bare
        .chars()
        .map(respelled)
        .filter(|c| c.is_alphabetic())
        .collect();
    let without: String = lower.chars().filter(|c| c.is_alphabetic()).collect();
    let whole: String = lower
        .chars()
        .map(respelled)
        .filter(|c| c.is_alphabetic())
        .collect();
    // What is left beside few letters is guessed, too: `love-1988-1990`.
    [plain, without, whole].iter().any(|text| is_words(text))
}

/// The letter that a digit or a sign stands for.
fn respelled(letter: char) -> char {
    match letter {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}

/// Whether a text is a row of listed words, at most four.
fn is_words(text: &str) -> bool {
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.lines().collect());
    let letters: Vec<char> = text.chars().collect();
    // The fewest words that the first `n` letters are made of.
    let mut fewest: Vec<Option<usize>> = vec![Some(0)];
    for end in 1..=letters.len() {
        let made = (0..end).filter_map(|start| {
            let before = fewest.get(start).copied().flatten()?;
            let word: String = letters.get(start..end)?.iter().collect();
            KNOWN.contains(word.as_str()).then_some(before + 1)
        });
        let best = made.min();
        fewest.push(best);
    }
    let whole = fewest.last().copied().flatten();
    letters.is_empty() || whole.is_some_and(|count| count <= 4)
}

fn is_own(lower: &str, own: &[&str]) -> bool {
    let split = |text: &str| -> Vec<String> {
        let lower = text.to_lowercase();
        let local = lower.split('@').next().unwrap_or("").to_owned();
        let parts = lower.split(|c: char| !c.is_alphanumeric());
        parts
            .map(str::to_owned)
            .chain([local, lower.clone()])
            .collect()
    };
    let mut words: Vec<String> = own.iter().flat_map(|text| split(text)).collect();
    words.push("strongroom".to_owned());
    let telling = |word: &String| word.chars().count() >= 4 && lower.contains(word.as_str());
    words.iter().any(telling)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(password: &str) -> Result<(), Weak> {
        check(
            password,
            &["Ana Cruz-Reyes", "ana.cruz@lumen-books.example"],
        )
    }

    #[test]
    fn what_leaked_lists_hold_is_refused() {
        for password in [
            "Password1234",
            "P@ssw0rd2024!",
            "passwordpassword",
            "iloveyou12345",
            "iloveyouforever",
            "letmein-letmein",
            "Qwerty-Password-1",
            "administrator1",
            "welcomewelcome",
            "111222333password",
            "princess&dragon",
            "changemeplease",
        ] {
            assert_eq!(verdict(password), Err(Weak::Common), "{password}");
        }
        for password in [
            "aaaaaaaaaaaa",
            "121212121212",
            "abcabcabcabc",
            "123456789012",
            "qwertyuiop123",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "zyxwvutsrqpo",
            "asdfghjklzxcvbnm",
        ] {
            assert_eq!(verdict(password), Err(Weak::Pattern), "{password}");
        }
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert_eq!(verdict("kelp-tonic7"), Err(Weak::Short));
        assert_eq!(verdict("kelp-tonic78"), Ok(()));
        assert_eq!(verdict("ñandú-tórrid"), Ok(()));
        let long = "tundra kelp 9 ".repeat(10);
        assert_eq!(verdict(&long[..128]), Ok(()));
        assert_eq!(verdict(&long[..129]), Err(Weak::Long));
    }

    #[test]
    fn nothing_of_one_s_own() {
        for password in [
            "reyes-umbrella-9",
            "ANA.CRUZ#71-kelp",
            "my-lumen-tonic-3",
            "strongroom-kelp-7",
        ] {
            assert_eq!(verdict(password), Err(Weak::Own), "{password}");
        }
        assert_eq!(
            verdict("anagram-kelp-tonic"),
            Ok(()),
            "three letters say nothing"
        );
    }

    #[test]
    fn the_list_is_in_order_and_plain() {
        let words: Vec<&str> = WORDS.lines().collect();
        assert!(words.is_sorted() && words.len() > 300, "{}", words.len());
        for word in words {
            assert!(
                word.len() >= 2 && word.bytes().all(|b| b.is_ascii_lowercase()),
                "{word}"
            );
        }
    }
}
