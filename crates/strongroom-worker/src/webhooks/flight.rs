//! One delivery on its way: its event is read, sent, and leaves a line in the journal.

use std::sync::Arc;

use strongroom_domain::webhooks::Delivery;
use strongroom_engine::{AttemptLine, Endpoint, Engine, Failure, OutEvent, RowId};
use strongroom_outbound::Outbound;
use strongroom_types::time::Timestamp;

use super::attempt::{Attempt, Verdict, answers, send};
use super::courier::Key;
use super::line::Next;

/// An attempt that ended.
pub(super) struct Ended {
    pub key: Key,
    /// The lane it came from, or `None` for a delivery of its own.
    pub lane: Option<RowId>,
    pub row: RowId,
    /// As it was before the attempt.
    pub delivery: Delivery,
    /// As the endpoint was then.
    pub endpoint: Arc<Endpoint>,
    /// Whether it was the endpoint's challenge.
    pub challenge: bool,
    pub outcome: Outcome,
}

/// What became of a delivery.
pub(super) enum Outcome {
    /// The event cannot be read any more.
    Lost,
    /// It could not be read just now: as good as not reached.
    Unread,
    Tried(Verdict, Option<u16>),
}

/// What an attempt needs.
pub(super) struct Flight {
    pub engine: Engine,
    pub outbound: Outbound,
    pub endpoint: Arc<Endpoint>,
    pub key: Key,
}

impl Flight {
    pub async fn run(self, next: Next) -> Ended {
        let (lane, row, delivery, event) = match next {
            Next::Event(lane, event) => {
                let row = self.engine.delivery_row(self.key.1, event.id);
                let delivery = Delivery {
                    endpoint: self.key.1,
                    sequence: event.sequence,
                    index: event.index,
                    attempts: 0,
                    due: Timestamp(0),
                    given_up: false,
                    last: None,
                };
                (Some(lane), row, delivery, Ok(Some(event)))
            }
            Next::Again(row, delivery) => (None, row, delivery, self.event(&delivery).await),
        };
        let challenge = self.endpoint.webhook.is_challenged_by(&delivery);
        let outcome = match event {
            Ok(Some(event)) => self.attempt(&event, &delivery, challenge).await,
            Ok(None) => Outcome::Lost,
            Err(_) => Outcome::Unread,
        };
        Ended {
            key: self.key,
            lane,
            row,
            delivery,
            endpoint: self.endpoint,
            challenge,
            outcome,
        }
    }

    /// Sends an event, and leaves a line about it.
    async fn attempt(&self, event: &OutEvent, delivery: &Delivery, challenge: bool) -> Outcome {
        let mut attempt = send(&self.engine, &self.outbound, &self.endpoint, event).await;
        if challenge && attempt.verdict == Verdict::Delivered && !answers(&attempt.reply, event.id)
        {
            attempt.verdict = Verdict::Failed(None);
            attempt.fault = Some("challenge_not_answered");
        }
        let outcome = Outcome::Tried(attempt.verdict, attempt.status);
        self.engine.log_attempt(self.line(event, delivery, attempt));
        outcome
    }

    fn line(&self, event: &OutEvent, delivery: &Delivery, attempt: Attempt) -> AttemptLine {
        AttemptLine {
            id: self.engine.new_attempt(attempt.began),
            scope: self.endpoint.scope,
            time: attempt.began,
            webhook: self.key.1,
            event: event.id,
            event_type: event.event,
            attempt: delivery.attempts.saturating_add(1),
            outcome: attempt.verdict.outcome(),
            status: attempt.status,
            fault: attempt.fault,
            reply: attempt.reply.to_vec(),
            duration_us: u64::try_from(attempt.took.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// The event of a delivery, from its entry.
    async fn event(&self, delivery: &Delivery) -> Result<Option<Arc<OutEvent>>, Failure> {
        let after = delivery.sequence.saturating_sub(1);
        let read = self.engine.outbox(self.endpoint.scope, after, 1).await?;
        let mut events = read.events.into_iter();
        Ok(events
            .find(|event| event.index == delivery.index)
            .map(Arc::new))
    }
}
