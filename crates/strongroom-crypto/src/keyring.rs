//! The keyring file: root keys sealed under a key that somebody keeps, as text an operator can look at and keep apart
//! from backups.
//!
//! ```text
//! format = "strongroom/keyring/1"          format = "strongroom/keyring/2"     format = "strongroom/keyring/2"
//! memory_kib = 65536                       custody = "shares"                  custody = "hsm"
//! passes = 3                               set = "…base64…"                    token = "…"
//! lanes = 1                                threshold = 3                       serial = "…"
//! salt = "…base64…"                        shares = 5                          key = "…"
//! sealed = "…base64…"                      marks = "…base64…"                  wrapped = "…base64…"
//!                                          sealed = "…base64…"                 sealed = "…base64…"
//! ```
//! The sealing key is a passphrase's (Argon2id), or random and kept in Shamir shares, or random and wrapped by an AES
//! key that never leaves a PKCS#11 token. Everything before `sealed` is associated data, so none of it can be changed.
//! This module reads and writes no files.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::aead::SealKey;
use crate::fatal::fatal;
use crate::keyring_text::Lines;
use crate::passphrase::PassphraseCost;
use crate::random::random;
use crate::root::RootKeys;
use crate::sealed::{SealedView, write_sealed_header};
use crate::shares::{Share, ShareError, combine, split};
use crate::token::{Token, TokenError};

pub(crate) const FIRST: &str = "strongroom/keyring/1";
pub(crate) const SECOND: &str = "strongroom/keyring/2";

/// The key number in the sealed header: a keyring's key has no row.
const NO_KEY_ROW: u32 = 0;

/// Why a keyring file did not open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyringError {
    /// Not a keyring file, or cut or damaged; says which line or field.
    Malformed(&'static str),
    /// Written by a version this program does not know.
    UnsupportedFormat,
    /// Asks for more memory, passes or lanes than is accepted.
    CostRefused,
    /// The passphrase is wrong, or the file was altered: the two cannot be told apart.
    WrongPassphrase,
    /// The shares are genuine, or the token unwrapped its key, and the file was altered.
    Altered,
    /// What the shares lack.
    Shares(ShareError),
    /// What the token refused.
    Token(TokenError),
    /// It is kept in another way than the one that was tried.
    OtherCustody,
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "keyring file is malformed: {what}"),
            Self::UnsupportedFormat => {
                write!(
                    f,
                    "keyring file has a format other than `{FIRST}` and `{SECOND}`"
                )
            }
            Self::CostRefused => {
                f.write_str("keyring file asks for a passphrase cost outside the accepted range")
            }
            Self::WrongPassphrase => {
                f.write_str("wrong passphrase, or the keyring file was altered")
            }
            Self::Altered => f.write_str("the keyring file was altered"),
            Self::Shares(error) => error.fmt(f),
            Self::Token(error) => error.fmt(f),
            Self::OtherCustody => f.write_str("the keyring is kept in another way"),
        }
    }
}

impl std::error::Error for KeyringError {}

impl From<ShareError> for KeyringError {
    fn from(error: ShareError) -> Self {
        Self::Shares(error)
    }
}

impl From<TokenError> for KeyringError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

/// How the key that seals a keyring is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Custody {
    /// Made of a passphrase.
    Passphrase {
        /// What one guess costs.
        cost: PassphraseCost,
        /// The passphrase's salt.
        salt: [u8; 16],
    },
    /// In the hands of several people.
    Shares {
        /// Names this set of shares.
        set: [u8; 8],
        /// How many are needed.
        threshold: u8,
        /// How many were made.
        total: u8,
        /// By which each share is known again.
        marks: Vec<[u8; 16]>,
    },
    /// Wrapped by a key in a PKCS#11 token.
    Token {
        /// The token's label.
        token: String,
        /// The token's serial number.
        serial: String,
        /// The key's label.
        key: String,
        /// The sealing key, as the token wrapped it.
        wrapped: Vec<u8>,
    },
}

impl Custody {
    /// `passphrase`, `shares` or `hsm`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passphrase { .. } => "passphrase",
            Self::Shares { .. } => "shares",
            Self::Token { .. } => "hsm",
        }
    }
}

/// A keyring file, read and not yet opened.
pub struct Keyring {
    custody: Custody,
    sealed: Vec<u8>,
}

/// Who holds an open keyring: it can write it again with other root keys. No `Debug`; its key is wiped on drop.
pub struct Custodian {
    custody: Custody,
    key: SealKey,
}

impl Keyring {
    /// Reads a keyring file's text.
    ///
    /// # Errors
    /// [`KeyringError::Malformed`] or [`KeyringError::UnsupportedFormat`].
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let (custody, sealed) = Lines::of(text)?.keyring()?;
        Ok(Self { custody, sealed })
    }

    /// How it is kept.
    pub fn custody(&self) -> &Custody {
        &self.custody
    }

    /// Opens it with its passphrase.
    ///
    /// # Errors
    /// See [`KeyringError`]. The cost is bounded before any memory is taken.
    pub fn with_passphrase(self, passphrase: &[u8]) -> Result<(RootKeys, Custodian), KeyringError> {
        let Custody::Passphrase { cost, salt } = &self.custody else {
            return Err(KeyringError::OtherCustody);
        };
        let key = cost
            .stretch(passphrase, salt)
            .ok_or(KeyringError::CostRefused)?;
        self.open(&key, KeyringError::WrongPassphrase)
    }

    /// Opens it with shares.
    ///
    /// # Errors
    /// [`KeyringError::Shares`] names the share that does not belong, and why.
    pub fn with_shares(self, shares: &[Share]) -> Result<(RootKeys, Custodian), KeyringError> {
        let Custody::Shares {
            set,
            threshold,
            marks,
            ..
        } = &self.custody
        else {
            return Err(KeyringError::OtherCustody);
        };
        for share in shares {
            let number = share.number;
            if share.set != *set {
                return Err(ShareError::OtherSet { number }.into());
            }
            let mark = marks.get(usize::from(number).wrapping_sub(1));
            if mark != Some(&share.mark()) {
                return Err(ShareError::Wrong { number }.into());
            }
        }
        if shares.is_empty() {
            return Err(ShareError::TooFew {
                given: 0,
                needed: *threshold,
            }
            .into());
        }
        let key = combine(shares)?;
        self.open(&key, KeyringError::Altered)
    }

    /// Opens it with the token that wraps its key.
    ///
    /// # Errors
    /// [`KeyringError::Token`]; nothing else is tried in its place.
    pub fn with_token(
        self,
        module: &str,
        pin: &str,
    ) -> Result<(RootKeys, Custodian), KeyringError> {
        let Custody::Token {
            token,
            serial,
            key,
            wrapped,
        } = &self.custody
        else {
            return Err(KeyringError::OtherCustody);
        };
        let opened = Token::open(module, token, Some(serial), pin)?;
        let aad = token_aad(token, serial, key);
        let unwrapped = opened.unwrap_key(key, &aad, wrapped)?;
        self.open(&unwrapped, KeyringError::Altered)
    }

    fn open(
        self,
        key: &Zeroizing<[u8; 32]>,
        otherwise: KeyringError,
    ) -> Result<(RootKeys, Custodian), KeyringError> {
        let key = SealKey::new(**key);
        let view =
            SealedView::parse(&self.sealed).map_err(|_| KeyringError::Malformed("sealed"))?;
        if view.key != NO_KEY_ROW {
            return Err(KeyringError::Malformed("sealed"));
        }
        let aad = associated_data(&self.custody);
        let opened = key
            .open(view.nonce, &aad, view.ciphertext)
            .map_err(|_| otherwise)?;
        let opened = Zeroizing::new(opened);
        let keys = RootKeys::decode(&opened).ok_or(KeyringError::Malformed("sealed"))?;
        let custody = self.custody;
        Ok((keys, Custodian { custody, key }))
    }
}

impl Custodian {
    /// Kept by a passphrase. A cost outside the accepted range becomes the standard one.
    pub fn of_passphrase(passphrase: &[u8], cost: PassphraseCost) -> Self {
        let cost = if cost.is_acceptable() {
            cost
        } else {
            PassphraseCost::STANDARD
        };
        let salt = random();
        let Some(key) = cost.stretch(passphrase, &salt) else {
            fatal("Argon2id refused accepted parameters")
        };
        Self {
            custody: Custody::Passphrase { cost, salt },
            key: SealKey::new(*key),
        }
    }

    /// Kept in `total` shares, `threshold` of which are needed; the shares are handed out now and never again.
    ///
    /// # Errors
    /// [`KeyringError::Shares`] for counts that cannot be.
    pub fn of_shares(threshold: u8, total: u8) -> Result<(Self, Vec<Share>), KeyringError> {
        let key = Zeroizing::new(random::<32>());
        let shares = split(&key, threshold, total)?;
        let set = shares.first().map(|share| share.set).unwrap_or_default();
        let custody = Custody::Shares {
            set,
            threshold,
            total,
            marks: shares.iter().map(Share::mark).collect(),
        };
        let key = SealKey::new(*key);
        Ok((Self { custody, key }, shares))
    }

    /// Kept by the key labelled `key` in a token, which is made if it is not there.
    ///
    /// # Errors
    /// [`KeyringError::Token`].
    pub fn of_token(module: &str, token: &str, key: &str, pin: &str) -> Result<Self, KeyringError> {
        let opened = Token::open(module, token, None, pin)?;
        opened.need_key(key)?;
        let serial = opened.serial().to_owned();
        let sealing = Zeroizing::new(random::<32>());
        let wrapped = opened.wrap_key(key, &token_aad(token, &serial, key), &sealing)?;
        let custody = Custody::Token {
            token: token.to_owned(),
            serial,
            key: key.to_owned(),
            wrapped,
        };
        Ok(Self {
            custody,
            key: SealKey::new(*sealing),
        })
    }

    /// How it is kept.
    pub fn custody(&self) -> &Custody {
        &self.custody
    }

    /// The text of a keyring file that holds `keys`.
    pub fn seal(&self, keys: &RootKeys) -> String {
        let nonce = random();
        let mut sealed = Vec::new();
        write_sealed_header(NO_KEY_ROW, &nonce, &mut sealed);
        let aad = associated_data(&self.custody);
        self.key.seal(&nonce, &aad, &keys.encode(), &mut sealed);
        let (words, lines) = described(&self.custody);
        let sealed = BASE64.encode(sealed);
        format!(
            "# Root keys of a Strongroom installation, sealed under {words}.\n\
             # Keep it apart from data backups. Without it, or the recovery kit, the data cannot be opened.\n\
             {lines}sealed = \"{sealed}\"\n"
        )
    }
}

fn described(custody: &Custody) -> (&'static str, String) {
    match custody {
        Custody::Passphrase { cost, salt } => {
            let PassphraseCost {
                memory_kib,
                passes,
                lanes,
            } = cost;
            let lines = format!(
                "format = \"{FIRST}\"\nmemory_kib = {memory_kib}\npasses = {passes}\nlanes = {lanes}\nsalt = \"{}\"\n",
                BASE64.encode(salt)
            );
            ("a passphrase (Argon2id, XAES-256-GCM)", lines)
        }
        Custody::Shares {
            set,
            threshold,
            total,
            marks,
        } => {
            let lines = format!(
                "format = \"{SECOND}\"\ncustody = \"shares\"\nset = \"{}\"\nthreshold = {threshold}\nshares = {total}\nmarks = \"{}\"\n",
                BASE64.encode(set),
                BASE64.encode(marks.concat())
            );
            ("a key that is kept in shares (Shamir, XAES-256-GCM)", lines)
        }
        Custody::Token {
            token,
            serial,
            key,
            wrapped,
        } => {
            let lines = format!(
                "format = \"{SECOND}\"\ncustody = \"hsm\"\ntoken = \"{token}\"\nserial = \"{serial}\"\nkey = \"{key}\"\nwrapped = \"{}\"\n",
                BASE64.encode(wrapped)
            );
            (
                "a key that a PKCS#11 token wraps (AES-256-GCM, XAES-256-GCM)",
                lines,
            )
        }
    }
}

fn associated_data(custody: &Custody) -> Vec<u8> {
    let Custody::Passphrase { cost, salt } = custody else {
        // The lines themselves: each names its field, and none can hold a line break.
        return described(custody).1.into_bytes();
    };
    let PassphraseCost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let mut aad = FIRST.as_bytes().to_vec();
    for number in [memory_kib, passes, lanes] {
        aad.extend_from_slice(&number.to_be_bytes());
    }
    aad.extend_from_slice(salt);
    aad
}

/// SECURITY: never empty: SoftHSM2 crashes on AES-GCM without associated data, and a wrapped key belongs to its place.
fn token_aad(token: &str, serial: &str, key: &str) -> Vec<u8> {
    format!("strongroom/hsm/1\n{token}\n{serial}\n{key}").into_bytes()
}

/// The two directions of a keyring file under a passphrase.
pub struct KeyringFile;

impl KeyringFile {
    /// The text of a keyring file that holds `keys`. A cost outside the accepted range becomes the standard one.
    pub fn seal(keys: &RootKeys, passphrase: &[u8], cost: PassphraseCost) -> String {
        Custodian::of_passphrase(passphrase, cost).seal(keys)
    }

    /// The root keys in `text`.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn open(text: &str, passphrase: &[u8]) -> Result<RootKeys, KeyringError> {
        let (keys, _) = Keyring::parse(text)?.with_passphrase(passphrase)?;
        Ok(keys)
    }
}
