//! What can be wrong with stored or exported log data, each with the sequence number it concerns.
//!
//! Names places and never quotes content; names of logs and formats are cut and escaped, for they come from a foreign
//! file and go to a terminal.

use std::fmt;

use crate::checkpoint::NoteError;
use crate::proof::ProofError;

/// The first damage found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Encoded part heads have a wrong length.
    Parts,
    /// An encoded frontier has a wrong length.
    Frontier,
    /// A bundle above the size that is looked at.
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// A bundle that is not JSON of the expected shape.
    Shape {
        /// Where reading stopped, from 1.
        line: usize,
        /// Where in that line, from 1.
        column: usize,
    },
    /// A bundle of another format.
    Format {
        /// The format it names.
        found: String,
    },
    /// The bundle's verifier key or checkpoint.
    Checkpoint(NoteError),
    /// The checkpoint belongs to another log.
    Origin {
        /// The checkpoint's origin.
        found: String,
    },
    /// A sequence number below 1 or beyond the checkpoint.
    Beyond {
        /// The entry.
        seq: u64,
        /// Entries under the checkpoint.
        size: u64,
    },
    /// Entries of a whole log that leave one out.
    Missing {
        /// The first missing entry.
        seq: u64,
    },
    /// Two entries that stand in the wrong order.
    Order {
        /// The one that should come first, or after a missing one.
        lower: u64,
        /// The one that stands before it.
        higher: u64,
    },
    /// An entry that stands twice.
    Twice {
        /// The entry.
        seq: u64,
    },
    /// More parts than an entry can have.
    TooManyParts {
        /// The entry.
        seq: u64,
    },
    /// An opened part is not what was committed to.
    Part {
        /// The entry.
        seq: u64,
        /// Place of the part in the entry, from 1.
        part: usize,
    },
    /// An entry's header or part list is not what its leaf hash says.
    Entry {
        /// The entry.
        seq: u64,
    },
    /// An entry in a partial bundle has no proof.
    NoProof {
        /// The entry.
        seq: u64,
    },
    /// An entry is not in the tree under the checkpoint.
    Inclusion {
        /// The entry.
        seq: u64,
        /// What is wrong with its proof.
        error: ProofError,
    },
    /// The entries of a whole log lead to another root than the checkpoint's.
    Root {
        /// Entries under the checkpoint.
        size: u64,
    },
    /// The checkpoint kept elsewhere does not open with the bundle's key.
    Pinned(NoteError),
    /// The checkpoint kept elsewhere is of another log.
    PinnedOrigin {
        /// Its origin.
        found: String,
    },
    /// The bundle has fewer entries than the checkpoint kept elsewhere.
    CutBack {
        /// Entries under the checkpoint kept elsewhere.
        pinned: u64,
        /// Entries under the bundle's.
        size: u64,
    },
    /// Entries before the checkpoint kept elsewhere were rewritten.
    Rewritten {
        /// Entries under the checkpoint kept elsewhere.
        pinned: u64,
    },
    /// The bundle has no proof that leads from the checkpoint kept elsewhere to its own.
    NoConsistency {
        /// Entries under the checkpoint kept elsewhere.
        pinned: u64,
        /// Entries under the bundle's.
        size: u64,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parts => f.write_str("part heads have a wrong length"),
            Self::Frontier => f.write_str("tree frontier has a wrong length"),
            Self::TooLarge { bytes } => {
                write!(f, "bundle of {bytes} bytes is larger than is looked at")
            }
            Self::Shape { line, column } => {
                write!(
                    f,
                    "bundle is not of the expected shape at line {line}, column {column}"
                )
            }
            Self::Format { found } => write!(f, "bundle has unknown format `{}`", shown(found)),
            Self::Checkpoint(error) => write!(f, "checkpoint: {error}"),
            Self::Origin { found } => write!(f, "checkpoint is of another log, `{}`", shown(found)),
            Self::Beyond { seq, size } => write!(
                f,
                "entry {seq} is outside the checkpoint, which covers 1 to {size}"
            ),
            Self::Missing { seq } => write!(f, "entry {seq} is missing"),
            Self::Order { lower, higher } => {
                write!(
                    f,
                    "entries {lower} and {higher} are swapped or one is missing"
                )
            }
            Self::Twice { seq } => write!(f, "entry {seq} stands twice"),
            Self::TooManyParts { seq } => write!(f, "entry {seq}: more than 255 parts"),
            Self::Part { seq, part } => {
                write!(f, "entry {seq}: part {part} does not match its commitment")
            }
            Self::Entry { seq } => {
                write!(f, "entry {seq}: time, parts or commitments were altered")
            }
            Self::NoProof { seq } => write!(f, "entry {seq}: no inclusion proof"),
            Self::Inclusion { seq, error } => write!(
                f,
                "entry {seq}: not in the log under the checkpoint: {error}"
            ),
            Self::Root { size } => {
                write!(
                    f,
                    "entries 1 to {size} do not lead to the checkpoint's root: at least one was altered"
                )
            }
            Self::Pinned(error) => write!(f, "checkpoint kept elsewhere: {error}"),
            Self::PinnedOrigin { found } => {
                write!(
                    f,
                    "checkpoint kept elsewhere is of another log, `{}`",
                    shown(found)
                )
            }
            Self::CutBack { pinned, size } => {
                write!(
                    f,
                    "log was cut back, or the bundle is older: {pinned} entries were seen, {size} are here"
                )
            }
            Self::Rewritten { pinned } => write!(
                f,
                "log was rewritten: entries 1 to {pinned} are not those seen before"
            ),
            Self::NoConsistency { pinned, size } => {
                write!(
                    f,
                    "bundle does not prove that its {size} entries continue the {pinned} seen before"
                )
            }
        }
    }
}

impl std::error::Error for Damage {}

fn shown(found: &str) -> String {
    let short: String = found.chars().take(100).collect();
    short.escape_debug().to_string()
}
