//! A real server inside the test's process: the engine on a store of its own ([`crate::shelf`]), a clock that the test
//! moves, and the HTTP edge on a port of the loopback.
//!
//! [`TestServer::shared`] is one server for all tests of a process; each test founds its own organization on it
//! ([`crate::tenant::Tenant`]). A test that moves the clock, stops the server or needs other settings starts its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ipnet::{IpNet, Ipv4Net};
use strongroom_crypto::RootKeys;
use strongroom_engine::{Clock, DueJob, DueWork, Engine, Failure, Settings};
use strongroom_http::{App, EdgeSettings, serve};
use strongroom_outbound::{Outbound, Policy};
use strongroom_store::Store;
use strongroom_types::id::{AnyId, Kind};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use strongroom_worker::{Acquirer, Courier, SandboxAcquirer, WorkerSettings, Workers};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::FakeClock;
use crate::exchange::{Outgoing, Reply};
use crate::shelf::Shelf;

/// Milliseconds between two steps of the sandbox rail.
pub const RAIL_STEP: i64 = 1_000;

/// What a server runs with.
#[derive(Clone)]
pub struct ServerSettings {
    pub edge: EdgeSettings,
    pub engine: Settings,
}

impl Default for ServerSettings {
    /// Live keys allowed, and no limit that a test would meet by accident.
    fn default() -> ServerSettings {
        let edge = EdgeSettings {
            live_allowed: true,
            unauthenticated_limit: 1_000_000,
            pages_limit: 1_000_000,
            payers_limit: 1_000_000,
            // Nobody but the test takes a payment further.
            payment_patience: std::time::Duration::ZERO,
            outbound: outbound(),
            ..EdgeSettings::default()
        };
        ServerSettings {
            edge,
            engine: Settings::default(),
        }
    }
}

/// What may send to receivers of the test's own.
fn outbound() -> Outbound {
    let loopback = IpNet::from(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).trunc());
    let policy = Policy {
        networks: vec![loopback],
        ..Policy::default()
    };
    Outbound::new(policy).unwrap_or_else(|fault| panic!("nothing to send by: {fault:?}"))
}

/// A running server.
pub struct TestServer {
    pub engine: Engine,
    pub clock: Arc<FakeClock>,
    pub address: SocketAddr,
    courier: Mutex<Courier>,
    acquirer: SandboxAcquirer,
    folder: DataFolder,
    shelf: Shelf,
    recovery: String,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
}

impl TestServer {
    /// The one server of this process.
    pub fn shared() -> &'static TestServer {
        static SHARED: OnceLock<TestServer> = OnceLock::new();
        SHARED.get_or_init(|| {
            sweep();
            TestServer::start(ServerSettings::default())
        })
    }

    /// A server of its own, on a new store.
    pub fn start(settings: ServerSettings) -> TestServer {
        TestServer::start_with(Shelf::chosen(), settings)
    }

    /// A server of its own on new SQLite files, for tests that look at them or change them.
    pub fn start_in_files(settings: ServerSettings) -> TestServer {
        TestServer::start_with(Shelf::Files, settings)
    }

    fn start_with(shelf: Shelf, settings: ServerSettings) -> TestServer {
        let folder = DataFolder::empty();
        let store = shelf.create(folder.path());
        let root = RootKeys::generate();
        let (clock, place) = (Arc::new(FakeClock::default()), (folder, shelf));
        TestServer::on(&*store, root, clock, place, settings)
    }

    /// A server of its own on any store; its folder holds the request log alone.
    pub fn start_on(store: &dyn Store, settings: ServerSettings) -> TestServer {
        let root = RootKeys::generate();
        let place = (DataFolder::empty(), Shelf::Files);
        TestServer::on(store, root, Arc::new(FakeClock::default()), place, settings)
    }

    /// Another server of the same installation and clock, on what a store holds.
    pub fn again_on(&self, store: &dyn Store, settings: ServerSettings) -> TestServer {
        let clock = Arc::clone(&self.clock);
        let place = (DataFolder::empty(), Shelf::Files);
        TestServer::on(store, self.root_keys(), clock, place, settings)
    }

    /// A server on the files of one that was stopped, or on a copy of them.
    pub fn open(folder: DataFolder, root: RootKeys, settings: ServerSettings) -> TestServer {
        let store = Shelf::Files.open(folder.path());
        let place = (folder, Shelf::Files);
        TestServer::on(
            &*store,
            root,
            Arc::new(FakeClock::default()),
            place,
            settings,
        )
    }

    fn on(
        store: &dyn Store,
        root: RootKeys,
        clock: Arc<FakeClock>,
        (folder, shelf): (DataFolder, Shelf),
        settings: ServerSettings,
    ) -> TestServer {
        let recovery = root.recovery_text().to_string();
        let shown: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let engine = Engine::start(store, root, shown, settings.engine, Some(&folder.0))
            .unwrap_or_else(|error| panic!("the engine does not start: {error}"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime: {error}"));
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let courier = Courier::new(engine.clone(), settings.edge.outbound.clone());
        let app = App::new(engine.clone(), settings.edge.at(address));
        let served = runtime.spawn(serve(listener, app, async move { drop(stopped.await) }));
        TestServer {
            engine,
            clock,
            address,
            courier: Mutex::new(courier),
            acquirer: SandboxAcquirer::default(),
            folder,
            shelf,
            recovery,
            runtime,
            stop: Some(stop),
            served: Some(served),
        }
    }

    /// Lets a test look at what is stored; a server on files must have been halted.
    pub fn look<T>(&self, work: impl FnOnce(&dyn Store) -> T) -> T {
        self.shelf.look(self.folder(), work)
    }

    /// Stops the server in an orderly way and starts it again on the same store and clock.
    pub fn restart(mut self, settings: ServerSettings) -> TestServer {
        self.halt();
        let folder = DataFolder(std::mem::take(&mut self.folder.0));
        let root = self.root_keys();
        let clock = Arc::clone(&self.clock);
        let shelf = std::mem::replace(&mut self.shelf, Shelf::Files);
        drop(self);
        let store = shelf.open(&folder.0);
        TestServer::on(&*store, root, clock, (folder, shelf), settings)
    }

    /// Stops serving, then the engine; the files stay until the value is dropped.
    pub fn halt(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that has ended already is not waiting.
            let _ = stop.send(());
        }
        if let Some(served) = self.served.take() {
            drop(self.runtime.block_on(served));
        }
        self.engine.stop();
    }

    /// Where the database and the request log are.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// The installation's root keys, again.
    pub fn root_keys(&self) -> RootKeys {
        RootKeys::from_recovery_text(&self.recovery)
            .unwrap_or_else(|_| panic!("the recovery text is not readable"))
    }

    /// A request to this server.
    pub fn request(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(self.address, method, target)
    }

    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target).send()
    }

    /// The clock's time in seconds, for signatures.
    pub fn seconds(&self) -> i64 {
        self.engine.now().seconds()
    }

    /// Runs a future of the engine or a worker.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Takes every payout that is due one step along the sandbox rail; says how many. The clock is moved first, so
    /// this is for servers of a test's own.
    pub fn rail(&self) -> usize {
        self.clock.advance(RAIL_STEP);
        let step = strongroom_worker::advance_due(&self.engine, &self.acquirer, RAIL_STEP);
        self.wait(step)
            .unwrap_or_else(|failure| panic!("the rail failed: {failure:?}"))
    }

    /// Takes one payment, refund, payout, file or report one step further, whatever else is due and whatever the clock says.
    pub fn attend(&self, scope: Scope, id: &str) {
        let step = self.try_attend(scope, id);
        step.unwrap_or_else(|failure| panic!("no step: {failure:?}"));
    }

    /// The same, of which it may be that there is no step, or nobody to take it.
    ///
    /// # Errors
    /// The engine's failure.
    pub fn try_attend(&self, scope: Scope, id: &str) -> Result<(), Failure> {
        self.attend_since(scope, id, self.engine.now())
    }

    /// The same of what was found due at a time, which the clock may be set back behind by now.
    ///
    /// # Errors
    /// The engine's failure.
    pub fn attend_since(&self, scope: Scope, id: &str, due: Timestamp) -> Result<(), Failure> {
        let known = AnyId::parse(id).map(|id| (id.raw, id.kind));
        let (id, work) = match known {
            Some((raw, Kind::Payment)) => (raw, DueWork::Payment),
            Some((raw, Kind::Refund)) => (raw, DueWork::Refund),
            Some((raw, Kind::Payout)) => (raw, DueWork::Rail),
            Some((raw, Kind::PayoutFile)) => (raw, DueWork::PayoutFile),
            Some((raw, Kind::BankFile)) => (raw, DueWork::BankFile),
            Some((raw, Kind::Report)) => (raw, DueWork::Report),
            Some((raw, Kind::Token)) => (raw, DueWork::Token),
            _ => panic!("`{id}` is nothing that a worker looks after"),
        };
        let job = DueJob {
            scope,
            id,
            work,
            due,
        };
        let step = strongroom_worker::attend(&self.engine, &self.acquirer, RAIL_STEP, job);
        self.wait(step).map(drop)
    }

    /// Has the workers do what is due, by this acquirer, while `work` is done.
    pub fn at_work(&self, acquirer: Arc<dyn Acquirer>, work: impl FnOnce()) {
        let settings = WorkerSettings {
            acquirer,
            rail_step: 0,
            outbound: outbound(),
            ..WorkerSettings::default()
        };
        let runtime = self.runtime.enter();
        let workers = Workers::start(self.engine.clone(), settings);
        drop(runtime);
        work();
        self.wait(workers.stop());
    }

    /// Sends every webhook that is due by the clock; says how many attempts were made.
    pub fn deliver(&self) -> usize {
        let mut courier = self.courier.lock().unwrap_or_else(PoisonError::into_inner);
        self.wait(strongroom_worker::deliver_due(&mut courier))
            .unwrap_or_else(|failure| panic!("nothing was sent: {failure:?}"))
    }

    /// Signs checkpoints of all logs that grew.
    pub fn checkpoint(&self) {
        self.wait(self.engine.checkpoint())
            .unwrap_or_else(|failure| panic!("no checkpoint: {failure:?}"));
    }

    /// Destroys the keys of what has been kept long enough.
    pub fn purge(&self) {
        self.wait(strongroom_worker::purge(&self.engine))
            .unwrap_or_else(|failure| panic!("no purge: {failure:?}"));
    }

    /// Holds all accounts against their postings; says how many do not agree.
    pub fn reconcile(&self) -> usize {
        self.wait(strongroom_worker::reconcile(&self.engine))
            .unwrap_or_else(|failure| panic!("no reconciliation: {failure:?}"))
    }

    /// Writes down what was counted in memory.
    pub fn summarise(&self) {
        let work = strongroom_worker::write_summaries(&self.engine);
        self.wait(work)
            .unwrap_or_else(|failure| panic!("no summaries: {failure:?}"));
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.halt();
        }
    }
}

/// A folder named after this process, removed when dropped.
pub struct DataFolder(PathBuf);

const NAME: &str = "strongroom-test-";

impl DataFolder {
    /// An empty one.
    pub fn empty() -> DataFolder {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base().join(format!("{NAME}{}-{number}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("no folder: {error}"));
        DataFolder(path)
    }

    /// One with the same files, request log and lock left out. Nobody may be writing them.
    pub fn copy_of(path: &Path) -> DataFolder {
        let copy = DataFolder::empty();
        for name in ["strongroom.db", "strongroom.db-wal"] {
            if path.join(name).exists() {
                std::fs::copy(path.join(name), copy.0.join(name))
                    .unwrap_or_else(|error| panic!("no copy: {error}"));
            }
        }
        copy
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

/// Where folders are made: in memory if the system has such a place. These tests ask what is written, not whether a
/// disk keeps it, and a busy disk makes each of their thousands of syncs wait.
fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Removes the folders of processes that are gone: a shared server is never dropped.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(base()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name
            .strip_prefix(NAME)
            .and_then(|rest| rest.split('-').next());
        let Some(process) = process.filter(|text| text.parse::<u32>().is_ok()) else {
            continue;
        };
        if Path::new("/proc/self").exists() && !Path::new("/proc").join(process).exists() {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}
