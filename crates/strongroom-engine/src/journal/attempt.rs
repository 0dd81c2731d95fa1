//! The attempts at webhook deliveries: one line each, with what the receiver answered, kept 30 days.

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_crypto::Purpose;
use strongroom_domain::event::EventType;
use strongroom_domain::view::json;
use strongroom_types::id::{EventId, RawId, WebhookAttemptId, WebhookId};
use strongroom_types::mode::Scope;
use strongroom_types::time::{DAY, Timestamp};

use crate::journal::line::{Found, Kind, Line, Mark, Span, cut, lines};
use crate::view::{PageQuery, ReadFault};

/// Longest part of a reply that is kept, in bytes.
const MOST_REPLY: usize = 1_024;

/// Lines of all endpoints of a scope that are looked at for one page of one endpoint: opened and decoded, they take a
/// few tenths of a second.
const MOST_SCANNED: usize = 1_000_000;

/// One attempt and how it ended.
pub struct AttemptLine {
    pub id: WebhookAttemptId,
    pub scope: Scope,
    /// When it began.
    pub time: Timestamp,
    pub webhook: WebhookId,
    pub event: EventId,
    pub event_type: EventType,
    /// 1 for the first.
    pub attempt: u8,
    pub outcome: AttemptOutcome,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// Why there was no answer: a stable code.
    pub fault: Option<&'static str>,
    /// The beginning of the answer's body.
    pub reply: Vec<u8>,
    /// Microseconds.
    pub duration_us: u64,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    #[n(0)]
    Delivered,
    #[n(1)]
    Failed,
    /// The receiver wants nothing more.
    #[n(2)]
    Gone,
}

impl AttemptOutcome {
    pub const ALL: [AttemptOutcome; 3] = [
        AttemptOutcome::Delivered,
        AttemptOutcome::Failed,
        AttemptOutcome::Gone,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            AttemptOutcome::Delivered => "delivered",
            AttemptOutcome::Failed => "failed",
            AttemptOutcome::Gone => "gone",
        }
    }
}

/// Whose attempts, and which of them.
#[derive(Clone, Copy, Debug)]
pub struct AttemptFilter {
    pub webhook: WebhookId,
    pub event: Option<EventId>,
    pub outcome: Option<AttemptOutcome>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
}

impl AttemptFilter {
    fn wants(&self, line: &StoredLine<'_>) -> bool {
        line.webhook == self.webhook
            && self.event.is_none_or(|event| line.event == event)
            && self.outcome.is_none_or(|outcome| line.outcome == outcome)
    }
}

impl Line for AttemptLine {
    type Filter = AttemptFilter;

    const KIND: Kind = Kind {
        name: "attempts",
        label: b"strongroom/attempts/1",
        purpose: Purpose::Attempts,
        kept: 30 * DAY,
        policy: "webhook_attempts_30_days",
        most_scanned: MOST_SCANNED,
    };

    fn scope(&self) -> Scope {
        self.scope
    }

    fn mark(&self) -> Mark {
        Mark {
            id: self.id.0,
            time: self.time,
        }
    }

    fn size(&self) -> usize {
        size_of::<AttemptLine>().saturating_add(self.reply.len())
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        let reply = String::from_utf8_lossy(&self.reply);
        let line = StoredLine {
            id: self.id,
            time: self.time,
            webhook: self.webhook,
            event: self.event,
            event_type: self.event_type.as_str(),
            attempt: self.attempt,
            outcome: self.outcome,
            status: self.status,
            fault: self.fault,
            reply: cut(&reply, MOST_REPLY),
            duration_us: self.duration_us,
        };
        // Writing into memory cannot fail.
        drop(minicbor::encode(&line, out));
    }

    fn each(block: &[u8], filter: &AttemptFilter, offer: &mut dyn FnMut(Found<'_>)) {
        for line in lines::<StoredLine<'_>>(block).filter(|line| filter.wants(line)) {
            let mark = Mark {
                id: line.id.0,
                time: line.time,
            };
            offer((mark, &|| line.rendered()));
        }
    }

    fn span(filter: &AttemptFilter) -> Span {
        Span {
            id: None,
            created_after: filter.created_after,
            created_before: filter.created_before,
        }
    }

    fn cursor(page: &PageQuery) -> Result<Option<RawId>, ReadFault> {
        Ok(page.cursor(WebhookAttemptId::parse)?.map(|id| id.0))
    }

    fn cursor_text(id: RawId) -> String {
        WebhookAttemptId(id).to_string()
    }
}

/// A line inside a block. Fields are only ever added, at the end.
#[derive(Debug, PartialEq, Encode, Decode)]
struct StoredLine<'a> {
    #[n(0)]
    id: WebhookAttemptId,
    #[n(1)]
    time: Timestamp,
    #[n(2)]
    webhook: WebhookId,
    #[n(3)]
    event: EventId,
    #[b(4)]
    event_type: &'a str,
    #[n(5)]
    attempt: u8,
    #[n(6)]
    outcome: AttemptOutcome,
    #[n(7)]
    status: Option<u16>,
    #[b(8)]
    fault: Option<&'a str>,
    #[b(9)]
    reply: &'a str,
    #[n(10)]
    duration_us: u64,
}

impl StoredLine<'_> {
    fn rendered(&self) -> Vec<u8> {
        json(&LineView {
            id: self.id,
            object: "webhook_attempt",
            webhook_id: self.webhook,
            event_id: self.event,
            event_type: self.event_type,
            attempt: self.attempt,
            outcome: self.outcome,
            response_status: self.status,
            response_body: self.status.map(|_| self.reply),
            error: self.fault,
            duration_us: self.duration_us,
            created_at: self.time,
        })
    }
}

#[derive(Serialize)]
struct LineView<'a> {
    id: WebhookAttemptId,
    object: &'static str,
    webhook_id: WebhookId,
    event_id: EventId,
    event_type: &'a str,
    attempt: u8,
    outcome: AttemptOutcome,
    response_status: Option<u16>,
    response_body: Option<&'a str>,
    error: Option<&'a str>,
    duration_us: u64,
    created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::OrganizationId;
    use strongroom_types::mode::Mode;

    use super::*;

    fn line(reply: Vec<u8>) -> AttemptLine {
        AttemptLine {
            id: WebhookAttemptId(RawId([1; 12])),
            scope: Scope {
                number: 7,
                organization: OrganizationId(RawId([2; 12])),
                mode: Mode::Test,
            },
            time: Timestamp(1_705_314_600_007),
            webhook: WebhookId(RawId([3; 12])),
            event: EventId(RawId([4; 12])),
            event_type: EventType::PayoutFailed,
            attempt: 2,
            outcome: AttemptOutcome::Failed,
            status: Some(503),
            fault: None,
            reply,
            duration_us: 1_250,
        }
    }

    fn shown(line: &AttemptLine) -> String {
        let mut block = Vec::new();
        line.append_to(&mut block);
        let found: Vec<_> = lines::<StoredLine<'_>>(&block)
            .map(|line| line.rendered())
            .collect();
        assert_eq!(found.len(), 1);
        String::from_utf8(found[0].clone()).unwrap()
    }

    #[test]
    fn stored_form_round_trips_and_shows_every_field() {
        assert_eq!(
            shown(&line(b"later".to_vec())),
            "{\"id\":\"wha_010101010101010101010101\",\"object\":\"webhook_attempt\",\
             \"webhook_id\":\"whk_030303030303030303030303\",\"event_id\":\"evt_040404040404040404040404\",\
             \"event_type\":\"payout.failed\",\"attempt\":2,\"outcome\":\"failed\",\"response_status\":503,\
             \"response_body\":\"later\",\"error\":null,\"duration_us\":1250,\
             \"created_at\":\"2024-01-15T10:30:00.007Z\"}"
        );
        let unanswered = AttemptLine {
            status: None,
            fault: Some("timeout"),
            ..line(Vec::new())
        };
        assert!(shown(&unanswered).contains("\"response_body\":null,\"error\":\"timeout\""));
    }

    #[test]
    fn what_is_no_text_is_shown_as_replaced_and_cut() {
        assert!(shown(&line(vec![0xff; 5_000])).contains('\u{fffd}'));
        let mut block = Vec::new();
        line("ü".repeat(3_000).into_bytes()).append_to(&mut block);
        let kept = lines::<StoredLine<'_>>(&block).next().unwrap().reply.len();
        assert_eq!(kept, MOST_REPLY);
        block.extend_from_slice(&[0xff; 9]);
        assert_eq!(lines::<StoredLine<'_>>(&block).count(), 1);
    }

    #[test]
    fn the_filter_tells_endpoints_events_and_outcomes_apart() {
        let mut block = Vec::new();
        line(Vec::new()).append_to(&mut block);
        let all = AttemptFilter {
            webhook: WebhookId(RawId([3; 12])),
            event: None,
            outcome: None,
            created_after: None,
            created_before: None,
        };
        let count = |filter: AttemptFilter| {
            let mut count = 0;
            AttemptLine::each(&block, &filter, &mut |_| count += 1);
            count
        };
        let other = RawId([9; 12]);
        for (filter, expected) in [
            (all, 1),
            (
                AttemptFilter {
                    webhook: WebhookId(other),
                    ..all
                },
                0,
            ),
            (
                AttemptFilter {
                    event: Some(EventId(RawId([4; 12]))),
                    ..all
                },
                1,
            ),
            (
                AttemptFilter {
                    event: Some(EventId(other)),
                    ..all
                },
                0,
            ),
            (
                AttemptFilter {
                    outcome: Some(AttemptOutcome::Failed),
                    ..all
                },
                1,
            ),
            (
                AttemptFilter {
                    outcome: Some(AttemptOutcome::Gone),
                    ..all
                },
                0,
            ),
        ] {
            assert_eq!(count(filter), expected, "{filter:?}");
        }
    }
}
