//! `strongroom keys`: what keys there are, new ones for old ones, and the keyring that is above them.

mod ceremony;
mod rotate;
mod transcript;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_crypto::{Custodian, Custody, PassphraseCost, RootKeys};
use strongroom_engine::verify::audit_verify;

use crate::fault::Fault;
use crate::out::{error_line, say};
use crate::place::{Place, PlaceOptions};
use crate::{custody, folder, passphrase, vault_process};

/// Keys: list them, replace them while the server runs, change who keeps the roots
#[derive(Subcommand)]
pub(crate) enum Command {
    Status(rotate::Status),
    Rotate(rotate::Rotate),
    Ceremony(ceremony::Options),
    #[command(subcommand)]
    Transcript(transcript::Command),
    Passphrase(Change),
    Kit(Kit),
    Recover(Recover),
    VaultKit(VaultKit),
}

/// Show a recovery kit of the vault's own keyring, for the day that its file is lost
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom keys vault-kit --config strongroom.toml --recovery-kit ./vault-kit.txt

Whoever holds these lines and the vault's folder holds the card numbers: lock them away. No rotation and no ceremony
voids them: the vault's own roots stay, and the lines open every copy of its folder, old and new, for ever.")]
pub(crate) struct VaultKit {
    #[command(flatten)]
    place: PlaceOptions,

    /// Write the kit to this new file instead of the terminal
    #[arg(long, value_name = "FILE")]
    recovery_kit: Option<PathBuf>,
}

/// Make a new recovery kit from the keyring
///
/// Whoever holds it needs neither passphrase nor shares nor HSM. It is void after the next rotation of the roots.
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom keys kit --config strongroom.toml --recovery-kit ./kit.txt")]
pub(crate) struct Kit {
    #[command(flatten)]
    place: PlaceOptions,

    /// Write the recovery kit to this new file
    #[arg(long, value_name = "FILE")]
    recovery_kit: PathBuf,
}

/// Seal the keyring under a new passphrase
///
/// A keyring that shares or an HSM keep is given to one passphrase only where that is said, before witnesses, and is then
/// put on the installation's log and signed, as a ceremony is. The roots stay the same: `keys ceremony` makes new ones.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom keys passphrase --config strongroom.toml
  strongroom keys passphrase --config strongroom.toml --replace-custody --participant 'Ana Cruz' --participant 'Ben Reyes' \
      --transcript ./ceremony.json

Copies of the old keyring file still open with what opened them before: replace them.")]
pub(crate) struct Change {
    #[command(flatten)]
    place: PlaceOptions,

    /// A file that holds the new passphrase on one line; asked twice at the terminal when absent
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    /// One passphrase shall open what shares or an HSM kept until now
    #[arg(long, requires = "participants", requires = "transcript")]
    replace_custody: bool,

    /// With --replace-custody: who is present; at least twice
    #[arg(
        long = "participant",
        value_name = "NAME",
        requires = "replace_custody"
    )]
    participants: Vec<String>,

    /// With --replace-custody: write the transcript to this new file
    #[arg(long, value_name = "FILE", requires = "replace_custody")]
    transcript: Option<PathBuf>,
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
        Command::Status(options) => rotate::status(options),
        Command::Rotate(options) => rotate::rotate(options),
        Command::Ceremony(options) => ceremony::run(options),
        Command::Transcript(command) => transcript::run(command),
        Command::Passphrase(options) => change(options),
        Command::Kit(options) => kit(options),
        Command::Recover(options) => recover(options),
        Command::VaultKit(options) => vault_kit(options),
    }
}

fn change(options: &Change) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let _alone = custody::lock(&place.keyring)?;
    let before = custody::kept(&place.keyring)?;
    let is_passphrase = matches!(before, Custody::Passphrase { .. });
    // SECURITY: what so many people or a token kept must not become one person's in passing.
    if !is_passphrase && !options.replace_custody {
        return Err(Fault::new(format!(
            "the roots are kept by {}, and one passphrase would open them from now on",
            before.name()
        ))
        .hint("say so with --replace-custody, --participant and --transcript; or make new roots with `strongroom keys ceremony`"));
    }
    let root = place.root_keys()?;
    let passphrase = passphrase::fresh(options.new_passphrase_file.as_deref())?;
    let bytes = passphrase.expose().as_bytes();
    let custodian = Custodian::of_passphrase(bytes, PassphraseCost::STANDARD);
    let text = custodian.seal(&root);
    // On record before it is so.
    if let Some(transcript) = options.transcript.as_deref().filter(|_| !is_passphrase) {
        let witnessed = ceremony::Witnessed {
            people: &options.participants,
            transcript,
            before: &before,
            after: custodian.custody(),
        };
        witnessed.record(&place, &root, &text)?;
    }
    folder::write(&place.keyring, text.as_bytes())?;
    say!(
        "`{}` is sealed under the new passphrase. Replace its backups too.",
        place.keyring.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn kit(options: &Kit) -> Result<ExitCode, Fault> {
    let root = options.place.place()?.root_keys()?;
    folder::write_new(&options.recovery_kit, root.recovery_text().as_bytes())?;
    say!(
        "The recovery kit is in `{}`. Print it, lock it away, remove the file.",
        options.recovery_kit.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn vault_kit(options: &VaultKit) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let path = vault_process::keyring(&place.data);
    custody::require(&path)?;
    let root = place.vault_secrets()?.open(&path)?;
    let kit = root.recovery_text();
    match &options.recovery_kit {
        Some(file) => {
            folder::write_new(file, kit.as_bytes())?;
            say!("The vault's recovery kit is in `{}`.", file.display());
        }
        None => kit.lines().for_each(|line| say!("{line}")),
    }
    // Apart from the lines of the kit, which may go to a file or a printer.
    error_line(format_args!(
        "With the vault's folder, or any old copy of it, the kit opens the card numbers in it for ever: no rotation and no ceremony voids it. Lock it away."
    ));
    Ok(ExitCode::SUCCESS)
}

/// Makes the vault's keyring anew from its own kit. SECURITY: whether it is the right one shows when the vault starts; an
/// old keyring is kept.
fn recover_vault(options: &Recover, place: &Place) -> Result<ExitCode, Fault> {
    let kit = folder::read_secret(&options.recovery_kit)?;
    let root = RootKeys::from_recovery_text(kit.expose())
        .map_err(|error| Fault::new(format!("`{}`: {error}", options.recovery_kit.display())))?;
    let path = vault_process::keyring(&place.data);
    if path.exists() {
        let old = path.with_extension("before-recovery");
        std::fs::copy(&path, &old).map_err(|error| Fault::file("cannot keep", &old, &error))?;
    }
    let text = place.vault_secrets()?.sealed(&root);
    folder::write(&path, text.as_bytes())?;
    say!("`{}` is made anew.", path.display());
    Ok(ExitCode::SUCCESS)
}

fn recover(options: &Recover) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let _alone = custody::lock(&place.keyring)?;
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
    Ok(ExitCode::SUCCESS)
}
