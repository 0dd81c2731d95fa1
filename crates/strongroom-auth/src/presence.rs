//! What a person who has signed in brings beside his rights: which session, how long ago he did anything, and how long
//! ago he proved himself with a second factor.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use strongroom_types::id::{SessionId, UserId};
use strongroom_types::time::Timestamp;

/// Milliseconds that a second factor counts as recent: long enough for a task, too short for a lunch.
pub const RECENT: i64 = 10 * 60_000;

/// A session in use.
#[derive(Clone)]
pub struct Presence {
    pub user: UserId,
    pub session: SessionId,
    /// Milliseconds without a request after which it is over.
    pub idle: i64,
    /// When the password was last shown.
    pub authenticated_at: Timestamp,
    /// When a second factor last was.
    pub second_factor_at: Option<Timestamp>,
    /// What a page must send beside the cookie.
    pub csrf: String,
    /// Shared by all credentials that were made for this session.
    pub last_used: Arc<AtomicI64>,
}

impl Presence {
    /// Notes a request.
    pub fn used(&self, now: Timestamp) {
        self.last_used.fetch_max(now.0, Ordering::Relaxed);
    }

    pub fn last_used(&self) -> Timestamp {
        Timestamp(self.last_used.load(Ordering::Relaxed))
    }

    /// Whether it was used lately enough to go on.
    pub fn is_awake(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.last_used().0) < self.idle
    }

    /// Whether a second factor was shown lately enough for what is dangerous.
    pub fn is_stepped_up(&self, now: Timestamp) -> bool {
        let since = |at: Timestamp| now.0.saturating_sub(at.0);
        self.second_factor_at.is_some_and(|at| since(at) < RECENT)
    }

    /// Whether the password or a second factor was shown lately.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.is_stepped_up(now) || now.0.saturating_sub(self.authenticated_at.0) < RECENT
    }
}
