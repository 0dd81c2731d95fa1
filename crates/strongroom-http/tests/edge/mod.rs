//! What all routes have in common, over the wire.

mod clock;
mod forwarded;
mod heads;
mod kept;
mod limits;
mod rates;
mod vectors;
