//! The receiver: where it may be, and the secret that its deliveries are signed with.

use std::path::Path;

use ipnet::IpNet;
use strongroom_engine::{Signer, mint_webhook_secret};
use strongroom_listen::Forward;
use strongroom_outbound::{Outbound, OutboundFault, Policy, TargetFault};
use strongroom_types::secret::SecretText;

use super::Options;
use crate::fault::Fault;
use crate::folder;

/// This machine, and the private networks (RFC 1918, RFC 4193) that containers and virtual machines have.
const NETWORKS: [&str; 6] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
];

/// The fewest characters of a secret, as for webhooks.
const LEAST_SECRET: usize = 24;

/// What deliveries are signed with.
pub(super) struct Secret {
    text: SecretText,
    is_fresh: bool,
}

impl Secret {
    /// The one in a file, or a fresh one.
    pub fn of(file: Option<&Path>) -> Result<Secret, Fault> {
        let Some(path) = file else {
            let text = mint_webhook_secret();
            return Ok(Secret {
                text,
                is_fresh: true,
            });
        };
        let text = folder::read_secret_line(path, "a webhook secret")?;
        if text.expose().chars().count() < LEAST_SECRET {
            return Err(Fault::new(format!(
                "the secret in `{}` has fewer than {LEAST_SECRET} characters",
                path.display()
            ))
            .hint("`whsec_` and the base64 of 32 random bytes verifies with every library"));
        }
        Ok(Secret {
            text,
            is_fresh: false,
        })
    }

    /// What is printed: a fresh secret is shown this once, a given one never.
    pub fn shown(&self) -> &str {
        match self.is_fresh {
            true => self.text.expose(),
            false => "as given",
        }
    }
}

/// The receiver of the options, its address not yet asked for.
pub(super) fn forward(options: &Options, secret: &Secret) -> Result<Forward, Fault> {
    let own = NETWORKS.iter().filter_map(|network| network.parse().ok());
    let networks: Vec<IpNet> = own.chain(options.forward_network.iter().copied()).collect();
    // SECURITY: no port of a public address: nothing beyond the networks is ever connected to.
    let policy = Policy {
        networks,
        ports: Vec::new(),
        ..Policy::default()
    };
    let outbound = Outbound::new(policy).map_err(|fault| Fault::new(fault.to_string()))?;
    let target = outbound.check(&options.forward, false);
    let target = target.map_err(|fault| match fault {
        TargetFault::Address => elsewhere(&options.forward),
        fault => Fault::new(format!("`{}` {fault}", options.forward)),
    })?;
    Ok(Forward {
        outbound,
        target,
        signer: Signer::with_secret(&secret.text),
        attempts: options.attempts,
    })
}

/// Asks for the receiver's addresses, so that a name that leads elsewhere is told before an event is to go there.
pub(super) async fn reachable(url: &str, forward: &Forward) -> Result<(), Fault> {
    let admitted = forward.outbound.admits(&forward.target).await;
    admitted.map_err(|fault| match fault {
        OutboundFault::RefusedAddress => elsewhere(url),
        fault => Fault::new(format!("`{url}`: {fault}")).hint("look at --forward"),
    })
}

pub(super) fn elsewhere(url: &str) -> Fault {
    Fault::new(format!(
        "`{url}` is neither on this machine nor in a private network"
    ))
    .hint("events are forwarded to programs of your own; open another network with --forward-network CIDR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_is_one() {
        assert!(NETWORKS.iter().all(|text| text.parse::<IpNet>().is_ok()));
    }
}
