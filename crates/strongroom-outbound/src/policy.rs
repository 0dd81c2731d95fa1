//! Where the operator lets the server connect to.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::ranges::is_public;
use crate::target::{Origin, Scheme};

/// What is wrong with a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkFault {
    Malformed,
    /// The range that was probably meant.
    HostBits(IpNet),
    /// Nothing in it may be connected to.
    Closed,
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetworkFault::Malformed => f.write_str("is no range such as `203.0.113.0/24`"),
            NetworkFault::HostBits(range) => {
                write!(f, "has bits set behind its prefix: write `{range}`")
            }
            NetworkFault::Closed => f.write_str(
                "lies neither on the public internet nor in a network that the operator has opened for this mode",
            ),
        }
    }
}

/// What may be connected to. The default is the public internet over TLS.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Ranges that targets of test mode may lie in, whatever they are: on any port, and over plain HTTP. Never in live
    /// mode. Empty by default.
    pub networks: Vec<IpNet>,
    /// Ports of public addresses.
    pub ports: Vec<u16>,
    pub roots: Roots,
}

/// Whose certificates are believed: the public roots, and what the operator adds.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// More root certificates, as PEM.
    pub extra: Vec<String>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            networks: Vec::new(),
            ports: vec![443, 8443],
            roots: Roots::default(),
        }
    }
}

impl Policy {
    /// Whether targets of this mode may lie in named ranges.
    pub(crate) fn opens_networks(&self, live: bool) -> bool {
        !live && !self.networks.is_empty()
    }

    /// Whether something in `network` may be connected to at all, by some URL.
    pub(crate) fn reaches(&self, network: &IpNet, live: bool) -> bool {
        let overlaps = |range: &IpNet| range.contains(network) || network.contains(range);
        (!live && self.networks.iter().any(overlaps))
            // Large enough to hold something public, whatever its ends are.
            || network.prefix_len() < 3
            || is_public(network.network())
            || is_public(network.broadcast())
    }

    /// Whether a connection for this origin may go to this address. The one place where that is decided: for addresses
    /// that stand in a URL as for those that a name resolves to.
    pub(crate) fn admits(&self, origin: &Origin, address: IpAddr) -> bool {
        if !origin.spans(address) {
            return false;
        }
        if !origin.live && self.networks.iter().any(|range| range.contains(&address)) {
            return true;
        }
        // SECURITY: plain HTTP is for named ranges only.
        origin.scheme == Scheme::Https && self.ports.contains(&origin.port) && is_public(address)
    }
}
