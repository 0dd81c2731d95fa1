//! `strongroom verify`: everything stored, held against everything else.

use std::process::ExitCode;

use clap::Args;
use strongroom_channel::message::Place as VaultPlace;
use strongroom_engine::verify::{VerifyReport, verify};
use strongroom_vaultd::digests;

use crate::fault::Fault;
use crate::out::say;
use crate::place::{Place, PlaceOptions};
use crate::{out, vault_process};

/// Damages that are named.
const MOST: usize = 200;

/// Check a stopped data directory, a copy of one, or a database, without changing it
///
/// A database is checked as it stood at one moment, also beside a running server and on a copy that follows it.
///
/// Derives every balance from its postings, holds every record, index and event against the logs, and the logs against
/// their checkpoints, and the numbers in the vault against the tokens. Prints a table and exits 0 when all is well; names each damage on a line and exits 1 otherwise.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom verify --data ./sandbox
  strongroom verify --config strongroom.toml --postgres postgres://pay@127.0.0.1/pay
  strongroom verify --config /etc/strongroom/strongroom.toml --passphrase-file /run/secrets/passphrase")]
pub(crate) struct Options {
    #[command(flatten)]
    place: PlaceOptions,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let store = place.store_read_only()?;
    let root = place.root_keys()?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut report = verify(&*store, root, threads).map_err(|error| place.start_fault(&error))?;
    check_vault(&place, &mut report)?;
    Ok(show(&report))
}

/// Holds the numbers of a vault process against the tokens in the books.
fn check_vault(place: &Place, report: &mut VerifyReport) -> Result<(), Fault> {
    let keyring = vault_process::keyring(&place.data);
    if report.vaulted.is_empty() {
        return Ok(());
    }
    if !keyring.is_file() {
        let (count, path) = (report.vaulted.len(), keyring.display());
        say!(
            "the numbers of {count} tokens are in a vault, and there is none at `{path}`: not checked"
        );
        return Ok(());
    }
    let root = place.vault_secrets()?.open(&keyring)?;
    let digests = digests(&place.data.join(vault_process::FOLDER), root)
        .map_err(|error| Fault::new(format!("`{}`: {error}", keyring.display())))?;
    for (scope, token, digest) in std::mem::take(&mut report.vaulted) {
        let what = match digests.get(&VaultPlace { scope, token }) {
            Some(Some(stored)) if *stored == digest => continue,
            Some(Some(_)) => "is another one",
            Some(None) => "does not open",
            None => "is missing",
        };
        if report.damages.len() < MOST {
            let damage = format!("vault: the number of `{token}` of log {scope} {what}");
            report.damages.push(damage);
        } else {
            report.further += 1;
        }
    }
    Ok(())
}

/// Prints a report; the exit code says whether it is clean.
pub(crate) fn show(report: &VerifyReport) -> ExitCode {
    out::text(&report.to_string());
    match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
