//! What must outlive the process: which numbers were given, what was sent, what was answered. Whoever has the cards keeps it,
//! sealed, since a payment's number is part of it until its time is over.

use strongroom_types::id::RawId;
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::Answering;

/// What a sheet is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// Up to where the numbers of an acquirer's messages were given.
    Numbers,
    Payment,
    Refund,
    /// Which approvals came too late and are still to be undone.
    Late,
}

impl Stored {
    pub const ALL: [Stored; 4] = [
        Stored::Numbers,
        Stored::Payment,
        Stored::Refund,
        Stored::Late,
    ];

    /// The kind of record, as it is stored.
    pub const fn code(self) -> u8 {
        match self {
            Stored::Numbers => 71,
            Stored::Payment => 72,
            Stored::Refund => 73,
            Stored::Late => 110,
        }
    }
}

/// Where a sheet lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    /// The number of its books; 0 for what belongs to none.
    pub scope: u32,
    pub stored: Stored,
    pub id: RawId,
}

/// One sheet as it is to be kept.
pub struct Sheet {
    pub seat: Seat,
    pub body: Zeroizing<Vec<u8>>,
    /// When what it tells of began.
    pub since: Timestamp,
    /// Whether a card number is on it.
    pub has_number: bool,
}

/// The shelf failed; where it did says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelfFault;

/// Keeps sheets.
pub trait Shelf: Send + Sync {
    /// What was put there last.
    ///
    /// # Errors
    /// [`ShelfFault`], also when it does not open.
    fn get(&self, seat: Seat) -> Result<Option<Zeroizing<Vec<u8>>>, ShelfFault>;

    /// Puts a sheet there, in place of the one before; `Ok` is durable.
    fn put(&self, sheet: Sheet) -> Answering<Result<(), ShelfFault>>;

    /// Where the sheets with a number lie that began before a time.
    ///
    /// # Errors
    /// [`ShelfFault`].
    fn with_numbers(&self, before: Timestamp) -> Result<Vec<Seat>, ShelfFault>;

    fn now(&self) -> Timestamp;
}
