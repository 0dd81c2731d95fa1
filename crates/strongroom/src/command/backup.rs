//! `strongroom backup`: one moment of everything but the keyring, in one sealed file.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use strongroom_crypto::{Recipient, RootKeys};
use strongroom_engine::backup::{
    BackupError, Contents, Files, Moment, SealTo, Sealed, Target, recipient, write_backup,
};
use strongroom_engine::verify::{audit_verify, verify};
use strongroom_store::{SqliteStore, Store, StoreError};

use crate::fault::Fault;
use crate::numbers::{VaultArguments, unheld};
use crate::out::{self, error_line, say};
use crate::place::{KEYRING, Place, PlaceOptions, VAULT};
use crate::unfinished::Unfinished;
use crate::vault_custody::VaultSecrets;
use crate::{custody, folder, journals, logging, vault_process};

/// Back up an installation while it runs, into one sealed file
///
/// One moment of the books (files or database), of a vault beside them, and of the journals. Root custody is never in it:
/// back the keyring up apart. The file is sealed to a key that the keyring opens, so the machine that keeps it needs no
/// secret. The running server goes on; its write-ahead log grows by what is written meanwhile.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom backup --config strongroom.toml --out /backup/2026-11-27.strongroom --verify
  strongroom backup --config strongroom.toml --show-recipient > recipient
  strongroom backup --config strongroom.toml --recipient \"$(cat recipient)\" --out /backup/nightly.strongroom
  strongroom backup --config strongroom.toml --recipient \"$(cat recipient)\" --out - | ssh vault 'cat > nightly'

With the keyring, checkpoints are signed over what is in it: keep them elsewhere (--checkpoint-out), and `restore` will
know if it is given an older backup. `strongroom restore` reads it back.")]
pub(crate) struct Options {
    #[command(flatten)]
    place: PlaceOptions,

    /// The new file to write; `-` is standard output
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "show_recipient",
        conflicts_with = "show_recipient"
    )]
    out: Option<PathBuf>,

    /// Seal to this recipient, as --show-recipient gave it, and ask for no passphrase
    ///
    /// The recipient is not secret. Nothing is signed then; what the last checkpoint covers is in the backup all the same.
    #[arg(long, value_name = "RECIPIENT", value_parser = recipient_of, conflicts_with_all = ["show_recipient", "checkpoint_out"])]
    recipient: Option<Recipient>,

    /// Print the installation's recipient, and make no backup
    #[arg(long)]
    show_recipient: bool,

    /// Restore it into a folder beside the new file, verify that, and remove it again; needs the keyring
    #[arg(long)]
    verify: bool,

    #[command(flatten)]
    vault: VaultArguments,

    /// Write the signed checkpoints to this new file too; keep it apart from the backups
    #[arg(long, value_name = "FILE")]
    checkpoint_out: Option<PathBuf>,
}

fn recipient_of(text: &str) -> Result<Recipient, String> {
    Recipient::parse(text).ok_or_else(|| {
        "expected what `strongroom backup --show-recipient` prints; is a character missing?".into()
    })
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let place = options.place.place()?;
    // Told before a passphrase is asked for.
    let store = place.store_beside()?;
    let Some(out) = &options.out else {
        let found = recipient(&*store, place.root_keys()?);
        say!("{}", found.map_err(|error| fault(&place, None, &error))?);
        return Ok(ExitCode::SUCCESS);
    };
    // SECURITY: the roots are not replaced between what is wrapped under them and the vault's keyring, which opens with them.
    let alone = custody::lock_in_time(&place.keyring)?;
    let root = match options.recipient.is_none() || options.verify {
        true => Some(place.root_keys()?),
        false => None,
    };
    let to = seal_to(options, root.as_ref())?;
    drop(store);
    let vault = vault(&place)?;
    let files = Files {
        texts: vault_keyring(&place)?,
        files: journals::files(&place.data)?,
    };
    let moment = Moment::opening(&|| place.try_beside(), vault.as_deref());
    let moment = moment.map_err(|error| fault(&place, None, &error))?;
    drop(alone);
    if out == Path::new("-") {
        return to_standard_output((&place, options), &files, moment, to);
    }
    let (unfinished, mut file) = Unfinished::file(out)?;
    unfinished.removed_at_stop()?;
    let wrong = |error| fault(&place, Some(out), &error);
    let (contents, bytes) = write_backup(moment, &files, to, &mut file).map_err(wrong)?;
    file.sync_all()
        .map_err(|error| Fault::file("cannot write", out, &error))?;
    if let (true, Some(root)) = (options.verify, &root) {
        check((&place, options.vault), &unfinished.beside, out, root)?;
    }
    if let Some(path) = &options.checkpoint_out {
        folder::write_new(path, contents.checkpoints.join("\n").as_bytes())?;
    }
    unfinished.done()?;
    out::text(&shown(&contents));
    say!("`{}` holds the backup, {bytes} bytes.", out.display());
    if !options.verify {
        say!("What a backup is worth shows when it is restored: --verify does so.");
    }
    Ok(ExitCode::SUCCESS)
}

fn seal_to(options: &Options, root: Option<&RootKeys>) -> Result<SealTo, Fault> {
    match (options.recipient, root) {
        (Some(recipient), _) => Ok(SealTo::Recipient(recipient)),
        (None, Some(root)) => Ok(SealTo::Installation(root.copy())),
        (None, None) => Err(Fault::new("there is nobody to seal it to")),
    }
}

fn to_standard_output(
    (place, options): (&Place, &Options),
    files: &Files,
    moment: Moment,
    to: SealTo,
) -> Result<ExitCode, Fault> {
    if options.verify {
        return Err(Fault::new("a backup to standard output cannot be verified")
            .hint("`strongroom restore FILE --list` checks every byte of it where it arrived"));
    }
    let mut out = std::io::stdout().lock();
    let (contents, bytes) =
        write_backup(moment, files, to, &mut out).map_err(|error| fault(place, None, &error))?;
    out.flush()
        .map_err(|error| Fault::new(format!("cannot write to standard output: {error}")))?;
    if let Some(path) = &options.checkpoint_out {
        folder::write_new(path, contents.checkpoints.join("\n").as_bytes())?;
    }
    error_line(format_args!("{bytes} bytes written"));
    Ok(ExitCode::SUCCESS)
}

/// The vault's keyring: it opens with the installation's roots alone, as the keys among the rows do.
fn vault_keyring(place: &Place) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let keyring = vault_process::keyring(&place.data);
    match std::fs::read(&keyring) {
        Ok(text) => Ok(vec![(format!("{VAULT}/{KEYRING}"), text)]),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Fault::file("cannot read", &keyring, &error)),
    }
}

/// The store of a vault that has its own folder in the data directory.
fn vault(place: &Place) -> Result<Option<Box<dyn Store>>, Fault> {
    let dir = place.data.join(VAULT);
    match dir.join("strongroom.db").is_file() {
        true => beside(&dir)
            .map(Some)
            .map_err(|error| Fault::new(format!("`{}`: {error}", dir.display()))),
        // What is not understood must not be left out in silence.
        false if !folder::is_empty(&dir)? => Err(Fault::new(format!(
            "`{}` holds something that this program cannot back up",
            dir.display()
        ))),
        false => Ok(None),
    }
}

/// Opens files for reading, whoever writes them.
pub(crate) fn beside(dir: &Path) -> Result<Box<dyn Store>, StoreError> {
    match SqliteStore::open_read_only(dir) {
        Err(StoreError::Locked) => Ok(Box::new(SqliteStore::open_beside(dir)?)),
        opened => Ok(Box::new(opened?)),
    }
}

/// Restores the file beside it, verifies that, and removes it.
fn check(
    (place, numbers): (&Place, VaultArguments),
    file: &Path,
    named: &Path,
    root: &RootKeys,
) -> Result<(), Fault> {
    let wrong = |error| fault(place, Some(named), &error);
    let folder = Unfinished::folder(&named.with_extension("verified"))?;
    folder.removed_at_stop()?;
    let dir = &folder.beside;
    let input = File::open(file).map_err(|error| Fault::file("cannot read", file, &error))?;
    let store = SqliteStore::create(dir).map_err(|error| wrong(error.into()))?;
    let vault = || -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(SqliteStore::create(&dir.join(VAULT))?))
    };
    let target = Target {
        books: &store,
        vault: Some(&vault),
        files: Some(dir),
    };
    let sealed = Sealed::read(BufReader::new(input)).map_err(wrong)?;
    let opened = sealed.unlock(root.copy()).map_err(wrong)?;
    opened.restore(&target).map_err(wrong)?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let start_fault = |error| place.start_fault(&error);
    let mut whole = verify(&store, root.copy(), threads).map_err(start_fault)?;
    numbers.hold(&mut whole, dir, || Ok(VaultSecrets::of(root)))?;
    let logs = audit_verify(&store, root.copy(), None).map_err(start_fault)?;
    if whole.is_undamaged() && !whole.is_clean() {
        return Err(unheld(&whole, &place.data));
    }
    for report in [whole, logs] {
        if !report.is_clean() {
            out::text(&report.to_string());
            return Err(Fault::new(
                "what is backed up has damage, see above; no backup was made",
            )
            .hint("`strongroom verify` names all damage; --verify left away makes a backup of it as it is"));
        }
    }
    say!("restored and verified: no damage found");
    Ok(())
}

/// What is in a backup, as a table.
pub(crate) fn shown(contents: &Contents) -> String {
    let Contents {
        rows,
        vault_rows,
        files,
        file_bytes,
        checkpoints,
    } = contents;
    let [
        entries,
        keys,
        records,
        locators,
        indexes,
        segments,
        jobs,
        heads,
    ] = rows.map(|n| n.to_string());
    let vault = match vault_rows {
        0 => "none".to_owned(),
        rows => format!("{rows} rows"),
    };
    let journals = format!("{files} files, {file_bytes} bytes");
    let mut logs = String::new();
    for note in checkpoints {
        let mut lines = note.lines();
        let (log, size) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
        logs = format!("{logs}{log} ends at {size}\n");
    }
    let rows = [
        ("logs", heads.as_str()),
        ("entries", &entries),
        ("keys", &keys),
        ("records", &records),
        ("locators", &locators),
        ("index rows", &indexes),
        ("segments", &segments),
        ("jobs", &jobs),
        ("vault", &vault),
        ("journals", &journals),
    ];
    format!("{}{logs}", crate::table::pairs(0, &rows))
}

/// Why there is no backup, for an operator.
pub(crate) fn fault(place: &Place, file: Option<&Path>, error: &BackupError) -> Fault {
    let named = file.map_or_else(String::new, |file| format!("`{}`: ", file.display()));
    let fault = Fault::new(format!("{named}{error}"));
    match error {
        BackupError::Start(error) => place.start_fault(error),
        BackupError::Io(_) => {
            fault.hint("nothing is left of it; free some space, or look at the disk")
        }
        BackupError::NotABackup => fault.hint("name a file that `strongroom backup` made"),
        BackupError::Format(_) => fault.hint("use the newer program"),
        BackupError::Damaged(_) => fault.hint("take another copy of it, or an older backup"),
        BackupError::OtherKey => {
            fault.hint("the keyring must be the one of the installation, as it is today")
        }
        BackupError::NoBackupKey => {
            fault.hint("start the server once with this program: it makes the key")
        }
        BackupError::NeedsVault => fault.hint("name a folder with --data"),
    }
}
