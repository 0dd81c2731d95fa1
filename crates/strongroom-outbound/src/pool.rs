//! Connections kept open between requests, by origin. Each stays bound to the address that was checked when it was
//! opened, and none is kept so long that a name's new address goes unnoticed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connect::Connection;
use crate::target::Origin;

/// Idle connections of one origin, and of all.
const MOST_PER_ORIGIN: usize = 16;
const MOST: usize = 1_024;

/// How long one is kept idle: less than the five seconds after which the most common servers hang up, so that a request
/// seldom meets a connection that is just being closed.
const IDLE_TIME: Duration = Duration::from_secs(4);

/// How long one is used at all: after that the name is asked for again.
const LIFE_TIME: Duration = Duration::from_secs(120);

/// The idle connections.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    by_origin: HashMap<Origin, Vec<Kept>>,
    count: usize,
}

struct Kept {
    connection: Connection,
    born: Instant,
    since: Instant,
}

/// A connection in use.
pub(crate) struct Lease {
    pub connection: Connection,
    born: Instant,
}

impl Lease {
    pub fn fresh(connection: Connection) -> Lease {
        Lease {
            connection,
            born: Instant::now(),
        }
    }
}

impl Pool {
    /// The connection of this origin that was used last.
    pub fn take(&self, origin: &Origin) -> Option<Lease> {
        let now = Instant::now();
        let mut idle = self.lock();
        loop {
            let kept = idle.by_origin.get_mut(origin)?.pop()?;
            idle.count = idle.count.saturating_sub(1);
            if kept.is_good(now) {
                return Some(Lease {
                    connection: kept.connection,
                    born: kept.born,
                });
            }
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub fn keep(&self, origin: &Origin, lease: Lease) {
        let kept = Kept {
            connection: lease.connection,
            born: lease.born,
            since: Instant::now(),
        };
        let mut idle = self.lock();
        if idle.count >= MOST || !kept.is_good(kept.since) {
            return;
        }
        let Idle { by_origin, count } = &mut *idle;
        match by_origin.get_mut(origin) {
            Some(all) if all.len() >= MOST_PER_ORIGIN => return,
            Some(all) => all.push(kept),
            None => drop(by_origin.insert(origin.clone(), vec![kept])),
        }
        *count += 1;
    }

    /// Closes what nobody came back for.
    pub fn sweep(&self) {
        let now = Instant::now();
        let mut idle = self.lock();
        idle.by_origin.retain(|_, all| {
            all.retain(|kept| kept.is_good(now));
            !all.is_empty()
        });
        idle.count = idle.by_origin.values().map(Vec::len).sum();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.since) < IDLE_TIME
            && now.duration_since(self.born) < LIFE_TIME
            && !self.connection.sender.is_closed()
    }
}
