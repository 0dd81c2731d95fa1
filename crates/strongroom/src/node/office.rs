//! What a node has while it decides, and how it gives that up: in good order, and in any case within seconds.

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use strongroom_engine::{Engine, EngineState};
use strongroom_worker::{WorkerSettings, Workers};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep, timeout};

use crate::acts::Keys;
use crate::control;
use crate::place::Place;
use crate::running::{give_up, told};

/// How long what was begun may take to come to its end, while the books are this node's.
const FINISH: Duration = Duration::from_secs(5);
/// The same once they cannot be shown to be: nothing more can be written then.
const FORSAKEN: Duration = Duration::from_secs(1);
/// How long the engine may take after that, waiting for nobody.
const LAST: Duration = Duration::from_secs(3);

/// A node's engine, and what works beside it.
pub(super) struct Office {
    pub engine: Engine,
    workers: Workers,
    control: Option<JoinHandle<()>>,
    /// What answers the vault's questions.
    vault: Option<JoinHandle<()>>,
    /// Dropped, it ends what operators ask.
    stop: watch::Sender<bool>,
}

impl Office {
    /// Begins to work; operators reach it in the directory `control`.
    pub fn open(
        engine: Engine,
        workers: WorkerSettings,
        control: Option<(PathBuf, Arc<Place>, Keys)>,
        vault: Option<JoinHandle<()>>,
    ) -> Office {
        engine.answer_on(&tokio::runtime::Handle::current());
        let workers = Workers::start(engine.clone(), workers);
        let (stop, stopped) = watch::channel(false);
        let control = control.map(|(dir, place, keys)| {
            tokio::spawn(control::serve(dir, place, keys, told(stopped)))
        });
        Office {
            engine,
            workers,
            control,
            vault,
            stop,
        }
    }

    /// Stops; whoever comes next need not wait for the lease to run out, if the database can be told so. Says whether it
    /// answered.
    pub async fn close(self) -> bool {
        let Office {
            engine,
            workers,
            control,
            vault,
            stop,
        } = self;
        let patience = patience(&engine);
        let mut end = pin!(sleep(patience));
        drop(stop);
        if let Some(mut control) = control
            && before(&mut end, &mut control).await.is_none()
        {
            control.abort();
        }
        // Each may be cut off at any point, and repeats itself safely.
        if before(&mut end, workers.stop()).await.is_none() {
            tracing::warn!(
                "what was being done was cut off, and is begun again by whoever decides next"
            );
        }
        // What was done in the last second is signed too, so that a stopped installation can be exported whole.
        match before(&mut end, engine.checkpoint()).await {
            Some(Ok(_)) => {}
            Some(Err(failure)) => {
                tracing::warn!(failure = ?failure, "the last checkpoint was not signed");
            }
            None => tracing::warn!("the last checkpoint was not signed in time"),
        }
        let is_left = leave_engine(engine, &mut end).await;
        if let Some(vault) = vault {
            vault.abort();
        }
        is_left && patience == FINISH
    }
}

/// How long an engine's last work is waited for.
fn patience(engine: &Engine) -> Duration {
    match engine.state() {
        EngineState::Running | EngineState::Stopping => FINISH,
        EngineState::Unreachable | EngineState::Replaced | EngineState::Halted(_) => FORSAKEN,
    }
}

/// Stops an engine that nothing works beside; says whether the database answered.
pub(super) async fn leave(engine: Engine) -> bool {
    let mut end = pin!(sleep(patience(&engine)));
    leave_engine(engine, &mut end).await
}

/// What is done before the end of all patience.
async fn before<T>(end: &mut Pin<&mut Sleep>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        // One that has come is not waited for again.
        () = async { if !end.is_elapsed() { end.as_mut().await } } => None,
    }
}

async fn leave_engine(engine: Engine, end: &mut Pin<&mut Sleep>) -> bool {
    let leaving = engine.clone();
    let mut leaving = tokio::task::spawn_blocking(move || give_up(&leaving));
    // However long the rest took, a stop is put on record where it can be.
    let is_left =
        before(end, &mut leaving).await.is_some() || timeout(FORSAKEN, &mut leaving).await.is_ok();
    if is_left {
        return true;
    }
    tracing::warn!(
        "the database does not answer: it is not waited for, and its lease runs out by itself"
    );
    engine.hurry();
    if timeout(LAST, leaving).await.is_err() {
        tracing::error!("the engine does not end; what it does from now on is fenced by its lease");
    }
    false
}
