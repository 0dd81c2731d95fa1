//! One pass over a stream for every form of every canary.

use std::io::{self, ErrorKind, Read};

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use crate::canaries::Canaries;
use crate::forms::forms;

/// Bytes read at once.
pub(crate) const CHUNK: usize = 1 << 20;

/// A canary that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The canary's line in its list.
    pub line: usize,
    pub form: &'static str,
    /// Bytes before it.
    pub place: u64,
}

/// Finds canaries in any bytes. Holds them in memory; has no `Debug`.
pub struct Scanner {
    automaton: AhoCorasick,
    /// Of each pattern, the canary's line and the form.
    patterns: Vec<(usize, &'static str)>,
    longest: usize,
}

impl Scanner {
    /// A scanner for these canaries.
    ///
    /// # Errors
    /// When there are too many for one search.
    pub fn new(canaries: &Canaries) -> Result<Scanner, BuildError> {
        let (mut patterns, mut texts) = (Vec::new(), Vec::new());
        for (line, canary) in canaries.each() {
            for (form, bytes) in forms(canary) {
                patterns.push((line, form));
                texts.push(bytes);
            }
        }
        let longest = texts.iter().map(|bytes| bytes.len()).max().unwrap_or(1);
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(texts.iter().map(|bytes| bytes.as_slice()))?;
        Ok(Scanner {
            automaton,
            patterns,
            longest,
        })
    }

    /// Searches a stream to its end, or to where it cannot be read on: says how many bytes were searched, and what ended it.
    pub fn scan(&self, mut input: impl Read, found: &mut dyn FnMut(Hit)) -> (u64, io::Result<()>) {
        let mut buffer = vec![0; CHUNK + self.longest];
        // Bytes at the buffer's beginning that were searched already, and how many came before them.
        let (mut kept, mut before) = (0, 0_u64);
        loop {
            let (read, end) = read_full(&mut input, buffer.get_mut(kept..).unwrap_or_default());
            let filled = kept + read;
            self.search(
                buffer.get(..filled).unwrap_or_default(),
                kept,
                before,
                found,
            );
            // SECURITY: what came before the error was searched.
            if read == 0 || end.is_err() {
                return (before + u64::try_from(filled).unwrap_or(0), end);
            }
            // The longest form may begin in what is read now and end in what comes.
            let keep = filled.min(self.longest - 1);
            buffer.copy_within(filled - keep..filled, 0);
            before += u64::try_from(filled - keep).unwrap_or(0);
            kept = keep;
        }
    }

    /// Tells of what ends behind the first `kept` bytes; what ends in them was told before.
    fn search(&self, bytes: &[u8], kept: usize, before: u64, found: &mut dyn FnMut(Hit)) {
        for hit in self.automaton.find_overlapping_iter(bytes) {
            if hit.end() <= kept {
                continue;
            }
            if let Some((line, form)) = self.patterns.get(hit.pattern().as_usize()) {
                let place = before + u64::try_from(hit.start()).unwrap_or(0);
                found(Hit {
                    line: *line,
                    form,
                    place,
                });
            }
        }
    }
}

/// Reads until the buffer is full, the stream ends or fails: how much was read in any case.
fn read_full(input: &mut impl Read, mut buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while !buffer.is_empty() {
        match input.read(buffer) {
            Ok(0) => break,
            Ok(read) => {
                filled += read;
                buffer = buffer.get_mut(read..).unwrap_or_default();
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}
