//! One stored key: what stands in the key table, and how it is wrapped.
//!
//! A row is clear but for `wrapped`, which holds 32 key bytes sealed under the row's parent. Everything that gives the
//! key its meaning is associated data, so a row that was altered, or copied over another, does not open.

use std::fmt;

use zeroize::Zeroizing;

use crate::aead::{OpenError, SealKey};
use crate::random::random;
use crate::sealed::{SealedView, write_sealed_header};

/// What a key is for; one key is never used for two of these.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// The one key under the installation root; wraps scope keys.
    Installation = 1,
    /// One organization and mode; wraps its data keys.
    Scope = 2,
    /// Facts parts of log entries.
    Facts = 3,
    /// Actor parts of log entries.
    Actor = 4,
    /// Changes parts of log entries.
    Changes = 5,
    /// Bodies of records.
    Record = 6,
    /// Replies kept for idempotent retries.
    StoredReply = 7,
    /// Segments of the request log.
    RequestLog = 8,
    /// One of 16 keys of a scope under the shred root; wraps subject keys.
    Shred = 9,
    /// One data subject.
    Subject = 10,
    /// Blind indexes.
    BlindIndex = 11,
    /// Keyed hashes of idempotency keys and spent signatures.
    Spent = 12,
    /// Ed25519 seed that signs checkpoints.
    Checkpoint = 13,
    /// Keyed hashes of API keys.
    Credential = 14,
    /// Personal parts without a subject key of their own.
    Personal = 15,
    /// Card numbers.
    Card = 16,
    /// Keyed hashes by which the same card is known again.
    CardFingerprint = 17,
    /// Segments of the journal of webhook deliveries.
    Attempts = 18,
    /// What lies beside the store for TLS.
    Transport = 26,
    /// What backups of the installation are sealed to.
    Backup = 29,
    /// P-256 seeds of the vault that card fields are encrypted to; the period counts them.
    CardEncryption = 33,
    /// What the vault keeps of exchanges with an acquirer.
    AcquirerExchange = 48,
}

impl Purpose {
    /// Every purpose, in the order of its number.
    pub const ALL: [Self; 22] = [
        Self::Installation,
        Self::Scope,
        Self::Facts,
        Self::Actor,
        Self::Changes,
        Self::Record,
        Self::StoredReply,
        Self::RequestLog,
        Self::Shred,
        Self::Subject,
        Self::BlindIndex,
        Self::Spent,
        Self::Checkpoint,
        Self::Credential,
        Self::Personal,
        Self::Card,
        Self::CardFingerprint,
        Self::Attempts,
        Self::Transport,
        Self::Backup,
        Self::CardEncryption,
        Self::AcquirerExchange,
    ];

    /// The number that is stored.
    pub const fn number(self) -> u8 {
        #[expect(
            clippy::as_conversions,
            reason = "the stored number is the discriminant; there is no other way to read it"
        )]
        let number = self as u8;
        number
    }

    /// The purpose of a stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.number() == number)
    }
}

/// A key as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRow {
    /// Its number, unique in the installation, from 1.
    pub number: u32,
    /// The organization and mode it belongs to; 0 is the installation.
    pub scope: u32,
    /// A [`Purpose`] by number.
    pub purpose: u8,
    /// `YYYYMM`, `YYYYMMDD` or 0.
    pub period: u32,
    /// The data subject; zero for others, but a shred key has its bucket (0..16) in the last byte.
    pub subject: [u8; 12],
    /// Counts from 1 for keys of the same scope, purpose, period and subject.
    pub version: u32,
    /// Number of the key that wraps it; 0 is root custody.
    pub parent: u32,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// The key bytes, sealed: see [`crate::sealed`].
    pub wrapped: Vec<u8>,
}

/// Why a key row was refused. Names the row, never key bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// No installation key among the rows: this store was never initialised, or its rows are lost.
    NoInstallationKey,
    /// A purpose this version does not know.
    UnknownPurpose {
        /// The row.
        number: u32,
        /// Its purpose.
        purpose: u8,
    },
    /// Two rows with the same number.
    Duplicate {
        /// The number.
        number: u32,
    },
    /// The key that wraps it is not there.
    MissingParent {
        /// The row.
        number: u32,
        /// The missing key.
        parent: u32,
    },
    /// Wrapped under another version of the root than custody holds.
    RootVersion {
        /// The row.
        number: u32,
        /// The version that wraps it.
        wrapped_under: u32,
        /// The version in custody.
        held: u32,
    },
    /// Wrong root or passphrase file for this store, or an altered row.
    NotAuthentic {
        /// The row.
        number: u32,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInstallationKey => f.write_str("the key table holds no installation key"),
            Self::UnknownPurpose { number, purpose } => {
                write!(f, "key {number} has unknown purpose `{purpose}`")
            }
            Self::Duplicate { number } => write!(f, "key {number} stands twice in the key table"),
            Self::MissingParent { number, parent } => {
                write!(
                    f,
                    "key {number} is wrapped under key {parent}, which is missing"
                )
            }
            Self::RootVersion {
                number,
                wrapped_under,
                held,
            } => write!(
                f,
                "key {number} is wrapped under root version {wrapped_under}, but the keyring holds version {held}"
            ),
            Self::NotAuthentic { number } => {
                write!(
                    f,
                    "key {number} does not unwrap: the keyring belongs to another store, or the row was altered"
                )
            }
        }
    }
}

impl std::error::Error for KeyError {}

impl KeyRow {
    /// Seals `key` under `parent`; `label` (parent's number, or the root's version) goes into the clear header.
    pub(crate) fn wrap(&mut self, parent: &SealKey, label: u32, key: &[u8; 32]) {
        let nonce = random();
        self.wrapped.clear();
        write_sealed_header(label, &nonce, &mut self.wrapped);
        let aad = self.associated_data();
        parent.seal(&nonce, &aad, key, &mut self.wrapped);
    }

    /// The number in the clear header: parent's number, or the root's version.
    pub(crate) fn wrapped_under(&self) -> Result<u32, KeyError> {
        SealedView::parse(&self.wrapped)
            .map(|view| view.key)
            .map_err(|error| self.refused(error))
    }

    /// The key bytes.
    pub(crate) fn unwrap_with(&self, parent: &SealKey) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let view = SealedView::parse(&self.wrapped).map_err(|error| self.refused(error))?;
        let opened = parent.open(view.nonce, &self.associated_data(), view.ciphertext);
        let opened = Zeroizing::new(opened.map_err(|error| self.refused(error))?);
        match <[u8; 32]>::try_from(opened.as_slice()) {
            Ok(key) => Ok(Zeroizing::new(key)),
            Err(_) => Err(KeyError::NotAuthentic {
                number: self.number,
            }),
        }
    }

    fn refused(&self, _: OpenError) -> KeyError {
        KeyError::NotAuthentic {
            number: self.number,
        }
    }

    /// Fixed widths, so no two rows share it. `created` is left out: nothing depends on it.
    fn associated_data(&self) -> Vec<u8> {
        let Self {
            number,
            scope,
            purpose,
            period,
            subject,
            version,
            parent,
            created,
            wrapped: _,
        } = self;
        let mut aad = b"strongroom/key/1".to_vec();
        aad.extend_from_slice(&number.to_be_bytes());
        aad.extend_from_slice(&scope.to_be_bytes());
        aad.push(*purpose);
        aad.extend_from_slice(&period.to_be_bytes());
        aad.extend_from_slice(subject);
        aad.extend_from_slice(&version.to_be_bytes());
        aad.extend_from_slice(&parent.to_be_bytes());
        aad.extend_from_slice(&created.to_be_bytes());
        aad
    }
}
