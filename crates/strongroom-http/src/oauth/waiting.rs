//! Requests for an authorization that are under way: pushed by clients, and open in front of people. In memory, bounded, and short: who
//! is in the middle of one when the server stops begins again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_auth::Scopes;
use strongroom_types::id::{OauthClientId, SessionId, UserId};
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

/// Milliseconds that a pushed request is good; FAPI 2.0 asks for less than ten minutes.
pub(crate) const PUSHED_LIFE: i64 = 90_000;

/// Milliseconds that a person has for signing in and answering.
const OPEN_LIFE: i64 = 600_000;

/// Of either at a time.
const MOST: usize = 10_000;

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

fn put<K: Eq + Hash, T>(
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
    let until = now.plus(life);
    all.insert(key, Timed { value, until });
    Ok(())
}
