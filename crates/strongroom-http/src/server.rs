//! The accept loop: HTTP/1.1 connections within bounds of number, size and time.
//!
//! No client holds a slot for ever: a head has its time, a body has its time, an idle connection is closed, and so is
//! one whose reader does not take the answer. A shutdown stops accepting, lets requests in flight end, and returns.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use strongroom_channel::{Gate, Handed, Side, Turn, Vault, refuse};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Semaphore, watch};

use crate::app::{App, EdgeSettings};
use crate::arriving::{Arriving, Spill};
use crate::respond::Reply;
use crate::standby;
use crate::vaulted;
use crate::watched::{Progress, Watched};

/// Most headers, and the most bytes of a request's head.
const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 32 * 1_024;
/// Connections of the admin listener.
const ADMIN_CONNECTIONS: u32 = 64;
/// How long what a standby answers may take once it serves itself.
const STANDBY_DRAIN: Duration = Duration::from_millis(200);
/// The longest time between two looks at a connection.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failed accept, such as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the API until `shutdown` is ready, then drains.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    app.engine().answer_on(&tokio::runtime::Handle::current());
    let mut bounds = Bounds::new(&app, app.settings().connections);
    bounds.vault = app.settings().vault.clone();
    let feeds = Arc::clone(&app.inner().feeds);
    let shutdown = async move {
        shutdown.await;
        feeds.drain();
    };
    let answer = move |peer, request| {
        let app = app.clone();
        async move { app.handle(peer, request).await }
    };
    run(listener, bounds, answer, shutdown).await;
}

/// Serves the operator's listener until `shutdown` is ready, then drains.
pub async fn serve_admin(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    let bounds = Bounds::new(&app, ADMIN_CONNECTIONS);
    let answer = move |_, request: Request<Arriving>| {
        let response = app.administer(&request);
        async move { response }
    };
    run(listener, bounds, answer, shutdown).await;
}

/// Answers in the place of the API, or of the operator's listener, while another server has the books.
pub async fn serve_standby(listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let standard = EdgeSettings::default();
    let bounds = Bounds {
        app: None,
        vault: None,
        connections: ADMIN_CONNECTIONS,
        head_time: standard.head_time,
        idle_time: standard.idle_time,
        drain_time: STANDBY_DRAIN,
    };
    let answer = |_, request: Request<Arriving>| {
        let response = standby::answer(&request);
        async move { response }
    };
    run(listener, bounds, answer, shutdown).await;
}

#[derive(Clone)]
struct Bounds {
    /// Whose connections are counted.
    app: Option<App>,
    /// Who answers requests that carry a card.
    vault: Option<Vault>,
    connections: u32,
    head_time: Duration,
    idle_time: Duration,
    drain_time: Duration,
}

impl Bounds {
    fn new(app: &App, connections: u32) -> Bounds {
        Bounds {
            app: Some(app.clone()),
            vault: None,
            connections,
            head_time: app.settings().head_time,
            idle_time: app.settings().idle_time,
            drain_time: app.settings().drain_time,
        }
    }
}

async fn run<F, Fut>(
    listener: TcpListener,
    bounds: Bounds,
    answer: F,
    shutdown: impl Future<Output = ()>,
) where
    F: Fn(IpAddr, Request<Arriving>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Reply>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(
        usize::try_from(bounds.connections).unwrap_or(1),
    ));
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    let mut returned = bounds.vault.as_ref().and_then(Vault::returned);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, arrival(&listener, returned.as_mut()).await)
        };
        let (slot, accepted) = tokio::select! {
            () = shutdown.as_mut() => break,
            next = next => next,
        };
        let (Ok(slot), Ok((stream, peer))) = (slot, accepted) else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (bounds, answer, stopped) = (bounds.clone(), answer.clone(), stopped.clone());
        tokio::spawn(async move {
            let spill = Arc::default();
            connection(stream, peer, &bounds, answer, &spill, stopped).await;
            spill.wipe();
            drop(slot);
        });
    }
    drop(listener);
    // No receiver is left when no connection is.
    stop.send_replace(true);
    let all = slots.acquire_many(bounds.connections);
    if tokio::time::timeout(bounds.drain_time, all).await.is_err() {
        tracing::warn!("connections were cut because they did not end in time");
    }
}

/// The next connection: a new one, or one that the vault gives back.
async fn arrival(
    listener: &TcpListener,
    returned: Option<&mut Receiver<Handed>>,
) -> std::io::Result<(TcpStream, IpAddr)> {
    let back = async {
        match returned {
            Some(returned) => returned.recv().await,
            None => None,
        }
    };
    tokio::select! {
        accepted = listener.accept() => accepted.map(|(stream, peer)| (stream, peer.ip())),
        Some(Handed { stream, peer }) = back => Ok((stream, peer)),
    }
}

async fn connection<F, Fut>(
    stream: TcpStream,
    peer: IpAddr,
    bounds: &Bounds,
    answer: F,
    spill: &Arc<Spill>,
    mut stopped: watch::Receiver<bool>,
) where
    F: Fn(IpAddr, Request<Arriving>) -> Fut + Send + Sync,
    Fut: Future<Output = Response<Reply>> + Send,
{
    let counted = bounds.app.as_ref();
    let _held = counted.map(|app| app.inner().metrics.connected());
    // Answers are small and whole; waiting to fill a segment only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let progress = Arc::new(Progress::new());
    let turn = Arc::new(Turn::default());
    let service = service_fn(|request: Request<Incoming>| {
        let mut request =
            request.map(|body| Arriving::new(body, Arc::clone(&turn), Arc::clone(&spill)));
        request.extensions_mut().insert(Arc::clone(&spill));
        let (busy, answered) = (progress.busy(), answer(peer, request));
        let (progress, turn) = (Arc::clone(&progress), Arc::clone(&turn));
        let spill = Arc::clone(&spill);
        async move {
            let mut response = answered.await;
            // With the rest of a body under way nobody knows where the next request begins, and whose it is.
            let unread = !turn.ends() && bounds.vault.is_some();
            if spill.ends() || unread {
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            drop(busy);
            if matches!(response.body(), Reply::Live(_)) {
                progress.streams();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let side = match bounds.vault {
        Some(_) => Side::Api,
        None => Side::Alone,
    };
    let gate = Gate::new(stream, Arc::clone(&turn), side);
    let stream = Watched::new(gate, Arc::clone(&progress));
    let mut connection = pin!(builder().serve_connection(stream, service));
    let pause = LOOK.min(bounds.head_time / 2);
    let mut look = pin!(tokio::time::sleep(pause));
    loop {
        tokio::select! {
            // An error here is the client's: a broken head or a closed socket.
            _ = connection.as_mut() => {
                return hand_over(bounds, &turn, peer).await;
            }
            _ = stopped.changed() => break,
            () = look.as_mut() => {
                if progress.is_overdue(bounds.head_time, bounds.idle_time) {
                    return;
                }
                look.as_mut().reset(tokio::time::Instant::now() + pause);
            }
        }
    }
    Pin::as_mut(&mut connection).graceful_shutdown();
    // The drain's own deadline ends what this does not.
    let _ = tokio::time::timeout(bounds.drain_time, connection).await;
}

/// Gives a connection to the vault whose next request is for it; while the vault is away it is refused unread.
async fn hand_over(bounds: &Bounds, turn: &Turn, peer: IpAddr) {
    let (Some(vault), Some(app)) = (&bounds.vault, &bounds.app) else {
        return;
    };
    let Some(socket) = turn.take_theirs() else {
        return;
    };
    if let Err(socket) = vault.give(socket, peer).await {
        refuse(socket, &vaulted::away_in_full(app)).await;
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The time of a head is watched here, without a timer per request.
    builder
        .header_read_timeout(None)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(64 * 1_024);
    builder
}
