//! Numbers for operators, in Prometheus' text form. Labels hold templates and codes: never an id, an address or a
//! secret, and never what a client chose.

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use strongroom_engine::Engine;
use strongroom_tls::Acceptor;

use crate::tls_metrics::TlsNumbers;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The counters of the edge.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Histogram,
    in_flight: Gauge,
    connections: Gauge,
    failures: Family<ReasonLabels, Counter>,
    panics: Counter,
    limits: Family<LimitLabels, Counter>,
}

/// Upper bounds of the duration buckets, in seconds.
const BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

impl Metrics {
    pub fn new(engine: Engine, tls: Option<Acceptor>) -> Metrics {
        let requests = Family::default();
        let durations = Histogram::new(BUCKETS);
        let (in_flight, connections) = (Gauge::default(), Gauge::default());
        let (failures, limits) = (Family::default(), Family::default());
        let panics = Counter::default();
        let mut registry = Registry::with_prefix("strongroom");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time to answer",
            durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered",
            in_flight.clone(),
        );
        registry.register("http_connections", "Open connections", connections.clone());
        let what = "Requests refused before they were carried out";
        registry.register("http_refusals", what, failures.clone());
        let what = "Requests beyond a limit, refused or only reported";
        registry.register("http_limits_exceeded", what, limits.clone());
        registry.register("http_panics", "Handlers that panicked", panics.clone());
        registry.register_collector(Box::new(EngineNumbers(engine)));
        if let Some(tls) = tls {
            registry.register_collector(Box::new(TlsNumbers(tls)));
        }
        Metrics {
            registry,
            requests,
            durations,
            in_flight,
            connections,
            failures,
            panics,
            limits,
        }
    }

    /// Counts a request as being answered until the guard is dropped, also when its client went away.
    pub fn in_flight(&self) -> Held {
        Held::new(&self.in_flight)
    }

    /// Counts an open connection until the guard is dropped.
    pub fn connected(&self) -> Held {
        Held::new(&self.connections)
    }

    /// Counts an answer, or that there was none to give.
    pub fn answered(&self, route: &'static str, method: &'static str, status: u16, took: Duration) {
        let labels = RequestLabels {
            route,
            method,
            status: class(status),
        };
        self.requests.get_or_create(&labels).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// Counts a refusal at the edge by its code.
    pub fn refused(&self, reason: &'static str) {
        self.failures.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a request beyond a limit.
    pub fn limited(&self, limit: &'static str) {
        self.limits.get_or_create(&LimitLabels { limit }).inc();
    }

    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// All numbers as text; empty when they cannot be written.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }
}

/// One more on a gauge, for as long as it lives.
pub struct Held(Gauge);

impl Held {
    pub(crate) fn new(gauge: &Gauge) -> Held {
        gauge.inc();
        Held(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// `2xx` for 201.
const fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// The engine's running totals, read when they are asked for.
struct EngineNumbers(Engine);

impl std::fmt::Debug for EngineNumbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineNumbers")
    }
}

impl Collector for EngineNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.0.stats();
        for (name, help, value) in [
            ("engine_commits", "Commits", stats.commits),
            ("engine_commands", "Commands decided", stats.commands),
            ("engine_refused", "Commands refused", stats.refused),
            (
                "engine_replayed",
                "Retries answered with the first reply",
                stats.replayed,
            ),
            ("engine_panics", "Decisions that panicked", stats.panics),
            (
                "request_lines_dropped",
                "Lines the request log had no room for",
                stats.request_lines_dropped,
            ),
            (
                "attempt_lines_dropped",
                "Lines the journal of webhook deliveries had no room for",
                stats.attempt_lines_dropped,
            ),
            (
                "accounts_reconciled",
                "Accounts held against the sum of their postings",
                stats.accounts_reconciled,
            ),
            (
                "accounts_differing",
                "Accounts that were not what their postings say",
                stats.accounts_differing,
            ),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        for (name, help, value) in [
            ("engine_queued", "Commands waiting", stats.queued),
            (
                "engine_largest_batch",
                "Most commands in one commit",
                stats.largest_batch,
            ),
            (
                "keys_superseded",
                "Keys with a newer version under which something may still be sealed",
                stats.keys_superseded,
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
