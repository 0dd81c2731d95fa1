//! The API's end of the channel: it connects, and connects again when the vault was away.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};

use crate::handoff::{Handed, Handoff};
use crate::link::{Link, Serve};
use crate::message::{FromVault, ToVault};

/// The first byte of a stream says what it is for.
pub const TALK: u8 = b'T';
pub const SOCKETS: u8 = b'S';

/// How long the vault has for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it has for a request that the API process answers.
const LONG_PATIENCE: Duration = Duration::from_secs(90);
/// How long it may take to take a connection up.
const GIVING: Duration = Duration::from_secs(1);
/// Between two tries to connect.
const AGAIN: Duration = Duration::from_millis(50);
/// Connections that came back and were not taken up yet.
const RETURNED: usize = 1_024;

/// The vault does not answer now: nothing was lost, and it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultAway;

/// The vault, as the API process sees it. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    path: PathBuf,
    up: RwLock<Option<Up>>,
    standing: watch::Sender<bool>,
    returned: std::sync::Mutex<Option<mpsc::Receiver<Handed>>>,
    giving_back: mpsc::Sender<Handed>,
    leaving: AtomicBool,
}

#[derive(Clone)]
struct Up {
    link: Link,
    handoff: Handoff,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// The vault that listens at a path, or will.
    pub fn at(path: &Path) -> Vault {
        let (giving_back, returned) = mpsc::channel(RETURNED);
        Vault(Arc::new(Inner {
            path: path.to_path_buf(),
            up: RwLock::new(None),
            standing: watch::Sender::new(false),
            returned: std::sync::Mutex::new(Some(returned)),
            giving_back,
            leaving: AtomicBool::new(false),
        }))
    }

    /// Connects, for as long as the runtime runs; `serve` answers what the vault asks.
    pub async fn keep_up(&self, serve: Serve) {
        loop {
            if let Some(up) = self.connect(&serve).await {
                *self.0.up.write().unwrap_or_else(PoisonError::into_inner) = Some(up.clone());
                self.0.standing.send_replace(true);
                tokio::select! {
                    () = up.link.closed() => {}
                    () = self.take_back(&up.handoff) => {}
                }
                *self.0.up.write().unwrap_or_else(PoisonError::into_inner) = None;
                self.0.standing.send_replace(false);
                if !self.0.leaving.load(Ordering::Relaxed) {
                    tracing::warn!("the vault is away");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn connect(&self, serve: &Serve) -> Option<Up> {
        let mut talk = UnixStream::connect(&self.0.path).await.ok()?;
        let mut sockets = UnixStream::connect(&self.0.path).await.ok()?;
        talk.write_all(&[TALK]).await.ok()?;
        sockets.write_all(&[SOCKETS]).await.ok()?;
        let link = Link::start(talk, Arc::clone(serve));
        // It listens before its store is open.
        let _: FromVault = link.ask(&ToVault::Hello, PATIENCE).await.ok()?;
        Some(Up {
            link,
            handoff: Handoff::new(sockets),
        })
    }

    async fn take_back(&self, handoff: &Handoff) {
        while let Some(handed) = handoff.take().await {
            // Without a server nobody takes connections up, and they close.
            drop(self.0.giving_back.send(handed).await);
        }
    }

    /// Waits until it answers.
    pub async fn ready(&self) {
        let mut standing = self.0.standing.subscribe();
        // The sender lives as long as this does.
        let _ = standing.wait_for(|up| *up).await;
    }

    /// Its end is near, and no news.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    pub fn is_up(&self) -> bool {
        *self.0.standing.borrow()
    }

    /// The connections that the vault gives back, once.
    pub fn returned(&self) -> Option<mpsc::Receiver<Handed>> {
        let mut returned = self
            .0
            .returned
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        returned.take()
    }

    /// Asks the vault.
    ///
    /// # Errors
    /// [`VaultAway`]; whether it was done is then not known.
    pub async fn ask(&self, question: &ToVault) -> Result<FromVault, VaultAway> {
        let up = self.up().ok_or(VaultAway)?;
        let answer = up.link.ask(question, PATIENCE).await;
        match answer.map_err(|_| VaultAway)? {
            FromVault::Failed => Err(VaultAway),
            answer => Ok(answer),
        }
    }

    /// Has the vault see to a whole request, which may take as long as a commit.
    ///
    /// # Errors
    /// [`VaultAway`]; the request may have been carried out.
    pub async fn forward(&self, request: &ToVault) -> Result<FromVault, VaultAway> {
        let up = self.up().ok_or(VaultAway)?;
        up.link
            .ask(request, LONG_PATIENCE)
            .await
            .map_err(|_| VaultAway)
    }

    /// Gives a client's connection to the vault.
    ///
    /// # Errors
    /// The connection, when the vault is away.
    pub async fn give(&self, socket: OwnedFd, peer: IpAddr) -> Result<(), OwnedFd> {
        match self.up() {
            Some(up) => {
                let Ok(spare) = socket.try_clone() else {
                    return Err(socket);
                };
                let given = tokio::time::timeout(GIVING, up.handoff.give(socket, peer));
                // A vault that hangs holds nobody up.
                given.await.unwrap_or(Err(spare))
            }
            None => Err(socket),
        }
    }

    fn up(&self) -> Option<Up> {
        let up = self.0.up.read().unwrap_or_else(PoisonError::into_inner);
        up.clone()
    }
}
