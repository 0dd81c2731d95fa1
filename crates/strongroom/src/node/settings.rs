//! What an operator decides about a server that is one of several.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

/// Longer than a takeover takes: the lease's 6 s, and a start.
const PATIENCE: u64 = 15;
/// Long enough for a load balancer that asks once a second.
const LEAVE: u64 = 2;
const MOST_SECONDS: u64 = 300;

/// The `[node]` of a configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeTable {
    address: Option<SocketAddr>,
    listen: Option<SocketAddr>,
    patience_seconds: Option<u64>,
    leave_seconds: Option<u64>,
}

/// The same, complete.
#[derive(Clone, Debug)]
pub(crate) struct NodeSettings {
    /// Where the others reach it, when it is not simply where it listens.
    pub address: Option<SocketAddr>,
    pub listen: SocketAddr,
    /// How long a request waits while no server decides.
    pub patience: Duration,
    /// How long a server that was stopped still answers what arrives.
    pub leave: Duration,
}

impl NodeTable {
    /// With the address of the command line, if there was one.
    pub fn reached_at(&self, address: Option<SocketAddr>) -> NodeTable {
        NodeTable {
            address: address.or(self.address),
            ..self.clone()
        }
    }

    /// What it comes to.
    pub fn settings(&self) -> Result<NodeSettings, String> {
        let NodeTable {
            address, listen, ..
        } = *self;
        if let Some(address) = address
            && (address.ip().is_unspecified() || address.port() == 0)
        {
            return Err(format!(
                "`node.address`: `{address}` is no address that another server can reach"
            ));
        }
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let seconds = |name: &str, value: Option<u64>, usual: u64| match value.unwrap_or(usual) {
            seconds @ 0..=MOST_SECONDS => Ok(Duration::from_secs(seconds)),
            _ => Err(format!("`node.{name}` is at most {MOST_SECONDS}")),
        };
        Ok(NodeSettings {
            address,
            listen: listen.or(address).unwrap_or(any),
            patience: seconds("patience_seconds", self.patience_seconds, PATIENCE)?,
            leave: seconds("leave_seconds", self.leave_seconds, LEAVE)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_is_an_address() {
        let table = |text: &str| toml::from_str::<NodeTable>(text).unwrap().settings();
        assert_eq!(table("").unwrap().listen, "127.0.0.1:0".parse().unwrap());
        let given = table("address = '10.0.0.11:7072'").unwrap();
        assert_eq!(given.listen, "10.0.0.11:7072".parse().unwrap());
        let both = table("address = '10.0.0.11:7072'\nlisten = '0.0.0.0:7072'").unwrap();
        assert_eq!(both.listen, "0.0.0.0:7072".parse().unwrap());
        for text in ["address = '0.0.0.0:7072'", "address = '10.0.0.11:0'"] {
            assert!(table(text).unwrap_err().contains("node.address"), "{text}");
        }
        let long = table("patience_seconds = 301").unwrap_err();
        assert!(long.contains("patience_seconds"), "{long}");
    }
}
