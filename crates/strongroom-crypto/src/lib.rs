//! The only crate that names a cipher, a hash, a signature or a random source, and the key hierarchy built on them.
//!
//! What it offers: [`SealKey`] (XAES-256-GCM), [`MacKey`] (HMAC-SHA-256), [`sha256`], [`SigningKey`] (Ed25519), [`P256SigningKey`],
//! [`hkdf_sha256`], [`fill_random`], [`Recipient`] and [`Identity`] (X25519), [`EncryptionKey`] (JWE), [`StreamSealer`], root custody ([`RootKeys`], [`Keyring`], [`Share`]) and the keys below the root
//! ([`Hierarchy`]).
//! What it never does: read a clock or a file, log, know another crate's types, or hand out a secret that has `Debug`.
//!
//! A primitive that fails on well-formed input means a broken machine; the process then ends with a message, because
//! going on would mean predictable keys or bodies that nobody can open.

pub mod aead;
mod base32;
pub mod data_key;
pub mod derive;
pub mod es256;
mod fatal;
pub mod hash;
pub mod hierarchy;
pub mod jwe;
pub mod key_row;
pub mod keyring;
mod keyring_text;
pub mod mac;
pub mod p256;
pub mod passphrase;
pub mod password;
pub mod random;
pub mod recipient;
pub mod recovery;
pub mod root;
mod roots;
pub mod rotation;
pub mod sealed;
pub mod shares;
pub mod sign;
mod slot;
pub mod stream;
mod subject_cache;
pub mod token;
pub mod totp;

pub use aead::{BatchSealer, Nonce24, OpenError, SealKey};
pub use data_key::DataKey;
pub use derive::hkdf_sha256;
pub use es256::verify_es256;
pub use hash::{Sha256Stream, equal, sha256, sha512};
pub use hierarchy::Hierarchy;
pub use jwe::{Compact, EncryptionKey};
pub use key_row::{KeyError, KeyRow, Purpose};
pub use keyring::{Custodian, Custody, Keyring, KeyringError, KeyringFile};
pub use mac::MacKey;
pub use p256::{P256SigningKey, is_p256_point, verify_p256};
pub use passphrase::PassphraseCost;
pub use password::PasswordHash;
pub use random::{RandomPool, fill_random, random};
pub use recipient::{Identity, Recipient};
pub use recovery::RecoveryError;
pub use root::RootKeys;
pub use rotation::{KeyUse, Rewrap};
pub use sealed::{SealedView, write_sealed_header};
pub use shares::{Share, ShareError};
pub use sign::{SigningKey, installation_bond, verify_ed25519};
pub use stream::{StreamOpener, StreamSealer};
pub use token::TokenError;
pub use totp::one_time_code;
