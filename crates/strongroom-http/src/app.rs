//! The edge as a whole: its settings, its table, its counters, and the engine behind it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use strongroom_auth::webauthn::RelyingParty;
use strongroom_channel::Vault;
use strongroom_engine::Engine;
use strongroom_outbound::Outbound;
use strongroom_tls::Acceptor;
use strongroom_types::id::{ApiKeyId, PaymentLinkId};

use crate::budget::Budget;
use crate::feed::Feeds;
use crate::limits::Limits;
use crate::lockout::{Entrance, Lockout};
use crate::metrics::Metrics;
use crate::oauth::{Nonces, Waiting};
use crate::own_limits::OwnLimits;
use crate::routes::routes;
use crate::table::Table;
use crate::throttle::Throttle;

/// What an operator decides about the edge.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// Origins under which clients know the server, such as `https://pay.example`; signatures may cover them.
    pub public_origins: Vec<String>,
    /// What stands before the path of payment pages where no public origin is named: the listener's own address.
    pub own_origin: String,
    /// Forms of payment pages per network and window; of one link it is half as many.
    pub payers_limit: u32,
    /// How long the answer to such a form waits for the card's bank.
    pub payment_patience: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Failures per network and window.
    pub unauthenticated_limit: u32,
    /// Readings of public documents per network and window.
    pub pages_limit: u32,
    pub limit_window: Duration,
    /// Requests per key and second; `None` for no limit.
    pub key_limit: Option<u32>,
    /// Numbers that a live key may be shown in a minute.
    pub reveal_limit: u32,
    /// Requests per organization and second, both modes together; `None` for no limit.
    pub organization_limit: Option<u32>,
    /// Requests of a key that read, and that change, per second; `None` for no limit of their own.
    pub key_reads_limit: Option<u32>,
    pub key_writes_limit: Option<u32>,
    /// Whether organizations may set rates over the API that are higher than these.
    pub limits_may_be_raised: bool,
    /// Whether limits of keys and organizations are only reported. Failures are always held to theirs.
    pub limits_report_only: bool,
    /// Where counters are written once a second, so that a restart does not forget them.
    pub limits_file: Option<PathBuf>,
    /// Whether clients reach the server by TLS only: then browsers are told to stay with it.
    pub behind_tls: bool,
    /// Whether live keys are accepted; false where requests travel in clear beyond this machine.
    pub live_allowed: bool,
    /// How long a request's head may take.
    pub head_time: Duration,
    /// How long a connection may idle, and how long a client may take to read an answer.
    pub idle_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long requests may go on after a shutdown began.
    pub drain_time: Duration,
    /// Most connections at a time; further ones wait in the backlog.
    pub connections: u32,
    /// What makes TLS of the API's connections; `None` where they are in clear.
    pub tls: Option<Acceptor>,
    /// What checks the addresses that events are to be sent to.
    pub outbound: Outbound,
    /// The process that keeps the cards; without one this process does.
    pub vault: Option<Vault>,
    /// Whether every webhook must answer a challenge before it is sent anything else.
    pub webhook_challenge: bool,
    /// The largest file of a bank, in bytes.
    pub bank_file_limit: usize,
}

impl Default for EdgeSettings {
    fn default() -> EdgeSettings {
        EdgeSettings {
            public_origins: Vec::new(),
            own_origin: String::new(),
            payers_limit: 60,
            payment_patience: Duration::from_secs(2),
            trusted_proxies: Vec::new(),
            unauthenticated_limit: 100,
            pages_limit: 100,
            limit_window: Duration::from_secs(900),
            key_limit: None,
            reveal_limit: 60,
            organization_limit: None,
            key_reads_limit: None,
            key_writes_limit: None,
            limits_may_be_raised: false,
            limits_report_only: false,
            limits_file: None,
            behind_tls: false,
            live_allowed: false,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            body_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(10),
            connections: 8_192,
            tls: None,
            outbound: Outbound::default(),
            vault: None,
            webhook_challenge: false,
            bank_file_limit: 16 << 20,
        }
    }
}

impl EdgeSettings {
    /// The settings of an edge that listens there.
    #[must_use]
    pub fn at(self, address: SocketAddr) -> EdgeSettings {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        EdgeSettings {
            own_origin: format!("{scheme}://{address}"),
            ..self
        }
    }

    /// What stands before the path of payment pages.
    pub fn link_origin(&self) -> String {
        let public = self.public_origins.first();
        public.unwrap_or(&self.own_origin).clone()
    }
}

/// The edge. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub engine: Engine,
    pub settings: EdgeSettings,
    pub table: Table,
    pub metrics: Metrics,
    pub feeds: Arc<Feeds>,
    pub limits: Limits,
    pub own_limits: Arc<OwnLimits>,
    pub pages: Throttle<IpAddr>,
    pub pay_pages: Throttle<IpAddr>,
    pub payers: Throttle<IpAddr>,
    pub paid_links: Throttle<PaymentLinkId>,
    pub reveals: Throttle<ApiKeyId>,
    pub entrance: Arc<Entrance>,
    pub nonces: Nonces,
    pub waiting: Waiting,
    /// What this process writes on requests that it passes to the vault, to know them again.
    pub pass: String,
    /// What the bodies of these may hold, all together.
    pub passing: Budget,
}

impl App {
    pub fn new(engine: Engine, settings: EdgeSettings) -> App {
        let window = i64::try_from(settings.limit_window.as_millis()).unwrap_or(i64::MAX);
        let inner = Inner {
            table: Table::new(routes()),
            metrics: Metrics::new(engine.clone(), settings.tls.clone()),
            feeds: Arc::default(),
            limits: Limits::new(&settings),
            own_limits: Arc::default(),
            pages: Throttle::new("pages", settings.pages_limit, window),
            // Whoever waits for his bank looks every two seconds.
            pay_pages: Throttle::new(
                "payment pages",
                settings.payers_limit.saturating_mul(20),
                window,
            ),
            payers: Throttle::new("payers", settings.payers_limit, window),
            paid_links: Throttle::new("payment link", settings.payers_limit.div_ceil(2), window),
            reveals: Throttle::new("reveals", settings.reveal_limit, 60_000),
            passing: Budget::default(),
            pass: format!("{:032x}", u128::from_be_bytes(strongroom_crypto::random())),
            entrance: Arc::new(Entrance {
                lockout: Lockout::default(),
                party: RelyingParty::of(&settings.public_origins),
            }),
            nonces: Nonces::default(),
            waiting: Waiting::default(),
            engine,
            settings,
        };
        let app = App(Arc::new(inner));
        app.resume_limits();
        app
    }

    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub fn settings(&self) -> &EdgeSettings {
        &self.0.settings
    }

    /// Ends all event streams; their readers come back, wherever the events are told then.
    pub fn end_streams(&self) {
        self.0.feeds.drain();
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}
