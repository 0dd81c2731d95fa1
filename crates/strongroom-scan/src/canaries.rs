//! What is searched for: one value a line.

use std::fmt;

use zeroize::Zeroizing;

/// The shortest canary, in bytes: shorter ones are found by chance.
pub const LEAST: usize = 5;

/// Most canaries of one search.
const MOST: usize = 10_000;

/// Known values; no `Debug`, wiped when dropped.
pub struct Canaries(Vec<(usize, Zeroizing<String>)>);

/// Why a list of canaries was refused. Quotes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryFault {
    /// No line holds anything.
    None,
    /// The line is shorter than [`LEAST`] bytes.
    Short(usize),
    /// More than ten thousand.
    TooMany,
}

impl fmt::Display for CanaryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("there is no canary"),
            Self::Short(line) => write!(
                f,
                "line {line} is shorter than {LEAST} bytes and would be found by chance"
            ),
            Self::TooMany => write!(f, "there are more than {MOST} canaries"),
        }
    }
}

impl std::error::Error for CanaryFault {}

impl Canaries {
    /// The lines of a text; empty ones are passed over.
    ///
    /// # Errors
    /// [`CanaryFault`].
    pub fn parse(text: &str) -> Result<Canaries, CanaryFault> {
        let mut found = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            match line.len() {
                0 => {}
                length if length < LEAST => return Err(CanaryFault::Short(number)),
                _ => found.push((number, Zeroizing::new(line.to_owned()))),
            }
        }
        match found.len() {
            0 => Err(CanaryFault::None),
            count if count > MOST => Err(CanaryFault::TooMany),
            _ => Ok(Canaries(found)),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Each with its line.
    pub(crate) fn each(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().map(|(line, text)| (*line, text.as_str()))
    }
}
