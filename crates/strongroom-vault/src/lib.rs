//! Card data in clear: the only room whose types hold a card number or a security code, and the tripwire that keeps
//! both out of every other room.
//!
//! A [`CardNumber`] and a [`SecurityCode`] cannot be shown, copied or stored; they are wiped when dropped. Security codes
//! wait in [`SecurityCodes`], in memory, for the one authorization they were sent for. [`find`] recognises a card number
//! in any text, [`scrub`] masks it. Never here: IO, a clock, a cipher; sealing is the engine's.

mod chains;
mod codes;
mod number;
mod tripwire;

pub use codes::{LIFETIME, SecurityCode, SecurityCodes, code_length};
pub use number::{CardInHand, CardNumber, NumberFault};
pub use tripwire::{find, holds, scrub};

/// Overwrites bytes in a way that is not optimised away.
pub fn wipe(bytes: &mut [u8]) {
    zeroize::Zeroize::zeroize(bytes);
}
