//! Events, in the order of their own dense sequence.

use strongroom_domain::entry::Place;
use strongroom_domain::event::{Event, EventType, render};
use strongroom_store::{EntryRow, MAX_SEQ};
use strongroom_types::id::EventId;
use strongroom_types::time::Timestamp;

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

/// Entries read at once for a stream.
const STREAMED: usize = 64;

impl View<'_> {
    /// One event.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn event(&mut self, id: EventId) -> Result<Event, ReadFault> {
        let (row, _, facts) = self.entry_of(id.0)?;
        let place = Place {
            sequence: row.seq,
            time: Timestamp(row.time),
            first_event: row.first_event,
        };
        render(&facts, &place, self.scope.mode)
            .into_iter()
            .find(|event| event.id == id)
            .ok_or(ReadFault::NotFound)
    }

    /// Events, oldest first; of the given types, or of all when none is given.
    ///
    /// # Errors
    /// As every list.
    pub fn events(
        &mut self,
        types: &[EventType],
        page: &PageQuery,
    ) -> Result<Listing<Event>, ReadFault> {
        let backward = page.is_backward();
        let cursor = match page.cursor(EventId::parse)? {
            None => None,
            Some(id) => Some(self.event(id).map_err(not_a_cursor)?.number),
        };
        let mut found = Collector::new(page);
        // In a list that rises, "before" walks down.
        let first = match (cursor, backward) {
            (None, _) => Some(1),
            (Some(number), false) => Some(number + 1),
            (Some(number), true) => number.checked_sub(1).filter(|n| *n > 0),
        };
        let Some(first) = first else {
            return Ok(found.finish(|event: &Event| event.id.to_string()));
        };
        let mut at = self.reader.entry_of_event(self.scope.number, first)?;
        while let Some(from) = at {
            let (low, high) = if backward { (1, from) } else { (from, MAX_SEQ) };
            let rows =
                self.reader
                    .entries(self.scope.number, low, high, backward, found.chunk())?;
            let Some(last) = rows.last() else { break };
            at = match backward {
                true => last.seq.checked_sub(1).filter(|seq| *seq > 0),
                false => Some(last.seq + 1),
            };
            for row in rows.iter().filter(|row| row.event_count > 0) {
                found.looked()?;
                for event in self.rendered(row, backward)? {
                    let reached = if backward {
                        event.number <= first
                    } else {
                        event.number >= first
                    };
                    if reached && (types.is_empty() || types.contains(&event.event)) {
                        found.push(event);
                    }
                }
            }
            if found.is_full() {
                break;
            }
        }
        Ok(found.finish(|event| event.id.to_string()))
    }

    /// The number of the newest event, or of the one named.
    ///
    /// # Errors
    /// [`ReadFault::BadCursor`] when there is no such event.
    pub fn event_number(&mut self, id: Option<EventId>) -> Result<u64, ReadFault> {
        match id {
            Some(id) => Ok(self.event(id).map_err(not_a_cursor)?.number),
            None => Ok(self.head()?.events),
        }
    }

    /// The id of the event of a number; `None` when there is none, or it is past its retention.
    ///
    /// # Errors
    /// When what is stored cannot be read.
    pub fn event_of_number(&mut self, number: u64) -> Result<Option<EventId>, ReadFault> {
        let Some(before) = number.checked_sub(1) else {
            return Ok(None);
        };
        let events = self.events_after(before)?;
        let found = events.first().filter(|event| event.number == number);
        Ok(found.map(|event| event.id))
    }

    /// Some of the events after a number, in order and without a gap; none when there is none.
    ///
    /// # Errors
    /// When what is stored cannot be read.
    pub fn events_after(&mut self, number: u64) -> Result<Vec<Event>, ReadFault> {
        let scope = self.scope.number;
        let Some(from) = self.reader.entry_of_event(scope, number + 1)? else {
            return Ok(Vec::new());
        };
        let rows = self.reader.entries(scope, from, MAX_SEQ, false, STREAMED)?;
        let mut found = Vec::new();
        for row in rows.iter().filter(|row| row.event_count > 0) {
            let events = self.rendered(row, false)?;
            found.extend(events.into_iter().filter(|event| event.number > number));
        }
        Ok(found)
    }

    fn rendered(&mut self, row: &EntryRow, backward: bool) -> Result<Vec<Event>, ReadFault> {
        let entry = self.open_entry(row)?;
        let Some(facts) = entry.facts else {
            return Ok(Vec::new());
        };
        let mut events = render(&facts, &entry.place, self.scope.mode);
        if backward {
            events.reverse();
        }
        Ok(events)
    }
}

fn not_a_cursor(fault: ReadFault) -> ReadFault {
    match fault {
        ReadFault::NotFound => ReadFault::BadCursor,
        other => other,
    }
}
