//! Failed logins: ten on one account from one network lock that pair out for half an hour; a hundred on one account in a
//! day, from wherever, close it to networks that its owner has not signed in from.
//!
//! So whoever guesses is stopped, and nobody can be locked out by somebody else's guessing where he usually is. Accounts
//! are the keyed hashes of their addresses, whether they exist or not: being locked out says nothing. A try counts when it
//! begins, so that many at once are no more than ten. Memory is bounded, and what it holds is lost with the process.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use strongroom_auth::webauthn::RelyingParty;
use strongroom_types::time::Timestamp;

/// What a try is counted for.
pub type Account = [u8; 16];

const MOST_TRIES: u32 = 10;
const PAIR_WINDOW: i64 = 30 * 60_000;

const MOST_IN_A_DAY: u32 = 100;
const DAY: i64 = 86_400_000;

/// Pairs, and accounts, that are remembered at once.
const MOST_REMEMBERED: usize = 65_536;

/// What those at the door meet: who may try again, and where passkeys are good.
pub struct Entrance {
    pub lockout: Lockout,
    /// None where the server does not know its own address.
    pub party: Option<RelyingParty>,
}

/// Who failed how often.
#[derive(Default)]
pub struct Lockout(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    pairs: HashMap<(Account, IpAddr), Count>,
    accounts: HashMap<Account, Count>,
}

#[derive(Clone, Copy)]
struct Count {
    tries: u32,
    /// When it is forgotten.
    until: Timestamp,
}

impl Lockout {
    /// Counts a try that begins.
    ///
    /// # Errors
    /// Seconds until there may be another, where this one may not be.
    pub fn begin(
        &self,
        account: Account,
        network: IpAddr,
        is_known: bool,
        now: Timestamp,
    ) -> Result<(), u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { pairs, accounts } = &mut *counts;
        let pair = live(pairs, (account, network), now, PAIR_WINDOW);
        if pair.tries >= MOST_TRIES {
            return Err(seconds(pair.until, now));
        }
        let whole = live(accounts, account, now, DAY);
        if whole.tries >= MOST_IN_A_DAY && !is_known {
            return Err(seconds(whole.until, now));
        }
        pair.tries += 1;
        // The lock lasts from the last try on.
        pair.until = now.plus(PAIR_WINDOW);
        whole.tries = whole.tries.saturating_add(1);
        Ok(())
    }

    /// Takes a try back that was no guess.
    pub fn was_no_guess(&self, account: Account, network: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { pairs, accounts } = &mut *counts;
        let back = |count: &mut Count| count.tries = count.tries.saturating_sub(1);
        pairs.get_mut(&(account, network)).map(back);
        accounts.get_mut(&account).map(back);
    }

    /// Forgets the tries of who has signed in from where he did; what others tried counts on.
    pub fn passed(&self, account: Account, network: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tries = counts.pairs.remove(&(account, network));
        if let (Some(tries), Some(whole)) = (tries, counts.accounts.get_mut(&account)) {
            whole.tries = whole.tries.saturating_sub(tries.tries);
        }
    }
}

/// The count of a key, begun anew where it was forgotten.
fn live<K: Copy + Eq + Hash>(
    all: &mut HashMap<K, Count>,
    key: K,
    now: Timestamp,
    window: i64,
) -> &mut Count {
    if all.len() >= MOST_REMEMBERED {
        make_room(all, now);
    }
    let new = Count {
        tries: 0,
        until: now.plus(window),
    };
    let count = all.entry(key).or_insert(new);
    // A clock set back must not lock anybody out for longer.
    if count.until <= now || count.until.0.saturating_sub(now.0) > window {
        *count = new;
    }
    count
}

/// Forgets what is over; then who failed least: a flood of new pairs does not free one that is locked.
fn make_room<K: Eq + Hash>(all: &mut HashMap<K, Count>, now: Timestamp) {
    all.retain(|_, count| count.until > now);
    for least in [2, MOST_TRIES, MOST_IN_A_DAY, u32::MAX] {
        if all.len() < MOST_REMEMBERED {
            return;
        }
        all.retain(|_, count| count.tries >= least);
    }
}

fn seconds(until: Timestamp, now: Timestamp) -> u64 {
    let left = until.0.saturating_sub(now.0).saturating_add(999) / 1_000;
    u64::try_from(left).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn from(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(n))
    }

    #[test]
    fn ten_from_one_place_then_half_an_hour() {
        let lockout = Lockout::default();
        for _ in 0..10 {
            assert_eq!(lockout.begin([1; 16], from(1), false, NOW), Ok(()));
        }
        assert_eq!(lockout.begin([1; 16], from(1), true, NOW), Err(1_800));
        assert_eq!(
            lockout.begin([1; 16], from(2), false, NOW),
            Ok(()),
            "from elsewhere"
        );
        assert_eq!(
            lockout.begin([2; 16], from(1), false, NOW),
            Ok(()),
            "somebody else"
        );
        let late = NOW.plus(PAIR_WINDOW);
        assert_eq!(lockout.begin([1; 16], from(1), false, late), Ok(()));
    }

    #[test]
    fn an_account_under_attack_is_open_where_it_is_known() {
        let lockout = Lockout::default();
        for n in 0..100 {
            assert_eq!(lockout.begin([1; 16], from(n), false, NOW), Ok(()));
        }
        assert!(lockout.begin([1; 16], from(200), false, NOW).is_err());
        assert_eq!(lockout.begin([1; 16], from(201), true, NOW), Ok(()));
        assert_eq!(
            lockout.begin([1; 16], from(200), false, NOW.plus(DAY)),
            Ok(())
        );
    }

    #[test]
    fn who_gets_in_begins_anew_and_a_question_is_no_guess() {
        let lockout = Lockout::default();
        for _ in 0..50 {
            lockout.begin([1; 16], from(1), false, NOW).unwrap();
            lockout.was_no_guess([1; 16], from(1));
        }
        for _ in 0..30 {
            for _ in 0..9 {
                lockout.begin([1; 16], from(1), false, NOW).unwrap();
            }
            lockout.passed([1; 16], from(1));
        }
    }

    #[test]
    fn a_flood_frees_nobody_and_memory_is_bounded() {
        let lockout = Lockout::default();
        for _ in 0..10 {
            lockout.begin([1; 16], from(1), false, NOW).unwrap();
        }
        for n in 0..200_000_u32 {
            let mut account = [7; 16];
            account[..4].copy_from_slice(&n.to_be_bytes());
            let _ = lockout.begin(account, from(n), false, NOW);
        }
        assert!(lockout.begin([1; 16], from(1), false, NOW).is_err());
        let counts = lockout.0.lock().unwrap();
        assert!(counts.pairs.len() <= MOST_REMEMBERED && counts.accounts.len() <= MOST_REMEMBERED);
    }
}
