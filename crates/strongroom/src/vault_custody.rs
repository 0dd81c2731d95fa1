//! What opens the keyring of the vault process: secrets that follow from the installation's roots, however those are kept.
//!
//! While roots are being replaced there are two: the vault is opened by either, and sealed by the newer one.

use std::path::Path;

use strongroom_crypto::{Custodian, PassphraseCost, RootKeys, hkdf_sha256};
use strongroom_types::secret::SecretText;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::{custody, folder};

/// The secrets have 256 random bits: stretching them would only cost time.
const COST: PassphraseCost = PassphraseCost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};

/// Secrets that are tried.
const MOST: usize = 4;

/// The secrets, newest first.
pub(crate) struct VaultSecrets {
    secrets: Vec<SecretText>,
    cost: PassphraseCost,
}

impl VaultSecrets {
    pub fn of(root: &RootKeys) -> VaultSecrets {
        let next = root.next().into_iter();
        VaultSecrets {
            secrets: next.chain([root]).map(secret).collect(),
            cost: COST,
        }
    }

    /// A passphrase of the vault's own, where it is kept apart from the installation's keyring.
    pub fn typed(passphrase: SecretText) -> VaultSecrets {
        VaultSecrets {
            secrets: vec![passphrase],
            cost: PassphraseCost::STANDARD,
        }
    }

    /// With those that were kept before behind them, a few at most.
    pub fn and_older(mut self, lines: Option<&SecretText>) -> VaultSecrets {
        let older = lines
            .into_iter()
            .flat_map(|lines| VaultSecrets::parse(lines).secrets);
        for secret in older {
            let is_there = |known: &SecretText| known.expose() == secret.expose();
            if self.secrets.len() < MOST && !self.secrets.iter().any(is_there) {
                self.secrets.push(secret);
            }
        }
        self
    }

    /// One secret a line, as [`VaultSecrets::lines`] gave them.
    pub fn parse(lines: &SecretText) -> VaultSecrets {
        let secrets = lines.expose().lines();
        VaultSecrets {
            secrets: secrets
                .map(|line| SecretText::new(line.to_owned()))
                .collect(),
            cost: COST,
        }
    }

    pub fn lines(&self) -> SecretText {
        let secrets: Vec<&str> = self.secrets.iter().map(SecretText::expose).collect();
        SecretText::new(secrets.join("\n"))
    }

    /// Opens the vault's keyring.
    pub fn open(&self, keyring: &Path) -> Result<RootKeys, Fault> {
        let mut opened = Err(Fault::new(
            "there is nothing to open the vault's keyring with",
        ));
        for secret in &self.secrets {
            opened = custody::open_sealed(keyring, secret);
            if opened.is_ok() {
                break;
            }
        }
        opened
    }

    /// The text of the vault's keyring.
    pub fn sealed(&self, root: &RootKeys) -> Zeroizing<String> {
        let newest = self
            .secrets
            .first()
            .map_or("", SecretText::expose)
            .as_bytes();
        Zeroizing::new(Custodian::of_passphrase(newest, self.cost).seal(root))
    }

    /// Seals the vault's keyring under the newest of them, if there is one.
    pub fn reseal(&self, keyring: &Path) -> Result<(), Fault> {
        if !keyring.is_file() {
            return Ok(());
        }
        let root = self.open(keyring)?;
        folder::write(keyring, self.sealed(&root).as_bytes())
    }
}

/// SECURITY: whoever holds the roots could open the vault's keyring, as whoever holds the passphrase can open both; what is
/// under it is not in memory where the roots are.
fn secret(root: &RootKeys) -> SecretText {
    let (_, key) = root.root();
    let derived = Zeroizing::new(hkdf_sha256(key, b"", b"strongroom/vault/keyring/1"));
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in derived.iter() {
        text.push_str(&format!("{byte:02x}"));
    }
    SecretText::new(text.to_string())
}
