//! Message types: version, class, function, origin.

use std::fmt;

use crate::fault::Fault;

/// The type of a message of the version of 1987.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mti([u8; 4]);

impl Mti {
    pub const AUTHORIZATION: Mti = Mti(*b"0100");
    pub const FINANCIAL: Mti = Mti(*b"0200");
    /// A financial act that has happened, and is told until it is heard.
    pub const FINANCIAL_ADVICE: Mti = Mti(*b"0220");
    pub const REVERSAL: Mti = Mti(*b"0400");
    pub const REVERSAL_ADVICE: Mti = Mti(*b"0420");
    pub const NETWORK: Mti = Mti(*b"0800");

    /// Takes four digits.
    ///
    /// # Errors
    /// [`Fault::Mti`] for anything else than a type of this version.
    pub fn parse(digits: &[u8]) -> Result<Mti, Fault> {
        match digits {
            [
                b'0',
                class @ b'1'..=b'8',
                function @ b'0'..=b'9',
                origin @ b'0'..=b'5',
            ] => Ok(Mti([b'0', *class, *function, *origin])),
            _ => Err(Fault::Mti),
        }
    }

    pub(crate) const fn digits(self) -> [u8; 4] {
        self.0
    }

    /// The four digits.
    pub fn text(&self) -> &str {
        // Digits alone are ever put there.
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// The same sent another time.
    #[must_use]
    pub const fn repeated(self) -> Mti {
        let [version, class, function, _] = self.0;
        Mti([version, class, function, b'1'])
    }

    /// What answers it, whichever time it was sent; nothing for what is an answer itself.
    pub const fn answer(self) -> Option<Mti> {
        let [version, class, function, _] = self.0;
        match function {
            b'0' => Some(Mti([version, class, b'1', b'0'])),
            b'2' => Some(Mti([version, class, b'3', b'0'])),
            _ => None,
        }
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
