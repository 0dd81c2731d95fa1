//! A message: its type and its fields, each as the dictionary wants it.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::dictionary::{Content, Definition, Length, definition};
use crate::fault::{Fault, What};
use crate::mti::Mti;
use crate::profile::Profile;
use crate::{read, write};

/// A message. Its values are wiped when dropped; `Debug` shows type and numbers of fields, and no value.
#[derive(PartialEq, Eq)]
pub struct Message {
    mti: Mti,
    fields: BTreeMap<u8, Zeroizing<Vec<u8>>>,
}

impl Message {
    pub fn new(mti: Mti) -> Message {
        Message {
            mti,
            fields: BTreeMap::new(),
        }
    }

    /// Reads a message that an acquirer wrote, to its last byte.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn read(bytes: &[u8], profile: Profile) -> Result<Message, Fault> {
        read::message(bytes, profile)
    }

    /// The message in an acquirer's way; wiped when dropped.
    ///
    /// # Errors
    /// [`Fault::TooLong`].
    pub fn write(&self, profile: Profile) -> Result<Zeroizing<Vec<u8>>, Fault> {
        write::message(self, profile)
    }

    pub const fn mti(&self) -> Mti {
        self.mti
    }

    /// Puts a field in. Text that is shorter than its field is filled up with spaces; digits must be all there.
    ///
    /// # Errors
    /// [`Fault::Field`].
    pub fn set(&mut self, number: u8, value: &str) -> Result<(), Fault> {
        let definition = definition(number).ok_or_else(|| Fault::field(number, What::Unknown))?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            definition.length.most().max(value.len()),
        ));
        bytes.extend_from_slice(value.as_bytes());
        if let (Content::Text, Length::Fixed(length)) = (definition.content, definition.length)
            && bytes.len() < length
        {
            bytes.resize(length, b' ');
        }
        self.put(number, definition, bytes)
    }

    /// The same, in a chain.
    ///
    /// # Errors
    /// As [`Message::set`].
    pub fn with(mut self, number: u8, value: &str) -> Result<Message, Fault> {
        self.set(number, value)?;
        Ok(self)
    }

    /// Puts a field in as it is.
    pub(crate) fn put(
        &mut self,
        number: u8,
        definition: Definition,
        value: Zeroizing<Vec<u8>>,
    ) -> Result<(), Fault> {
        check(number, definition, &value)?;
        self.fields.insert(number, value);
        Ok(())
    }

    /// The numbers of its fields, rising.
    pub fn numbers(&self) -> impl Iterator<Item = u8> {
        self.fields.keys().copied()
    }

    /// The text of a field, without the spaces that fill it up; nothing of a secret one.
    pub fn text(&self, number: u8) -> Option<&str> {
        let is_secret = definition(number)?.is_secret;
        let value = self.fields.get(&number).filter(|_| !is_secret)?;
        std::str::from_utf8(value).ok().map(str::trim_end)
    }

    /// What stands in a field, secret or not; every caller is a place to review.
    pub fn expose(&self, number: u8) -> Option<&[u8]> {
        self.fields.get(&number).map(|value| value.as_slice())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.mti, self.fields.keys())
    }
}

fn check(number: u8, definition: Definition, value: &[u8]) -> Result<(), Fault> {
    let fault = |what| Err(Fault::field(number, what));
    if value.len() > definition.length.most() {
        return fault(What::Long);
    }
    if matches!(definition.length, Length::Fixed(length) if value.len() < length) {
        return fault(What::Short);
    }
    let is_good = match definition.content {
        Content::Digits => value.iter().all(u8::is_ascii_digit),
        Content::Track => value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'=')),
        Content::Text => value.iter().all(|byte| matches!(byte, b' '..=b'~')),
        Content::Signed => match value {
            [b'C' | b'D', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        },
        Content::Bits | Content::Private => true,
    };
    match is_good {
        true => Ok(()),
        false => fault(What::Characters),
    }
}
