//! Work after the commit: the sandbox rail, files to and from banks, card payments and refunds, tokens that expire, webhooks, checkpoints, summaries, retention.
//!
//! Every worker takes what is due from the store and acts through the engine's one path, so it may be killed at any
//! point and repeats itself safely. Nothing here decides: what may happen to a payout is the domain's business.
//! Each worker is also a plain function of the engine, so that tests drive it with their own clock.

mod approvals;
mod due;
mod files;
mod keys;
mod payment_links;
mod payments;
mod planned;
mod rail;
mod reconciling;
mod reports;
mod retention;
mod summaries;
mod till;
mod tokens;
mod vault_keys;
mod vaulting;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use strongroom_channel::Vault;
use strongroom_engine::{Engine, Failure};
use strongroom_outbound::Outbound;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

pub use due::{advance_due, attend};
pub use reconciling::reconcile;
pub use retention::purge;
pub use strongroom_acquirer::{
    Acquirer, Answering, CaptureAnswer, Captured, Order, PaymentAnswer, RefundAnswer,
    SandboxAcquirer,
};
pub use summaries::write_summaries;
pub use till::Connected;
pub use vault_keys::{replace_vault_keys, vault_keys};
pub use vaulting::{move_in, needed};
pub use webhooks::{Courier, DELIVERY_LIMITS, Verdict, deliver_due, delivery};

/// How often security codes whose time is over are looked for.
const CODES_EVERY: Duration = Duration::from_secs(10);

/// How the workers pace themselves.
#[derive(Clone)]
pub struct WorkerSettings {
    /// Milliseconds between two steps of the sandbox rail.
    pub rail_step: i64,
    pub checkpoint_every: Duration,
    pub summaries_every: Duration,
    pub retention_every: Duration,
    /// How often keys are looked at: whether one is due, or a replacement was cut short.
    pub keys_every: Duration,
    /// How often a slice of the log is added up and held against the books.
    pub reconcile_every: Duration,
    /// What webhooks are sent by.
    pub outbound: Outbound,
    /// What card payments are sent to.
    pub acquirer: Arc<dyn Acquirer>,
    /// The process that has the cards, and then its own acquirer.
    pub vault: Option<Vault>,
    /// What that one is connected to.
    pub connected: Connected,
    /// Milliseconds until a failed webhook is tried again; the later pauses grow with it.
    pub webhook_retry: i64,
}

impl Default for WorkerSettings {
    fn default() -> WorkerSettings {
        WorkerSettings {
            rail_step: 1_000,
            checkpoint_every: Duration::from_secs(1),
            summaries_every: Duration::from_mins(1),
            retention_every: Duration::from_hours(1),
            keys_every: Duration::from_mins(1),
            reconcile_every: Duration::from_secs(5),
            outbound: Outbound::default(),
            acquirer: Arc::new(SandboxAcquirer::default()),
            vault: None,
            connected: Connected::Sandbox,
            webhook_retry: 60_000,
        }
    }
}

/// The running workers.
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Starts all workers on the current runtime.
    pub fn start(engine: Engine, settings: WorkerSettings) -> Workers {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(due::run(
            engine.clone(),
            settings.acquirer,
            settings
                .vault
                .clone()
                .map(|vault| (vault, settings.connected)),
            settings.rail_step,
            stopped.clone(),
        ));
        tasks.spawn(webhooks::run(
            engine.clone(),
            settings.outbound,
            settings.webhook_retry,
            stopped.clone(),
        ));
        let task = engine.clone();
        tasks.spawn(every(
            settings.checkpoint_every,
            stopped.clone(),
            "checkpoint",
            move || {
                let engine = task.clone();
                async move { engine.checkpoint().await.map(drop) }
            },
        ));
        let task = engine.clone();
        tasks.spawn(every(
            CODES_EVERY,
            stopped.clone(),
            "security codes",
            move || {
                task.wipe_codes();
                std::future::ready(Ok(()))
            },
        ));
        let task = engine.clone();
        tasks.spawn(every(
            settings.summaries_every,
            stopped.clone(),
            "summaries",
            move || {
                let engine = task.clone();
                async move { write_summaries(&engine).await }
            },
        ));
        tasks.spawn(keys::run(
            (engine.clone(), settings.vault),
            settings.keys_every,
            stopped.clone(),
        ));
        tasks.spawn(reconciling::run(
            engine.clone(),
            settings.reconcile_every,
            stopped.clone(),
        ));
        tasks.spawn(every(
            settings.retention_every,
            stopped,
            "retention",
            move || {
                let engine = engine.clone();
                async move { purge(&engine).await }
            },
        ));
        Workers { stop, tasks }
    }

    /// Lets each worker finish what it is doing, and waits for that.
    pub async fn stop(mut self) {
        // With no receiver left the workers have ended already.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Repeats `work` until stopped; a failure is logged and tried again at the next turn.
async fn every<F, W>(
    pause: Duration,
    mut stopped: watch::Receiver<bool>,
    name: &'static str,
    work: F,
) where
    F: Fn() -> W,
    W: Future<Output = Result<(), Failure>>,
{
    let mut turns = tokio::time::interval(pause);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            _ = stopped.changed() => return,
        }
        if let Err(failure) = work().await {
            tracing::warn!(worker = name, failure = ?failure, "a worker's turn failed");
            if matches!(failure, Failure::Halted | Failure::Stopped) {
                return;
            }
        }
    }
}
