//! Waiting for the books: a server on a database that another one serves stands by, and takes over when that one is
//! gone. Until then its listeners say that it is not ready.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use strongroom_crypto::RootKeys;
use strongroom_engine::Engine;
use strongroom_http::serve_standby;
use strongroom_store::StoreError;
use strongroom_tls::Acceptor;
use tokio::sync::watch;

use crate::fault::Fault;
use crate::place::Place;
use crate::running::{Stops, asynchronous, told, without_runtime};
use crate::tls;

/// Between two tries while the database is away.
const AGAIN: Duration = Duration::from_millis(250);

/// What is said when the wait begins.
pub(crate) const WAITING: &str =
    "standing by: another server serves these books; this one takes over when it is gone";

/// The installation's engine, waited for where another server has the books; `None` when a stop was asked for first.
/// The
/// first of the listeners is the API's, which speaks TLS if the server does. `waits` is called once, if it must wait.
pub(crate) fn engine(
    place: Place,
    listeners: &[&TcpListener],
    tls: Option<&Acceptor>,
    waits: impl Fn() + Send + 'static,
) -> Result<Option<(Engine, Arc<Place>)>, Fault> {
    if !place.is_in_database() {
        return Ok(Some((place.engine()?, Arc::new(place))));
    }
    let root = place.root_keys()?;
    let place = Arc::new(place);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(without_runtime)?;
    let outcome = runtime.block_on(wait(Arc::clone(&place), root, listeners, tls, waits));
    // A stop does not wait for a database that does not answer.
    runtime.shutdown_background();
    Ok(outcome?.map(|engine| (engine, place)))
}

async fn wait(
    place: Arc<Place>,
    root: RootKeys,
    listeners: &[&TcpListener],
    tls: Option<&Acceptor>,
    waits: impl Fn() + Send + 'static,
) -> Result<Option<Engine>, Fault> {
    let mut stops = Stops::listen()?;
    let (stop, stopped) = watch::channel(false);
    let mut answering = Vec::new();
    let watching = tls.map(tls::watch).transpose()?.map(tokio::spawn);
    let first = tls.into_iter().cloned().map(Some);
    for (listener, tls) in listeners.iter().zip(first.chain(std::iter::repeat(None))) {
        let copy = listener.try_clone();
        let copy =
            copy.map_err(|error| Fault::new(format!("the listener cannot be used: {error}")))?;
        let served = serve_standby(asynchronous(copy)?, tls, told(stopped.clone()));
        answering.push(tokio::spawn(served));
    }
    let opening = tokio::task::spawn_blocking(move || take_up(&place, root, &waits));
    let outcome = tokio::select! {
        opened = opening => match opened {
            Ok(engine) => engine.map(Some),
            Err(_) => Err(Fault::new("the start failed; see above")),
        },
        () = stops.first() => Ok(None),
    };
    stop.send_replace(true);
    if let Some(watching) = watching {
        watching.abort();
    }
    for served in answering {
        // A panic in there was told where it happened.
        drop(served.await);
    }
    outcome
}

/// Opens the store as soon as nobody else has it. Once somebody was seen to serve, a database that is away or takes no
/// writes is one that fails over, and is waited for as well.
fn take_up(place: &Place, root: RootKeys, waits: &dyn Fn()) -> Result<Engine, Fault> {
    let mut waiting = false;
    loop {
        match place.try_store() {
            Ok(store) => return place.start(&*store, root),
            Err(StoreError::Locked) => {
                if !std::mem::replace(&mut waiting, true) {
                    waits();
                }
            }
            Err(StoreError::Unreachable(_) | StoreError::ReadOnly(_) | StoreError::Refused(_))
                if waiting =>
            {
                std::thread::park_timeout(AGAIN)
            }
            Err(error) => return Err(place.store_fault(&error)),
        }
    }
}
