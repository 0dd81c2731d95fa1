//! `strongroom restore`: a backup into an empty place, or a look into it.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_crypto::RootKeys;
use strongroom_engine::backup::{
    Behind, Contents, Opened, Sealed, Target, behind, checkpoints, notes,
};
use strongroom_engine::verify::{VerifyReport, audit_verify, verify};
use strongroom_store::{PostgresOptions, PostgresStore, SqliteStore, Store, StoreError};

use crate::command::backup;
use crate::config::Config;
use crate::fault::Fault;
use crate::numbers::{VaultArguments, unheld};
use crate::out::{self, say};
use crate::place::{Place, VAULT};
use crate::postgres::StoreTable;
use crate::root::{RootArguments, RootSources};
use crate::unfinished::Unfinished;
use crate::vault_custody::VaultSecrets;
use crate::{folder, logging};

/// Restore a backup into an empty folder or database, verified before it is there
///
/// It is opened by the keyring as it is today: what was destroyed since stays so. Everything is put beside its place,
/// verified there and moved; interrupted or failed, nothing is left, and it can be run again. The vault's card numbers are
/// held against the books that come with them; books whose vault is not in the backup are refused with exit code 3. What is behind a checkpoint
/// that you know of is refused, unless you name the entry it falls back to.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom restore nightly.strongroom --to /var/lib/strongroom --keyring ./keyring.toml --checkpoint kept.txt
  strongroom restore nightly.strongroom --config strongroom.toml --former /var/lib/strongroom.damaged
  strongroom restore nightly.strongroom --to postgres://pay@127.0.0.1/pay --keyring ./keyring.toml
  strongroom restore nightly.strongroom --list --keyring ./keyring.toml

A backup of files may be restored into a database, and the reverse.")]
pub(crate) struct Options {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// A new or empty folder, or a database without books as postgres://user@host:5432/name
    #[arg(long, value_name = "DIR|URL", requires = "keyring", required_unless_present_any = ["config", "list"])]
    to: Option<PathBuf>,

    /// The configuration file, which names the place and the keyring
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "keyring"])]
    config: Option<PathBuf>,

    /// The keyring
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,

    #[command(flatten)]
    root: RootArguments,

    #[command(flatten)]
    vault: VaultArguments,

    /// With a database: a new or empty folder for the journals and a vault
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    /// Show what is in it and check every byte; restore nothing
    ///
    /// Without the keyring only what stands in clear is shown.
    #[arg(long, conflicts_with_all = ["to", "data", "checkpoint", "former", "accept_rollback_to"])]
    list: bool,

    /// Checkpoints (signed notes) kept elsewhere: what is restored must reach each; can be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,

    /// The data directory that is replaced, whatever is left of it: its last checkpoints are known ones too
    #[arg(long, value_name = "DIR")]
    former: Option<PathBuf>,

    /// Accept that a log ends at this entry though a known checkpoint covers more; once for each such log
    #[arg(long, value_name = "SEQ")]
    accept_rollback_to: Vec<u64>,

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

/// Where it goes, and what opens it.
struct Plan {
    place: Place,
    database: Option<PostgresOptions>,
    /// The folder that is made; none with a database alone.
    folder: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let sealed = Sealed::read(BufReader::new(input(&options.file)?));
    if options.list {
        return list(
            options,
            sealed.map_err(|error| wrong(options, None, &error))?,
        );
    }
    let plan = plan(options)?;
    let sealed = sealed.map_err(|error| wrong(options, Some(&plan.place), &error))?;
    let root = plan.place.root_keys()?;
    let opened = sealed.unlock(root.copy());
    let opened = opened.map_err(|error| wrong(options, Some(&plan.place), &error))?;
    let known = known(options, &plan.place, &root)?;
    let made = plan.folder.as_deref().map(Unfinished::folder).transpose()?;
    if let Some(made) = &made {
        made.removed_at_stop()?;
    }
    let beside = made.as_ref().map(|made| made.beside.clone());
    let restored = Restored {
        options,
        plan: &plan,
        root: &root,
        known: &known,
    };
    let report = match (&plan.database, beside.as_deref()) {
        (Some(database), dir) => restored.in_database(opened, database, (dir, made))?,
        (None, Some(dir)) => {
            let report = restored.in_folder(opened, dir)?;
            made.map(Unfinished::done).transpose()?;
            report
        }
        (None, None) => return Err(Fault::new("no place is named")),
    };
    out::text(&report.to_string());
    say!(
        "\nRestored to `{}`. What was done after the backup is not in it.",
        plan.place.books()
    );
    if plan.folder.is_none() {
        say!("The journals in the backup are left out: no empty folder is named for them.");
    }
    if known.is_empty() {
        say!(
            "No checkpoint was given, so whether a newer state was known to anybody is not known here."
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn input(path: &Path) -> Result<File, Fault> {
    if path.is_dir() {
        return Err(Fault::new(format!("`{}` is a folder", path.display()))
            .hint("name the file that `strongroom backup` made"));
    }
    File::open(path).map_err(|error| Fault::file("cannot read", path, &error))
}

fn list(options: &Options, sealed: Sealed<BufReader<File>>) -> Result<ExitCode, Fault> {
    let id: String = sealed
        .header
        .id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    say!("backup {id}, begun {}", sealed.header.created);
    let keyring = match (&options.keyring, &options.config) {
        (Some(keyring), _) => keyring.clone(),
        (None, Some(config)) => Config::read(config)?.keyring().to_path_buf(),
        (None, None) => {
            say!("Give the keyring to look into it and to check it.");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let place = Place::with(Path::new(""), &keyring, options.root.alone());
    let opened = sealed.unlock(place.root_keys()?);
    let contents = opened.and_then(Opened::look);
    let contents = contents.map_err(|error| wrong(options, Some(&place), &error))?;
    out::text(&backup::shown(&contents));
    say!("every byte is as it was written");
    Ok(ExitCode::SUCCESS)
}

fn plan(options: &Options) -> Result<Plan, Fault> {
    if let Some(config) = &options.config {
        let config = Config::read(config)?;
        let place = Place::with(
            config.data(),
            config.keyring(),
            options.root.over(config.root()),
        );
        let database = config.store().options()?;
        // A server's own journals may be there already, beside a database that was lost.
        let taken = database.is_some() && !folder::is_empty(config.data())?;
        return Ok(Plan {
            place: place.in_database(database.clone()),
            database,
            folder: (!taken).then(|| config.data().to_path_buf()),
        });
    }
    let (Some(to), Some(keyring)) = (&options.to, &options.keyring) else {
        return Err(Fault::new(
            "--to and --keyring, or --config, say where it goes",
        ));
    };
    let url = to.to_str().filter(|text| text.contains("://"));
    let database = match url {
        Some(url) => table(options, url).options()?,
        None => None,
    };
    if database.is_none() && options.data.is_some() {
        return Err(Fault::new(
            "--data goes with a database; a folder takes everything",
        ));
    }
    let folder = match database {
        Some(_) => options.data.clone(),
        None => Some(to.clone()),
    };
    let data = folder.clone().unwrap_or_default();
    Ok(Plan {
        place: Place::with(&data, keyring, options.root.alone()).in_database(database.clone()),
        database,
        folder,
    })
}

fn table(options: &Options, url: &str) -> StoreTable {
    StoreTable {
        postgres: Some(url.to_owned()),
        password_file: options.password_file.clone(),
        ca_file: options.ca_file.clone(),
        certificate_file: options.certificate_file.clone(),
        key_file: options.key_file.clone(),
    }
}

/// Every checkpoint that is known of: those kept elsewhere, and the last of the directory that is replaced.
fn known(options: &Options, place: &Place, root: &RootKeys) -> Result<Vec<String>, Fault> {
    let mut known = Vec::new();
    for path in &options.checkpoint {
        let found = notes(&folder::read_text(path)?);
        if found.is_empty() {
            return Err(Fault::new(format!(
                "`{}` holds no checkpoint",
                path.display()
            )));
        }
        known.extend(found);
    }
    if let Some(dir) = &options.former {
        let store = backup::beside(dir)
            .map_err(|error| Fault::new(format!("`{}`: {error}", dir.display())).hint(
                "leave --former away if nothing of it can be read, and give a checkpoint kept elsewhere",
            ))?;
        let found = checkpoints(&*store, root.copy());
        known.extend(found.map_err(|error| place.start_fault(&error))?);
    }
    Ok(known)
}

struct Restored<'a> {
    options: &'a Options,
    plan: &'a Plan,
    root: &'a RootKeys,
    known: &'a [String],
}

impl Restored<'_> {
    fn in_folder(
        &self,
        opened: Opened<BufReader<File>>,
        dir: &Path,
    ) -> Result<VerifyReport, Fault> {
        let store = SqliteStore::create(dir).map_err(|error| self.wrong(&error.into()))?;
        self.filled(opened, &store, Some(dir))?;
        self.proven(&store, Some(dir))
    }

    fn in_database(
        &self,
        opened: Opened<BufReader<File>>,
        database: &PostgresOptions,
        (dir, made): (Option<&Path>, Option<Unfinished>),
    ) -> Result<VerifyReport, Fault> {
        let fault = |error: &StoreError| self.plan.place.store_fault(error);
        let store = PostgresStore::receive_anew(database.clone()).map_err(|e| fault(&e))?;
        self.filled(opened, &store, dir)?;
        let report = self.proven(&store, dir)?;
        // INVARIANT(whole-restore): the folder first. Without the vault that lies in it nobody opens the database.
        made.map(Unfinished::done).transpose()?;
        store.finish().map_err(|e| fault(&e))?;
        Ok(report)
    }

    fn filled(
        &self,
        opened: Opened<BufReader<File>>,
        books: &dyn Store,
        dir: Option<&Path>,
    ) -> Result<Contents, Fault> {
        let make = || -> Result<Box<dyn Store>, StoreError> {
            let dir = dir.map(|dir| dir.join(VAULT)).ok_or(StoreError::NotFound)?;
            Ok(Box::new(SqliteStore::create(&dir)?))
        };
        let vault: &dyn Fn() -> Result<Box<dyn Store>, StoreError> = &make;
        let target = Target {
            books,
            vault: dir.map(|_| vault),
            files: dir,
        };
        opened.restore(&target).map_err(|error| self.wrong(&error))
    }

    /// Held against itself, and against what is known of it.
    fn proven(&self, store: &dyn Store, dir: Option<&Path>) -> Result<VerifyReport, Fault> {
        let place = &self.plan.place;
        let start_fault = |error| place.start_fault(&error);
        let behind = behind(store, self.root.copy(), self.known).map_err(start_fault)?;
        self.accept(&behind)?;
        let reaches = |note: &&String| {
            let log = note.lines().next().unwrap_or_default();
            !behind.iter().any(|behind| behind.log == log)
        };
        for note in self.known.iter().filter(reaches) {
            let root = self.root.copy();
            clean(audit_verify(store, root, Some(note)).map_err(start_fault)?)?;
        }
        clean(audit_verify(store, self.root.copy(), None).map_err(start_fault)?)?;
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut report = verify(store, self.root.copy(), threads).map_err(start_fault)?;
        let secrets = || Ok(VaultSecrets::of(self.root));
        let dir = dir.unwrap_or(&place.data);
        self.options.vault.hold(&mut report, dir, secrets)?;
        match report.is_undamaged() && !report.is_clean() {
            true => Err(unheld(&report, &place.data)),
            false => clean(report),
        }
    }

    /// Only what was named is rolled back.
    fn accept(&self, behind: &[Behind]) -> Result<(), Fault> {
        // SECURITY: each names one log, also where several end at the same entry, or are not there at all.
        let mut accepted = self.options.accept_rollback_to.clone();
        let mut names = HashSet::new();
        let mut is_accepted = |log: &&Behind| {
            let place = accepted.iter().position(|end| *end == log.here);
            place.map(|place| accepted.swap_remove(place)).is_some()
        };
        let mut logs = behind.iter().filter(|log| names.insert(&log.log));
        let Some(first) = logs.find(|log| !is_accepted(log)) else {
            return Ok(());
        };
        for log in behind {
            say!(
                "{} ends at {} here; a known checkpoint covers {}",
                log.log,
                log.here,
                log.known
            );
        }
        Err(Fault::new(format!(
            "the backup is behind a known checkpoint: `{}` would fall back from entry {} to {}",
            first.log, first.known, first.here
        ))
        .hint(format!(
            "take a newer backup; or, if what came after is to be lost, say so with --accept-rollback-to {}",
            first.here
        )))
    }

    fn wrong(&self, error: &strongroom_engine::backup::BackupError) -> Fault {
        wrong(self.options, Some(&self.plan.place), error)
    }
}

fn clean(report: VerifyReport) -> Result<VerifyReport, Fault> {
    if report.is_clean() {
        return Ok(report);
    }
    out::text(&report.to_string());
    Err(Fault::new("what is restored has damage: see above")
        .hint("nothing can be served from it; take an older backup"))
}

fn wrong(
    options: &Options,
    place: Option<&Place>,
    error: &strongroom_engine::backup::BackupError,
) -> Fault {
    let nowhere = Place::with(Path::new(""), Path::new(""), RootSources::default());
    backup::fault(place.unwrap_or(&nowhere), Some(&options.file), error)
}
