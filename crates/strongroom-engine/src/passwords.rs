//! Passwords are hashed on threads of their own, a few at a time: each takes 19 MiB and a good part of a core for a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strongroom_crypto::{PassphraseCost, PasswordHash};
use strongroom_domain::users::Password;
use strongroom_types::secret::SecretText;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::envelope::Failure;

/// How many are hashed at once.
const AT_ONCE: usize = 2;

/// How many may wait for it; more are told that the server has too much to do.
const MOST_WAITING: usize = 64;

pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// What is checked where there is no account.
    nobody: PasswordHash,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::default(),
            nobody: PasswordHash::of_nobody(),
        }
    }
}

/// One that waits; it counts until it is done or its client has gone.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let waiting = Waiting(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            return Err(Failure::Overloaded);
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Failure::Halted)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held to the end, also where nobody waits any more: what runs takes its memory all the same.
            let _held = (permit, waiting);
            work()
        });
        done.await.map_err(|_| Failure::Internal)
    }
}

impl Engine {
    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Failure::Overloaded`] where too many wait.
    pub async fn hash_password(&self, password: SecretText) -> Result<Password, Failure> {
        let work = move || PasswordHash::of(password.expose().as_bytes());
        let hash = self.shared().passwords.run(work).await?;
        hash.map(kept).ok_or(Failure::Internal)
    }

    /// The same for threads that may wait.
    ///
    /// # Errors
    /// [`Failure::Internal`] where the hash function refuses its own parameters.
    pub fn hash_password_blocking(password: &SecretText) -> Result<Password, Failure> {
        let hash = PasswordHash::of(password.expose().as_bytes());
        hash.map(kept).ok_or(Failure::Internal)
    }

    /// Whether a password is the one that was kept. SECURITY: where none is, nobody's is checked, so that it takes the
    /// same time.
    ///
    /// # Errors
    /// [`Failure::Overloaded`] where too many wait.
    pub async fn check_password(
        &self,
        known: Option<&Password>,
        password: SecretText,
    ) -> Result<bool, Failure> {
        let passwords = &self.shared().passwords;
        let hash = known.map_or_else(|| passwords.nobody.clone(), hash_of);
        passwords
            .run(move || hash.matches(password.expose().as_bytes()))
            .await
    }
}

fn kept(hash: PasswordHash) -> Password {
    Password {
        salt: hash.salt,
        memory_kib: hash.cost.memory_kib,
        passes: hash.cost.passes,
        lanes: hash.cost.lanes,
        tag: hash.tag,
    }
}

fn hash_of(password: &Password) -> PasswordHash {
    let Password {
        salt,
        memory_kib,
        passes,
        lanes,
        tag,
    } = *password;
    let cost = PassphraseCost {
        memory_kib,
        passes,
        lanes,
    };
    PasswordHash { salt, cost, tag }
}
