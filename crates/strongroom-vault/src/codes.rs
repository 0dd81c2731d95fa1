//! Security codes between the request that brings one and the authorization that uses it.
//!
//! A code is never written anywhere: it waits in memory, for minutes, and is taken out once. A restart forgets all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_types::card::Brand;
use strongroom_types::id::TokenId;
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

/// How long a code waits, in milliseconds.
pub const LIFETIME: i64 = 5 * 60 * 1_000;

/// What a clock may differ between two who look at it, in milliseconds; one that goes back by more was set back.
const SLACK: i64 = 5_000;

/// Codes that wait at a time, of all organizations and of one; beyond it the oldest goes, and its payment is authorized
/// without one.
const MOST: usize = 100_000;
const MOST_OF_ONE: usize = 10_000;

/// A card's security code. No `Debug`, no `Display`, no `Clone`; wiped when dropped.
pub struct SecurityCode {
    digits: Zeroizing<[u8; 4]>,
    length: usize,
}

impl SecurityCode {
    /// Takes three or four digits.
    pub fn parse(text: &str) -> Option<SecurityCode> {
        let length = text.len();
        if !(3..=4).contains(&length) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut digits = Zeroizing::new([0; 4]);
        for (to, from) in digits.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Some(SecurityCode { digits, length })
    }

    /// Whether the network's codes have this length.
    pub fn fits(&self, brand: Brand) -> bool {
        self.length == code_length(brand)
    }

    /// The digits themselves; every caller is a place to review.
    pub fn expose(&self) -> &str {
        let written = self.digits.get(..self.length).unwrap_or(&[]);
        // Only digits are ever put there.
        std::str::from_utf8(written).unwrap_or("")
    }
}

/// How many digits a network's codes have.
pub fn code_length(brand: Brand) -> usize {
    if brand == Brand::Amex { 4 } else { 3 }
}

/// A scope's number and a token.
type Key = (u32, TokenId);
/// An organization's id.
type Owner = [u8; 12];

/// All codes that wait, each organization's apart.
#[derive(Default)]
pub struct SecurityCodes(Mutex<Pools>);

#[derive(Default)]
struct Pools {
    by_owner: HashMap<Owner, Waiting>,
    steady: Steady,
}

/// A time that never goes back. SECURITY: a clock that is set back keeps no code longer than its five minutes.
#[derive(Default)]
struct Steady {
    latest: Option<i64>,
    set_back: i64,
}

impl Steady {
    fn at(&mut self, now: Timestamp) -> Timestamp {
        let latest = self.latest.get_or_insert(now.0);
        if now.0 < latest.saturating_sub(SLACK) {
            let by = latest.saturating_sub(now.0);
            self.set_back = self.set_back.saturating_add(by);
            *latest = now.0;
        }
        *latest = now.0.max(*latest);
        Timestamp(latest.saturating_add(self.set_back))
    }
}

#[derive(Default)]
struct Waiting {
    codes: HashMap<Key, (SecurityCode, Timestamp)>,
    /// In the order they came, so that the oldest are found first.
    order: VecDeque<(Timestamp, Key)>,
}

impl SecurityCodes {
    /// Keeps a token's code until it is taken or its time is over.
    pub fn keep(
        &self,
        owner: [u8; 12],
        scope: u32,
        token: TokenId,
        code: SecurityCode,
        now: Timestamp,
    ) {
        let mut pools = self.lock();
        let now = pools.steady.at(now);
        let pools = &mut pools.by_owner;
        let count: usize = pools.values().map(|pool| pool.codes.len()).sum();
        if count >= MOST {
            // SECURITY: who fills the memory pays for it, not those who wait with a few.
            let fullest = pools.values_mut().max_by_key(|pool| pool.codes.len());
            if let Some(pool) = fullest {
                pool.drop_oldest();
            }
        }
        let pool = pools.entry(owner).or_default();
        pool.wipe(now);
        while pool.codes.len() >= MOST_OF_ONE {
            pool.drop_oldest();
        }
        let until = now.plus(LIFETIME);
        pool.codes.insert((scope, token), (code, until));
        pool.order.push_back((until, (scope, token)));
    }

    /// Hands a token's code out, once.
    pub fn take(&self, scope: u32, token: TokenId, now: Timestamp) -> Option<SecurityCode> {
        let mut pools = self.lock();
        let now = pools.steady.at(now);
        let taken = pools.by_owner.values_mut().find_map(|pool| {
            pool.wipe(now);
            pool.codes.remove(&(scope, token))
        });
        taken.map(|(code, _)| code)
    }

    /// Wipes the codes whose time is over.
    pub fn wipe(&self, now: Timestamp) {
        let mut pools = self.lock();
        let now = pools.steady.at(now);
        pools.by_owner.retain(|_, pool| {
            pool.wipe(now);
            !pool.codes.is_empty()
        });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        let pools = self.lock();
        pools.by_owner.values().map(|pool| pool.codes.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Pools> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn wipe(&mut self, now: Timestamp) {
        while let Some((until, key)) = self.order.front().copied() {
            if until > now {
                return;
            }
            self.order.pop_front();
            let end = self.codes.get(&key).map(|(_, end)| *end);
            if end.is_some_and(|end| end <= now) {
                self.codes.remove(&key);
            }
        }
    }

    /// Drops the code that waits longest.
    fn drop_oldest(&mut self) {
        while let Some((until, oldest)) = self.order.pop_front() {
            // One that was taken, or sent again, left its place behind.
            if self
                .codes
                .get(&oldest)
                .is_some_and(|(_, end)| *end == until)
            {
                self.codes.remove(&oldest);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    const START: Timestamp = Timestamp(1_767_225_600_000);

    const OWNER: [u8; 12] = [7; 12];

    fn token(n: u8) -> TokenId {
        TokenId(RawId([n; 12]))
    }

    fn code(text: &str) -> SecurityCode {
        SecurityCode::parse(text).unwrap()
    }

    #[test]
    fn a_code_is_handed_out_once_to_its_own_scope() {
        let codes = SecurityCodes::default();
        codes.keep(OWNER, 2, token(1), code("737"), START);
        assert!(codes.take(3, token(1), START).is_none());
        assert!(codes.take(2, token(2), START).is_none());
        let taken = codes.take(2, token(1), START.plus(LIFETIME - 1));
        assert_eq!(taken.unwrap().expose(), "737");
        assert!(codes.take(2, token(1), START).is_none());
    }

    #[test]
    fn a_code_is_wiped_when_its_time_is_over() {
        let codes = SecurityCodes::default();
        codes.keep(OWNER, 2, token(1), code("737"), START);
        codes.keep(OWNER, 2, token(2), code("7373"), START.plus(1));
        codes.wipe(START.plus(LIFETIME));
        assert_eq!(codes.len(), 1);
        assert!(codes.take(2, token(2), START.plus(LIFETIME + 1)).is_none());
        assert!(codes.is_empty());
        // One that was sent again waits as long as the second.
        codes.keep(OWNER, 2, token(3), code("111"), START);
        codes.keep(OWNER, 2, token(3), code("222"), START.plus(10));
        let taken = codes.take(2, token(3), START.plus(LIFETIME + 9));
        assert_eq!(taken.unwrap().expose(), "222");
    }

    #[test]
    fn an_organization_that_sends_many_drops_its_own() {
        let codes = SecurityCodes::default();
        codes.keep([1; 12], 3, token(1), code("737"), START);
        let numbered = |n: usize| {
            let mut id = [0; 12];
            id[..8].copy_from_slice(&n.to_be_bytes());
            TokenId(RawId(id))
        };
        for n in 0..MOST_OF_ONE + 5 {
            codes.keep(OWNER, 2, numbered(n), code("111"), START);
        }
        assert_eq!(codes.len(), MOST_OF_ONE + 1);
        assert!(codes.take(2, numbered(4), START).is_none());
        assert!(codes.take(2, numbered(5), START).is_some());
        assert!(codes.take(3, token(1), START).is_some());
    }

    #[test]
    fn codes_have_three_digits_or_four() {
        for text in ["", "12", "12345", "12a", "１２３", " 123"] {
            assert!(SecurityCode::parse(text).is_none(), "{text}");
        }
        assert!(code("123").fits(Brand::Visa) && !code("123").fits(Brand::Amex));
        assert!(code("1234").fits(Brand::Amex) && !code("1234").fits(Brand::Visa));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_code_longer() {
        let codes = SecurityCodes::default();
        codes.keep(OWNER, 1, token(1), code("123"), START);
        codes.keep(OWNER, 1, token(2), code("123"), START.plus(240_000));
        // Four minutes and ten seconds back: both go on from where they were.
        let back = |ms: i64| START.plus(240_000 - 250_000 + ms);
        codes.wipe(back(0));
        assert_eq!(codes.len(), 2);
        codes.keep(OWNER, 1, token(3), code("123"), back(10_000));
        codes.wipe(back(59_999));
        assert_eq!(codes.len(), 3);
        assert!(codes.take(1, token(1), back(60_000)).is_none());
        codes.wipe(back(LIFETIME));
        assert_eq!(codes.len(), 1);
        assert!(codes.take(1, token(3), back(LIFETIME + 10_000)).is_none());
        assert!(codes.is_empty());
        // Two who look at the clock at once are no step back, and a step forward is one.
        codes.keep(OWNER, 1, token(4), code("123"), back(LIFETIME + 20_000));
        codes.wipe(back(LIFETIME + 19_000));
        codes.wipe(back(2 * LIFETIME + 19_999));
        assert_eq!(codes.len(), 1);
        codes.wipe(back(2 * LIFETIME + 20_000));
        assert!(codes.is_empty());
    }
}
