//! Keys that are replaced while they are in use.
//!
//! Data keys get a new version, what they sealed is sealed again page by page beside the payments, a scan shows that
//! nothing is left under the old version, and its row is removed. Wrapping keys are replaced in one commit. All of it
//! can be cut short anywhere: what is superseded and not yet destroyed is found at the next start, and gone on with.
//! No leaf of the log changes: it commits to plaintext. Blind indexes are hashed again (`rehash.rs`), data subjects get
//! keys of their own again (`subjects.rs`).

mod due;
mod order;
mod pages;
mod rehash;
mod reseal;
mod roots;
mod status;
mod subjects;
mod uses;

use strongroom_auth::{Caller, SystemActor};
use strongroom_crypto::{Purpose, RootKeys};
use strongroom_domain::action::Action;
use strongroom_domain::housekeeping::Note;
use strongroom_store::{Batch, Resealed};
use strongroom_types::mode::Scope;

use crate::checkpoints::signing_key;
use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::item::Item;
use crate::scopes::installation;

use pages::Place;

pub(crate) use order::KeyOrder;
pub use roots::RootsAge;
pub use status::{KeyLine, KeyStatus, StoredKey};
pub(crate) use uses::{USES_JOB, is_uses_row, load_uses};

/// Passes over the rows before a rotation gives up: the second finds what was written during the first.
const MOST_PASSES: usize = 8;

const DAY: i64 = 86_400_000;

/// How long keys may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Days after which data keys without a period of their own are replaced.
    pub data_days: u32,
    /// Days after which the installation key and the keys of organizations are replaced.
    pub wrapping_days: u32,
    /// Days after which the roots should be replaced, which people do: they are told.
    pub root_days: u32,
    /// Messages after which a data key is replaced.
    pub max_uses: u64,
}

impl Default for KeyPolicy {
    fn default() -> KeyPolicy {
        KeyPolicy {
            data_days: 365,
            wrapping_days: 365,
            // NIST SP 800-57, part 1: two years for a key that wraps others.
            root_days: 730,
            // NIST SP 800-38D's bound for random nonces; what XAES-256-GCM bears is far beyond it.
            max_uses: 1 << 32,
        }
    }
}

/// Which keys are to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLevel {
    /// All data keys of an organization and mode, or only those of a purpose.
    Data(Scope, Option<Purpose>),
    /// The key of an organization and mode, which wraps its data keys.
    Scope(Scope),
    /// The installation key, which wraps those of all organizations.
    Installation,
    /// The key of an organization's and mode's blind indexes.
    Index(Scope),
    /// The keys of data subjects, and the shred keys that wrap them.
    Subjects(Scope),
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that were made.
    pub made: usize,
    /// Keys that were wrapped again.
    pub wrapped: usize,
    /// Rows that were sealed, or hashed, again.
    pub resealed: u64,
    /// Rows under an old version, by the last scan.
    pub left: u64,
    /// Old versions that were destroyed.
    pub destroyed: usize,
}

/// Told after each page.
pub type Watch<'a> = &'a (dyn Fn(Rotated) + Send + Sync);

impl Engine {
    /// Replaces keys, seals again what they sealed, and destroys them.
    ///
    /// # Errors
    /// [`Failure`] of a commit or a read; what was begun is gone on with by [`Engine::resume_rotation`].
    pub async fn rotate(&self, level: KeyLevel, watch: Watch<'_>) -> Result<Rotated, Failure> {
        let _one = self.inner.rotating.lock().await;
        match level {
            KeyLevel::Data(scope, only) => {
                let words = only.map_or("all", purpose_name);
                self.note_keys(
                    scope,
                    Action::KeysRotated,
                    vec![("level", "data".into()), ("purpose", words.into())],
                )
                .await?;
                let made = self
                    .order(KeyOrder::Renew {
                        scope: scope.number,
                        only,
                    })
                    .await?;
                self.reseal_scope(
                    scope,
                    Rotated {
                        made,
                        ..Rotated::default()
                    },
                    watch,
                )
                .await
            }
            KeyLevel::Scope(scope) => self.rewrap(Some(scope)).await,
            KeyLevel::Installation => self.rewrap(None).await,
            KeyLevel::Index(scope) => {
                let begun = self.renew(scope, "index", Purpose::BlindIndex).await?;
                self.rehash_scope(scope, begun, watch).await
            }
            KeyLevel::Subjects(scope) => {
                let begun = self.renew(scope, "subject", Purpose::Shred).await?;
                self.replace_subjects(scope, begun, watch).await
            }
        }
    }

    /// New versions of all keys of a purpose, on record first; what is under the old ones is left to do.
    async fn renew(&self, scope: Scope, level: &str, purpose: Purpose) -> Result<Rotated, Failure> {
        if !self.shared().hierarchy.has(scope.number, purpose) {
            return Ok(Rotated::default());
        }
        self.note_keys(scope, Action::KeysRotated, vec![("level", level.into())])
            .await?;
        let order = KeyOrder::Renew {
            scope: scope.number,
            only: Some(purpose),
        };
        Ok(Rotated {
            made: self.order(order).await?,
            ..Rotated::default()
        })
    }

    async fn rewrap(&self, scope: Option<Scope>) -> Result<Rotated, Failure> {
        let level = if scope.is_some() {
            "scope"
        } else {
            "installation"
        };
        let log = scope.unwrap_or_else(installation);
        self.note_keys(log, Action::KeysRotated, vec![("level", level.into())])
            .await?;
        let wrapped = self
            .order(KeyOrder::Wrap {
                scope: scope.map(|scope| scope.number),
            })
            .await?;
        Ok(Rotated {
            made: 1,
            wrapped,
            destroyed: 1,
            ..Rotated::default()
        })
    }

    /// Wraps what the root keys wrap under other ones, which the keyring must hold already. Doing it twice is the same
    /// as once.
    ///
    /// # Errors
    /// [`Failure`] of a commit or a read.
    pub async fn replace_roots(&self, next: RootKeys) -> Result<Rotated, Failure> {
        let _one = self.inner.rotating.lock().await;
        let check = next.check_value();
        let check = check
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let details = vec![
            ("root_version", next.root().0.to_string()),
            ("check_value", check),
        ];
        let wrapped = self.order(KeyOrder::Roots(Box::new(next))).await?;
        // Afterwards: what was refused is not on record as done. Run again after a crash in between, it is noted then.
        self.note_keys(installation(), Action::RootsReplaced, details)
            .await?;
        Ok(Rotated {
            made: 2,
            wrapped,
            destroyed: 2,
            ..Rotated::default()
        })
    }

    /// Puts a ceremony on record by the hash of its transcript, and signs that with the key of the checkpoints, and that
    /// together with the entry's place on the log.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn sign_ceremony(
        &self,
        hash: &str,
        mut details: Vec<(String, String)>,
    ) -> Result<SignedCeremony, Failure> {
        details.push(("transcript".to_owned(), hash.to_owned()));
        let caller = Caller::system(SystemActor::Operator, installation());
        let note = Note {
            action: Action::CeremonyHeld,
            details,
        };
        let noted = self.execute(&caller, note, Envelope::internal()).await?;
        let key = signing_key(&self.shared().hierarchy, self.now());
        let sequence = noted.sequence();
        Ok(SignedCeremony {
            sequence,
            public_key: key.public(),
            signature: key.sign(ceremony_message(hash).as_bytes()),
            entry_signature: key.sign(ceremony_entry_message(hash, sequence).as_bytes()),
        })
    }

    /// Puts on record that the vault has a new key that card fields may be encrypted to.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn note_encryption_key(&self, kid: &str, at_once: bool) -> Result<(), Failure> {
        let details = vec![
            ("level", "encryption".to_owned()),
            ("key", kid.to_owned()),
            (
                "older_keys",
                if at_once { "ended" } else { "end later" }.to_owned(),
            ),
        ];
        self.note_keys(installation(), Action::KeysRotated, details)
            .await
    }

    /// Puts on record that the vault's own keys are being replaced, or with `sealed` what came of it: rows sealed again, and
    /// rows left under old keys. Those are destroyed where none is left, and kept where one is.
    ///
    /// # Errors
    /// [`Failure`] of the commit.
    pub async fn note_vault_keys(&self, sealed: Option<(u64, u64)>) -> Result<(), Failure> {
        let mut details = vec![("level", "vault".to_owned())];
        let Some((resealed, left)) = sealed else {
            return self
                .note_keys(installation(), Action::KeysRotated, details)
                .await;
        };
        details.push(("resealed", resealed.to_string()));
        details.push(("left", left.to_string()));
        let action = match left {
            0 => Action::KeysDestroyed,
            _ => Action::KeysKept,
        };
        self.note_keys(installation(), action, details).await
    }

    /// Seals again what is under superseded keys, until a scan finds nothing, and destroys them.
    async fn reseal_scope(
        &self,
        scope: Scope,
        mut so_far: Rotated,
        watch: Watch<'_>,
    ) -> Result<Rotated, Failure> {
        let old = self
            .shared()
            .hierarchy
            .superseded(scope.number, Purpose::is_resealed);
        for _ in 0..MOST_PASSES {
            self.reseal_once(scope, Place::start(), &mut so_far, watch)
                .await?;
            so_far.left = self.count_under(scope, &old).await?;
            watch(so_far);
            if so_far.left == 0 {
                break;
            }
        }
        self.destroy(scope, old, so_far, watch).await
    }

    /// Destroys versions that a scan found nothing under, on record first.
    async fn destroy(
        &self,
        scope: Scope,
        old: Vec<u32>,
        mut so_far: Rotated,
        watch: Watch<'_>,
    ) -> Result<Rotated, Failure> {
        if so_far.left > 0 || old.is_empty() {
            return Ok(so_far);
        }
        let numbers: Vec<String> = old.iter().map(u32::to_string).collect();
        let details = vec![
            ("policy", "superseded".to_owned()),
            ("keys", numbers.join(",")),
            ("resealed", so_far.resealed.to_string()),
            ("left", so_far.left.to_string()),
        ];
        self.note_keys(scope, Action::KeysDestroyed, details)
            .await?;
        so_far.destroyed += self
            .order(KeyOrder::Destroy {
                scope: scope.number,
                numbers: old,
            })
            .await?;
        watch(so_far);
        Ok(so_far)
    }

    async fn reseal_once(
        &self,
        scope: Scope,
        from: Place,
        so_far: &mut Rotated,
        watch: Watch<'_>,
    ) -> Result<(), Failure> {
        let mut place = Some(from);
        let mut under_way = None;
        while let Some(at) = place {
            // The next page is read and sealed while the one before is being written.
            let page = self
                .with_view(scope, move |view| pages::resealed(view, at))
                .await?;
            place = page.next;
            if let Some(written) = under_way.take() {
                self.written(written, so_far, watch).await?;
            }
            if !page.resealed.is_empty() {
                let rows = page.resealed.len();
                under_way = Some((self.begin_reseal(page.resealed)?, rows));
            }
        }
        match under_way {
            Some(written) => self.written(written, so_far, watch).await,
            None => Ok(()),
        }
    }

    async fn written(
        &self,
        (answer, rows): (tokio::sync::oneshot::Receiver<Result<(), Failure>>, usize),
        so_far: &mut Rotated,
        watch: Watch<'_>,
    ) -> Result<(), Failure> {
        answer.await.unwrap_or(Err(Failure::Halted))?;
        so_far.resealed += u64::try_from(rows).unwrap_or(0);
        watch(*so_far);
        Ok(())
    }

    fn begin_reseal(
        &self,
        resealed: Resealed,
    ) -> Result<tokio::sync::oneshot::Receiver<Result<(), Failure>>, Failure> {
        let (answer, outcome) = tokio::sync::oneshot::channel();
        let batch = Batch {
            resealed,
            ..Batch::default()
        };
        self.shared().queue.push_own(Item::Derived(batch, answer))?;
        Ok(outcome)
    }

    async fn order(&self, order: KeyOrder) -> Result<usize, Failure> {
        let (answer, outcome) = tokio::sync::oneshot::channel();
        self.shared().queue.push_own(Item::Keys(order, answer))?;
        outcome.await.unwrap_or(Err(Failure::Halted))
    }

    async fn note_keys(
        &self,
        scope: Scope,
        action: Action,
        details: Vec<(&str, String)>,
    ) -> Result<(), Failure> {
        let caller = Caller::system(SystemActor::Operator, scope);
        let details = details
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let note = Note { action, details };
        self.execute(&caller, note, Envelope::internal())
            .await
            .map(drop)
    }
}

/// A ceremony on record.
#[derive(Clone, Copy, Debug)]
pub struct SignedCeremony {
    /// Of the entry on the installation's log.
    pub sequence: u64,
    pub public_key: [u8; 32],
    /// Over [`ceremony_message`].
    pub signature: [u8; 64],
    /// Over [`ceremony_entry_message`].
    pub entry_signature: [u8; 64],
}

/// What is signed of a ceremony. Two lines, so that it can be no checkpoint.
#[must_use]
pub fn ceremony_message(hash: &str) -> String {
    format!("strongroom/ceremony/1\n{hash}\n")
}

/// What is signed of its place on the installation's log. Two lines, for the same reason.
#[must_use]
pub fn ceremony_entry_message(hash: &str, sequence: u64) -> String {
    format!("strongroom/ceremony-entry/1\n{hash} {sequence}\n")
}

/// A purpose as operators and the log read it.
pub(crate) const fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Installation => "installation",
        Purpose::Scope => "scope",
        Purpose::Facts => "facts",
        Purpose::Actor => "actor",
        Purpose::Changes => "changes",
        Purpose::Record => "record",
        Purpose::StoredReply => "stored_reply",
        Purpose::RequestLog => "request_log",
        Purpose::Shred => "shred",
        Purpose::Subject => "subject",
        Purpose::BlindIndex => "blind_index",
        Purpose::Spent => "spent",
        Purpose::Checkpoint => "checkpoint",
        Purpose::Credential => "credential",
        Purpose::Personal => "personal",
        Purpose::Card => "card",
        Purpose::CardFingerprint => "card_fingerprint",
        Purpose::Attempts => "attempts",
        Purpose::Transport => "transport",
        Purpose::Backup => "backup",
        Purpose::CardEncryption => "card_encryption",
        Purpose::AcquirerExchange => "acquirer_exchange",
    }
}
