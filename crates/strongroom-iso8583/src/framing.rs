//! The length before each message of a connection.

/// The longest message, in bytes.
pub const LONGEST: usize = 8_192;

/// How the length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Binary2,
    Binary4,
    /// Four digits.
    Ascii4,
}

/// How messages follow each other on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    pub header: Header,
    /// Whether the length is that of header and message together.
    pub counts_itself: bool,
}

impl Framing {
    /// How many bytes the length takes.
    pub const fn size(self) -> usize {
        match self.header {
            Header::Binary2 => 2,
            Header::Binary4 | Header::Ascii4 => 4,
        }
    }

    /// What stands before a message of a length; nothing where it is too long.
    pub fn before(self, length: usize) -> Option<Vec<u8>> {
        let told = match self.counts_itself {
            true => length + self.size(),
            false => length,
        };
        if length > LONGEST {
            return None;
        }
        Some(match self.header {
            Header::Binary2 => u16::try_from(told).ok()?.to_be_bytes().to_vec(),
            Header::Binary4 => u32::try_from(told).ok()?.to_be_bytes().to_vec(),
            Header::Ascii4 => format!("{told:04}").into_bytes(),
        })
    }

    /// The length of the message after a header; nothing where that is none, or tells of too much.
    pub fn length(self, header: &[u8]) -> Option<usize> {
        if header.len() != self.size() {
            return None;
        }
        let told = match self.header {
            Header::Ascii4 if header.iter().all(u8::is_ascii_digit) => {
                std::str::from_utf8(header).ok()?.parse().ok()?
            }
            Header::Ascii4 => return None,
            Header::Binary2 | Header::Binary4 => {
                let add = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
                usize::try_from(header.iter().fold(0, add)).ok()?
            }
        };
        let length = match self.counts_itself {
            true => told.checked_sub(self.size())?,
            false => told,
        };
        (length <= LONGEST).then_some(length)
    }
}
