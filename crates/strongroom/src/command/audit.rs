//! `strongroom audit`: proofs verified without a server, and logs taken elsewhere.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use strongroom_audit::verify::MOST_BYTES;
use strongroom_client::proof::{self, BundleReport};
use strongroom_engine::verify::{BundleRequest, audit_verify, export_bundle};
use strongroom_types::id::OrganizationId;
use strongroom_types::mode::Mode;

use crate::command::verify;
use crate::fault::Fault;
use crate::out;
use crate::out::say;
use crate::place::PlaceOptions;
use crate::postgres::PostgresArguments;
use crate::root::RootArguments;
use crate::{folder, table};

/// The provable log: verify it, or a bundle taken from it, and export it
#[derive(Subcommand)]
pub(crate) enum Command {
    Verify(Verify),
    Export(Export),
}

/// Verify a bundle (no server and no key needed), or the logs of a stopped data directory
///
/// A bundle is what `GET /v1/audit-logs/{id}/proof` and `strongroom audit export` give. It is signed by a key that it
/// names itself: give the key you know with --key, or a checkpoint you kept with --checkpoint, to know who signed.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom audit verify proof.json
  strongroom audit verify log.json --checkpoint kept-last-year.txt
  strongroom audit verify --data ./sandbox")]
pub(crate) struct Verify {
    /// A bundle's file, or a data directory
    #[arg(value_name = "PATH", conflicts_with_all = ["data", "config", "postgres"], required_unless_present_any = ["data", "config", "postgres"])]
    path: Option<PathBuf>,

    /// A data directory
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    /// A configuration file, which names data directory and keyring
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    root: RootArguments,

    /// A checkpoint (signed note) kept elsewhere, which the log must continue
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// The verifier key that must have signed the bundle, as the operator published it
    #[arg(long, value_name = "VERIFIER_KEY")]
    key: Option<String>,

    #[command(flatten)]
    postgres: PostgresArguments,
}

/// Take a log, or a stretch of it, out of a stopped data directory as a bundle
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom audit export --data ./sandbox --organization org_0123456789abcdef01234567 --mode test --out log.json
  strongroom audit export --config strongroom.toml --from 100 --to 200 --opened --out stretch.json

Without --organization it is the installation's own log. A bundle with --opened holds the entries in clear.")]
pub(crate) struct Export {
    #[command(flatten)]
    place: PlaceOptions,

    /// The organization whose log it is; the installation's own when absent
    #[arg(long, value_name = "ID", requires = "mode", value_parser = organization)]
    organization: Option<OrganizationId>,

    /// `test` or `live`
    #[arg(long, value_name = "MODE", requires = "organization", value_parser = mode)]
    mode: Option<Mode>,

    /// The first entry; 1 when absent
    #[arg(long, value_name = "N", requires = "to")]
    from: Option<u64>,

    /// The last entry; the whole log when absent
    #[arg(long, value_name = "N")]
    to: Option<u64>,

    /// With the entries' contents in clear, where their keys still exist
    #[arg(long)]
    opened: bool,

    /// The size of a checkpoint kept elsewhere that the stretch shall be proven to continue
    #[arg(long, value_name = "SIZE")]
    continues: Option<u64>,

    /// The new file to write; standard output when absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Fault> {
    match command {
        Command::Verify(options) => verify_path(options),
        Command::Export(options) => export(options),
    }
}

fn verify_path(options: &Verify) -> Result<ExitCode, Fault> {
    let note = options
        .checkpoint
        .as_deref()
        .map(folder::read_text)
        .transpose()?;
    match options.path.as_deref() {
        Some(path) if !path.is_dir() => {
            verify_bundle(path, note.as_deref(), options.key.as_deref())
        }
        directory => verify_directory(options, directory, note.as_deref()),
    }
}

fn verify_bundle(path: &Path, note: Option<&str>, key: Option<&str>) -> Result<ExitCode, Fault> {
    let bytes = read_bundle(path)?;
    let report = match proof::verify(&bytes, note) {
        Ok(report) => report,
        Err(damage) => {
            say!("damage: {damage}");
            return Ok(ExitCode::FAILURE);
        }
    };
    if key.is_some_and(|key| key.trim() != report.verifier_key) {
        say!("damage: signed by another key: `{}`", report.verifier_key);
        return Ok(ExitCode::FAILURE);
    }
    out::text(&shown(&report));
    if key.is_none() && note.is_none() {
        say!("Compare the key with the one you know; --key or --checkpoint does it for you.");
    }
    Ok(ExitCode::SUCCESS)
}

fn read_bundle(path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |error| Fault::file("cannot read", path, &error);
    let size = std::fs::metadata(path).map_err(fault)?.len();
    // What is larger than any bundle is not taken into memory to be told so.
    match usize::try_from(size) {
        Ok(size) if size <= MOST_BYTES => std::fs::read(path).map_err(fault),
        _ => Err(Fault::new(format!(
            "`{}` is larger than any bundle",
            path.display()
        ))),
    }
}

fn shown(report: &BundleReport) -> String {
    let BundleReport {
        organization: _,
        mode: _,
        origin,
        verifier_key,
        size,
        root,
        entries,
        range,
        whole,
        opened_parts,
        sealed_parts,
        pinned,
    } = report;
    let root = root.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let which = match range {
        Some(_) if *whole => format!("{entries}, the whole log"),
        Some((first, last)) if first == last => format!("number {first} of {size}"),
        Some((first, last)) => format!("{entries} from {first} to {last}, of {size}"),
        None => "none".to_owned(),
    };
    let parts =
        format!("{opened_parts} opened and as committed, {sealed_parts} by commitment only");
    let pinned = pinned.map_or_else(
        || "none given".to_owned(),
        |size| format!("continued from {size} entries"),
    );
    let rows = [
        ("log", origin.as_str()),
        ("entries", &which),
        ("parts", &parts),
        ("root", &root),
        ("key", verifier_key),
        ("kept checkpoint", &pinned),
    ];
    format!("{}verified\n", table::pairs(0, &rows))
}

fn verify_directory(
    options: &Verify,
    directory: Option<&Path>,
    note: Option<&str>,
) -> Result<ExitCode, Fault> {
    if options.key.is_some() {
        return Err(Fault::new(
            "--key is for bundles: a data directory is opened with its own keyring",
        ));
    }
    let Verify {
        data,
        config,
        root,
        postgres,
        ..
    } = options;
    let data = directory.map(Path::to_path_buf).or_else(|| data.clone());
    let place = PlaceOptions::of(data, config.clone(), root.clone(), postgres.clone());
    let place = place.place()?;
    let store = place.store_read_only()?;
    let keys = place.root_keys()?;
    let report = audit_verify(&*store, keys, note).map_err(|error| place.start_fault(&error))?;
    Ok(verify::show(&report))
}

fn export(options: &Export) -> Result<ExitCode, Fault> {
    let Export {
        place,
        organization,
        mode,
        from,
        to,
        opened,
        continues,
        out,
    } = options;
    let place = place.place()?;
    let store = place.store_read_only()?;
    let request = BundleRequest {
        log: organization.zip(*mode),
        range: to.map(|last| (from.unwrap_or(1), last)),
        opened: *opened,
        continues: *continues,
    };
    let bundle = export_bundle(&*store, place.root_keys()?, &request)
        .map_err(|error| place.start_fault(&error))?;
    match out {
        Some(path) => {
            folder::write_new(path, &bundle)?;
            say!(
                "`{}` holds the bundle; check it with `strongroom audit verify`",
                path.display()
            );
        }
        None => std::io::stdout()
            .write_all(&bundle)
            .map_err(|error| Fault::new(format!("cannot write to standard output: {error}")))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn organization(text: &str) -> Result<OrganizationId, String> {
    OrganizationId::parse(text)
        .ok_or_else(|| "expected an organization's id, such as org_0123456789abcdef01234567".into())
}

fn mode(text: &str) -> Result<Mode, String> {
    [Mode::Test, Mode::Live]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or_else(|| "expected `test` or `live`".into())
}
