//! What fails before a credential is proven: counted in memory, written as sums, at most 1,000 rows a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Most distinct (reason, network) pairs kept; further ones count as "others".
const MOST: usize = 1_000;

/// Counts per reason and network (IPv4 address, IPv6 /64).
#[derive(Default)]
pub(crate) struct Failures {
    counts: Mutex<HashMap<(&'static str, String), u64>>,
}

impl Failures {
    pub fn count(&self, reason: &'static str, address: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (reason, network(address));
        let full = counts.len() >= MOST && !counts.contains_key(&key);
        let key = if full {
            (reason, "others".to_owned())
        } else {
            key
        };
        *counts.entry(key).or_default() += 1;
    }

    /// Takes the counts, largest first.
    pub fn take(&self) -> Vec<((&'static str, String), u64)> {
        let counts =
            std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rows: Vec<_> = counts.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        rows
    }
}

/// The text of an address's network.
pub(crate) fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded() {
        let failures = Failures::default();
        for n in 0..5_000u32 {
            failures.count("unauthorized", IpAddr::from(n.to_be_bytes()));
        }
        let rows = failures.take();
        assert_eq!(rows.len(), MOST + 1);
        assert_eq!(rows[0], (("unauthorized", "others".into()), 4_000));
        assert_eq!(rows.iter().map(|r| r.1).sum::<u64>(), 5_000);
    }

    #[test]
    fn networks_of_addresses() {
        assert_eq!(
            network("2001:db8:1:2:3::4".parse().unwrap()),
            "2001:db8:1:2::/64"
        );
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1");
    }
}
