//! When a request is sent again, and how long is waited before.

use std::time::Duration;

use strongroom_crypto::random;

use crate::client::Reply;

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// The wait before the second attempt; doubles each time, with up to a quarter of random spread.
    pub first_wait: Duration,
    /// The longest wait, also when the server asks for more: then its answer is returned instead.
    pub longest_wait: Duration,
    /// For one attempt, from connecting to the last byte.
    pub time_limit: Duration,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries {
            attempts: 4,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            time_limit: Duration::from_secs(30),
        }
    }
}

impl Retries {
    /// The wait before the next attempt after an answer; `None` when the answer is final.
    pub(crate) fn after_reply(&self, attempt: u32, reply: &Reply) -> Option<Duration> {
        if attempt >= self.attempts || !is_passing(reply) {
            return None;
        }
        let wait = match reply.retry_after {
            Some(seconds) => Duration::from_secs(seconds),
            None => self.wait(attempt),
        };
        (wait <= self.longest_wait).then_some(wait)
    }

    /// The wait before the next attempt after no answer; `None` when it was the last.
    pub(crate) fn after_silence(&self, attempt: u32) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.wait(attempt))
    }

    fn wait(&self, attempt: u32) -> Duration {
        let doubled = self
            .first_wait
            .saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let spread = doubled.mul_f64(f64::from(u8::from_le_bytes(random::<1>())) / 1024.0);
        doubled.saturating_add(spread).min(self.longest_wait)
    }
}

/// Whether the same request may be answered otherwise in a moment.
fn is_passing(reply: &Reply) -> bool {
    match reply.status {
        429 | 502..=504 => true,
        409 => reply
            .problem()
            .is_some_and(|problem| problem.code == "idempotency_key_in_use"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, code: &str, retry_after: Option<u64>) -> Reply {
        let body = format!(r#"{{"status":{status},"code":"{code}"}}"#).into();
        Reply {
            status,
            request_id: None,
            replayed: false,
            retry_after,
            body,
        }
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let retries = Retries::default();
        let again = |status, code| retries.after_reply(1, &reply(status, code, None)).is_some();
        assert!(again(503, "overloaded"));
        assert!(again(429, "rate_limited"));
        assert!(again(409, "idempotency_key_in_use"));
        assert!(!again(409, "idempotency_key_reused"));
        assert!(!again(422, "insufficient_funds"));
        assert!(!again(500, "internal_error"));
        assert!(!again(201, ""));
    }

    #[test]
    fn patience_ends() {
        let retries = Retries::default();
        let busy = reply(503, "overloaded", None);
        assert!(retries.after_reply(3, &busy).is_some());
        assert!(retries.after_reply(4, &busy).is_none());
        assert!(retries.after_silence(4).is_none());
        assert_eq!(
            retries.after_reply(1, &reply(503, "", Some(2))),
            Some(Duration::from_secs(2))
        );
        assert_eq!(retries.after_reply(1, &reply(429, "", Some(900))), None);
    }

    #[test]
    fn waits_double_and_are_spread() {
        let retries = Retries::default();
        for (attempt, least) in [(1, 100), (2, 200), (3, 400)] {
            let wait = retries.wait(attempt);
            assert!(
                wait >= Duration::from_millis(least)
                    && wait <= Duration::from_millis(least * 5 / 4)
            );
        }
        assert_eq!(retries.wait(40), retries.longest_wait);
    }
}
