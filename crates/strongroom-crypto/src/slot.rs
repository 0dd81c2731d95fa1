//! The place of a key in the hierarchy, whatever its version.

use crate::hash::sha256;
use crate::key_row::Purpose;

pub(crate) const NO_SUBJECT: [u8; 12] = [0; 12];

/// What a key is for and whose it is; the newest version in a slot is the current key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub scope: u32,
    pub purpose: Purpose,
    pub period: u32,
    pub subject: [u8; 12],
}

impl Slot {
    pub fn installation() -> Self {
        Self {
            scope: 0,
            purpose: Purpose::Installation,
            period: 0,
            subject: NO_SUBJECT,
        }
    }

    pub fn scope_key(scope: u32) -> Self {
        Self {
            scope,
            purpose: Purpose::Scope,
            period: 0,
            subject: NO_SUBJECT,
        }
    }

    /// Of a key without a period or a subject.
    pub fn of(scope: u32, purpose: Purpose) -> Self {
        Self {
            scope,
            purpose,
            period: 0,
            subject: NO_SUBJECT,
        }
    }

    /// One of 16 per scope, by the first four bits of the subject's hash: erasing one subject re-wraps a sixteenth.
    pub fn shred(scope: u32, subject: &[u8; 12]) -> Self {
        let [first, ..] = sha256(&[subject]);
        let mut bucket = NO_SUBJECT;
        if let Some(last) = bucket.last_mut() {
            *last = first >> 4;
        }
        Self {
            scope,
            purpose: Purpose::Shred,
            period: 0,
            subject: bucket,
        }
    }
}
