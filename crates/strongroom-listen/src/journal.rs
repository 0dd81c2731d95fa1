//! What a listener tells while it works, and what it asks to be kept.

use std::time::Duration;

use strongroom_client::StoredEvent;
use strongroom_outbound::OutboundFault;
use strongroom_types::time::Timestamp;

use crate::position::Position;

/// Keeps the position, and hears what happens.
pub trait Journal {
    /// Why a position was not kept.
    type Fault;

    /// Keeps a position over a restart; on return it is safe.
    ///
    /// # Errors
    /// When it is not; the listener ends.
    fn keep(&mut self, position: Position) -> Result<(), Self::Fault>;

    fn tell(&mut self, news: &News<'_>);
}

/// What happens.
#[derive(Debug)]
pub enum News<'a> {
    /// The live stream is open.
    Following(Position),
    /// The server cannot be reached; when it is tried again.
    Lost(&'a str, Duration),
    /// The receiver took an event.
    Delivered(Attempt<'a>),
    /// It did not; when it is sent again.
    Failed(Attempt<'a>, Duration),
    /// It did not, as often as was to be tried.
    PassedOver(Attempt<'a>),
}

/// One sending of an event.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub event: &'a StoredEvent,
    /// 1 is the first.
    pub number: u32,
    pub at: Timestamp,
    pub took: Duration,
    pub outcome: Outcome,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answered(u16),
    Unanswered(OutboundFault),
}
