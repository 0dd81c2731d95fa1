//! One attempt: the event's bytes, signed and sent, and what the receiver made of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use strongroom_engine::{Endpoint, Engine, OutEvent};
use strongroom_outbound::{Outbound, OutboundFault, Reply};
use strongroom_types::id::EventId;
use strongroom_types::time::Timestamp;

use super::delivery::{DELIVERY_LIMITS, delivery};

pub(super) use super::delivery::Verdict;

/// An attempt that ended.
pub(super) struct Attempt {
    pub began: Timestamp,
    pub took: Duration,
    pub verdict: Verdict,
    /// What the receiver answered, if it did.
    pub status: Option<u16>,
    /// Why it did not.
    pub fault: Option<&'static str>,
    /// The beginning of the answer.
    pub reply: Bytes,
}

pub(super) async fn send(
    engine: &Engine,
    outbound: &Outbound,
    endpoint: &Endpoint,
    event: &OutEvent,
) -> Attempt {
    let (began, clock) = (engine.now(), Instant::now());
    let reply = exchange(outbound, endpoint, event, began).await;
    let took = clock.elapsed();
    match reply {
        Ok(reply) => Attempt {
            began,
            took,
            verdict: Verdict::of(&reply, began),
            status: Some(reply.status),
            fault: None,
            reply: reply.body,
        },
        Err(fault) => Attempt {
            began,
            took,
            verdict: Verdict::Failed(None),
            status: None,
            fault: Some(fault),
            reply: Bytes::new(),
        },
    }
}

async fn exchange(
    outbound: &Outbound,
    endpoint: &Endpoint,
    event: &OutEvent,
    now: Timestamp,
) -> Result<Reply, &'static str> {
    let live = endpoint.scope.mode.is_live();
    let refused = OutboundFault::RefusedAddress.code();
    // SECURITY: what was allowed when the endpoint was made need not be allowed now.
    let network = endpoint.webhook.network.as_deref();
    let network = network.map(|text| outbound.network(text, live)).transpose();
    let target = outbound.check(&endpoint.webhook.url, live).ok();
    let target = target.and_then(|target| target.within(network.ok()?).ok());
    let target = target.ok_or(refused)?;
    let request = delivery(&endpoint.signer, event.id, &event.body, now).ok_or("header_refused")?;
    let reply = outbound.send(&target, request, DELIVERY_LIMITS).await;
    reply.map_err(|fault| fault.code())
}

/// Whether an answer holds what its challenge asked for: the event's id, as text or as the field `challenge` of an
/// object.
pub(super) fn answers(reply: &[u8], event: EventId) -> bool {
    let Ok(text) = std::str::from_utf8(reply) else {
        return false;
    };
    let expected = event.to_string();
    let field = || {
        let object: Value = serde_json::from_str(text).ok()?;
        Some(object.get("challenge")?.as_str()? == expected)
    };
    text.trim() == expected || field() == Some(true)
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    #[test]
    fn a_challenge_is_answered_by_its_id_alone() {
        let id = EventId(RawId([7; 12]));
        let text = "evt_070707070707070707070707";
        for (reply, answered) in [
            (text.to_owned(), true),
            (format!(" {text}\r\n"), true),
            (format!("{{\"challenge\":\"{text}\"}}"), true),
            (format!("{{\"ok\":true,\"challenge\":\"{text}\"}}"), true),
            (String::new(), false),
            (format!("{{\"id\":\"{text}\"}}"), false),
            (format!("[\"{text}\"]"), false),
            (format!("got {text}"), false),
            ("evt_080808080808080808080808".to_owned(), false),
        ] {
            assert_eq!(answers(reply.as_bytes(), id), answered, "{reply}");
        }
        assert!(!answers(&[0xff, 0xfe], id));
    }
}
