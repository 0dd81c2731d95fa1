//! A request whose card the vault has, on its way through the handlers: what they may know of the card, and what the vault
//! is asked to do with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_auth::signing::{SignatureFault, SignedRequest};
use strongroom_channel::message::{
    CardShape, FromVault, Kept, NumberShape, Place, SecretBytes, ToVault,
};
use strongroom_channel::transit::{Digested, Holding, Verify};
use strongroom_channel::{Vault, VaultAway};
use strongroom_crypto::MacKey;
use strongroom_domain::tokens::SealedCard;
use strongroom_httpsig::digest::Digests;
use strongroom_types::id::TokenId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use crate::problem::Problem;
use crate::vaulted::away;

/// A request whose card is in the vault.
#[derive(Clone)]
pub(crate) struct Transit {
    pub vault: Vault,
    visit: u64,
    pub card: CardShape,
    /// What stands for the number in the answer of a reveal.
    pub marker: String,
    progress: Arc<Mutex<Progress>>,
}

/// What goes along with messages that are sent anyway: each message of its own is two processes woken up.
#[derive(Default)]
struct Progress {
    /// What the vault kept when it found the signature good, and in whose books.
    kept: Option<(u32, Kept)>,
    /// Whose payment the code waits for; told with the answer.
    hold: Option<Holding>,
}

impl Transit {
    pub fn new(vault: Vault, visit: u64, card: CardShape, marker: String) -> Transit {
        Transit {
            vault,
            visit,
            card,
            marker,
            progress: Arc::default(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a number that can be kept.
    pub fn has_number(&self) -> bool {
        matches!(self.card.number, Some(NumberShape::Good { .. }))
    }

    /// What the answer tells the vault to hold.
    pub fn held(&self) -> Option<Holding> {
        self.progress().hold.take()
    }

    /// Has the number sealed and stored for a new token.
    ///
    /// # Errors
    /// 503 while the vault is away.
    pub async fn keep(&self, scope: &Scope) -> Result<SealedCard, Problem> {
        let kept = self.progress().kept.take();
        if let Some((_, kept)) = kept.filter(|(books, _)| *books == scope.number) {
            return Ok(sealed(kept));
        }
        let keep = ToVault::Keep {
            visit: self.visit,
            scope: scope.number,
        };
        match self.vault.ask(&keep).await? {
            FromVault::Kept(kept) => Ok(sealed(kept)),
            _ => Err(away()),
        }
    }

    /// Has the security code wait for the token's first authorization, once the answer goes back by the vault.
    pub fn hold_with_answer(&self, scope: &Scope, token: TokenId) {
        self.progress().hold = Some(holding(scope, token));
    }

    /// The same before the request is answered. Without it, if that fails: the token is made.
    pub async fn hold(&self, scope: &Scope, token: TokenId) {
        let hold = ToVault::Hold {
            visit: self.visit,
            holding: holding(scope, token),
        };
        if self.vault.ask(&hold).await.is_err() {
            tracing::warn!("a security code was not kept: the vault went away");
        }
    }

    /// Has the number put into the answer.
    ///
    /// # Errors
    /// 404 when there is none, 503 while the vault is away.
    pub async fn reveal(
        &self,
        scope: &Scope,
        token: TokenId,
        digest: [u8; 32],
    ) -> Result<(), Problem> {
        let reveal = ToVault::Reveal {
            visit: self.visit,
            place: place(scope, token),
            digest,
        };
        match self.vault.ask(&reveal).await? {
            FromVault::Done => Ok(()),
            _ => Err(Problem::not_found()),
        }
    }

    /// Has a signature checked over the body that only the vault has seen, and the number kept in some books if it fits.
    ///
    /// # Errors
    /// The fault, or `None` when the vault is away.
    pub async fn verify(
        &self,
        request: &SignedRequest<'_>,
        (key, keep): (&MacKey, Option<u32>),
        now: Timestamp,
    ) -> Result<[u8; 32], Option<SignatureFault>> {
        let presented = request.presented(now).map_err(Some)?;
        let verify = ToVault::Verify(Verify {
            visit: self.visit,
            key: SecretBytes(Zeroizing::new(key.expose().to_vec())),
            prefixes: request.prefixes(),
            presented,
            keep,
        });
        let answer = self.vault.ask(&verify).await.map_err(|VaultAway| None)?;
        match self.fits(answer, keep) {
            true => Ok(presented),
            false => Err(Some(SignatureFault::Mismatch)),
        }
    }

    /// Has digests held against the body that only the vault has seen, and the number kept as with [`Transit::verify`].
    ///
    /// # Errors
    /// 503 while the vault is away.
    pub async fn has(&self, digests: &Digests, keep: Option<u32>) -> Result<bool, VaultAway> {
        let digested = ToVault::Digested(Digested {
            visit: self.visit,
            sha256: digests.sha256.map(|digest| digest.to_vec()),
            sha512: digests.sha512.map(|digest| digest.to_vec()),
            keep,
        });
        let answer = self.vault.ask(&digested).await?;
        Ok(self.fits(answer, keep))
    }

    /// Whether the vault found it good; what it kept then is remembered.
    fn fits(&self, answer: FromVault, keep: Option<u32>) -> bool {
        match (answer, keep) {
            (FromVault::Is(fits), _) => fits,
            (FromVault::Kept(kept), Some(books)) => {
                self.progress().kept = Some((books, kept));
                true
            }
            _ => false,
        }
    }
}

fn sealed(kept: Kept) -> SealedCard {
    let Kept {
        id,
        brand,
        bin,
        last4,
        fingerprint,
        digest,
    } = kept;
    SealedCard {
        id,
        brand,
        bin,
        last4,
        fingerprint,
        digest,
        sealed: None,
    }
}

fn holding(scope: &Scope, token: TokenId) -> Holding {
    Holding {
        place: place(scope, token),
        organization: scope.organization.0.0,
    }
}

pub(crate) fn place(scope: &Scope, token: TokenId) -> Place {
    Place {
        scope: scope.number,
        token,
    }
}
