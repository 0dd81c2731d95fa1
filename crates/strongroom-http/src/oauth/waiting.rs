//! Requests for an authorization that are under way: pushed by clients, and open in front of people. In memory, bounded, and short: who
//! is in the middle of one when the server stops begins again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_auth::{MoneyLimits, Scopes};
use strongroom_types::id::{OauthClientId, SessionId, UserId};
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

/// Milliseconds that a pushed request is good; FAPI 2.0 asks for less than ten minutes.
pub(crate) const PUSHED_LIFE: i64 = 90_000;

/// Milliseconds that a person has for signing in and answering.
const OPEN_LIFE: i64 = 600_000;

/// Of either at a time.
const MOST: usize = 10_000;

/// Of them for one client. SECURITY: whoever knows the id of one must not take the room of all.
const MOST_OF_CLIENT: usize = 500;

/// How often one may try to sign in for one request.
const MOST_TRIES: u8 = 10;

/// What a client asks a person for.
#[derive(Clone)]
pub(crate) struct Wish {
    pub client: OauthClientId,
    pub redirect_uri: String,
    /// Whether the request named it, or it is the only one.
    pub redirect_was_named: bool,
    pub scopes: Scopes,
    /// How much money it may move, if it asked for less than all.
    pub limits: Option<MoneyLimits>,
    pub state: Option<String>,
    pub challenge: Option<String>,
    /// Thumbprint of the key that the code must be redeemed with.
    pub proof_key: Option<[u8; 32]>,
}

/// Somebody who has signed in to answer, by a session that is nobody's but this request's.
#[derive(Clone)]
pub(crate) struct Signed {
    pub user: UserId,
    pub session: SessionId,
    pub token: Arc<SecretText>,
}

/// A request in front of a person.
#[derive(Clone)]
pub(crate) struct Open {
    pub wish: Wish,
    /// The name that it was pushed under, which is used up with the answer.
    pub pushed: Option<[u8; 32]>,
    pub signed: Option<Signed>,
    tries: u8,
}

struct Timed<T> {
    value: T,
    until: Timestamp,
}

/// All that is under way, by the hash of the text that leads to it.
#[derive(Default)]
pub(crate) struct Waiting {
    pushed: Mutex<HashMap<[u8; 32], Timed<Wish>>>,
    open: Mutex<HashMap<[u8; 32], Timed<Open>>>,
}

/// There is no room for one more.
pub(crate) struct Full;

impl Waiting {
    pub fn push(&self, name: [u8; 32], wish: Wish, now: Timestamp) -> Result<(), Full> {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut pushed, name, wish, (now, PUSHED_LIFE))
    }

    /// Takes back what was pushed under a name that nobody was told.
    pub fn withdraw(&self, name: &[u8; 32]) {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        pushed.remove(name);
    }

    /// What was pushed under a name; it stays until it is answered, for a page may be loaded again.
    pub fn pushed(&self, name: &[u8; 32], now: Timestamp) -> Option<Wish> {
        let pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = pushed.get(name).filter(|timed| now < timed.until)?;
        Some(found.value.clone())
    }

    pub fn open(
        &self,
        ticket: [u8; 32],
        wish: Wish,
        pushed: Option<[u8; 32]>,
        now: Timestamp,
    ) -> Result<(), Full> {
        let value = Open {
            wish,
            pushed,
            signed: None,
            tries: 0,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut open, ticket, value, (now, OPEN_LIFE))
    }

    /// A request that somebody has in front of him, and one more try at signing in for it.
    pub fn tried(&self, ticket: &[u8; 32], now: Timestamp) -> Option<Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.get_mut(ticket).filter(|timed| now < timed.until)?;
        if found.value.tries >= MOST_TRIES {
            open.remove(ticket);
            return None;
        }
        found.value.tries += 1;
        Some(found.value.clone())
    }

    /// The same request under another ticket, once somebody signed in. SECURITY: whoever saw the ticket of before has nothing of it.
    pub fn sign(
        &self,
        before: &[u8; 32],
        after: [u8; 32],
        signed: Signed,
        now: Timestamp,
    ) -> Option<Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut timed = open.remove(before).filter(|timed| now < timed.until)?;
        timed.value.signed = Some(signed);
        let value = timed.value.clone();
        open.insert(after, timed);
        Some(value)
    }

    /// Takes a request for its answer: there is one. What was pushed for it is used up with it.
    pub fn take(&self, ticket: &[u8; 32], now: Timestamp) -> Option<Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let timed = open.remove(ticket).filter(|timed| now < timed.until)?;
        drop(open);
        if let Some(name) = timed.value.pushed {
            let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
            // Two tabs of one request: the first answer counts.
            pushed.remove(&name)?;
        }
        Some(timed.value)
    }
}

/// What is asked for by one client.
trait OfClient {
    fn client(&self) -> OauthClientId;
}

impl OfClient for Wish {
    fn client(&self) -> OauthClientId {
        self.client
    }
}

impl OfClient for Open {
    fn client(&self) -> OauthClientId {
        self.wish.client
    }
}

fn put<K: Eq + Hash, T: OfClient>(
    all: &mut HashMap<K, Timed<T>>,
    key: K,
    value: T,
    (now, life): (Timestamp, i64),
) -> Result<(), Full> {
    if all.len() >= MOST {
        all.retain(|_, timed| now < timed.until);
    }
    if all.len() >= MOST {
        return Err(Full);
    }
    if all.len() >= MOST_OF_CLIENT {
        let client = value.client();
        let is_its = |timed: &&Timed<T>| now < timed.until && timed.value.client() == client;
        if all.values().filter(is_its).count() >= MOST_OF_CLIENT {
            return Err(Full);
        }
    }
    let until = now.plus(life);
    all.insert(key, Timed { value, until });
    Ok(())
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn wish(client: u8) -> Wish {
        Wish {
            client: OauthClientId(RawId([client; 12])),
            redirect_uri: "https://shop.example/cb".to_owned(),
            redirect_was_named: true,
            scopes: Scopes::default(),
            limits: None,
            state: None,
            challenge: None,
            proof_key: None,
        }
    }

    fn name(client: u8, n: usize) -> [u8; 32] {
        let mut name = [client; 32];
        name[..8].copy_from_slice(&n.to_be_bytes());
        name
    }

    #[test]
    fn no_client_takes_the_room_of_the_others() {
        let waiting = Waiting::default();
        let push = |client, n, now| waiting.push(name(client, n), wish(client), now).is_ok();
        let open = |client, n, now| {
            let opened = waiting.open(name(client, n), wish(client), None, now);
            opened.is_ok()
        };
        for n in 0..MOST_OF_CLIENT {
            assert!(push(1, n, NOW) && open(1, n, NOW), "{n}");
        }
        assert!(!push(1, MOST_OF_CLIENT, NOW) && !open(1, MOST_OF_CLIENT, NOW));
        assert!(push(2, 0, NOW) && open(2, 0, NOW));
        waiting.withdraw(&name(1, 0));
        assert!(push(1, MOST_OF_CLIENT, NOW));
        // What is over takes no room.
        assert!(push(1, 0, NOW.plus(PUSHED_LIFE)) && open(1, 0, NOW.plus(OPEN_LIFE)));
    }
}
