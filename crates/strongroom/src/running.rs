//! A server from its listeners to its last commit: start, serve, drain, stop.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use strongroom_engine::{Engine, EngineState};
use strongroom_http::{App, EdgeSettings, serve, serve_admin};
use strongroom_outbound::{Outbound, Policy};
use strongroom_worker::{WorkerSettings, Workers};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, interval};

use crate::acts::Keys;
use crate::control;
use crate::fault::Fault;
use crate::node::{Node, NodeSettings};
use crate::place::Place;
use crate::tls::{self, AcmeSource};
use crate::vault_link::{Cards, end_vault, prepare, with_vault};

/// How often the engine is asked whether its store failed.
const LOOK: Duration = Duration::from_millis(250);

/// The exit code of a process that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// Everything a server is made of, ready to run.
pub(crate) struct Server {
    pub books: Books,
    pub seats: Seats,
}

/// What a server serves with, whatever its books are in.
pub(crate) struct Seats {
    pub edge: EdgeSettings,
    pub workers: WorkerSettings,
    pub listener: TcpListener,
    pub admin: Option<TcpListener>,
    /// Where certificates come from, if not from files of the operator's; for a server that is alone.
    pub acme: Option<AcmeSource>,
    /// The directory where operators reach it.
    pub control: Option<PathBuf>,
    pub cards: Cards,
}

/// Where a server's books are.
pub(crate) enum Books {
    /// In files that it alone has, and what holds them.
    Files(Engine, Arc<Place>),
    /// In a database, which it may share with others.
    Database(Box<Node>),
}

impl Books {
    /// Takes up the books of a place; `waits` is called should a server have them that shares nothing.
    pub fn of(
        place: Place,
        settings: &NodeSettings,
        waits: impl Fn() + Send + 'static,
    ) -> Result<Books, Fault> {
        match place.database().cloned() {
            None => Ok(Books::Files(place.engine()?, Arc::new(place))),
            Some(options) => {
                let place = Arc::new(place);
                let node = Node::new(place, options, settings.clone(), Box::new(waits))?;
                Ok(Books::Database(Box::new(node)))
            }
        }
    }
}

impl Server {
    /// Serves until `during` is done (its value), or a stop is asked for (`None`); then drains and stops the engine.
    /// `during` begins once requests are answered. A second Ctrl-C ends the process at once.
    ///
    /// # Errors
    /// When the system gives no runtime, or the store failed while serving.
    pub fn run<T>(self, during: impl Future<Output = T>) -> Result<Option<T>, Fault> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(without_runtime)?;
        let Server { books, seats } = self;
        let ended = runtime.block_on(async {
            match books {
                Books::Files(engine, place) => serve_alone((engine, place), seats, during).await,
                Books::Database(node) => node.serve(seats, during).await,
            }
        });
        // A read that hangs holds nobody up.
        runtime.shutdown_timeout(LOOK);
        ended
    }
}

async fn serve_alone<T>(
    (engine, place): (Engine, Arc<Place>),
    seats: Seats,
    during: impl Future<Output = T>,
) -> Result<Option<T>, Fault> {
    let Seats {
        edge,
        workers,
        listener,
        admin,
        acme,
        control,
        cards,
    } = seats;
    let (keeper, vault) = cards.open(&place)?;
    let (edge, workers) = with_vault(edge.at(address(&listener)?), workers, vault.as_ref());
    // Before anybody is told that the server is ready, so that a stop asked for at once is a stop in good order.
    let mut stops = Stops::listen()?;
    let listener = asynchronous(listener)?;
    let admin = admin.map(asynchronous).transpose()?;
    let mut tls = certificates(&edge, acme, &engine)?;
    let app = App::new(engine.clone(), edge);
    if let Some(vault) = &vault {
        let prepared = tokio::select! {
            prepared = prepare(&engine, vault, &app, keeper.as_ref()) => prepared.map(Some),
            () = stops.first() => Ok(None),
        };
        if !matches!(prepared, Ok(Some(_))) {
            end_vault(keeper, Some(vault)).await;
            drop(tokio::task::spawn_blocking(move || engine.stop()).await);
            return prepared.map(|_| None);
        }
    }
    let (stop, stopped) = watch::channel(false);
    let workers = Workers::start(engine.clone(), workers);
    let api = tokio::spawn(serve(listener, app.clone(), told(stopped.clone())));
    let admin =
        admin.map(|listener| tokio::spawn(serve_admin(listener, app, told(stopped.clone()))));
    let keys = Keys {
        engine: engine.clone(),
        vault: vault.clone(),
    };
    let control = control.map(|dir| tokio::spawn(control::serve(dir, place, keys, told(stopped))));

    let outcome = tokio::select! {
        value = during => Ok(Some(value)),
        () = stops.first() => Ok(None),
        cause = halt(&engine) => Err(halted(cause)),
    };
    stops.end_at_the_second();
    // First, as the requests that it has under way are answered here.
    end_vault(keeper, vault.as_ref()).await;
    stop.send_replace(true);
    // A panic in there was logged where it happened; the rest must stop all the same.
    drop(api.await);
    if let Some(admin) = admin {
        drop(admin.await);
    }
    if let Some(control) = control {
        drop(control.await);
    }
    tls.shutdown().await;
    end(engine, workers).await;
    outcome
}

/// What renews the listener's certificate while it is served.
fn certificates(
    edge: &EdgeSettings,
    acme: Option<AcmeSource>,
    engine: &Engine,
) -> Result<JoinSet<()>, Fault> {
    let mut tasks = JoinSet::new();
    if let Some(acceptor) = &edge.tls {
        tasks.spawn(tls::watch(acceptor)?);
        if let Some(acme) = acme {
            tasks.spawn(acme.run(acceptor.clone(), engine.clone()));
        }
    }
    Ok(tasks)
}

/// The store failed while serving.
pub(crate) fn halted(cause: String) -> Fault {
    Fault::new(cause)
        .hint("nothing is acknowledged any more; see to the disk or the database, then start again")
}

/// Stops workers and engine; what was decided is on record, and the books are free.
pub(crate) async fn end(engine: Engine, workers: Workers) {
    workers.stop().await;
    // What was done in the last second is signed too, so that a stopped directory can be exported whole.
    if let Err(failure) = engine.checkpoint().await {
        tracing::warn!(failure = ?failure, "the last checkpoint was not signed");
    }
    drop(tokio::task::spawn_blocking(move || give_up(&engine)).await);
}

/// Stops an engine and lets whoever waits have the books.
pub(crate) fn give_up(engine: &Engine) {
    engine.stop();
    engine.release();
}

/// What sends to the outside, and to `networks` though they are private.
pub(crate) fn outbound(networks: Vec<IpNet>) -> Result<Outbound, Fault> {
    let policy = Policy {
        networks,
        ..Policy::default()
    };
    Outbound::new(policy)
        .map_err(|fault| Fault::new(format!("nothing can be sent: {}", fault.code())))
}

/// Takes an address for listening.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Fault> {
    TcpListener::bind(address).map_err(|error| {
        let fault = system(&format!("cannot listen on {address}"), &error);
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                fault.hint("another program listens there; choose another port, 0 is any")
            }
            _ => fault,
        }
    })
}

/// Where a listener listens.
pub(crate) fn address(listener: &TcpListener) -> Result<SocketAddr, Fault> {
    listener
        .local_addr()
        .map_err(|error| system("the listener has no address", &error))
}

/// Takes a listener into the runtime.
pub(crate) fn asynchronous(listener: TcpListener) -> Result<tokio::net::TcpListener, Fault> {
    let ready = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener));
    ready.map_err(|error| system("the listener cannot be used", &error))
}

/// The system gives no threads.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is made for `map_err`, which gives the value away"
)]
pub(crate) fn without_runtime(error: std::io::Error) -> Fault {
    system("the server's threads cannot be started", &error)
}

pub(crate) fn system(what: &str, error: &std::io::Error) -> Fault {
    Fault::new(format!("{what}: {}", error.to_string().to_lowercase()))
}

/// Waits until a stop is told.
pub(crate) async fn told(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn halt(engine: &Engine) -> String {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        if let EngineState::Halted(cause) = engine.state() {
            return cause;
        }
    }
}

/// Ctrl-C and SIGTERM.
pub(crate) struct Stops {
    interrupt: Option<Signal>,
    terminate: Signal,
}

impl Stops {
    pub fn listen() -> Result<Stops, Fault> {
        let fault = |error| system("the signals cannot be listened to", &error);
        Ok(Stops {
            interrupt: Some(signal(SignalKind::interrupt()).map_err(fault)?),
            terminate: signal(SignalKind::terminate()).map_err(fault)?,
        })
    }

    /// SIGTERM alone.
    pub fn terminate() -> Result<Stops, Fault> {
        let terminate = signal(SignalKind::terminate());
        Ok(Stops {
            interrupt: None,
            terminate: terminate
                .map_err(|error| system("the signals cannot be listened to", &error))?,
        })
    }

    /// Waits for the first of them.
    pub async fn first(&mut self) {
        tokio::select! {
            () = interrupted(self.interrupt.as_mut()) => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// From here on Ctrl-C means: now. What was acknowledged is on disk in any case.
    pub fn end_at_the_second(mut self) {
        tokio::spawn(async move {
            interrupted(self.interrupt.as_mut()).await;
            std::process::exit(INTERRUPTED);
        });
    }
}

async fn interrupted(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_auth::{Caller, SystemActor};
    use strongroom_crypto::RootKeys;
    use strongroom_domain::action::Action;
    use strongroom_domain::housekeeping::Note;
    use strongroom_engine::{Envelope, Failure, Settings, WallClock};
    use strongroom_testkit::faulty::Disk;

    use super::*;

    /// A server whose disk the test holds, on any port.
    fn server(disk: &Disk) -> (Server, Engine) {
        let (root, clock) = (RootKeys::generate(), Arc::new(WallClock));
        let engine = Engine::start(&disk.open(), root, clock, Settings::default(), None).unwrap();
        let place = Arc::new(Place::with(
            "".as_ref(),
            "".as_ref(),
            crate::root::RootSources::default(),
        ));
        let server = Server {
            books: Books::Files(engine.clone(), place),
            seats: Seats {
                edge: EdgeSettings::default(),
                workers: WorkerSettings::default(),
                listener: bind("127.0.0.1:0".parse().unwrap()).unwrap(),
                admin: None,
                acme: None,
                control: None,
                cards: Cards::Here,
            },
        };
        (server, engine)
    }

    #[test]
    fn a_failed_store_ends_the_server_with_a_fault() {
        let disk = Disk::default();
        let (server, engine) = server(&disk);
        disk.cut_power();
        let ended = server.run(async move {
            let scope = *engine.scopes().first().unwrap();
            let caller = Caller::system(SystemActor::Housekeeping, scope);
            let note = Note {
                action: Action::HeadsRecorded,
                details: Vec::new(),
            };
            let failure = engine.execute(&caller, note, Envelope::internal()).await;
            assert_eq!(failure.err(), Some(Failure::Halted));
            tokio::time::timeout(Duration::from_secs(30), std::future::pending::<()>()).await
        });
        assert!(ended.is_err_and(|fault| format!("{fault:?}").contains("see to the disk")));
    }

    #[test]
    fn what_was_waited_for_ends_the_server_in_good_order() {
        let disk = Disk::default();
        let (server, engine) = server(&disk);
        assert_eq!(server.run(async { 7 }).unwrap(), Some(7));
        assert_eq!(engine.state(), EngineState::Stopping);
    }
}
