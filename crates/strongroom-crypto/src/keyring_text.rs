//! The lines of a keyring file, read strictly: each field in its place, one text for one value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::keyring::{Custody, FIRST, KeyringError, SECOND};
use crate::passphrase::PassphraseCost;
use crate::shares::check_counts;
use crate::token::is_label;

/// Longest text that is looked at, in bytes.
const MOST_TEXT: usize = 16 * 1024;

type Field<T> = Result<T, KeyringError>;

/// The lines that say something; comments and blank ones may stand between them, nothing else.
pub(crate) struct Lines<'a> {
    lines: Vec<&'a str>,
    place: usize,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Field<Self> {
        if text.len() > MOST_TEXT {
            return Err(KeyringError::Malformed("too long"));
        }
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self {
            lines: lines.collect(),
            place: 0,
        })
    }

    /// How the keyring is kept, and what is sealed.
    pub fn keyring(mut self) -> Field<(Custody, Vec<u8>)> {
        let custody = match self.text("format")? {
            FIRST => self.passphrase()?,
            SECOND => match self.text("custody")? {
                "shares" => self.shares()?,
                "hsm" => self.token()?,
                _ => return Err(KeyringError::Malformed("custody")),
            },
            _ => return Err(KeyringError::UnsupportedFormat),
        };
        let sealed = self.base64("sealed")?;
        match self.lines.get(self.place) {
            Some(_) => Err(KeyringError::Malformed("something follows `sealed`")),
            None => Ok((custody, sealed)),
        }
    }

    fn passphrase(&mut self) -> Field<Custody> {
        let cost = PassphraseCost {
            memory_kib: self.number("memory_kib")?,
            passes: self.number("passes")?,
            lanes: self.number("lanes")?,
        };
        let salt = self.exactly("salt")?;
        Ok(Custody::Passphrase { cost, salt })
    }

    fn shares(&mut self) -> Field<Custody> {
        let set = self.exactly("set")?;
        let small =
            |value: u32, name| u8::try_from(value).map_err(|_| KeyringError::Malformed(name));
        let threshold = small(self.number("threshold")?, "threshold")?;
        let total = small(self.number("shares")?, "shares")?;
        check_counts(threshold, total)?;
        let bytes = self.base64("marks")?;
        let (marks, rest) = bytes.as_chunks::<16>();
        if marks.len() != usize::from(total) || !rest.is_empty() {
            return Err(KeyringError::Malformed("marks"));
        }
        Ok(Custody::Shares {
            set,
            threshold,
            total,
            marks: marks.to_vec(),
        })
    }

    fn token(&mut self) -> Field<Custody> {
        let [token, serial, key] = ["token", "serial", "key"].map(|name| {
            let text = self.text(name)?;
            is_label(text)
                .then(|| text.to_owned())
                .ok_or(KeyringError::Malformed(name))
        });
        Ok(Custody::Token {
            token: token?,
            serial: serial?,
            key: key?,
            wrapped: self.base64("wrapped")?,
        })
    }

    fn value(&mut self, name: &'static str) -> Field<&'a str> {
        let line = self.lines.get(self.place);
        let (found, value) = line
            .and_then(|line| line.split_once('='))
            .ok_or(KeyringError::Malformed(name))?;
        self.place += 1;
        match found.trim() == name {
            true => Ok(value.trim()),
            false => Err(KeyringError::Malformed(name)),
        }
    }

    fn text(&mut self, name: &'static str) -> Field<&'a str> {
        let quoted = self.value(name)?.strip_prefix('"');
        let text = quoted.and_then(|rest| rest.strip_suffix('"'));
        text.ok_or(KeyringError::Malformed(name))
    }

    fn number(&mut self, name: &'static str) -> Field<u32> {
        let value = self.value(name)?;
        // Digits only: `parse` alone would accept a leading `+`, and one value should have one text.
        if !value.bytes().all(|byte| byte.is_ascii_digit()) || value.starts_with('0') {
            return Err(KeyringError::Malformed(name));
        }
        value.parse().map_err(|_| KeyringError::Malformed(name))
    }

    fn base64(&mut self, name: &'static str) -> Field<Vec<u8>> {
        let decoded = BASE64.decode(self.text(name)?);
        decoded.map_err(|_| KeyringError::Malformed(name))
    }

    fn exactly<const N: usize>(&mut self, name: &'static str) -> Field<[u8; N]> {
        let bytes = self.base64(name)?;
        bytes.try_into().map_err(|_| KeyringError::Malformed(name))
    }
}
