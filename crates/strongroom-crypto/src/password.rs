//! Argon2id hashes of people's passwords. The cost stands beside each hash, so that a dearer one can follow.

use crate::hash::equal;
use crate::passphrase::PassphraseCost;
use crate::random::random;

/// A password as it is kept: salt, cost, and what Argon2id makes of it. No `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    pub salt: [u8; 16],
    pub cost: PassphraseCost,
    pub tag: [u8; 32],
}

impl PasswordHash {
    /// 19 MiB and 2 passes: what a server can spend on each of many logins.
    pub const COST: PassphraseCost = PassphraseCost {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };

    /// Hashes a password under a fresh salt; takes its time.
    pub fn of(password: &[u8]) -> Option<PasswordHash> {
        let salt = random();
        Some(PasswordHash {
            salt,
            cost: Self::COST,
            tag: *Self::COST.stretch(password, &salt)?,
        })
    }

    /// A hash that no password has: checking against it costs what checking against a real one does.
    pub fn of_nobody() -> PasswordHash {
        PasswordHash {
            salt: random(),
            cost: Self::COST,
            tag: random(),
        }
    }

    /// Whether it is this password's; takes its time, whatever the answer.
    pub fn matches(&self, password: &[u8]) -> bool {
        let found = self.cost.stretch(password, &self.salt);
        found.is_some_and(|found| equal(&found[..], &self.tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_nothing_else_is() {
        let hash = PasswordHash::of("päss word seven".as_bytes()).unwrap();
        assert!(hash.matches("päss word seven".as_bytes()));
        assert!(!hash.matches(b"pass word seven"));
        assert!(!hash.matches(b""));
        assert!(!PasswordHash::of_nobody().matches(b""));
        assert!(PasswordHash::of(b"x").unwrap() != PasswordHash::of(b"x").unwrap());
    }
}
