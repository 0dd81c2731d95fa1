//! `strongroom verify`: everything stored, held against everything else.

use std::process::ExitCode;

use clap::Args;
use strongroom_engine::verify::{VerifyReport, verify};

use crate::fault::Fault;
use crate::numbers::{VaultArguments, unheld};
use crate::out;
use crate::place::PlaceOptions;

/// Check a stopped data directory, a copy of one, or a database, without changing it
///
/// A database is checked as it stood at one moment, also beside a running server and on a copy that follows it.
///
/// Derives every balance from its postings, holds every record, index and event against the logs, and the logs against
/// their checkpoints. Card numbers are held against the vault beside the books: each token must have the number that it
/// commits to, and no other number may be there. Prints a table and exits 0 when all is well; names each damage on a line
/// and exits 1 otherwise. Exits 3 when nothing is damaged, but the card numbers are in a vault that is not there.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom verify --data ./sandbox
  strongroom verify --config strongroom.toml --postgres postgres://pay@127.0.0.1/pay
  strongroom verify --config /etc/strongroom/strongroom.toml --passphrase-file /run/secrets/passphrase")]
pub(crate) struct Options {
    #[command(flatten)]
    place: PlaceOptions,

    #[command(flatten)]
    vault: VaultArguments,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    // What is wrong with the place is said before anybody is asked for a passphrase.
    let mut store = place.store_read_only()?;
    let root = place.root_keys()?;
    let secrets = || place.vault_secrets();
    let mut before = None;
    // Books in a database may be served meanwhile: their moment comes after what the vault had.
    if place.is_in_database() {
        before = options.vault.look(&place.data, secrets)?;
        store = place.store_read_only()?;
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut report = verify(&*store, root, threads).map_err(|error| place.start_fault(&error))?;
    let numbers = options.vault;
    numbers.hold_with(&mut report, before, &place.data, secrets)?;
    let code = show(&report);
    if report.is_undamaged() && !report.is_clean() {
        return Err(unheld(&report, &place.data));
    }
    Ok(code)
}

/// Prints a report; the exit code says whether it is clean.
pub(crate) fn show(report: &VerifyReport) -> ExitCode {
    out::text(&report.to_string());
    match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
