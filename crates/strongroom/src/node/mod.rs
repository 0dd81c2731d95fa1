//! A server that is one of any number on one database: each serves, one of them decides.
//!
//! It begins by looking who decides (`candidate.rs`). Found, that node is followed; when nobody decides, this one takes the
//! books up, until it is stopped or replaced. One that was replaced – it was paused, or cut off – follows its successor.
//! Stopped, it hands the books over first, and what still arrives to whoever took them.

mod candidate;
mod settings;

use std::future::Future;
use std::net::TcpListener;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use strongroom_crypto::RootKeys;
use strongroom_engine::{Engine, EngineState};
use strongroom_http::{
    App, EdgeSettings, Front, Gate, Role, serve_front, serve_front_admin, serve_nodes,
};
use strongroom_nodes::{Holder, Identity, NodeKey, Notice};
use strongroom_store::{PostgresOptions, PostgresStore, Sighting, Store, StoreError, Watch};
use strongroom_worker::{WorkerSettings, Workers};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use self::candidate::{Candidate, News, Wish};
pub(crate) use self::settings::{NodeSettings, NodeTable};
use crate::control;
use crate::fault::Fault;
use crate::keeper::Keeper;
use crate::place::Place;
use crate::running::{
    Seats, Stops, asynchronous, bind, end, end_vault, give_up, halted, prepare, told, with_vault,
};

/// What is said when a server of an older version serves.
pub(crate) const WAITING: &str = "standing by: another server, of an older version, serves these books; this one takes over when it is gone";

/// How often the engine is asked whether it still decides.
const LOOK: Duration = Duration::from_millis(50);

/// How long a vault process may take to answer a node that is to decide.
const VAULT_PATIENCE: Duration = Duration::from_secs(30);

/// A server on a database, ready to serve.
pub(crate) struct Node {
    place: Arc<Place>,
    options: PostgresOptions,
    root: RootKeys,
    settings: NodeSettings,
    listener: TcpListener,
    watch: Watch,
    waits: Box<dyn Fn() + Send>,
}

impl Node {
    /// Makes sure that database and keyring belong together, and that other nodes can be let in.
    pub fn new(
        place: Arc<Place>,
        options: PostgresOptions,
        settings: NodeSettings,
        waits: Box<dyn Fn() + Send>,
    ) -> Result<Node, Fault> {
        crate::custody::require(&place.keyring)?;
        let watch = Watch::connect(&options).map_err(|error| place.store_fault(&error))?;
        let root = place.root_keys()?;
        require_same_root(&place, &options, &root)?;
        let listener = bind(settings.listen)?;
        Ok(Node {
            place,
            options,
            root,
            settings,
            listener,
            watch,
            waits,
        })
    }

    /// Serves until `during` is done, or a stop is asked for.
    pub async fn serve<T>(
        self,
        seats: Seats,
        during: impl Future<Output = T>,
    ) -> Result<Option<T>, Fault> {
        let mut stops = Stops::listen()?;
        let Seats {
            edge,
            workers,
            listener,
            admin,
            // Refused beside a database: a challenge may reach any of the servers.
            acme: _,
            control,
            cards,
        } = seats;
        let (keeper, vault) = cards.open(&self.place)?;
        let (edge, workers) = with_vault(
            edge.at(crate::running::address(&listener)?),
            workers,
            vault.as_ref(),
        );
        let watching = edge.tls.as_ref().map(crate::tls::watch).transpose()?;
        let watching = watching.map(tokio::spawn);
        let leave = self.settings.leave;
        let front = Front::new(edge.clone(), self.settings.patience);
        let (stop, stopped) = watch::channel(false);
        let told = || told(stopped.clone());
        let mut serving = open(listener, admin, &front, &told)?;
        let mut member = self.join(
            front.clone(),
            (edge, workers, control),
            told(),
            &mut serving,
        )?;
        let touching = front.clone();
        let touch = tokio::spawn(async move { touching.keep_in_touch().await });
        let mut during = pin!(async {
            front.ready().await;
            during.await
        });
        let outcome = loop {
            tokio::select! {
                value = &mut during => break Ok(Some(value)),
                () = stops.first() => break Ok(None),
                next = member.next() => match next {
                    Ok(next) => {
                        if let Err(fault) = member.take(next, keeper.as_ref()).await {
                            break Err(fault);
                        }
                    }
                    Err(fault) => break Err(fault),
                },
            }
        };
        stops.end_at_the_second();
        member.leave(leave).await;
        stop.send_replace(true);
        for served in serving {
            // A panic in there was told where it happened.
            drop(served.await);
        }
        touch.abort();
        end_vault(keeper, vault.as_ref()).await;
        if let Some(watching) = watching {
            watching.abort();
        }
        outcome
    }

    /// Opens the channel to the other nodes and begins to look for them.
    fn join(
        self,
        front: Front,
        (edge, workers, control): (EdgeSettings, WorkerSettings, Option<PathBuf>),
        stopped: impl Future<Output = ()> + Send + 'static,
        serving: &mut Vec<JoinHandle<()>>,
    ) -> Result<Member, Fault> {
        let fault = |error| Fault::new(format!("the channel between nodes: {error}"));
        let identity = Arc::new(Identity::new().map_err(fault)?);
        let key = Arc::new(NodeKey::of(&self.root));
        let address = self.settings.address;
        let address = address.map_or_else(|| crate::running::address(&self.listener), Ok)?;
        let gate = Gate {
            identity: Arc::clone(&identity),
            key: Arc::clone(&key),
        };
        let listener = asynchronous(self.listener)?;
        serving.push(tokio::spawn(serve_nodes(
            listener,
            front.clone(),
            gate,
            stopped,
        )));
        if address.ip().is_loopback() && !self.options.is_local() {
            tracing::warn!(%address, "servers on other machines cannot reach this one: set `node.address`");
        }
        let (tell, news) = unbounded_channel();
        let wish = Wish::default();
        let candidate = Candidate {
            journals: self.place.journals()?,
            place: Arc::clone(&self.place),
            options: self.options,
            root: self.root,
            key: Arc::clone(&key),
            fingerprint: identity.fingerprint,
            address,
            tell,
            wish: wish.clone(),
        };
        let watch = self.watch;
        std::thread::Builder::new()
            .name("candidate".into())
            .spawn(move || candidate.run(watch))
            .map_err(crate::running::without_runtime)?;
        Ok(Member {
            front,
            edge,
            workers,
            control,
            place: self.place,
            key,
            fingerprint: identity.fingerprint,
            news,
            wish,
            office: None,
            waits: self.waits,
        })
    }
}

/// Opens a node's own listeners, which answer whoever decides.
fn open<F>(
    listener: TcpListener,
    admin: Option<TcpListener>,
    front: &Front,
    told: &impl Fn() -> F,
) -> Result<Vec<JoinHandle<()>>, Fault>
where
    F: Future<Output = ()> + Send + 'static,
{
    let api = serve_front(asynchronous(listener)?, front.clone(), told());
    let mut serving = vec![tokio::spawn(api)];
    if let Some(admin) = admin {
        let admin = serve_front_admin(asynchronous(admin)?, front.clone(), told());
        serving.push(tokio::spawn(admin));
    }
    Ok(serving)
}

/// A node among others.
struct Member {
    front: Front,
    edge: EdgeSettings,
    workers: WorkerSettings,
    /// The directory where operators reach it while it decides.
    control: Option<PathBuf>,
    place: Arc<Place>,
    key: Arc<NodeKey>,
    fingerprint: [u8; 32],
    news: UnboundedReceiver<News>,
    wish: Wish,
    /// While it decides.
    office: Option<Office>,
    waits: Box<dyn Fn() + Send>,
}

struct Office {
    engine: Engine,
    workers: Workers,
    control: Option<JoinHandle<()>>,
    /// What answers the vault's questions.
    vault: Option<JoinHandle<()>>,
    /// Dropped, it ends what operators ask.
    stop: watch::Sender<bool>,
}

/// What becomes of a node.
enum Next {
    Seen(Sighting),
    Took(Engine, Notice),
    Replaced,
}

impl Member {
    /// Waits for what changes its part.
    async fn next(&mut self) -> Result<Next, Fault> {
        let engine = self.office.as_ref().map(|office| office.engine.clone());
        tokio::select! {
            news = self.news.recv() => match news {
                Some(News::Seen(seen)) => Ok(Next::Seen(seen)),
                Some(News::Took(engine, notice)) => Ok(Next::Took(engine, notice)),
                Some(News::Failed(fault)) => Err(fault),
                None => Err(Fault::new("the thread that looks for other nodes has ended; see above")),
            },
            cause = ended(engine) => match cause {
                None => Ok(Next::Replaced),
                Some(cause) => Err(halted(cause)),
            },
        }
    }

    async fn take(&mut self, next: Next, keeper: Option<&Keeper>) -> Result<(), Fault> {
        match next {
            Next::Seen(seen) if self.office.is_none() => self.follow(&seen),
            Next::Seen(_) => {}
            Next::Took(engine, notice) => self.decide(engine, notice, keeper).await?,
            Next::Replaced => {
                tracing::warn!("another server has taken the store over: this one follows it");
                self.resign().await;
                self.wish.set(Wish::STAND);
            }
        }
        Ok(())
    }

    async fn decide(
        &mut self,
        engine: Engine,
        notice: Notice,
        keeper: Option<&Keeper>,
    ) -> Result<(), Fault> {
        let app = App::new(engine.clone(), self.edge.clone());
        let vault = match &self.edge.vault {
            None => None,
            Some(vault) => {
                let prepared = prepare(&engine, vault, &app, keeper);
                let prepared = timeout(VAULT_PATIENCE, prepared).await;
                let prepared =
                    prepared.unwrap_or_else(|_| Err(Fault::new("the vault does not answer")));
                match prepared {
                    Ok(keeping) => Some(keeping),
                    Err(fault) => {
                        drop(tokio::task::spawn_blocking(move || give_up(&engine)).await);
                        return Err(fault);
                    }
                }
            }
        };
        engine.answer_on(&tokio::runtime::Handle::current());
        let workers = Workers::start(engine.clone(), self.workers.clone());
        tracing::info!(epoch = notice.epoch, "this node decides");
        self.front.turn(Role::Holding(app, notice));
        let (stop, stopped) = watch::channel(false);
        let control = self.control.clone();
        let control = control.map(|dir| {
            tokio::spawn(control::serve(
                dir,
                Arc::clone(&self.place),
                engine.clone(),
                told(stopped),
            ))
        });
        self.office = Some(Office {
            engine,
            workers,
            control,
            vault,
            stop,
        });
        Ok(())
    }

    fn follow(&mut self, seen: &Sighting) {
        let Some(notice) = &seen.notice else {
            if seen.is_silent && !seen.is_free {
                (self.waits)();
                return self.front.turn(Role::StandingBy);
            }
            return self.front.turn(Role::Searching);
        };
        let notice = match Notice::decode(notice, seen.epoch, &self.key) {
            Ok(notice) => notice,
            // SECURITY: nobody is sent anything on a word that is not ours.
            Err(fault) => {
                tracing::error!("{fault}");
                return self.front.turn(Role::Searching);
            }
        };
        // What it told itself, while it decided.
        if notice.fingerprint == self.fingerprint || self.front.follows(&notice) {
            return;
        }
        tracing::info!(epoch = notice.epoch, address = %notice.address, "following the node that decides");
        match Holder::new(notice, Arc::clone(&self.key)) {
            Ok(holder) => self.front.turn(Role::Following(Arc::new(holder))),
            Err(error) => tracing::error!(%error, "the channel between nodes cannot be set up"),
        }
    }

    /// Decides no more; whoever comes next need not wait for the lease to run out.
    async fn resign(&mut self) {
        if let Some(office) = self.office.take() {
            let Office {
                engine,
                workers,
                control,
                vault,
                stop,
            } = office;
            self.front.turn(Role::Searching);
            drop(stop);
            if let Some(control) = control {
                drop(control.await);
            }
            end(engine, workers).await;
            if let Some(vault) = vault {
                vault.abort();
            }
        }
    }

    /// Hands over what it has, and what still arrives for `time`.
    async fn leave(mut self, time: Duration) {
        self.front.leave();
        let has_company = self.front.has_company() || self.office.is_none();
        self.wish.set(Wish::LOOK);
        self.resign().await;
        if has_company {
            // As long as somebody may wait for an answer.
            drop(timeout(time, self.look_on()).await);
        } else {
            self.front.turn(Role::Ending);
        }
        // What is under way may have to follow yet another node.
        tokio::spawn(async move { self.look_on().await });
    }

    /// Goes on looking who decides.
    async fn look_on(&mut self) {
        while let Some(news) = self.news.recv().await {
            match news {
                News::Seen(seen) => self.follow(&seen),
                // Taken a moment before the wish was heard.
                News::Took(engine, _) => {
                    drop(tokio::task::spawn_blocking(move || give_up(&engine)).await);
                    self.wish.set(Wish::LOOK);
                }
                News::Failed(_) => return,
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.wish.set(Wish::END);
    }
}

/// Waits until the engine decides no more: `None` when another one does, else why it failed.
async fn ended(engine: Option<Engine>) -> Option<String> {
    let Some(engine) = engine else {
        return std::future::pending().await;
    };
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        match engine.state() {
            EngineState::Replaced => return None,
            EngineState::Halted(cause) => return Some(cause),
            _ => {}
        }
    }
}

/// Refuses a keyring that is another installation's, before anything is served.
fn require_same_root(
    place: &Place,
    options: &PostgresOptions,
    root: &RootKeys,
) -> Result<(), Fault> {
    let rows =
        PostgresStore::open_read_only(options.clone()).and_then(|store| store.reader()?.keys());
    let rows = match rows {
        Ok(rows) => rows,
        // Nothing is there yet, or an older version serves: told when it is taken up.
        Err(StoreError::TooOld { .. } | StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(place.store_fault(&error)),
    };
    if rows.is_empty() {
        return Ok(());
    }
    strongroom_engine::require_root(root.copy(), &rows).map_err(|error| place.start_fault(&error))
}
