//! Sending webhooks: at least once, in order where asked, without one endpoint holding up another.
//!
//! The log is the queue. A [`Courier`] holds one [`line`] per endpoint: where it stands in the log, which events wait for
//! another attempt, what is under way. It takes what may be sent now, sends it side by side, and stores where it stands
//! behind the commits, many endpoints at a time; a position moves only past what was delivered or is stored as a
//! delivery of its own, in one transaction. Killed at any point, it sends a little twice and misses nothing.

mod attempt;
mod courier;
mod delivery;
mod feed;
mod flight;
mod line;
mod schedule;

use std::time::Duration;

use strongroom_engine::{Engine, Failure};
use strongroom_outbound::Outbound;
use tokio::sync::watch;

pub use courier::Courier;
pub use delivery::{DELIVERY_LIMITS, Verdict, delivery};

/// The longest nap between two looks, so that a clock set forward is noticed.
const NAP: Duration = Duration::from_secs(5);

/// How long what was done may wait to be stored.
const STORE_EVERY: Duration = Duration::from_millis(200);

pub(crate) async fn run(
    engine: Engine,
    outbound: Outbound,
    retry: i64,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let mut courier = Courier::new(engine.clone(), outbound.clone()).retrying(retry);
        let failure = tokio::select! {
            ended = work(&engine, &mut courier) => match ended {
                Ok(()) => return,
                Err(failure) => failure,
            },
            _ = stopped.changed() => return leave(&mut courier).await,
        };
        if matches!(failure, Failure::Halted | Failure::Stopped) {
            return;
        }
        // What was under way is sent again from what is stored.
        tracing::warn!(failure = ?failure, "the sender of webhooks begins anew");
        tokio::select! {
            () = tokio::time::sleep(NAP) => {}
            _ = stopped.changed() => return,
        }
    }
}

/// Stores what is done; what is under way is sent again after the start.
async fn leave(courier: &mut Courier) {
    if let Err(failure) = courier.store().await {
        tracing::warn!(failure = ?failure, "where the webhooks stand was not stored");
    }
}

async fn work(engine: &Engine, courier: &mut Courier) -> Result<(), Failure> {
    courier.load().await?;
    let mut store_at = tokio::time::Instant::now();
    loop {
        courier.refresh().await?;
        courier.start_due().await?;
        if courier.is_dirty() && store_at.elapsed() >= STORE_EVERY {
            courier.store().await?;
            store_at = tokio::time::Instant::now();
        }
        // What is due does not wait for what is to be stored.
        let mut nap = courier.nap(engine.now()).min(NAP);
        if courier.is_dirty() {
            nap = nap.min(STORE_EVERY.saturating_sub(store_at.elapsed()));
        }
        tokio::select! {
            biased;
            () = courier.finish_next() => {}
            () = engine.webhooks_changed() => {}
            () = tokio::time::sleep(nap) => {}
        }
        courier.finish_ready();
        courier.act().await?;
    }
}

/// Sends everything that is due by the engine's clock, and stores it; says how many attempts were made.
///
/// # Errors
/// [`Failure`] of the engine.
pub async fn deliver_due(courier: &mut Courier) -> Result<usize, Failure> {
    if !courier.is_loaded() {
        courier.load().await?;
    }
    let before = courier.attempts();
    loop {
        courier.refresh().await?;
        courier.start_due().await?;
        if !courier.is_busy() {
            break;
        }
        courier.finish_next().await;
        courier.finish_ready();
        courier.act().await?;
    }
    courier.store().await?;
    Ok(courier.attempts() - before)
}
