//! A server that is one of any number on one database: each serves, one of them decides.
//!
//! It begins by looking who decides (`candidate.rs`). Found, that node is followed; when nobody decides, this one takes the
//! books up, until it is stopped or replaced. One that was replaced – it was paused, or cut off – follows its successor.
//! Stopped, it hands the books over first, and what still arrives to whoever took them.

mod candidate;
mod office;
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
use strongroom_store::{PostgresOptions, Sighting, Watch};
use strongroom_worker::WorkerSettings;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use self::candidate::{Candidate, News, Wish, require_same_root};
use self::office::Office;
pub(crate) use self::settings::{NodeSettings, NodeTable};
use crate::acts::Keys;
use crate::fault::Fault;
use crate::keeper::Keeper;
use crate::place::Place;
use crate::running::{Seats, Stops, asynchronous, bind, halted, told};
use crate::vault_link::{end_vault, prepare, with_vault};

/// What is said when a server of an older version serves.
pub(crate) const WAITING: &str = "standing by: another server, of an older version, serves these books; this one takes over when it is gone";

/// How often the engine is asked whether it still decides.
const LOOK: Duration = Duration::from_millis(50);

/// How long a takeover by another node may take while this one leaves: the lease of one that is gone, and a start.
const TAKEOVER: Duration = Duration::from_secs(8);

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
                // Dropped at any point: what it has begun is in the member.
                turned = member.turn(keeper.as_ref()) => if let Err(fault) = turned {
                    break Err(fault);
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
            coming: None,
            closing: None,
            is_cut_off: false,
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
    /// What it has taken up and does not decide with yet: the vault is waited for.
    coming: Option<Engine>,
    /// The office that it gives up.
    closing: Option<JoinHandle<bool>>,
    /// The database was not reached when it was last needed.
    is_cut_off: bool,
    waits: Box<dyn Fn() + Send>,
}

/// What becomes of a node.
enum Next {
    Seen(Sighting),
    Away,
    Took(Engine, Notice),
    Replaced,
}

impl Member {
    /// Waits for what changes its part, and takes that part.
    async fn turn(&mut self, keeper: Option<&Keeper>) -> Result<(), Fault> {
        // One that was given up is gone before another one is taken up.
        self.closed().await;
        let next = self.next().await?;
        self.take(next, keeper).await
    }

    /// Waits for what changes its part.
    async fn next(&mut self) -> Result<Next, Fault> {
        let engine = self.office.as_ref().map(|office| office.engine.clone());
        tokio::select! {
            news = self.news.recv() => match news {
                Some(News::Seen(seen)) => Ok(Next::Seen(seen)),
                Some(News::Away) => Ok(Next::Away),
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
            Next::Away => self.is_cut_off = true,
            Next::Took(engine, notice) => self.decide(engine, notice, keeper).await?,
            Next::Replaced => {
                tracing::warn!(
                    "another server has taken the store over, or may have: this one follows it"
                );
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
        self.coming = Some(engine.clone());
        let vault = self.vault_of(&engine, &app, keeper).await;
        let vault = match vault {
            Ok(keeping) => keeping,
            Err(fault) => {
                self.resign().await;
                return self.stand_back(fault);
            }
        };
        self.coming = None;
        tracing::info!(epoch = notice.epoch, "this node decides");
        let control = self.control.clone();
        let control = control.map(|dir| {
            let keys = Keys {
                engine: engine.clone(),
                vault: self.edge.vault.clone(),
            };
            (dir, Arc::clone(&self.place), keys)
        });
        let office = Office::open(engine, self.workers.clone(), control, vault);
        self.front.turn(Role::Holding(app, notice));
        self.office = Some(office);
        Ok(())
    }

    /// Waits for the vault, if there is one; what is given answers its questions.
    async fn vault_of(
        &self,
        engine: &Engine,
        app: &App,
        keeper: Option<&Keeper>,
    ) -> Result<Option<JoinHandle<()>>, Fault> {
        let Some(vault) = &self.edge.vault else {
            return Ok(None);
        };
        let prepared = timeout(VAULT_PATIENCE, prepare(engine, vault, app, keeper)).await;
        prepared
            .unwrap_or_else(|_| Err(Fault::new("the vault does not answer")))
            .map(Some)
    }

    /// Without its vault a node does not decide: another one may, and this one tries again. One that never served ends.
    fn stand_back(&self, fault: Fault) -> Result<(), Fault> {
        if !self.front.has_served() {
            return Err(fault);
        }
        tracing::error!(cause = fault.text(), "this node cannot decide now");
        self.wish.set(Wish::REST);
        Ok(())
    }

    fn follow(&mut self, seen: &Sighting) {
        self.is_cut_off = false;
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

    /// Decides no more.
    async fn resign(&mut self) {
        if let Some(office) = self.office.take() {
            self.front.turn(Role::Searching);
            // By itself, so that a stop meanwhile cuts nothing off.
            self.closing = Some(tokio::spawn(office.close()));
        }
        if let Some(engine) = self.coming.take() {
            self.closing = Some(tokio::spawn(office::leave(engine)));
        }
        self.closed().await;
    }

    /// Waits until what is given up is gone.
    async fn closed(&mut self) {
        if let Some(closing) = &mut self.closing {
            // A panic in there was told where it happened.
            self.is_cut_off = !closing.await.unwrap_or(false);
            self.closing = None;
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
            drop(timeout(time, self.look_on(false)).await);
            if !self.is_cut_off {
                drop(timeout(TAKEOVER, self.look_on(true)).await);
            }
        }
        // Nobody is known who could answer: what waits is told so now.
        if !has_company || !self.front.follows_anybody() {
            return self.front.turn(Role::Ending);
        }
        // What is under way may have to follow yet another node.
        tokio::spawn(async move { self.look_on(false).await });
    }

    /// Goes on looking who decides, or until somebody does.
    async fn look_on(&mut self, until_followed: bool) {
        while !(until_followed && (self.front.follows_anybody() || self.is_cut_off)) {
            let Some(news) = self.news.recv().await else {
                return;
            };
            match news {
                News::Seen(seen) => self.follow(&seen),
                News::Away => self.is_cut_off = true,
                // Taken a moment before the wish was heard.
                News::Took(engine, _) => {
                    office::leave(engine).await;
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
