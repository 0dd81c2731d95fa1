//! The vault's socket: who may connect, and what each stream is for.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use strongroom_acquirer::Acquirer;
use strongroom_channel::link::Serve;
use strongroom_channel::peer::{SOCKETS, TALK};
use strongroom_channel::{Handoff, Link};
use strongroom_crypto::RootKeys;
use strongroom_types::time::Timestamp;
use strongroom_vault::SecurityCodes;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};

use crate::bond::Guest;
use crate::cards::{Cards, VaultError};
use crate::lounge::{Lounge, MOST};
use crate::visits::Visits;
use crate::{desk, front, replace, sweep};

/// How often security codes and encryption keys whose time is over are looked for.
const CODES_EVERY: Duration = Duration::from_secs(10);
/// How long requests may go on after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
/// Between two tries after the socket refused.
const PAUSE: Duration = Duration::from_millis(50);

/// Where "now" comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A vault with its store and keys open.
pub struct Vault {
    cards: Cards,
    codes: SecurityCodes,
    visits: Visits,
    lounge: Lounge,
    acquirer: Arc<dyn Acquirer>,
    clock: Clock,
    /// Who may connect beside the vault's own user and root.
    client: Option<u32>,
    /// The API process that connected last, and proved whose it is.
    api: RwLock<Option<Link>>,
}

impl Vault {
    /// Takes up the vault in a folder, or makes it.
    ///
    /// # Errors
    /// [`VaultError`] when store and keys are not as they must be.
    pub fn open(
        dir: &Path,
        root: RootKeys,
        acquirer: Arc<dyn Acquirer>,
        clock: Clock,
    ) -> Result<Vault, VaultError> {
        Ok(Vault {
            cards: Cards::open(dir, root, clock())?,
            codes: SecurityCodes::default(),
            visits: Visits::default(),
            lounge: Lounge::new(MOST),
            acquirer,
            clock,
            client: None,
            api: RwLock::new(None),
        })
    }

    /// Lets the processes of a user connect.
    #[must_use]
    pub fn open_to(self, user: Option<u32>) -> Vault {
        Vault {
            client: user,
            ..self
        }
    }

    /// Answers on a socket until `stop` is ready, then lets requests under way end.
    pub async fn serve(self: Arc<Self>, listener: UnixListener, stop: impl Future<Output = ()>) {
        let sweeping = Arc::clone(&self);
        let swept = tokio::spawn(async move { sweep::run(&sweeping).await });
        let replacing = Arc::clone(&self);
        let replaced = tokio::spawn(async move {
            replace::run(&replacing.cards, || replacing.now()).await;
        });
        let wiping = Arc::clone(&self);
        let wiped = tokio::spawn(async move {
            loop {
                tokio::time::sleep(CODES_EVERY).await;
                wiping.codes.wipe(wiping.now());
                let cards = &wiping.cards;
                replace::forget(cards, wiping.now());
                if let Err(error) = cards.save_uses(false).await {
                    tracing::warn!(error = %error, "how often the vault's keys were used is not written down");
                }
                let retired = cards.encryption().retire(cards.writing(), wiping.now());
                if let Err(error) = retired.await {
                    tracing::warn!(error = %error, "a key whose time is over is still in the vault's store");
                }
            }
        });
        let accepting = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&self).greet(stream))),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        swept.abort();
        wiped.abort();
        replaced.abort();
        let drained = async {
            while !self.visits.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("requests were cut because they did not end in time");
        }
        // What is counted ahead would be counted again at each start.
        drop(self.cards.save_uses(true).await);
        self.cards.stop();
    }

    async fn greet(self: Arc<Self>, mut stream: UnixStream) {
        // SECURITY: unless another user was named the folder is closed to others already; this is the second lock.
        let ours = rustix::process::geteuid().as_raw();
        let allowed = stream
            .peer_cred()
            .is_ok_and(|peer| [ours, 0].contains(&peer.uid()) || self.client == Some(peer.uid()));
        if !allowed {
            tracing::warn!("a stranger knocked at the vault");
            return;
        }
        match stream.read_u8().await {
            Ok(TALK) => self.talk(stream),
            Ok(SOCKETS) => self.take_connections(Handoff::new(stream)).await,
            _ => {}
        }
    }

    fn talk(self: Arc<Self>, stream: UnixStream) {
        let guest = Arc::new(Guest::new());
        let asking = Arc::clone(&guest);
        guest.arrive(|| {
            let serve: Serve = Arc::new(move |question| {
                let (vault, guest) = (Arc::clone(&self), Arc::clone(&asking));
                Box::pin(async move { desk::answer(&vault, &guest, &question).await })
            });
            Link::start(stream, serve)
        });
    }

    /// From now on the vault asks this process what it must know.
    pub(crate) fn take_up(&self, link: Option<Link>) {
        if let Some(link) = link {
            *self.api.write().unwrap_or_else(PoisonError::into_inner) = Some(link);
        }
    }

    async fn take_connections(self: Arc<Self>, handoff: Handoff) {
        while let Some(handed) = handoff.take().await {
            let Some(place) = self.lounge.enter(handed.peer).await else {
                return;
            };
            let (vault, back) = (Arc::clone(&self), handoff.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = front::attend(vault, handed, back, place.mark.clone()) => {}
                    // SECURITY: closed as it is. Nothing of it was let in.
                    () = place.left() => {}
                }
            });
        }
    }

    pub fn cards(&self) -> &Cards {
        &self.cards
    }

    pub(crate) fn codes(&self) -> &SecurityCodes {
        &self.codes
    }

    pub(crate) fn visits(&self) -> &Visits {
        &self.visits
    }

    pub(crate) fn acquirer(&self) -> &dyn Acquirer {
        &*self.acquirer
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn api(&self) -> Option<Link> {
        let api = self.api.read().unwrap_or_else(PoisonError::into_inner);
        api.clone().filter(|link| !link.is_closed())
    }
}
