//! The log as the outbox: events as they are sent, rendered from their entries, the same bytes on every attempt.

use strongroom_domain::event::{EventType, render};
use strongroom_domain::record::Record;
use strongroom_types::id::{EventId, WebhookId};
use strongroom_types::mode::Scope;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::view::{ReadFault, View};

/// An event on its way out.
#[derive(Clone, Debug)]
pub struct OutEvent {
    /// Its entry, and its place among the entry's events.
    pub sequence: u64,
    pub index: u16,
    pub id: EventId,
    pub event: EventType,
    /// What is sent and signed.
    pub body: String,
}

/// The events of a stretch of the log.
#[derive(Debug, Default)]
pub struct Outbox {
    pub events: Vec<OutEvent>,
    /// The last entry that was looked at.
    pub reached: u64,
}

impl Engine {
    /// The events of the entries behind `after`, up to `most` entries.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn outbox(&self, scope: Scope, after: u64, most: usize) -> Result<Outbox, Failure> {
        self.with_view(scope, move |view| view.outbox(after, most))
            .await
    }

    /// Whether an endpoint was deleted, as stored.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn webhook_is_deleted(&self, scope: Scope, id: WebhookId) -> Result<bool, Failure> {
        let work = move |view: &mut View<'_>| match view.record(id.any())? {
            Some(Record::Webhook(webhook)) => Ok(webhook.is_deleted()),
            _ => Ok(false),
        };
        self.with_view(scope, work).await
    }

    /// The last entry of each log.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn log_ends(&self) -> Result<Vec<(u32, u64)>, Failure> {
        let work = |view: &mut View<'_>| Ok(view.reader.heads()?);
        let heads = self.with_view(crate::scopes::installation(), work).await?;
        Ok(heads.iter().map(|head| (head.log, head.seq)).collect())
    }
}

impl View<'_> {
    fn outbox(&mut self, after: u64, most: usize) -> Result<Outbox, ReadFault> {
        let from = after.saturating_add(1);
        let to = after.saturating_add(u64::try_from(most).unwrap_or(u64::MAX));
        let rows = self
            .reader
            .entries(self.scope.number, from, to, false, most)?;
        let mut outbox = Outbox {
            events: Vec::new(),
            reached: after,
        };
        for row in rows {
            outbox.reached = row.seq;
            if row.event_count == 0 {
                continue;
            }
            let entry = self.open_entry(&row)?;
            // Past its retention there is nothing left to send.
            let Some(facts) = entry.facts else { continue };
            let events = render(&facts, &entry.place, self.scope.mode);
            for (index, event) in (0..).zip(events) {
                outbox.events.push(OutEvent {
                    sequence: row.seq,
                    index,
                    id: event.id,
                    event: event.event,
                    body: event.body,
                });
            }
        }
        Ok(outbox)
    }

    /// Where an event stands: its entry, and its place among the entry's events.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn place_of_event(&mut self, id: EventId) -> Result<(u64, u16), ReadFault> {
        let (row, _, facts) = self.entry_of(id.0)?;
        let index = (0..facts.events.len()).position(|n| facts.event_id(n) == id);
        let index = index.and_then(|n| u16::try_from(n).ok());
        Ok((row.seq, index.ok_or(ReadFault::NotFound)?))
    }

    /// The last entry that is not later than `time`; 0 when there is none.
    ///
    /// # Errors
    /// As every read.
    pub fn entry_before(
        &mut self,
        time: strongroom_types::time::Timestamp,
    ) -> Result<u64, ReadFault> {
        Ok(self
            .reader
            .entry_at_time(self.scope.number, time.0)?
            .unwrap_or(0))
    }
}
