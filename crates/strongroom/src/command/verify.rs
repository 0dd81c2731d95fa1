//! `strongroom verify`: everything stored, held against everything else.

use std::process::ExitCode;

use clap::Args;
use strongroom_engine::verify::{VerifyReport, verify};

use crate::fault::Fault;
use crate::out;
use crate::place::PlaceOptions;

/// Check a stopped data directory, a copy of one, or a database, without changing it
///
/// A database is checked as it stood at one moment, also beside a running server and on a copy that follows it.
///
/// Derives every balance from its postings, holds every record, index and event against the logs, and the logs against
/// their checkpoints. Prints a table and exits 0 when all is well; names each damage on a line and exits 1 otherwise.
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
    let report = verify(&*store, root, threads).map_err(|error| place.start_fault(&error))?;
    Ok(show(&report))
}

/// Prints a report; the exit code says whether it is clean.
pub(crate) fn show(report: &VerifyReport) -> ExitCode {
    out::text(&report.to_string());
    match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
