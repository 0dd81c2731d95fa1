//! Where a listener stands in the events of an organization and mode.

use std::fmt;

use strongroom_types::id::EventId;

const BEGINNING: &str = "beginning";

/// Up to where everything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before the first event.
    Beginning,
    After(EventId),
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the next event that happens.
    Now,
    At(Position),
}

impl Position {
    /// Reads what [`Position`] writes.
    pub fn parse(text: &str) -> Option<Position> {
        match text {
            BEGINNING => Some(Position::Beginning),
            id => EventId::parse(id).map(Position::After),
        }
    }

    /// As the API takes it.
    pub(crate) fn cursor(self) -> Option<String> {
        match self {
            Position::Beginning => None,
            Position::After(id) => Some(id.to_string()),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Beginning => f.write_str(BEGINNING),
            Position::After(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["beginning", "evt_0123456789abcdef01234567"] {
            assert_eq!(Position::parse(text).unwrap().to_string(), text);
        }
        for odd in ["", "evt_", "payout_0123456789abcdef01234567", "Beginning"] {
            assert_eq!(Position::parse(odd), None, "{odd}");
        }
    }
}
