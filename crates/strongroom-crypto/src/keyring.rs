//! The keyring file: root keys sealed under a passphrase, as text an operator can look at and keep apart from backups.
//!
//! ```text
//! format = "strongroom/keyring/1"
//! memory_kib = 65536
//! passes = 3
//! lanes = 1
//! salt = "…base64…"
//! sealed = "…base64…"
//! ```
//! Argon2id makes the key; format, cost and salt are associated data, so none can be changed. This module reads and
//! writes no files.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::fatal::fatal;
use crate::passphrase::PassphraseCost;
use crate::random::random;
use crate::root::RootKeys;
use crate::sealed::{SealedView, write_sealed_header};

const FORMAT: &str = "strongroom/keyring/1";

/// Longest text that is looked at, in bytes.
const MOST_TEXT: usize = 16 * 1024;

/// The key number in the sealed header: a passphrase key has no row.
const NO_KEY_ROW: u32 = 0;

/// Why a keyring file did not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyringError {
    /// Not a keyring file, or cut or damaged; says which line or field.
    Malformed(&'static str),
    /// Written by a version this program does not know.
    UnsupportedFormat,
    /// Asks for more memory, passes or lanes than is accepted.
    CostRefused,
    /// The passphrase is wrong, or the file was altered: the two cannot be told apart.
    WrongPassphrase,
}

impl fmt::Display for KeyringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "keyring file is malformed: {what}"),
            Self::UnsupportedFormat => write!(f, "keyring file has a format other than `{FORMAT}`"),
            Self::CostRefused => {
                f.write_str("keyring file asks for a passphrase cost outside the accepted range")
            }
            Self::WrongPassphrase => {
                f.write_str("wrong passphrase, or the keyring file was altered")
            }
        }
    }
}

impl std::error::Error for KeyringError {}

/// The two directions of the keyring file.
pub struct KeyringFile;

impl KeyringFile {
    /// The text of a keyring file that holds `keys`. A cost outside the accepted range becomes the standard one.
    pub fn seal(keys: &RootKeys, passphrase: &[u8], cost: PassphraseCost) -> String {
        Self::seal_with(keys, passphrase, cost, random(), random())
    }

    fn seal_with(
        keys: &RootKeys,
        passphrase: &[u8],
        cost: PassphraseCost,
        salt: [u8; 16],
        nonce: [u8; 24],
    ) -> String {
        let cost = if cost.is_acceptable() {
            cost
        } else {
            PassphraseCost::STANDARD
        };
        let Some(key) = cost.seal_key(passphrase, &salt) else {
            fatal("Argon2id refused accepted parameters")
        };
        let mut sealed = Vec::new();
        write_sealed_header(NO_KEY_ROW, &nonce, &mut sealed);
        key.seal(
            &nonce,
            &associated_data(&cost, &salt),
            &keys.encode(),
            &mut sealed,
        );
        let PassphraseCost {
            memory_kib,
            passes,
            lanes,
        } = cost;
        let (salt, sealed) = (BASE64.encode(salt), BASE64.encode(sealed));
        format!(
            "# Root keys of a Strongroom installation, sealed under a passphrase (Argon2id, XAES-256-GCM).\n\
             # Keep it apart from data backups. Without it, or the recovery kit, the data cannot be opened.\n\
             format = \"{FORMAT}\"\nmemory_kib = {memory_kib}\npasses = {passes}\nlanes = {lanes}\n\
             salt = \"{salt}\"\nsealed = \"{sealed}\"\n"
        )
    }

    /// The root keys in `text`.
    ///
    /// # Errors
    /// See [`KeyringError`]. The cost is bounded before any memory is taken.
    pub fn open(text: &str, passphrase: &[u8]) -> Result<RootKeys, KeyringError> {
        let fields = Fields::parse(text)?;
        let view =
            SealedView::parse(&fields.sealed).map_err(|_| KeyringError::Malformed("`sealed`"))?;
        if view.key != NO_KEY_ROW {
            return Err(KeyringError::Malformed("`sealed`"));
        }
        let key = fields
            .cost
            .seal_key(passphrase, &fields.salt)
            .ok_or(KeyringError::CostRefused)?;
        let aad = associated_data(&fields.cost, &fields.salt);
        let opened = key
            .open(view.nonce, &aad, view.ciphertext)
            .map_err(|_| KeyringError::WrongPassphrase)?;
        RootKeys::decode(&Zeroizing::new(opened)).ok_or(KeyringError::Malformed("`sealed`"))
    }
}

fn associated_data(cost: &PassphraseCost, salt: &[u8; 16]) -> Vec<u8> {
    let PassphraseCost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let mut aad = FORMAT.as_bytes().to_vec();
    for number in [memory_kib, passes, lanes] {
        aad.extend_from_slice(&number.to_be_bytes());
    }
    aad.extend_from_slice(salt);
    aad
}

struct Fields {
    cost: PassphraseCost,
    salt: [u8; 16],
    sealed: Vec<u8>,
}

impl Fields {
    /// Reads the six fields in their order; comments and blank lines may stand between them, nothing else.
    fn parse(text: &str) -> Result<Self, KeyringError> {
        if text.len() > MOST_TEXT {
            return Err(KeyringError::Malformed("too long"));
        }
        let mut lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut next = |name: &'static str| field(lines.next(), name);
        if quoted(next("format")?, "`format`")? != FORMAT {
            return Err(KeyringError::UnsupportedFormat);
        }
        let cost = PassphraseCost {
            memory_kib: number(next("memory_kib")?, "`memory_kib`")?,
            passes: number(next("passes")?, "`passes`")?,
            lanes: number(next("lanes")?, "`lanes`")?,
        };
        let salt = base64(next("salt")?, "`salt`")?
            .try_into()
            .map_err(|_| KeyringError::Malformed("`salt`"))?;
        let sealed = base64(next("sealed")?, "`sealed`")?;
        match lines.next() {
            Some(_) => Err(KeyringError::Malformed("something follows `sealed`")),
            None => Ok(Self { cost, salt, sealed }),
        }
    }
}

fn field<'a>(line: Option<&'a str>, name: &'static str) -> Result<&'a str, KeyringError> {
    let (found, value) = line
        .and_then(|line| line.split_once('='))
        .ok_or(KeyringError::Malformed(name))?;
    if found.trim() == name {
        Ok(value.trim())
    } else {
        Err(KeyringError::Malformed(name))
    }
}

fn quoted<'a>(value: &'a str, name: &'static str) -> Result<&'a str, KeyringError> {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(KeyringError::Malformed(name))
}

fn number(value: &str, name: &'static str) -> Result<u32, KeyringError> {
    // Digits only: `parse` alone would accept a leading `+`, and one value should have one text.
    if !value.bytes().all(|byte| byte.is_ascii_digit()) || value.starts_with('0') {
        return Err(KeyringError::Malformed(name));
    }
    value.parse().map_err(|_| KeyringError::Malformed(name))
}

fn base64(value: &str, name: &'static str) -> Result<Vec<u8>, KeyringError> {
    BASE64
        .decode(quoted(value, name)?)
        .map_err(|_| KeyringError::Malformed(name))
}
