//! One attempt at an endpoint: its target checked, the event sent, the answer judged.

use std::sync::Arc;

use strongroom_engine::{Endpoint, Engine, OutEvent};
use strongroom_outbound::Outbound;

use super::delivery::{DELIVERY_LIMITS, delivery};

pub(super) use super::delivery::Verdict;

pub(super) async fn send(
    engine: &Engine,
    outbound: &Outbound,
    endpoint: &Arc<Endpoint>,
    event: &OutEvent,
) -> Verdict {
    let live = endpoint.scope.mode.is_live();
    let Ok(target) = outbound.check(&endpoint.webhook.url, live) else {
        return Verdict::Failed(None, None);
    };
    let now = engine.now();
    let Some(request) = delivery(&endpoint.signer, event.id, &event.body, now) else {
        return Verdict::Failed(None, None);
    };
    match outbound.send(&target, request, DELIVERY_LIMITS).await {
        Ok(reply) => Verdict::of(&reply, now),
        Err(_) => Verdict::Failed(None, None),
    }
}
