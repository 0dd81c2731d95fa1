//! Nothing lost: webhooks bring events soon, the event stream brings what they missed.
//!
//! A webhook can be late, doubled, out of order or lost, and its body carries no number. The events of `GET /v1/events`
//! stand in one dense order, so what is missing is read there.

use std::collections::HashSet;

use crate::client::Client;
use crate::error::ClientError;
use crate::resources::Event;

/// Events read in one go; more wait for the next.
const MOST_EVENTS: usize = 10_000;

/// Where a receiver stands in the stream.
///
/// Ask [`GapHealer::is_new`] of each verified event, tell [`GapHealer::handled`] when it is done with, and call
/// [`GapHealer::heal`] at the start and every minute or so: none is left out. Keep [`GapHealer::cursor`] where a restart
/// finds it, after what it healed is handled. What is being handled meanwhile, and after a restart what was handled since
/// the saved cursor, can come up again: what handles events goes by their ids.
#[derive(Clone, Debug, Default)]
pub struct GapHealer {
    cursor: Option<String>,
    /// Ids that came by webhook and stand after the cursor.
    handled: HashSet<String>,
}

/// Events that no webhook had brought.
#[derive(Clone, Debug)]
pub struct Healed {
    /// In the stream's order.
    pub missed: Vec<Event>,
    /// Whether the stream's end was reached; if not, heal again.
    pub complete: bool,
}

impl GapHealer {
    /// Starts behind the event `cursor`, or at the beginning.
    pub fn new(cursor: Option<String>) -> GapHealer {
        GapHealer {
            cursor,
            handled: HashSet::new(),
        }
    }

    /// Whether this event, come by webhook, is still to be handled. One up to the cursor is not: ids grow with the stream.
    pub fn is_new(&self, event_id: &str) -> bool {
        let cursor = self.cursor.as_deref();
        cursor.is_none_or(|cursor| event_id > cursor) && !self.handled.contains(event_id)
    }

    /// Notes an event that came by webhook and is handled. Before that, a repetition of it is new again.
    pub fn handled(&mut self, event_id: &str) {
        if self.is_new(event_id) {
            self.handled.insert(event_id.to_owned());
        }
    }

    /// The id of the event up to which the stream was read.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Reads the stream from the cursor on and gives what no webhook brought.
    ///
    /// # Errors
    /// See [`Client::call`]. The healer stands where it stood; the next call starts there.
    pub async fn heal(&mut self, client: &Client) -> Result<Healed, ClientError> {
        let mut cursor = self.cursor.clone();
        let mut read: Vec<Event> = Vec::new();
        let complete = loop {
            let page = client.events(cursor.as_deref()).await?;
            if let Some(last) = page.data.last() {
                cursor = Some(last.id.clone());
            }
            let is_last = !page.has_more || page.data.is_empty();
            read.extend(page.data);
            if is_last || read.len() >= MOST_EVENTS {
                break is_last;
            }
        };
        self.cursor = cursor;
        read.retain(|event| !self.handled.remove(&event.id));
        Ok(Healed {
            missed: read,
            complete,
        })
    }
}
