//! ISO 8583:1987 messages as bytes: type, bitmaps, the fields of the standard's dictionary, and the length before them.
//!
//! A [`Message`] is made or read whole: each field is held against its [`Definition`], and a [`Fault`] names the field and
//! nothing of what stood in it. How digits, lengths and bitmaps are written differs between acquirers and is a [`Profile`].
//! All values are wiped when dropped; those of secret fields leave by [`Message::expose`] alone. Never here: IO, a clock, and
//! what a message means.

mod dictionary;
mod fault;
mod framing;
#[doc(hidden)]
pub mod fuzzing;
mod message;
mod mti;
mod profile;
mod read;
mod write;

pub use dictionary::{Content, Definition, LAST_FIELD, Length, definition};
pub use fault::{Fault, What};
pub use framing::{Framing, Header, LONGEST};
pub use message::Message;
pub use mti::Mti;
pub use profile::{Bitmap, Digits, Profile};
