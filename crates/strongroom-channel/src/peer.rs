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
use crate::link::{Gone, Link, Serve};
use crate::message::{FromVault, Proof, ToVault};

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
/// The same after the vault said that it is another installation's.
const REFUSED_AGAIN: Duration = Duration::from_secs(5);
/// Connections that came back and were not taken up yet.
const RETURNED: usize = 1_024;

/// The vault does not answer now: nothing was lost, and it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultAway;

/// Answers the challenge of a vault.
pub type Prove = Arc<dyn Fn(&[u8; 32]) -> Proof + Send + Sync>;

/// The vault, as the API process sees it. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    path: PathBuf,
    up: RwLock<Option<Up>>,
    standing: watch::Sender<bool>,
    /// Whether the vault said that it is another installation's.
    refused: watch::Sender<bool>,
    returned: std::sync::Mutex<Option<mpsc::Receiver<Handed>>>,
    giving_back: mpsc::Sender<Handed>,
    leaving: AtomicBool,
}

/// Why there is no connection.
enum Unconnected {
    Away,
    Stranger,
}

impl From<std::io::Error> for Unconnected {
    fn from(_: std::io::Error) -> Unconnected {
        Unconnected::Away
    }
}

impl From<Gone> for Unconnected {
    fn from(_: Gone) -> Unconnected {
        Unconnected::Away
    }
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
            refused: watch::Sender::new(false),
            returned: std::sync::Mutex::new(Some(returned)),
            giving_back,
            leaving: AtomicBool::new(false),
        }))
    }

    /// Connects, for as long as the runtime runs; `serve` answers what the vault asks, `prove` says for whom.
    pub async fn keep_up(&self, serve: Serve, prove: Prove) {
        loop {
            let pause = match self.connect(&serve, &prove).await {
                Ok(up) => {
                    self.0.refused.send_replace(false);
                    self.stay(up).await;
                    AGAIN
                }
                Err(Unconnected::Away) => AGAIN,
                Err(Unconnected::Stranger) => {
                    if !self.0.refused.send_replace(true) {
                        tracing::error!("the vault keeps the cards of another installation");
                    }
                    REFUSED_AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Until one of the two ends.
    async fn stay(&self, up: Up) {
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

    async fn connect(&self, serve: &Serve, prove: &Prove) -> Result<Up, Unconnected> {
        let link = self.introduce(serve, prove).await?;
        let mut sockets = UnixStream::connect(&self.0.path).await?;
        sockets.write_all(&[SOCKETS]).await?;
        Ok(Up {
            link,
            handoff: Handoff::new(sockets),
        })
    }

    /// SECURITY: a vault serves the installation that it was bound to at its first use, and deletes nothing at the word of
    /// another.
    async fn introduce(&self, serve: &Serve, prove: &Prove) -> Result<Link, Unconnected> {
        let mut talk = UnixStream::connect(&self.0.path).await?;
        talk.write_all(&[TALK]).await?;
        let link = Link::start(talk, Arc::clone(serve));
        // It listens before its store is open.
        let FromVault::Challenge(challenge) = link.ask(&ToVault::Hello, PATIENCE).await? else {
            return Err(Unconnected::Away);
        };
        let proof = ToVault::Prove(prove(&challenge));
        match link.ask(&proof, PATIENCE).await? {
            FromVault::Done => Ok(link),
            FromVault::Stranger => Err(Unconnected::Stranger),
            _ => Err(Unconnected::Away),
        }
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

    /// Waits until it says that it is another installation's.
    pub async fn refused(&self) {
        let mut refused = self.0.refused.subscribe();
        let _ = refused.wait_for(|refused| *refused).await;
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

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream, UnixListener};

    use super::*;
    use crate::link::{decoded, encoded};

    const SOON: Duration = Duration::from_mins(1);

    fn proof(_: &[u8; 32]) -> Proof {
        Proof {
            installation: [1; 32],
            signature: [2; 64],
        }
    }

    /// A vault that answers what it is told to, and takes no connection over.
    fn vault(listener: UnixListener, answer: fn(ToVault) -> FromVault) {
        tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                match tokio::io::AsyncReadExt::read_u8(&mut stream).await {
                    Ok(TALK) => {
                        let serve: Serve = Arc::new(move |question| {
                            let answer = decoded(&question).map(answer);
                            Box::pin(async move { encoded(&answer.unwrap_or(FromVault::Refused)) })
                        });
                        drop(Link::start(stream, serve));
                    }
                    _ => kept.push(stream),
                }
            }
        });
    }

    fn friendly(question: ToVault) -> FromVault {
        match question {
            ToVault::Hello => FromVault::Challenge([7; 32]),
            _ => FromVault::Done,
        }
    }

    fn unfriendly(question: ToVault) -> FromVault {
        match question {
            ToVault::Prove(_) => FromVault::Stranger,
            other => friendly(other),
        }
    }

    fn silent() -> Serve {
        Arc::new(|frame| Box::pin(async move { frame }))
    }

    /// A vault that hangs does not hold those up who hand connections over: each comes back within its time.
    #[tokio::test]
    async fn a_vault_that_takes_nothing_over_gives_connections_back_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.sock");
        vault(UnixListener::bind(&path).unwrap(), friendly);
        let hanging = Vault::at(&path);
        let kept = hanging.clone();
        let keeping = tokio::spawn(async move { kept.keep_up(silent(), Arc::new(proof)).await });
        tokio::time::timeout(SOON, hanging.ready()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, peer) = listener.accept().await.unwrap();
        let socket = OwnedFd::from(accepted.into_std().unwrap());
        // What the kernel buffers is taken; then nothing is, and the same connection is given again and again.
        let refused = async {
            loop {
                let spare = socket.try_clone().unwrap();
                if hanging.give(spare, peer.ip()).await.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(SOON, refused)
            .await
            .expect("it was waited for without an end");
        assert!(hanging.is_up(), "the answers of the vault still come");
        drop(client);
        keeping.abort();
    }

    #[tokio::test]
    async fn a_vault_of_another_installation_is_not_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vault.sock");
        vault(UnixListener::bind(&path).unwrap(), unfriendly);
        let other = Vault::at(&path);
        let kept = other.clone();
        let keeping = tokio::spawn(async move { kept.keep_up(silent(), Arc::new(proof)).await });
        tokio::time::timeout(SOON, other.refused()).await.unwrap();
        assert!(!other.is_up());
        assert!(other.ask(&ToVault::EncryptionKeys).await.is_err());
        keeping.abort();
    }
}
