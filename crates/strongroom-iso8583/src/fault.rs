//! Why bytes are no message, or a value no field.

use std::fmt;

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The dictionary has no field of this number.
    Unknown,
    /// It ends early, or has fewer characters than it must.
    Short,
    Long,
    /// A character that may not stand there.
    Characters,
    /// The half byte that fills up an odd number of digits is not zero.
    Padding,
}

/// Why there is no message. Says nothing of what stood in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It does not begin with the type of a message of the version of 1987.
    Mti,
    /// The bitmap is cut off, or is no hexadecimal text.
    Bitmap,
    Field {
        number: u8,
        what: What,
    },
    /// So many bytes after the last field.
    Trailing(usize),
    /// Longer than any message is.
    TooLong,
}

impl Fault {
    pub(crate) const fn field(number: u8, what: What) -> Fault {
        Fault::Field { number, what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Mti => f.write_str("the message type is none of ISO 8583:1987"),
            Fault::Bitmap => f.write_str("the bitmap cannot be read"),
            Fault::Field { number, what } => {
                let text = match what {
                    What::Unknown => "is not in the dictionary",
                    What::Short => "is too short",
                    What::Long => "is too long",
                    What::Characters => "holds a character that may not stand there",
                    What::Padding => "is filled up with something else than zero",
                };
                write!(f, "field {number} {text}")
            }
            Fault::Trailing(bytes) => write!(f, "{bytes} bytes follow the last field"),
            Fault::TooLong => f.write_str("the message is too long"),
        }
    }
}

impl std::error::Error for Fault {}
