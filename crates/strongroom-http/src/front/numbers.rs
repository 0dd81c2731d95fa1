//! A node's own numbers, whoever decides.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::metrics::Held;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

pub(crate) struct Numbers {
    registry: Registry,
    connections: Gauge,
    waiting: Gauge,
    deciding: Gauge,
    forwarded: Family<Outcome, Counter>,
}

impl Numbers {
    pub fn new() -> Numbers {
        let (connections, waiting, deciding) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        let forwarded = Family::default();
        let mut registry = Registry::with_prefix("strongroom_node");
        registry.register("connections", "Open connections", connections.clone());
        let what = "Requests that wait for a node that decides";
        registry.register("waiting", what, waiting.clone());
        registry.register("deciding", "Whether this node decides", deciding.clone());
        let what = "Requests sent to the node that decides, by what became of them";
        registry.register("forwarded", what, forwarded.clone());
        Numbers {
            registry,
            connections,
            waiting,
            deciding,
            forwarded,
        }
    }

    pub fn connected(&self) -> Held {
        Held::new(&self.connections)
    }

    pub fn waits(&self) -> Held {
        Held::new(&self.waiting)
    }

    pub fn decides(&self, does: bool) {
        self.deciding.set(i64::from(does));
    }

    pub fn forwarded(&self, outcome: &'static str) {
        self.forwarded.get_or_create(&Outcome { outcome }).inc();
    }

    /// After the numbers of the edge, if this node decides.
    pub fn render(&self, edge: Option<String>) -> String {
        let mut text = edge.unwrap_or_default();
        // One end stands behind both.
        if let Some(start) = text.strip_suffix("# EOF\n") {
            text.truncate(start.len());
        }
        let mut own = String::new();
        if prometheus_client::encoding::text::encode(&mut own, &self.registry).is_ok() {
            text.push_str(&own);
        }
        text
    }
}
