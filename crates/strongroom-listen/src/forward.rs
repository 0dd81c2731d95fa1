//! The receiver's side: one event, sent until it is taken.

use std::pin::pin;
use std::time::Duration;

use strongroom_client::StoredEvent;
use strongroom_engine::{Clock, Signer};
use strongroom_outbound::{Limits, Outbound, OutboundFault, Reply, Target};
use strongroom_types::id::EventId;
use strongroom_types::time::Timestamp;
use strongroom_worker::{DELIVERY_LIMITS, Verdict, delivery};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::journal::{Attempt, Outcome};
use crate::pause::Pause;

/// Between two attempts: short, for a receiver that is being worked on is soon back.
const PAUSE: Pause = Pause {
    first: Duration::from_millis(250),
    longest: Duration::from_secs(5),
};

/// The longest that a receiver may ask for with `Retry-After`.
const MOST_ASKED: Duration = Duration::from_secs(60);

/// How long an answer may still come when the time is over. After a machine or process slept, the clock has moved on
/// and the answer lies unread.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// How long an event under way is waited for once a stop is asked for, so that it need not come twice.
const GRACE: Duration = Duration::from_secs(5);

/// A receiver, and how to send to it.
pub struct Forward {
    pub outbound: Outbound,
    /// Checked by `outbound`.
    pub target: Target,
    pub signer: Signer,
    /// Answers of an event that are not 2xx until it is passed over; without, it is sent until it is taken.
    pub attempts: Option<u32>,
}

/// What is to be done after an attempt.
pub(crate) enum Next {
    Taken,
    Again(Duration),
    PassOver,
    Gone,
    /// Nothing there may be connected to.
    Refused(OutboundFault),
}

impl Forward {
    /// Sends an event once. `None` when a stop was asked for and no answer came.
    pub(crate) async fn attempt<'a>(
        &self,
        clock: &dyn Clock,
        (id, event): (EventId, &'a StoredEvent),
        number: u32,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<(Next, Attempt<'a>)> {
        let at = clock.now();
        let sent = self.send(id, event, at, stop).await?;
        let next = self.next(&sent, number, at);
        let outcome = match sent {
            Ok(reply) => Outcome::Answered(reply.status),
            Err(fault) => Outcome::Unanswered(fault),
        };
        let attempt = Attempt {
            event,
            number,
            at,
            took: since(at, clock.now()),
            outcome,
        };
        Some((next, attempt))
    }

    async fn send(
        &self,
        id: EventId,
        event: &StoredEvent,
        at: Timestamp,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Result<Reply, OutboundFault>> {
        let Some(request) = delivery(&self.signer, id, &event.body, at) else {
            return Some(Err(OutboundFault::Protocol("the event cannot be sent")));
        };
        let limits = Limits {
            time: DELIVERY_LIMITS.time + GRACE,
            ..DELIVERY_LIMITS
        };
        let mut exchange = pin!(self.outbound.send(&self.target, request, limits));
        let answer = async {
            match timeout(DELIVERY_LIMITS.time, &mut exchange).await {
                Ok(answer) => answer,
                Err(_) => timeout(LAST_LOOK, &mut exchange)
                    .await
                    .unwrap_or(Err(OutboundFault::Timeout)),
            }
        };
        let mut answer = pin!(answer);
        tokio::select! {
            answer = &mut answer => return Some(answer),
            _ = stop.wait_for(|stop| *stop) => {}
        }
        timeout(GRACE, answer).await.ok()
    }

    fn next(&self, sent: &Result<Reply, OutboundFault>, number: u32, now: Timestamp) -> Next {
        let reply = match sent {
            Ok(reply) => reply,
            Err(OutboundFault::RefusedAddress) => {
                return Next::Refused(OutboundFault::RefusedAddress);
            }
            Err(_) => return Next::Again(PAUSE.after(number)),
        };
        match Verdict::of(reply, now) {
            Verdict::Delivered => Next::Taken,
            Verdict::Gone => Next::Gone,
            Verdict::Failed(..) if self.attempts.is_some_and(|most| number >= most) => {
                Next::PassOver
            }
            Verdict::Failed(asked) => {
                let asked = u64::try_from(asked.unwrap_or(0)).unwrap_or(0);
                let asked = Duration::from_millis(asked).min(MOST_ASKED);
                Next::Again(PAUSE.after(number).max(asked))
            }
        }
    }
}

fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    let passed = now.0.saturating_sub(earlier.0);
    Duration::from_millis(u64::try_from(passed).unwrap_or(0))
}
