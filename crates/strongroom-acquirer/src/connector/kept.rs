//! What the connector remembers of a payment and of a refund: what was sent under which number, and what was answered.
//!
//! INVARIANT(never-guessed): a sheet is durable before the first byte of what it tells of is sent, so what has no sheet was never
//! sent; and an answer is durable before it is handed on.

use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use strongroom_domain::payments::{PaymentFailure, RefusedCaptures};
use strongroom_types::card::Expiry;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentId, RefundId};
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::Order;
use crate::shelf::{Seat, Sheet, Shelf, ShelfFault, Stored};

/// Room that a sheet is written in; it grows by what it tells of captures.
const ROOM: usize = 1_024;
const ROOM_OF_A_CAPTURE: usize = 192;

/// A card number's digits on a sheet. No `Debug`, no `Clone`; wiped when dropped.
pub(crate) struct KeptDigits(Zeroizing<Vec<u8>>);

impl KeptDigits {
    pub fn of(digits: &str) -> KeptDigits {
        KeptDigits(Zeroizing::new(digits.as_bytes().to_vec()))
    }

    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl<C> Encode<C> for KeptDigits {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KeptDigits {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<KeptDigits, DecodeError> {
        Ok(KeptDigits(Zeroizing::new(d.bytes()?.to_vec())))
    }
}

/// A message as the acquirer knows it again, however often it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Sent {
    /// Field 11.
    #[n(0)]
    pub stan: u32,
    /// Fields 7, 12 and 13.
    #[n(1)]
    pub at: Timestamp,
}

/// What was answered to a request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Said {
    /// Field 39.
    #[n(0)]
    pub code: String,
    /// Field 38.
    #[n(1)]
    pub approval: Option<String>,
    /// Whether it is about the amount that was asked for.
    #[n(2)]
    pub is_whole: bool,
}

/// An advice that is repeated until it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Advice {
    #[n(0)]
    pub sent: Sent,
    #[n(1)]
    pub is_heard: bool,
    /// Of a reversal: the acquirer had nothing to undo when it heard of it.
    #[cbor(n(2), default)]
    pub found_nothing: bool,
}

impl Advice {
    pub fn new(sent: Sent) -> Advice {
        Advice {
            sent,
            is_heard: false,
            found_nothing: false,
        }
    }
}

/// A capture: one advice for what came since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Capture {
    /// Captured in all, with it.
    #[n(0)]
    pub total: i64,
    #[n(1)]
    pub minor: i64,
    #[n(2)]
    pub advice: Advice,
    /// That it is undone, once it is to be.
    #[n(3)]
    pub reversal: Option<Advice>,
    /// The acquirer did not take it: there is nothing to undo.
    #[cbor(n(4), default)]
    pub is_refused: bool,
    /// Why not.
    #[n(5)]
    pub failure: Option<PaymentFailure>,
}

impl Capture {
    /// Whether it is not known yet that the acquirer took it, nor that it did not.
    pub fn is_open(&self) -> bool {
        !self.advice.is_heard && !self.is_refused
    }

    /// Takes in that the acquirer did not take it.
    pub fn refuse(&mut self, failure: PaymentFailure) {
        self.is_refused = true;
        self.failure = Some(failure);
    }

    /// Whether anything is left to be asked or told before it is undone.
    pub fn is_over(&self) -> bool {
        self.is_refused || self.reversal.is_some_and(|reversal| reversal.is_heard)
    }
}

/// A payment.
#[derive(Encode, Decode)]
pub(crate) struct KeptPayment {
    #[n(0)]
    pub acquirer: String,
    #[n(1)]
    pub minor: i64,
    #[n(2)]
    pub currency: Currency,
    /// Until its time is over.
    #[n(3)]
    pub digits: Option<KeptDigits>,
    #[n(4)]
    pub expiry: Option<Expiry>,
    /// Nothing where it was undone before it was sent, and never will be.
    #[n(5)]
    pub sent: Option<Sent>,
    /// Field 37, the same for all that follows.
    #[n(6)]
    pub rrn: String,
    #[n(7)]
    pub said: Option<Said>,
    #[n(8)]
    pub reversal: Option<Advice>,
    #[n(9)]
    pub captures: Vec<Capture>,
    #[n(10)]
    pub since: Timestamp,
    /// The approval came after its reversal was begun: that may have found nothing.
    #[cbor(n(11), default)]
    pub is_late: bool,
}

/// A refund.
#[derive(Encode, Decode)]
pub(crate) struct KeptRefund {
    #[n(0)]
    pub acquirer: String,
    #[n(1)]
    pub of: PaymentId,
    #[n(2)]
    pub minor: i64,
    #[n(3)]
    pub currency: Currency,
    #[n(4)]
    pub sent: Sent,
    #[n(5)]
    pub rrn: String,
    #[n(6)]
    pub said: Option<Said>,
}

pub(crate) fn seat_of(order: Order) -> Seat {
    Seat {
        scope: order.scope,
        stored: Stored::Payment,
        id: order.id.0,
    }
}

pub(crate) fn refund_seat(scope: u32, id: RefundId) -> Seat {
    Seat {
        scope,
        stored: Stored::Refund,
        id: id.0,
    }
}

pub(crate) fn load<T: for<'b> Decode<'b, ()>>(
    shelf: &dyn Shelf,
    seat: Seat,
) -> Result<Option<T>, ShelfFault> {
    let Some(body) = shelf.get(seat)? else {
        return Ok(None);
    };
    minicbor::decode(&body).map(Some).map_err(|_| {
        tracing::error!("what the vault keeps of an acquirer's exchange cannot be read");
        ShelfFault
    })
}

impl KeptPayment {
    /// What was told of and not refused, in minor units.
    pub fn told(&self) -> i64 {
        let taken = self.captures.iter().filter(|capture| !capture.is_refused);
        taken.fold(0, |sum, capture| sum.saturating_add(capture.minor))
    }

    /// What the acquirer refused, if it refused anything.
    pub fn refused(&self) -> Option<RefusedCaptures> {
        let refused = self.captures.iter().filter(|capture| capture.is_refused);
        refused.fold(None, |sum: Option<RefusedCaptures>, capture| {
            let before = sum.map_or(0, |sum| sum.minor);
            let failure = capture.failure.unwrap_or(PaymentFailure::CardDeclined);
            Some(RefusedCaptures {
                minor: before.saturating_add(capture.minor),
                failure,
            })
        })
    }

    pub async fn keep(&self, shelf: &dyn Shelf, seat: Seat) -> Result<(), ShelfFault> {
        let room = ROOM + self.captures.len().saturating_mul(ROOM_OF_A_CAPTURE);
        let sheet = Sheet {
            seat,
            body: written(self, room)?,
            since: self.since,
            has_number: self.digits.is_some(),
        };
        shelf.put(sheet).await
    }
}

impl KeptRefund {
    pub async fn keep(&self, shelf: &dyn Shelf, seat: Seat) -> Result<(), ShelfFault> {
        let sheet = Sheet {
            seat,
            body: written(self, ROOM)?,
            since: self.sent.at,
            has_number: false,
        };
        shelf.put(sheet).await
    }
}

/// SECURITY: room is taken beforehand, so that no part of a number is left behind in memory that it grew out of.
pub(super) fn written<T: Encode<()>>(
    value: &T,
    room: usize,
) -> Result<Zeroizing<Vec<u8>>, ShelfFault> {
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    minicbor::encode(value, &mut *body).map_err(|_| ShelfFault)?;
    Ok(body)
}
