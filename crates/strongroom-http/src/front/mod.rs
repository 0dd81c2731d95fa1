//! The edge of a node: what it is asked is decided here, or by the node that decides.
//!
//! Every node answers the whole API; one of them decides, at a time. A request is carried out by this node while it is
//! the one, is handed to the one that is, and waits while nobody is known to be: bounded in number, size and time. It is
//! sent again when it was certainly not begun; when that is not certain, only if it is a reading one or has an idempotency
//! key, under which the second answer is the first. So nothing is ever done twice.

mod again;
mod answers;
mod letter;
mod numbers;
pub(crate) mod relay;
mod touch;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use strongroom_engine::EngineState;
use strongroom_nodes::{Holder, Missed, Notice};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{sleep, timeout};

use self::again::may_be_repeated;
use self::answers::Asked;
use self::numbers::Numbers;
use crate::address::client_address;
use crate::app::{App, EdgeSettings};
use crate::arriving::Arriving;
use crate::body;
use crate::budget::{Budget, Counted};
use crate::metrics::Held;
use crate::parcel::Parcel;
use crate::problem::Fate;
use crate::respond::Reply;
use crate::visit::Origin;

/// Most requests that wait for a node that decides.
const MOST_WAITING: usize = 4_096;
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(50);
/// How long the deciding node may take for one answer: longer than it looks for the outcome of a commit.
const ANSWER: Duration = Duration::from_secs(90);
/// How long a node that decided until now may take to learn whether it still does.
const AWAY: Duration = Duration::from_secs(2);
/// How long the answers of a node that decided may still be on their way.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long after its last question another node is still counted on.
const COMPANY: Duration = Duration::from_secs(5);

/// Who decides, as far as this node knows.
#[derive(Clone)]
pub enum Role {
    /// Nobody is known to.
    Searching,
    /// A server that takes nothing from other nodes.
    StandingBy,
    /// This node, for the time of this notice.
    Holding(App, Notice),
    /// Another one.
    Following(Arc<Holder>),
    /// Nobody is waited for any more.
    Ending,
}

/// A node's edge. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    settings: EdgeSettings,
    /// How long a request waits for a node that decides.
    patience: Duration,
    role: watch::Sender<Role>,
    /// When a node that decides was last reached.
    reached: watch::Sender<Option<Instant>>,
    leaving: watch::Sender<bool>,
    streams: watch::Sender<bool>,
    waiting: Semaphore,
    budget: Budget,
    numbers: Numbers,
    silences: Mutex<u32>,
    /// When another node last asked whether this one decides.
    visited: Mutex<Option<Instant>>,
}

/// How one try went.
enum Tried {
    Answered(Response<Reply>),
    /// Certainly not begun.
    NotBegun,
    /// Neither, for this node cannot tell now whether it still decides.
    Away(Response<Reply>),
    /// The first request under its key is still at work.
    InUse(Response<Reply>),
    /// Perhaps done.
    Unknown,
}

impl Front {
    pub fn new(settings: EdgeSettings, patience: Duration) -> Front {
        Front(Arc::new(Inner {
            settings,
            patience,
            role: watch::Sender::new(Role::Searching),
            reached: watch::Sender::new(None),
            leaving: watch::Sender::new(false),
            streams: watch::Sender::new(false),
            waiting: Semaphore::new(MOST_WAITING),
            budget: Budget::default(),
            numbers: Numbers::new(),
            silences: Mutex::default(),
            visited: Mutex::default(),
        }))
    }

    /// Takes up another role, within a runtime. What is under way ends in the old one.
    pub fn turn(&self, role: Role) {
        let decides = matches!(role, Role::Holding(..));
        self.0.numbers.decides(decides);
        *self
            .0
            .silences
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = 0;
        if decides {
            self.0.reached.send_replace(Some(Instant::now()));
        }
        match self.0.role.send_replace(role) {
            Role::Holding(app, _) => app.end_streams(),
            // It decides no more. What it did before that is on its way; what it does not answer it will never.
            Role::Following(former) => drop(tokio::spawn(async move {
                sleep(LAST_WORDS).await;
                former.break_off();
            })),
            _ => {}
        }
    }

    /// Whether the node of this notice is followed already.
    pub fn follows(&self, notice: &Notice) -> bool {
        match &*self.0.role.borrow() {
            Role::Following(holder) => holder.notice == *notice,
            _ => false,
        }
    }

    /// Whether any node that decides is known.
    pub fn follows_anybody(&self) -> bool {
        matches!(&*self.0.role.borrow(), Role::Following(_))
    }

    /// Whether this node has ever answered what was asked.
    pub fn has_served(&self) -> bool {
        self.0.reached.borrow().is_some()
    }

    /// Whether another node followed this one a moment ago, and will take over.
    pub fn has_company(&self) -> bool {
        let visited = self
            .0
            .visited
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        visited.is_some_and(|visited| visited.elapsed() < COMPANY)
    }

    /// Sends load balancers elsewhere; what arrives nevertheless is answered.
    pub fn leave(&self) {
        self.0.leaving.send_replace(true);
    }

    /// Ends the streams that other nodes tell here.
    pub(crate) fn end_streams(&self) {
        self.0.streams.send_replace(true);
        if let Role::Holding(app, _) = &*self.0.role.borrow() {
            app.end_streams();
        }
    }

    /// Waits until a node that decides is reached for the first time.
    pub async fn ready(&self) {
        let mut reached = self.0.reached.subscribe();
        // The sender lives as long as this.
        let _ = reached.wait_for(Option::is_some).await;
    }

    /// What this node is known by while it decides.
    pub(crate) fn notice(&self) -> Option<Notice> {
        match &*self.0.role.borrow() {
            Role::Holding(_, notice) => Some(notice.clone()),
            _ => None,
        }
    }

    pub(crate) fn settings(&self) -> &EdgeSettings {
        &self.0.settings
    }

    pub(crate) fn connected(&self) -> Held {
        self.0.numbers.connected()
    }

    /// Answers one request of a client.
    pub(crate) async fn answer(&self, peer: IpAddr, request: Request<Arriving>) -> Response<Reply> {
        let (head, body) = request.into_parts();
        let mut response = match self.own(&head) {
            Some(response) => response,
            None => self.carry_out(peer, &head, body).await,
        };
        if *self.0.leaving.borrow() {
            let closing = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, closing);
        }
        response
    }

    fn asked<'a>(&self, method: &'a Method) -> Asked<'a> {
        Asked {
            method,
            behind_tls: self.0.settings.behind_tls,
        }
    }

    /// What is asked of this node, not of the installation.
    fn own(&self, head: &Parts) -> Option<Response<Reply>> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return None;
        }
        match head.uri.path() {
            "/health" => Some(answers::status(self.asked(&head.method), true, "ok")),
            "/ready" => {
                let (is_good, word) = self.state();
                Some(answers::status(self.asked(&head.method), is_good, word))
            }
            _ => None,
        }
    }

    /// Whether this node takes work. One that lost the deciding node a moment ago does: it keeps the work until another
    /// one has taken over.
    fn state(&self) -> (bool, &'static str) {
        if *self.0.leaving.borrow() {
            return (false, "stopping");
        }
        if let Role::Holding(app, _) = &*self.0.role.borrow() {
            return match app.engine().state() {
                EngineState::Running => (true, "ready"),
                EngineState::Unreachable => (false, "unreachable"),
                EngineState::Stopping => (false, "stopping"),
                EngineState::Replaced => (false, "replaced"),
                EngineState::Halted(_) => (false, "halted"),
            };
        }
        if matches!(&*self.0.role.borrow(), Role::StandingBy) {
            return (false, "standing_by");
        }
        match *self.0.reached.borrow() {
            Some(reached) if reached.elapsed() < self.0.patience => (true, "ready"),
            _ => (false, "no_deciding_node"),
        }
    }

    /// Answers the operator.
    pub(crate) fn administer<B>(&self, request: &Request<B>) -> Response<Reply> {
        let method = request.method();
        if let Role::Holding(app, _) = &*self.0.role.borrow() {
            let mut response = app.administer(request);
            if request.uri().path() == "/metrics" && response.status() == StatusCode::OK {
                let edge = app.inner().metrics.render();
                let text = self.0.numbers.render(Some(edge));
                *response.body_mut() = Reply::Whole(Full::new(Bytes::from(text)));
            }
            return response;
        }
        match request.uri().path() {
            "/health" => answers::status(self.asked(method), true, "ok"),
            "/ready" => {
                let (is_good, word) = self.state();
                answers::status(self.asked(method), is_good, word)
            }
            "/metrics" => crate::admin::metrics(self.0.numbers.render(None)),
            _ => crate::admin::not_found(),
        }
    }

    async fn carry_out(&self, peer: IpAddr, head: &Parts, body: Arriving) -> Response<Reply> {
        let (body, share) = self.0.budget.count(body);
        let mut parcel = Parcel::kept(body);
        let begun = Instant::now();
        let mut role = self.0.role.subscribe();
        let mut waits: Option<(SemaphorePermit<'_>, Held)> = None;
        let mut is_repeated = false;
        loop {
            let now = role.borrow_and_update().clone();
            let tried = match now {
                Role::Searching => Tried::NotBegun,
                Role::StandingBy if is_repeated => return self.given_up(head, true),
                Role::StandingBy => return answers::standing_by(self.asked(&head.method)),
                Role::Ending => return self.given_up(head, is_repeated),
                Role::Holding(app, _) => self.here(&app, peer, head, &mut parcel).await,
                Role::Following(holder) => self.there(&holder, peer, head, &mut parcel).await,
            };
            if share.was_refused() {
                return answers::overloaded(self.asked(&head.method));
            }
            match tried {
                Tried::Answered(response) => return response,
                Tried::Away(response) if begun.elapsed() >= AWAY => return response,
                Tried::InUse(response) if !is_repeated => return response,
                Tried::Unknown if !may_be_repeated(head) => {
                    return answers::outcome_unknown(self.asked(&head.method));
                }
                Tried::Unknown => is_repeated = true,
                Tried::NotBegun | Tried::Away(_) | Tried::InUse(_) => {}
            }
            if begun.elapsed() >= self.0.patience {
                return self.given_up(head, is_repeated);
            }
            if waits.is_none() {
                let Ok(place) = self.0.waiting.try_acquire() else {
                    return answers::overloaded(self.asked(&head.method));
                };
                waits = Some((place, self.0.numbers.waits()));
            }
            tokio::select! {
                _ = role.changed() => {}
                () = sleep(AGAIN) => {}
            }
        }
    }

    /// What is told to somebody who waited for nothing. SECURITY: of what was perhaps done it is never said that it was not.
    fn given_up(&self, head: &Parts, perhaps_done: bool) -> Response<Reply> {
        match perhaps_done {
            true => answers::outcome_unknown(self.asked(&head.method)),
            false => answers::nobody(self.asked(&head.method)),
        }
    }

    /// Carries a request out here.
    async fn here(
        &self,
        app: &App,
        peer: IpAddr,
        head: &Parts,
        parcel: &mut Parcel<Counted<Arriving>>,
    ) -> Tried {
        let response = app.serve(Origin::Here(peer), head, parcel).await;
        let fate = response.extensions().get().copied();
        match (fate, app.engine().state()) {
            (Some(Fate::NotBegun), EngineState::Stopping | EngineState::Replaced) => {
                Tried::NotBegun
            }
            // It was paused, and will know in a moment, or is cut off, and will not.
            (Some(Fate::NotBegun), EngineState::Unreachable | EngineState::Running) => {
                Tried::Away(response)
            }
            // Its successor knows.
            (Some(Fate::Unknown), EngineState::Replaced) => Tried::Unknown,
            (Some(Fate::InUse), _) => Tried::InUse(response),
            _ => Tried::Answered(response),
        }
    }

    /// Has a request carried out by the node that decides.
    async fn there(
        &self,
        holder: &Arc<Holder>,
        peer: IpAddr,
        head: &Parts,
        parcel: &mut Parcel<Counted<Arriving>>,
    ) -> Tried {
        let settings = &self.0.settings;
        let client = client_address(peer, &head.headers, &settings.trusted_proxies);
        let read = parcel.read(settings.body_time).await;
        let read = read.map_err(|problem| body::code_of(&problem));
        let asked = async {
            if let Some(question) = letter::question(head, client, settings.live_allowed, &read)
                && let Some(answer) = holder.ask(question).await?
                && !letter::is_elsewhere(&answer)
            {
                let none = || Missed::Lost("what came back is no answer".to_owned());
                return letter::answered(answer, head).ok_or_else(none);
            }
            let request = relay::request(head, client, settings.live_allowed, read);
            relay::exchange(holder, request, self.0.streams.subscribe()).await
        };
        let (tried, outcome) = match timeout(ANSWER, asked).await {
            Ok(Ok((response, Fate::Settled))) => (Tried::Answered(response), "answered"),
            Ok(Ok((response, Fate::InUse))) => (Tried::InUse(response), "answered"),
            Ok(Ok((_, Fate::NotBegun))) => (Tried::NotBegun, "not_begun"),
            Ok(Ok((_, Fate::Unknown))) => (Tried::Unknown, "unknown"),
            Ok(Err(Missed::NotSent(_))) => (Tried::NotBegun, "not_sent"),
            Ok(Err(Missed::Lost(_))) | Err(_) => (Tried::Unknown, "lost"),
        };
        self.0.numbers.forwarded(outcome);
        tried
    }

    /// Answers what another node sends, which was let in while this one decided for this epoch.
    pub(crate) async fn answer_node(
        &self,
        epoch: i64,
        request: Request<Arriving>,
    ) -> Response<Reply> {
        let (mut head, body) = request.into_parts();
        if relay::is_ping(&head) {
            *self
                .0
                .visited
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            let runs = self
                .deciding(epoch)
                .is_some_and(|app| app.engine().state() == EngineState::Running);
            return bare(match runs {
                true => StatusCode::NO_CONTENT,
                false => StatusCode::SERVICE_UNAVAILABLE,
            });
        }
        let Some((origin, fault)) = relay::received(&mut head) else {
            return bare(StatusCode::BAD_REQUEST);
        };
        let parcel = match fault {
            Some(fault) => Parcel::faulty(fault),
            None => Parcel::passing(body),
        };
        let (mut response, fate) = self.decide(epoch, (head, origin), parcel).await;
        relay::mark(&mut response, fate);
        response
    }

    /// Answers what another node asks on a lane.
    pub(crate) async fn answer_letter(&self, epoch: i64, question: Vec<u8>) -> Vec<u8> {
        let Some((head, origin, body)) = letter::asked(question) else {
            return letter::elsewhere();
        };
        let parcel = match body {
            Ok(body) => Parcel::whole(body),
            Err(fault) => Parcel::faulty(fault),
        };
        let method = head.method.clone();
        let (response, fate) = self.decide(epoch, (head, origin), parcel).await;
        letter::answer(response, fate, &method)
    }

    /// Carries out what reached another node, and says what became of it.
    async fn decide(
        &self,
        epoch: i64,
        (head, origin): (Parts, Origin),
        mut parcel: Parcel<Arriving>,
    ) -> (Response<Reply>, Fate) {
        let Some(app) = self.deciding(epoch) else {
            return (answers::nobody(self.asked(&head.method)), Fate::NotBegun);
        };
        let response = app.serve(origin, &head, &mut parcel).await;
        let fate = response.extensions().get().copied();
        (response, fate.unwrap_or(Fate::Settled))
    }

    /// What decides here, if it is for this epoch.
    fn deciding(&self, epoch: i64) -> Option<App> {
        match &*self.0.role.borrow() {
            Role::Holding(app, notice) if notice.epoch == epoch => Some(app.clone()),
            _ => None,
        }
    }
}

fn bare(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Full::default()));
    *response.status_mut() = status;
    response
}
