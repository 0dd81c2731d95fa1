//! What opens a keyring, and how a new one is to be kept: named files and questions at the terminal, never the command
//! line or the environment.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use strongroom_crypto::{Custodian, PassphraseCost, Share};
use strongroom_types::secret::SecretText;

use crate::custody;
use crate::fault::Fault;
use crate::folder;
use crate::passphrase;
use crate::postgres::quoted;

/// What opens the keyring
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RootArguments {
    /// A file that holds the keyring's passphrase on one line; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// A file that holds one share of the root; repeat it for each; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    share_file: Vec<PathBuf>,

    /// A file that holds the PIN of the HSM's token on one line; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,

    /// The HSM's PKCS#11 module, a shared library
    #[arg(long, value_name = "FILE")]
    hsm_module: Option<PathBuf>,
}

/// `[root]` of the configuration, and what the arguments made of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootSources {
    pub passphrase_file: Option<PathBuf>,
    #[serde(default)]
    pub share_files: Vec<PathBuf>,
    pub pin_file: Option<PathBuf>,
    pub hsm_module: Option<PathBuf>,
}

impl RootArguments {
    /// The arguments where they are given, else what the configuration says.
    pub fn over(&self, configured: &RootSources) -> RootSources {
        let RootSources {
            passphrase_file,
            share_files,
            pin_file,
            hsm_module,
        } = configured.clone();
        RootSources {
            passphrase_file: self.passphrase_file.clone().or(passphrase_file),
            share_files: match self.share_file.is_empty() {
                true => share_files,
                false => self.share_file.clone(),
            },
            pin_file: self.pin_file.clone().or(pin_file),
            hsm_module: self.hsm_module.clone().or(hsm_module),
        }
    }

    /// The same, where no configuration is read.
    pub fn alone(&self) -> RootSources {
        self.over(&RootSources::default())
    }
}

impl RootSources {
    /// The same with paths relative to a folder made whole.
    pub fn below(self, folder: &Path) -> RootSources {
        let whole = |path: PathBuf| folder.join(path);
        RootSources {
            passphrase_file: self.passphrase_file.map(whole),
            share_files: self.share_files.into_iter().map(whole).collect(),
            pin_file: self.pin_file.map(whole),
            hsm_module: self.hsm_module.map(whole),
        }
    }

    /// Lines of `[root]` that name the same, if anything is named.
    pub fn lines(&self) -> Result<Option<String>, Fault> {
        let named = [
            ("pin_file", &self.pin_file),
            ("hsm_module", &self.hsm_module),
        ];
        let mut lines = String::new();
        for (name, path) in named {
            if let Some(path) = path {
                let whole = folder::absolute(path)?;
                lines.push_str(&format!("{name} = {}\n", quoted(&whole)));
            }
        }
        Ok((!lines.is_empty()).then_some(lines))
    }

    /// The path of the PKCS#11 module. SECURITY: from arguments and configuration alone: a keyring that named it could
    /// make the program load any library.
    pub fn module(&self) -> Result<&str, Fault> {
        let missing = || {
            Fault::new("no PKCS#11 module is named").hint(
                "name the HSM's library with --hsm-module, or as `hsm_module` in `[root]` of the configuration",
            )
        };
        let module = self.hsm_module.as_deref().ok_or_else(missing)?;
        let named = module.to_str();
        named.ok_or_else(|| Fault::new("the path of the PKCS#11 module is not UTF-8"))
    }

    /// The token's PIN: from a file, or asked for once. Nothing is tried twice, for the token counts.
    pub fn pin(&self) -> Result<SecretText, Fault> {
        match &self.pin_file {
            Some(path) => folder::read_secret_line(path, "a PIN"),
            None => passphrase::asked("PIN of the HSM's token: ").ok_or_else(|| {
                Fault::new("the token's PIN is needed and there is no terminal to ask at")
                    .hint("name a file that holds it with --pin-file")
            }),
        }
    }

    /// The shares: from files, or asked for one by one.
    pub fn shares(&self, needed: u8) -> Result<Vec<Share>, Fault> {
        if self.share_files.is_empty() {
            return typed(needed);
        }
        self.share_files
            .iter()
            .map(|path| {
                let text = folder::read_secret(path)?;
                Share::parse(text.expose())
                    .map_err(|error| Fault::new(format!("`{}`: {error}", path.display())))
            })
            .collect()
    }
}

/// Asks for shares until there are enough. A mistyped one is asked for again; so is one that was there already.
fn typed(needed: u8) -> Result<Vec<Share>, Fault> {
    let mut shares: Vec<Share> = Vec::new();
    let mut tries = 0;
    while shares.len() < usize::from(needed) {
        let words = format!("Share {} of {needed}: ", shares.len() + 1);
        let text = passphrase::asked(&words).ok_or_else(|| {
            Fault::new("shares of the root are needed and there is no terminal to ask at")
                .hint("name a file for each with --share-file")
        })?;
        tries += 1;
        match Share::parse(text.expose()) {
            Ok(share) if shares.iter().any(|other| other.number == share.number) => {
                crate::out::error_line(format_args!("share {} is here already", share.number));
            }
            Ok(share) => shares.push(share),
            Err(error) => crate::out::error_line(format_args!("{error}")),
        }
        if tries > 3 * usize::from(needed) {
            return Err(Fault::new("too many shares were mistyped"));
        }
    }
    Ok(shares)
}

/// How the roots are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keeping {
    /// A keyring file sealed by a passphrase
    #[default]
    Passphrase,
    /// Shamir shares: so many people together open the keyring
    Shares,
    /// An AES-256 key in a PKCS#11 token, which never leaves it
    Hsm,
}

/// How a new keyring is kept
#[derive(Args, Clone, Debug)]
pub(crate) struct NewRoot {
    /// How the new roots are kept
    #[arg(
        long = "root",
        value_enum,
        value_name = "KIND",
        default_value = "passphrase"
    )]
    pub keeping: Keeping,

    /// With `--root shares`: how many shares are made
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub shares: u8,

    /// With `--root shares`: how many of them open the keyring
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub threshold: u8,

    /// With `--root shares`: write each share to a new file in this folder instead of the terminal
    #[arg(long, value_name = "DIR")]
    pub share_dir: Option<PathBuf>,

    /// With `--root hsm`: the token's label
    #[arg(long, value_name = "LABEL", required_if_eq("keeping", "hsm"))]
    pub hsm_token: Option<String>,

    /// With `--root hsm`: the label of the key in the token; made there if it is not
    #[arg(long, value_name = "LABEL", default_value = "strongroom-root")]
    pub hsm_key: String,
}

/// A keeper for new roots, with what must be handed out.
pub(crate) struct Kept {
    pub custodian: Custodian,
    pub shares: Vec<Share>,
}

impl NewRoot {
    /// Prepares the keeping: asks for a new passphrase, makes shares, or has the token wrap. `passphrase_file` is the
    /// new one's; PIN and module are taken from `sources`.
    pub fn kept(
        &self,
        passphrase_file: Option<&Path>,
        sources: &RootSources,
        cost: PassphraseCost,
    ) -> Result<Kept, Fault> {
        let plain = |custodian| Kept {
            custodian,
            shares: Vec::new(),
        };
        match self.keeping {
            Keeping::Passphrase => {
                let passphrase = passphrase::fresh(passphrase_file)?;
                let bytes = passphrase.expose().as_bytes();
                Ok(plain(Custodian::of_passphrase(bytes, cost)))
            }
            Keeping::Shares => {
                let made = Custodian::of_shares(self.threshold, self.shares);
                let (custodian, shares) = made.map_err(|error| Fault::new(error.to_string()))?;
                Ok(Kept { custodian, shares })
            }
            Keeping::Hsm => {
                let module = sources.module()?;
                let token = self.hsm_token.as_deref();
                let token = token.ok_or_else(|| Fault::new("--hsm-token names the token"))?;
                let pin = sources.pin()?;
                let made = Custodian::of_token(module, token, &self.hsm_key, pin.expose());
                made.map(plain)
                    .map_err(|error| custody::token_fault(&error))
            }
        }
    }
}

/// The file of a share in its folder.
pub(crate) fn share_file(dir: &Path, share: &Share) -> PathBuf {
    dir.join(format!("share-{}.txt", share.number))
}

/// Writes shares to their files, or shows them, once.
pub(crate) fn hand_out(shares: &[Share], dir: Option<&Path>) -> Result<(), Fault> {
    let Some(dir) = dir else {
        for share in shares {
            crate::out::say!(
                "\nShare {} of {}, {} of which open the keyring. For its holder alone; it is not shown again:\n",
                share.number,
                share.total,
                share.threshold
            );
            share
                .text()
                .lines()
                .for_each(|line| crate::out::say!("  {line}"));
        }
        return Ok(());
    };
    folder::make(dir)?;
    for share in shares {
        folder::write_new(&share_file(dir, share), share.text().as_bytes())?;
    }
    Ok(())
}
