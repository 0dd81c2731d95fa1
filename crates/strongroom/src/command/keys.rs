//! `strongroom keys`: the keyring's passphrase and its recovery.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_crypto::{PassphraseCost, RootKeys};
use strongroom_engine::verify::audit_verify;
use strongroom_types::secret::SecretText;
use strongroom_vaultd::is_empty;

use crate::fault::Fault;
use crate::out::say;
use crate::place::{Place, PlaceOptions};
use crate::{custody, folder, passphrase, vault_process};

/// The keyring: change its passphrase, or make it anew from the recovery kit
#[derive(Subcommand)]
pub(crate) enum Command {
    Passphrase(Change),
    Recover(Recover),
    VaultKit(VaultKit),
}

/// Show the recovery kit of the vault's own keyring, which the installation's kit does not open
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom keys vault-kit --config strongroom.toml --recovery-kit ./vault-kit.txt

Whoever holds these lines and the vault's folder holds the card numbers: lock them away.")]
pub(crate) struct VaultKit {
    #[command(flatten)]
    place: PlaceOptions,

    /// Write the kit to this new file instead of the terminal
    #[arg(long, value_name = "FILE")]
    recovery_kit: Option<PathBuf>,
}

/// Seal the keyring under a new passphrase
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom keys passphrase --config strongroom.toml

Copies of the old keyring file still open with the old passphrase: replace them.")]
pub(crate) struct Change {
    #[command(flatten)]
    place: PlaceOptions,

    /// A file that holds the new passphrase on one line; asked twice at the terminal when absent
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

/// Make the keyring anew from the recovery kit, under a new passphrase
///
/// The kit is tried on the data directory first; a keyring that is there is kept beside the new one.
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom keys recover --config strongroom.toml --recovery-kit ./kit.txt")]
pub(crate) struct Recover {
    #[command(flatten)]
    place: PlaceOptions,

    /// Make the vault's own keyring anew, from the kit that `keys vault-kit` showed
    #[arg(long)]
    vault: bool,

    /// A file with the recovery kit's lines, as they were shown
    #[arg(long, value_name = "FILE")]
    recovery_kit: PathBuf,

    /// A file that holds the new passphrase on one line; asked twice at the terminal when absent
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Fault> {
    match command {
        Command::Passphrase(options) => change(options),
        Command::Recover(options) => recover(options),
        Command::VaultKit(options) => vault_kit(options),
    }
}

fn change(options: &Change) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let root = place.root_keys()?;
    let passphrase = passphrase::fresh(options.new_passphrase_file.as_deref())?;
    // The vault's first: where this ends between the two, the same command again opens it with the new one.
    reseal_vault(&place, &passphrase)?;
    let text = custody::sealed(&root, &passphrase, PassphraseCost::STANDARD);
    folder::write(&place.keyring, text.as_bytes())?;
    say!(
        "`{}` is sealed under the new passphrase. Replace its backups too.",
        place.keyring.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Seals the keyring of the vault under the new passphrase too, if there is one: both are opened with one.
fn reseal_vault(place: &Place, passphrase: &SecretText) -> Result<(), Fault> {
    let path = vault_process::keyring(&place.data);
    if !path.is_file() {
        return Ok(());
    }
    let root = match custody::open(&path, &place.passphrase()?) {
        Ok(root) => root,
        Err(fault) => custody::open(&path, passphrase).map_err(|_| fault)?,
    };
    let text = custody::sealed(&root, passphrase, PassphraseCost::STANDARD);
    folder::write(&path, text.as_bytes())
}

fn vault_kit(options: &VaultKit) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let path = vault_process::keyring(&place.data);
    custody::require(&path)?;
    let root = custody::open(&path, &place.passphrase()?)?;
    let kit = root.recovery_text();
    match &options.recovery_kit {
        Some(file) => {
            folder::write_new(file, kit.as_bytes())?;
            say!("The vault's recovery kit is in `{}`.", file.display());
        }
        None => kit.lines().for_each(|line| say!("{line}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the vault's keyring anew from its own kit. SECURITY: whether it is the right one shows when the vault starts; an
/// old keyring is kept.
fn recover_vault(options: &Recover, place: &Place) -> Result<ExitCode, Fault> {
    let kit = folder::read_secret(&options.recovery_kit)?;
    let root = RootKeys::from_recovery_text(kit.expose())
        .map_err(|error| Fault::new(format!("`{}`: {error}", options.recovery_kit.display())))?;
    let passphrase = passphrase::fresh(options.new_passphrase_file.as_deref())?;
    let path = vault_process::keyring(&place.data);
    if path.exists() {
        let old = path.with_extension("before-recovery");
        std::fs::copy(&path, &old).map_err(|error| Fault::file("cannot keep", &old, &error))?;
    }
    let text = custody::sealed(&root, &passphrase, PassphraseCost::STANDARD);
    folder::write(&path, text.as_bytes())?;
    say!("`{}` is made anew.", path.display());
    Ok(ExitCode::SUCCESS)
}

fn recover(options: &Recover) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    if options.vault {
        return recover_vault(options, &place);
    }
    let kit = folder::read_secret(&options.recovery_kit)?;
    let keys = || {
        RootKeys::from_recovery_text(kit.expose())
            .map_err(|error| Fault::new(format!("`{}`: {error}", options.recovery_kit.display())))
    };
    // A kit of another installation would make a keyring that opens nothing.
    let store = place.store_read_only()?;
    audit_verify(&*store, keys()?, None).map_err(|error| {
        place
            .start_fault(&error)
            .hint(match place.is_in_database() {
                true => "the recovery kit must be the one of this database",
                false => "the recovery kit must be the one of this data directory",
            })
    })?;
    drop(store);
    let passphrase = passphrase::fresh(options.new_passphrase_file.as_deref())?;
    let text = custody::sealed(&keys()?, &passphrase, PassphraseCost::STANDARD);
    if place.keyring.exists() {
        let old = place.keyring.with_extension("before-recovery");
        std::fs::copy(&place.keyring, &old)
            .map_err(|error| Fault::file("cannot keep", &old, &error))?;
    }
    folder::write(&place.keyring, text.as_bytes())?;
    say!(
        "`{}` is made anew. Back it up apart from the data.",
        place.keyring.display()
    );
    tell_of_vault(&place)?;
    Ok(ExitCode::SUCCESS)
}

/// The vault's keyring is still sealed under the passphrase that was lost. Without a number in the vault it is of no use to
/// anybody, and a new one is made at the next start.
fn tell_of_vault(place: &Place) -> Result<(), Fault> {
    let path = vault_process::keyring(&place.data);
    if !path.is_file() {
        return Ok(());
    }
    let dir = place.data.join(vault_process::FOLDER);
    let empty = is_empty(&dir);
    match empty.map_err(|error| Fault::new(format!("`{}`: {error}", dir.display())))? {
        true => folder::remove_one(&dir)?,
        false => say!(
            "The vault's own keyring `{}` is sealed under the old passphrase: make it anew with\n  strongroom keys recover --vault --recovery-kit FILE",
            path.display()
        ),
    }
    Ok(())
}
