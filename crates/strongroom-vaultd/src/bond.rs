//! Whose cards these are: a vault belongs to the installation whose process used it first, and serves no other.
//!
//! SECURITY: what the vault deletes it deletes because a process says that no token needs it. Two installations on one
//! socket would delete each other's numbers, so a process proves by a signature over a fresh challenge that it is the one
//! whose public key stands, sealed, in the vault's store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use strongroom_channel::Link;
use strongroom_channel::message::{FromVault, Proof};
use strongroom_crypto::{
    DataKey, Hierarchy, SealedView, installation_bond, random, verify_ed25519, write_sealed_header,
};
use strongroom_store::RecordRow;
use strongroom_types::time::Timestamp;

use crate::cards::{INSTALLATION, VaultError};
use crate::serve::Vault;

/// The record of it in the store: a kind of its own, in the installation's books.
const KIND: u8 = 36;
pub(crate) const KEY: (u32, u8, [u8; 12]) = (INSTALLATION, KIND, [0; 12]);

/// Whose the vault is, sealed.
pub(crate) fn row(key: &DataKey, owner: &[u8; 32], now: Timestamp) -> RecordRow {
    let (scope, kind, id) = KEY;
    let nonce = random::<24>();
    let mut body = Vec::with_capacity(96);
    write_sealed_header(key.number, &nonce, &mut body);
    key.seal_key()
        .seal(&nonce, &seat(key.number), owner, &mut body);
    RecordRow {
        scope,
        kind,
        id,
        version: 1,
        seq: 0,
        time: now.0,
        status: 0,
        body,
    }
}

/// Whose the vault is; nothing when what says so was altered.
pub(crate) fn opened(hierarchy: &Hierarchy, row: &RecordRow) -> Option<[u8; 32]> {
    let view = SealedView::parse(&row.body).ok()?;
    let key = hierarchy.find(view.key)?;
    let opened = key
        .seal_key()
        .open(view.nonce, &seat(view.key), view.ciphertext);
    opened.ok()?.try_into().ok()
}

fn seat(key: u32) -> Vec<u8> {
    [b"strongroom/vault/owner/1".as_slice(), &key.to_be_bytes()].concat()
}

/// A process at the other end of one connection.
pub(crate) struct Guest {
    challenge: [u8; 32],
    proven: AtomicBool,
    /// The connection itself, from which the vault asks what it must know once the guest is proven.
    link: Mutex<Option<Link>>,
}

impl Guest {
    pub fn new() -> Guest {
        Guest {
            challenge: random(),
            proven: AtomicBool::new(false),
            link: Mutex::new(None),
        }
    }

    pub const fn challenge(&self) -> [u8; 32] {
        self.challenge
    }

    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Acquire)
    }

    /// Starts the connection. Whoever asks by it waits until it is there.
    pub fn arrive(&self, start: impl FnOnce() -> Link) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        *link = Some(start());
    }

    fn link(&self) -> Option<Link> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.clone()
    }
}

/// Takes in who a guest is. The first one with a good proof is the one that the vault belongs to.
pub(crate) async fn admit(
    vault: &Vault,
    guest: &Guest,
    proof: &Proof,
) -> Result<FromVault, VaultError> {
    let Proof {
        installation,
        signature,
    } = proof;
    let message = installation_bond(&guest.challenge);
    if !verify_ed25519(installation, &message, signature) {
        tracing::warn!("a process did not prove whose it is");
        return Ok(FromVault::Refused);
    }
    if !vault.cards().belongs_to(*installation, vault.now()).await? {
        tracing::error!("a process of another installation asked for this vault; it gets nothing");
        return Ok(FromVault::Stranger);
    }
    guest.proven.store(true, Ordering::Release);
    vault.take_up(guest.link());
    Ok(FromVault::Done)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use strongroom_acquirer::SandboxAcquirer;
    use strongroom_channel::link::{decoded, encoded};
    use strongroom_channel::message::{Place, ToVault};
    use strongroom_crypto::{RootKeys, SigningKey};
    use strongroom_types::id::{RawId, TokenId};
    use strongroom_vault::CardNumber;

    use super::*;
    use crate::desk;

    const NOW: Timestamp = Timestamp(1_767_225_600_000);

    fn vault(dir: &Path, root: &RootKeys) -> Vault {
        let acquirer = Arc::new(SandboxAcquirer::default());
        Vault::open(dir, root.copy(), acquirer, Arc::new(|| NOW)).unwrap()
    }

    async fn ask(vault: &Vault, guest: &Guest, question: &ToVault) -> FromVault {
        decoded(&desk::answer(vault, guest, &encoded(question)).await).unwrap()
    }

    async fn prove(vault: &Vault, guest: &Guest, key: &SigningKey) -> FromVault {
        let FromVault::Challenge(challenge) = ask(vault, guest, &ToVault::Hello).await else {
            panic!("no challenge");
        };
        let proof = Proof {
            installation: key.public(),
            signature: key.sign(&installation_bond(&challenge)),
        };
        ask(vault, guest, &ToVault::Prove(proof)).await
    }

    #[tokio::test]
    async fn nothing_is_done_for_who_is_not_the_installation() {
        let dir = tempfile::tempdir().unwrap();
        let root = RootKeys::generate();
        let [ours, theirs] = [[1; 32], [2; 32]].map(|seed| SigningKey::from_seed(&seed));
        let open = vault(dir.path(), &root);
        let first = Guest::new();
        assert!(matches!(prove(&open, &first, &ours).await, FromVault::Done));
        let number = CardNumber::parse("4242424242424242").ok().unwrap();
        let kept = open.cards().keep(7, &number, NOW).await.unwrap();
        let place = Place {
            scope: 7,
            token: kept.id,
        };
        open.cards().stop();
        drop(open);

        // It is remembered, and a proof is good for one connection.
        let open = vault(dir.path(), &root);
        let other = Guest::new();
        let stranger = prove(&open, &other, &theirs).await;
        assert!(matches!(stranger, FromVault::Stranger));
        let old = Proof {
            installation: ours.public(),
            signature: ours.sign(&installation_bond(&first.challenge())),
        };
        let replayed = ask(&open, &other, &ToVault::Prove(old)).await;
        assert!(matches!(replayed, FromVault::Refused));
        let dropped = ask(&open, &other, &ToVault::Drop(place)).await;
        assert!(matches!(dropped, FromVault::Refused));
        assert!(
            open.cards()
                .open_number(place, &kept.digest)
                .unwrap()
                .is_some()
        );

        let again = Guest::new();
        assert!(matches!(prove(&open, &again, &ours).await, FromVault::Done));
        let elsewhere = Place {
            token: TokenId(RawId([9; 12])),
            ..place
        };
        let claim = |place, fingerprint| strongroom_channel::message::Claim {
            place,
            digest: kept.digest,
            fingerprint,
        };
        let claims = vec![
            claim(place, kept.fingerprint),
            claim(elsewhere, kept.fingerprint),
            claim(place, [0; 16]),
        ];
        let held = ask(&open, &again, &ToVault::Holds(claims)).await;
        assert!(matches!(held, FromVault::Holds(held) if held == [true, false, false]));
        assert!(matches!(
            ask(&open, &again, &ToVault::Drop(place)).await,
            FromVault::Done
        ));
        assert!(
            open.cards()
                .open_number(place, &kept.digest)
                .unwrap()
                .is_none()
        );
        open.cards().stop();
    }
}
