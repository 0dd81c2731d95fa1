//! `strongroom migrate`: the books of a data directory into a database.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strongroom_crypto::RootKeys;
use strongroom_engine::verify::{VerifyReport, verify};
use strongroom_store::{PostgresStore, Store, copy};

use crate::fault::Fault;
use crate::numbers::{VaultArguments, unheld};
use crate::out::say;
use crate::place::{KEYRING, Place};
use crate::postgres::StoreTable;
use crate::root::{RootArguments, RootSources};
use crate::vault_custody::VaultSecrets;
use crate::{logging, out};

/// Copy the books of a stopped data directory into a PostgreSQL database, and verify both
///
/// Every row is copied as it is, then both are verified and compared: equal roots of every log, and every balance derived
/// again. The directory is left as it was. It can be run again, after a failure or to bring an earlier copy up to date; a
/// database that was served, or holds something else, is left alone. Keyring, vault and request log stay in the directory;
/// card numbers are held against the vault both times (exit code 3 where they are in one that is not there).
#[derive(Args)]
#[command(after_long_help = "Example:
  strongroom migrate --from /var/lib/strongroom --to postgres://pay@127.0.0.1:5432/pay --password-file ./password

Afterwards write the database into `[store]` of the configuration, serve it, and move `strongroom.db` away.")]
pub(crate) struct Options {
    /// The data directory with the books; its server must be stopped
    #[arg(long, value_name = "DIR")]
    from: PathBuf,

    /// The database, as postgres://user@host:5432/name; no password in it
    #[arg(long, value_name = "URL")]
    to: String,

    /// The keyring [default: `keyring.toml` in the data directory]
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,

    #[command(flatten)]
    root: RootArguments,

    #[command(flatten)]
    vault: VaultArguments,

    /// A file that holds the database's password on one line
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// A file with the authorities that sign the database's certificate, PEM; a server elsewhere must have TLS
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// A file with the certificate to show to the database, PEM
    #[arg(long, value_name = "FILE", requires = "ca_file", requires = "key_file")]
    certificate_file: Option<PathBuf>,

    /// A file with that certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let keyring = match &options.keyring {
        Some(keyring) => keyring.clone(),
        None => options.from.join(KEYRING),
    };
    let place = |sources: RootSources| Place::with(&options.from, &keyring, sources);
    let from = place(options.root.alone());
    let database = table(options).options()?;
    let database = database.ok_or_else(|| Fault::new("no database is named"))?;
    let to = place(RootSources::default()).in_database(Some(database.clone()));
    let root = from.root_keys()?;
    let source = from.store_read_only()?;
    let numbers = options.vault;
    let before = verified(&from, &*source, (&root, numbers), "the directory")?;

    let fault = |error| to.store_fault(&error);
    let store = PostgresStore::receive(database, &*source).map_err(fault)?;
    let entries = copy(&*source, &store).map_err(fault)?;
    let after = verified(&to, &store, (&root, numbers), "the copy")?;
    compare(&before, &after)?;
    store.finish().map_err(fault)?;
    say!(
        "{entries} entries are copied, and both are verified: equal logs, equal roots, balances derived again.\n"
    );
    out::text(&after.to_string());
    say!(
        "\nWrite the database into `[store]` of the configuration, and move `{}` away, so that nobody serves it.",
        options.from.join("strongroom.db").display()
    );
    Ok(ExitCode::SUCCESS)
}

fn table(options: &Options) -> StoreTable {
    let Options {
        from: _,
        to,
        keyring: _,
        root: _,
        vault: _,
        password_file,
        ca_file,
        certificate_file,
        key_file,
    } = options;
    StoreTable {
        postgres: Some(to.clone()),
        password_file: password_file.clone(),
        ca_file: ca_file.clone(),
        certificate_file: certificate_file.clone(),
        key_file: key_file.clone(),
    }
}

fn verified(
    place: &Place,
    store: &dyn Store,
    (root, numbers): (&RootKeys, VaultArguments),
    what: &str,
) -> Result<VerifyReport, Fault> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let report = verify(store, root.copy(), threads);
    let mut report = report.map_err(|error| place.start_fault(&error))?;
    numbers.hold(&mut report, &place.data, || Ok(VaultSecrets::of(root)))?;
    match report.is_clean() {
        true => Ok(report),
        false if report.is_undamaged() => Err(unheld(&report, &place.data)),
        false => {
            out::text(&report.to_string());
            Err(Fault::new(format!("{what} has damage: see above"))
                .hint("nothing can be served from the database; the directory is as it was"))
        }
    }
}

/// The same logs with the same roots, and as many of everything else.
fn compare(before: &VerifyReport, after: &VerifyReport) -> Result<(), Fault> {
    let shown = |report: &VerifyReport| report.to_string();
    match shown(before) == shown(after) {
        true => Ok(()),
        false => {
            out::text(&shown(before));
            out::text(&shown(after));
            Err(Fault::new("the copy differs from the directory: see above")
                .hint("nothing can be served from the database; the directory is as it was"))
        }
    }
}
