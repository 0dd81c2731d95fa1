//! The accept loop: HTTP/1.1 connections within bounds of number, size and time.
//!
//! No client holds a slot for ever: a head has its time, a body has its time, an idle connection is closed, and so is
//! one whose reader does not take the answer. TLS comes first where it is asked for, and what its handshake proved stands
//! among the extensions of every request. A shutdown stops accepting, lets requests in flight end, and returns.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use strongroom_tls::{Acceptor, Facts};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::app::{App, EdgeSettings};
use crate::respond::Reply;
use crate::standby;
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
    let bounds = Bounds {
        tls: app.settings().tls.clone(),
        behind_tls: app.settings().behind_tls,
        ..Bounds::new(&app, app.settings().connections)
    };
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
    let answer = move |_, request: Request<Incoming>| {
        let response = app.administer(&request);
        async move { response }
    };
    run(listener, bounds, answer, shutdown).await;
}

/// Answers in the place of the API, or of the operator's listener, while another server has the books.
pub async fn serve_standby(
    listener: TcpListener,
    tls: Option<Acceptor>,
    shutdown: impl Future<Output = ()>,
) {
    let standard = EdgeSettings::default();
    let bounds = Bounds {
        app: None,
        tls: tls.clone(),
        behind_tls: false,
        connections: ADMIN_CONNECTIONS,
        head_time: standard.head_time,
        idle_time: standard.idle_time,
        drain_time: STANDBY_DRAIN,
    };
    let behind_tls = tls.is_some();
    let answer = move |_, request: Request<Incoming>| {
        let response = standby::answer(&request, behind_tls);
        async move { response }
    };
    run(listener, bounds, answer, shutdown).await;
}

#[derive(Clone)]
struct Bounds {
    /// Whose connections are counted.
    app: Option<App>,
    tls: Option<Acceptor>,
    /// Whether clients are to be told to stay with TLS.
    behind_tls: bool,
    connections: u32,
    head_time: Duration,
    idle_time: Duration,
    drain_time: Duration,
}

impl Bounds {
    fn new(app: &App, connections: u32) -> Bounds {
        Bounds {
            app: Some(app.clone()),
            tls: None,
            behind_tls: false,
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
    F: Fn(IpAddr, Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Reply>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(
        usize::try_from(bounds.connections).unwrap_or(1),
    ));
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
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
            begin(stream, peer.ip(), &bounds, answer, stopped).await;
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

async fn begin<F, Fut>(
    stream: TcpStream,
    peer: IpAddr,
    bounds: &Bounds,
    answer: F,
    mut stopped: watch::Receiver<bool>,
) where
    F: Fn(IpAddr, Request<Incoming>) -> Fut + Send + Sync,
    Fut: Future<Output = Response<Reply>> + Send,
{
    let counted = bounds.app.as_ref();
    let _held = counted.map(|app| app.inner().metrics.connected());
    // Answers are small and whole; waiting to fill a segment only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some(tls) = &bounds.tls else {
        let other = Connection {
            peer,
            facts: None,
            clients: None,
        };
        return connection(stream, other, bounds, answer, stopped).await;
    };
    // Before the handshake, so that no change of who may come in falls between.
    let clients = tls.clients_changed();
    let accepted = tokio::select! {
        accepted = tls.accept(stream) => accepted,
        _ = stopped.changed() => return,
    };
    // Why there is none is counted.
    if let Ok((stream, facts)) = accepted {
        let clients = facts.client.is_some().then_some(clients);
        let other = Connection {
            peer,
            facts: Some(facts),
            clients,
        };
        connection(stream, other, bounds, answer, stopped).await;
    }
}

/// The other end, as far as it is known.
struct Connection {
    peer: IpAddr,
    facts: Option<Facts>,
    /// Tells when the certificate by which it is in must be shown again.
    clients: Option<watch::Receiver<u64>>,
}

async fn connection<S, F, Fut>(
    stream: S,
    other: Connection,
    bounds: &Bounds,
    answer: F,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(IpAddr, Request<Incoming>) -> Fut + Send + Sync,
    Fut: Future<Output = Response<Reply>> + Send,
{
    let Connection {
        peer,
        facts,
        mut clients,
    } = other;
    let behind_tls = facts.is_some() || bounds.behind_tls;
    let progress = Arc::new(Progress::new());
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Some(facts) = &facts {
            request.extensions_mut().insert(facts.clone());
        }
        let (busy, answered) = (progress.busy(), answer(peer, request));
        let progress = Arc::clone(&progress);
        async move {
            let response = answered.await;
            drop(busy);
            if matches!(response.body(), Reply::Live(_)) {
                progress.streams();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let stream = Watched::new(stream, Arc::clone(&progress), behind_tls);
    let mut connection = pin!(builder().serve_connection(stream, service));
    let pause = LOOK.min(bounds.head_time / 2);
    let mut look = pin!(tokio::time::sleep(pause));
    loop {
        tokio::select! {
            // An error here is the client's: a broken head or a closed socket.
            _ = connection.as_mut() => return,
            _ = stopped.changed() => break,
            () = changed(&mut clients) => break,
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

/// Waits for a change of who may come in, for ever where that is nothing to the connection.
async fn changed(clients: &mut Option<watch::Receiver<u64>>) {
    // An error means that the acceptor is gone; so the server is, which ends the connection anyway.
    if let Some(clients) = clients
        && clients.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
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
