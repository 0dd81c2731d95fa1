//! The limits of those who are known: per key, per class of endpoint, per organization; and what becomes of them in a crash.
//!
//! Counters live in memory. Once a second they are written to a file, beside all requests, so that a server that is killed
//! forgets a second at most. The file holds ids, times, and keyed hashes in the place of addresses; who deletes it resets
//! the counters, and nothing else. What it says is bounded by the limits in force: nobody can be locked out by it for longer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use strongroom_auth::Credential;
use strongroom_domain::rate_limits::{RateLimits, Rates};
use strongroom_types::id::{ApiKeyId, OauthClientId, OrganizationId, RawId};
use strongroom_types::time::Timestamp;

use crate::address::network;
use crate::app::{App, EdgeSettings};
use crate::edge::allow;
use crate::gcra::Gcra;
use crate::own_limits::{Counter, Meter};
use crate::problem::Problem;
use crate::route::Route;
use crate::throttle::{Standing, Throttle};
use crate::visit::{RATE_LIMIT_EXCEEDED, Visit};

/// A network, as a hash that only this installation can make.
pub(crate) type Network = [u8; 16];

/// What a key's requests do, for the limits per class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Class {
    Read,
    Write,
}

/// The counters of all limits.
pub(crate) struct Limits {
    pub unauthenticated: Throttle<Network>,
    /// Clients of OAuth that have nothing to show, each per network.
    pub public_clients: Throttle<(Network, OauthClientId)>,
    keys: Option<Gcra<ApiKeyId>>,
    reads: Option<Gcra<(ApiKeyId, Class)>>,
    writes: Option<Gcra<(ApiKeyId, Class)>>,
    organizations: Option<Gcra<OrganizationId>>,
    report_only: bool,
}

/// Milliseconds that a rate "per second" is of.
const RATE_WINDOW: i64 = 1_000;

/// What the operator's file bounds rates by: an organization sets none that is higher, unless the file says that it may.
#[derive(Clone, Copy, Serialize)]
pub struct Ceilings {
    organization: Rates,
    key: Rates,
    pub may_be_raised: bool,
}

impl Ceilings {
    pub(crate) fn of_file(settings: &EdgeSettings) -> Ceilings {
        Ceilings {
            organization: Rates {
                per_second: settings.organization_limit,
                ..Rates::default()
            },
            key: Rates {
                per_second: settings.key_limit,
                reads_per_second: settings.key_reads_limit,
                writes_per_second: settings.key_writes_limit,
                money_per_second: None,
            },
            may_be_raised: settings.limits_may_be_raised,
        }
    }

    /// What nobody sets a rate above.
    pub fn of(&self, is_key: bool) -> Rates {
        match (self.may_be_raised, is_key) {
            (true, _) => Rates::default(),
            (false, true) => self.key,
            (false, false) => self.organization,
        }
    }
}

/// The limits of the file that an organization's own stand in for.
#[derive(Clone, Copy, Default)]
struct Replaced {
    key: bool,
    class: bool,
    organization: bool,
}

impl Replaced {
    fn by(own: &RateLimits, credential: &Credential, route: &Route) -> Replaced {
        let key = own.of(credential.id);
        let class = match route.is_mutating() {
            true => key.writes_per_second,
            false => key.reads_per_second,
        };
        Replaced {
            key: key.per_second.is_some(),
            class: class.is_some(),
            organization: own.organization.per_second.is_some(),
        }
    }
}

impl Limits {
    pub fn new(settings: &EdgeSettings) -> Limits {
        let window = i64::try_from(settings.limit_window.as_millis()).unwrap_or(i64::MAX);
        let class =
            |name, limit: Option<u32>| limit.map(|limit| Gcra::new(name, limit, RATE_WINDOW));
        Limits {
            unauthenticated: Throttle::new(
                "unauthenticated",
                settings.unauthenticated_limit,
                window,
            ),
            public_clients: Throttle::new("client", settings.unauthenticated_limit, window),
            keys: settings
                .key_limit
                .map(|limit| Gcra::new("key", limit, RATE_WINDOW)),
            reads: class("key_reads", settings.key_reads_limit),
            writes: class("key_writes", settings.key_writes_limit),
            organizations: settings
                .organization_limit
                .map(|limit| Gcra::new("organization", limit, RATE_WINDOW)),
            report_only: settings.limits_report_only,
        }
    }

    /// Where a request stands, limit by limit. Each is asked, and counts, only when the one before it was taken.
    fn standings(
        &self,
        credential: &Credential,
        route: &Route,
        (now, replaced): (Timestamp, Replaced),
    ) -> impl Iterator<Item = Standing> + use<'_> {
        let (key, weight) = (credential.id, route.weight);
        let organization = credential.scope.organization;
        let (class, of_class) = match route.is_mutating() {
            true => (Class::Write, &self.writes),
            false => (Class::Read, &self.reads),
        };
        let by_key = self
            .keys
            .iter()
            .filter(move |_| !replaced.key)
            .map(move |rate| rate.count(key, weight, now));
        let by_class = of_class.iter().filter(move |_| !replaced.class);
        let by_class = by_class.map(move |rate| rate.count((key, class), weight, now));
        let all = self.organizations.iter();
        let all = all.filter(move |_| !replaced.organization);
        let by_all = all.map(move |rate| rate.count(organization, weight, now));
        by_key.chain(by_class).chain(by_all)
    }
}

impl App {
    /// Limits of the key, of what it does, and of its organization.
    pub(crate) fn limit(
        &self,
        visit: &mut Visit,
        credential: &Credential,
        route: &Route,
    ) -> Result<(), Problem> {
        let limits = &self.inner().limits;
        let own = self.engine().rate_limits(&credential.scope);
        let raised = own
            .as_ref()
            .filter(|_| self.settings().limits_may_be_raised);
        let replaced = raised.map(|own| Replaced::by(own, credential, route));
        let asked = (visit.time, replaced.unwrap_or_default());
        for standing in limits.standings(credential, route, asked) {
            if standing.is_allowed() {
                visit.standing = Some(standing);
                continue;
            }
            self.inner().metrics.limited(standing.name());
            if !limits.report_only {
                return allow(visit, standing);
            }
            visit.standing = Some(standing);
            visit.warned(RATE_LIMIT_EXCEEDED);
        }
        match &own {
            Some(own) => self.limit_own(visit, credential, route, own),
            None => Ok(()),
        }
    }

    /// The network that failures from an address are counted by.
    pub(crate) fn network_of(&self, address: IpAddr) -> Network {
        let octets = match network(address) {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        self.engine().network_hash(&octets)
    }

    /// Takes up the counters that a server before this one left. One that is damaged, or of another kind, is no reason not to start.
    pub fn resume_limits(&self) {
        let Some(path) = &self.settings().limits_file else {
            return;
        };
        let left = match read(path) {
            Ok(left) => left,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(error = %error, "the counters of limits cannot be read, and begin anew");
                return;
            }
        };
        let (limits, now) = (&self.inner().limits, self.engine().now());
        let of = |kind: u8| left.iter().filter(move |line| line.kind == kind);
        let key = |line: &Line| ApiKeyId(line.id());
        limits.unauthenticated.resume(
            &of(NETWORKS)
                .map(|l| (l.key, Timestamp(l.time), l.count))
                .collect::<Vec<_>>(),
            now,
        );
        if let Some(keys) = &limits.keys {
            keys.resume(&of(KEYS).map(|l| (key(l), l.time)).collect::<Vec<_>>(), now);
        }
        if let Some(reads) = &limits.reads {
            let own = of(READS).map(|l| ((key(l), Class::Read), l.time));
            reads.resume(&own.collect::<Vec<_>>(), now);
        }
        if let Some(writes) = &limits.writes {
            let own = of(WRITES).map(|l| ((key(l), Class::Write), l.time));
            writes.resume(&own.collect::<Vec<_>>(), now);
        }
        if let Some(organizations) = &limits.organizations {
            let own = of(ORGANIZATIONS).map(|l| (OrganizationId(l.id()), l.time));
            organizations.resume(&own.collect::<Vec<_>>(), now);
        }
        for meter in Meter::ALL {
            let own = of(OWN + meter.place()).map(|l| {
                (
                    Counter {
                        meter,
                        owner: l.key,
                    },
                    l.time,
                )
            });
            let rates = &self.inner().own_limits.rates;
            rates.resume(&own.collect::<Vec<_>>(), now);
        }
    }

    /// Writes the counters down; nothing where no file was named.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep_limits(&self) -> io::Result<()> {
        match &self.settings().limits_file {
            Some(path) => write(path, &self.lines()),
            None => Ok(()),
        }
    }

    /// Writes them once a second, until it is dropped.
    pub(crate) async fn keep_limits_up(self) {
        if self.settings().limits_file.is_none() {
            return std::future::pending().await;
        }
        let mut failed = false;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let app = self.clone();
            let kept = tokio::task::spawn_blocking(move || app.keep_limits()).await;
            let fault = !matches!(kept, Ok(Ok(())));
            if fault && !failed {
                tracing::warn!("the counters of limits cannot be written: a restart forgets them");
            }
            failed = fault;
        }
    }

    fn lines(&self) -> Vec<Line> {
        let (limits, now) = (&self.inner().limits, self.engine().now());
        let mut lines: Vec<Line> = Vec::new();
        let networks = limits.unauthenticated.waiting(now).into_iter();
        lines.extend(networks.map(|(key, start, count)| Line {
            kind: NETWORKS,
            key,
            time: start.0,
            count,
        }));
        let by_key = limits.keys.iter().flat_map(|keys| keys.waiting(now));
        lines.extend(by_key.map(|(key, time)| Line::of(KEYS, key.0, time)));
        let reads = limits.reads.iter().flat_map(|rate| rate.waiting(now));
        lines.extend(reads.map(|((key, _), time)| Line::of(READS, key.0, time)));
        let writes = limits.writes.iter().flat_map(|rate| rate.waiting(now));
        lines.extend(writes.map(|((key, _), time)| Line::of(WRITES, key.0, time)));
        let organizations = limits
            .organizations
            .iter()
            .flat_map(|rate| rate.waiting(now));
        lines.extend(organizations.map(|(id, time)| Line::of(ORGANIZATIONS, id.0, time)));
        let own = self.inner().own_limits.rates.waiting(now).into_iter();
        lines.extend(own.map(|(counter, time)| Line {
            kind: OWN + counter.meter.place(),
            key: counter.owner,
            time,
            count: 0,
        }));
        lines
    }
}

const NETWORKS: u8 = 1;
const KEYS: u8 = 2;
const READS: u8 = 3;
const WRITES: u8 = 4;
const ORGANIZATIONS: u8 = 5;
/// The first of those that organizations set themselves.
const OWN: u8 = 16;

/// A counter, as the file has it: `u8 kind ‖ key₁₆ ‖ i64 time ‖ u32 count`, big-endian.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    kind: u8,
    key: [u8; 16],
    time: i64,
    count: u32,
}

const LINE: usize = 29;
const HEAD: &[u8] = b"strongroom/limits/1\n";
/// More than all tables hold.
const MOST_BYTES: u64 = 16 << 20;

impl Line {
    fn of(kind: u8, id: RawId, time: i64) -> Line {
        let mut key = [0; 16];
        for (to, from) in key.iter_mut().zip(id.0) {
            *to = from;
        }
        Line {
            kind,
            key,
            time,
            count: 0,
        }
    }

    fn id(&self) -> RawId {
        RawId(self.key.first_chunk::<12>().copied().unwrap_or_default())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.kind];
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out
    }

    fn parse(bytes: &[u8; LINE]) -> Option<Line> {
        let (kind, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk::<16>()?;
        let (time, count) = rest.split_first_chunk::<8>()?;
        Some(Line {
            kind: *kind,
            key: *key,
            time: i64::from_be_bytes(*time),
            count: u32::from_be_bytes(*count.first_chunk::<4>()?),
        })
    }
}

/// Beside, then in place: a reader finds the old file or the new one. Not synced: a power cut may take it, a crash does not.
fn write(path: &Path, lines: &[Line]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut bytes = HEAD.to_vec();
    for line in lines {
        bytes.extend_from_slice(&line.bytes());
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&bytes)?;
    std::fs::rename(&beside, path)
}

fn read(path: &Path) -> io::Result<Vec<Line>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "no file of counters");
    let lines = bytes.strip_prefix(HEAD).ok_or_else(damaged)?;
    let (lines, odd) = lines.as_chunks::<LINE>();
    if !odd.is_empty() {
        return Err(damaged());
    }
    lines
        .iter()
        .map(|line| Line::parse(line).ok_or_else(damaged))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_come_back_as_they_were_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits");
        let lines = vec![
            Line {
                kind: NETWORKS,
                key: [7; 16],
                time: 1_767_225_600_000,
                count: 99,
            },
            Line::of(KEYS, RawId([3; 12]), 1_767_225_600_000_000_000),
        ];
        write(&path, &lines).unwrap();
        assert_eq!(read(&path).unwrap(), lines);
        assert_eq!(lines[1].id(), RawId([3; 12]));
        let bytes = std::fs::read(&path).unwrap();
        for broken in [&bytes[..bytes.len() - 1], b"", b"strongroom/limits/2\n"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
