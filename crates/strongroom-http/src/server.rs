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
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use strongroom_channel::{Gate as VaultGate, Handed, Side, Turn, Vault, refuse};
use strongroom_nodes::{Admitted, Answering, Identity, NodeKey, Speech, answer_lane};
use strongroom_tls::{Acceptor, ClientCertificate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Semaphore, watch};

use crate::app::{App, EdgeSettings};
use crate::arriving::{Arriving, Spill};
use crate::front::{Front, relay};
use crate::metrics::Held;
use crate::respond::Reply;
use crate::vaulted;
use crate::watched::{Progress, Watched};

/// Most headers, and the most bytes of a request's head.
pub(crate) const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 32 * 1_024;
/// Connections of the admin listener.
const ADMIN_CONNECTIONS: u32 = 64;
/// Connections of other nodes, and of those that have not yet proven to be one.
const NODE_CONNECTIONS: u32 = 16_384;
const STRANGERS: usize = 256;
/// The longest time between two looks at a connection.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a failed accept, such as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the API until `shutdown` is ready, then drains.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    app.engine().answer_on(&tokio::runtime::Handle::current());
    let bounds = Bounds {
        tls: app.settings().tls.clone(),
        vault: Keeper::of(&app),
        behind_tls: app.settings().behind_tls,
        ..Bounds::new(&app, app.settings().connections)
    };
    let feeds = Arc::clone(&app.inner().feeds);
    let shutdown = async move {
        shutdown.await;
        feeds.drain();
    };
    let (kept, keeping) = (app.clone(), app.clone());
    let answer = move |peer, request| {
        let app = app.clone();
        async move { app.handle(peer, request).await }
    };
    tokio::select! {
        () = run(listener, bounds, answer, shutdown) => {}
        () = keeping.keep_limits_up() => {}
    }
    // Nothing depends on it: without the file the counters begin anew.
    drop(tokio::task::spawn_blocking(move || kept.keep_limits()).await);
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

/// Serves the API at a node, whichever node decides, until `shutdown` is ready, then drains.
pub async fn serve_front(listener: TcpListener, front: Front, shutdown: impl Future<Output = ()>) {
    let counted = front.clone();
    let count: Count = Arc::new(move || counted.connected());
    let bounds = Bounds {
        tls: front.settings().tls.clone(),
        behind_tls: front.settings().behind_tls,
        ..Bounds::of(front.settings(), front.settings().connections, Some(count))
    };
    let streams = front.clone();
    let shutdown = async move {
        shutdown.await;
        streams.end_streams();
    };
    let answer = move |peer, request| {
        let front = front.clone();
        async move { front.answer(peer, request).await }
    };
    run(listener, bounds, answer, shutdown).await;
}

/// Serves a node's operator until `shutdown` is ready, then drains.
pub async fn serve_front_admin(
    listener: TcpListener,
    front: Front,
    shutdown: impl Future<Output = ()>,
) {
    let bounds = Bounds::of(front.settings(), ADMIN_CONNECTIONS, None);
    let answer = move |_, request: Request<Arriving>| {
        let response = front.administer(&request);
        async move { response }
    };
    run(listener, bounds, answer, shutdown).await;
}

/// Serves the other nodes until `shutdown` is ready, then drains. SECURITY: who is no node gets as far as TLS, in a
/// bounded number and for a bounded time.
pub async fn serve_nodes(
    listener: TcpListener,
    front: Front,
    gate: Gate,
    shutdown: impl Future<Output = ()>,
) {
    let bounds = Bounds {
        headers: MAX_HEADERS + relay::ADDED,
        ..Bounds::of(front.settings(), NODE_CONNECTIONS, None)
    };
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let slots = Arc::new(Semaphore::new(
        usize::try_from(NODE_CONNECTIONS).unwrap_or(1),
    ));
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let stranger = Arc::clone(&strangers).acquire_owned().await;
            (stranger, listener.accept().await)
        };
        let (stranger, accepted) = tokio::select! {
            () = shutdown.as_mut() => break,
            next = next => next,
        };
        let (Ok(stranger), Ok((stream, peer))) = (stranger, accepted) else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (front, gate, bounds) = (front.clone(), gate.clone(), bounds.clone());
        let (slots, stopped) = (Arc::clone(&slots), stopped.clone());
        tokio::spawn(async move {
            // One that does not decide lets nobody in, so that what is sent to it was certainly not done.
            let Some(notice) = front.notice() else { return };
            let admitted = match gate.identity.admit(stream, &gate.key, &notice).await {
                Ok(admitted) => admitted,
                Err(error) => {
                    return tracing::warn!(peer = %peer.ip(), %error, "a connection to the node was refused");
                }
            };
            drop(stranger);
            if let Ok(_slot) = slots.try_acquire_owned() {
                answer_node(admitted, front, notice.epoch, &bounds, stopped).await;
            }
        });
    }
    drop(listener);
    stop.send_replace(true);
    let all = slots.acquire_many(NODE_CONNECTIONS);
    drop(tokio::time::timeout(bounds.drain_time, all).await);
}

/// Answers another node that was let in for this epoch.
async fn answer_node(
    (session, speech): (Admitted, Speech),
    front: Front,
    epoch: i64,
    bounds: &Bounds,
    stopped: watch::Receiver<bool>,
) {
    if speech == Speech::Lane {
        let idle = bounds.idle_time;
        return answer_lane(session, Answering { idle, stopped }, move |question| {
            let front = front.clone();
            async move { front.answer_letter(epoch, question).await }
        })
        .await;
    }
    let answer = move |request| {
        let front = front.clone();
        async move { front.answer_node(epoch, request).await }
    };
    let (turn, spill) = Default::default();
    drive(
        session,
        Shown::default(),
        bounds,
        answer,
        (&turn, &spill),
        stopped,
    )
    .await;
    spill.wipe();
}

/// What a node shows to the others, and asks of them.
#[derive(Clone)]
pub struct Gate {
    pub identity: Arc<Identity>,
    pub key: Arc<NodeKey>,
}

/// The vault process, and who speaks for it while it is away.
#[derive(Clone)]
struct Keeper {
    vault: Vault,
    app: App,
}

impl Keeper {
    fn of(app: &App) -> Option<Keeper> {
        let vault = app.settings().vault.clone()?;
        Some(Keeper {
            vault,
            app: app.clone(),
        })
    }
}

type Count = Arc<dyn Fn() -> Held + Send + Sync>;

#[derive(Clone)]
struct Bounds {
    /// Counts a connection.
    count: Option<Count>,
    tls: Option<Acceptor>,
    /// Who answers requests that carry a card.
    vault: Option<Keeper>,
    /// Whether clients are to be told to stay with TLS.
    behind_tls: bool,
    connections: u32,
    headers: usize,
    head_time: Duration,
    idle_time: Duration,
    drain_time: Duration,
}

impl Bounds {
    fn new(app: &App, connections: u32) -> Bounds {
        let counted = app.clone();
        let count: Count = Arc::new(move || counted.inner().metrics.connected());
        Bounds::of(app.settings(), connections, Some(count))
    }

    fn of(settings: &EdgeSettings, connections: u32, count: Option<Count>) -> Bounds {
        Bounds {
            count,
            tls: None,
            vault: None,
            behind_tls: false,
            connections,
            headers: MAX_HEADERS,
            head_time: settings.head_time,
            idle_time: settings.idle_time,
            drain_time: settings.drain_time,
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
    let mut returned = bounds
        .vault
        .as_ref()
        .and_then(|keeper| keeper.vault.returned());
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
            begin(stream, peer, &bounds, answer, &spill, stopped).await;
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

async fn begin<F, Fut>(
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
    let _held = bounds.count.as_ref().map(|count| count());
    // Answers are small and whole; waiting to fill a segment only delays them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let turn = Arc::new(Turn::default());
    let answer = |request| answer(peer, request);
    let Some(tls) = &bounds.tls else {
        let side = match bounds.vault {
            Some(_) => Side::Api,
            None => Side::Alone,
        };
        let gate = VaultGate::new(stream, Arc::clone(&turn), side);
        drive(
            gate,
            Shown::default(),
            bounds,
            answer,
            (&turn, spill),
            stopped,
        )
        .await;
        return hand_over(bounds, &turn, peer).await;
    };
    // Before the handshake, so that no change of who may come in falls between.
    let clients = tls.clients_changed();
    let accepted = tokio::select! {
        accepted = tls.accept(stream) => accepted,
        _ = stopped.changed() => return,
    };
    // Why there is none is counted.
    if let Ok((stream, facts)) = accepted {
        let shown = Shown {
            client: facts.client,
            clients: facts.client.is_some().then_some(clients),
        };
        drive(stream, shown, bounds, answer, (&turn, spill), stopped).await;
    }
}

/// What the handshake proved of the other end.
#[derive(Default)]
struct Shown {
    client: Option<ClientCertificate>,
    /// Tells when the certificate by which it is in must be shown again.
    clients: Option<watch::Receiver<u64>>,
}

async fn drive<S, F, Fut>(
    stream: S,
    shown: Shown,
    bounds: &Bounds,
    answer: F,
    (turn, spill): (&Arc<Turn>, &Arc<Spill>),
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Arriving>) -> Fut + Send + Sync,
    Fut: Future<Output = Response<Reply>> + Send,
{
    let Shown {
        client,
        mut clients,
    } = shown;
    let behind_tls = bounds.tls.is_some() || bounds.behind_tls;
    let progress = Arc::new(Progress::new());
    let service = service_fn(|request: Request<Incoming>| {
        let mut request =
            request.map(|body| Arriving::new(body, Arc::clone(turn), Arc::clone(spill)));
        request.extensions_mut().insert(Arc::clone(spill));
        if let Some(client) = client {
            request.extensions_mut().insert(client);
        }
        let (busy, answered) = (progress.busy(), answer(request));
        let (progress, turn) = (Arc::clone(&progress), Arc::clone(turn));
        let spill = Arc::clone(spill);
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
    let stream = Watched::new(stream, Arc::clone(&progress), behind_tls);
    let mut connection = pin!(builder(bounds.headers).serve_connection(stream, service));
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

/// Gives a connection to the vault whose next request is for it; while the vault is away it is refused unread.
async fn hand_over(bounds: &Bounds, turn: &Turn, peer: IpAddr) {
    let (Some(Keeper { vault, app }), Some(socket)) = (&bounds.vault, turn.take_theirs()) else {
        return;
    };
    if let Err(socket) = vault.give(socket, peer).await {
        let refusal = match turn.is_page() {
            true => vaulted::away_page_in_full(app),
            false => vaulted::away_in_full(app),
        };
        refuse(socket, &refusal).await;
    }
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

fn builder(max_headers: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The time of a head is watched here, without a timer per request.
    builder
        .header_read_timeout(None)
        .max_headers(max_headers)
        .max_header_size(MAX_HEAD + 64 * (max_headers - MAX_HEADERS))
        .max_buf_size(64 * 1_024);
    builder
}
