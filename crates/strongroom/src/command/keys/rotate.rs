//! `strongroom keys rotate` and `strongroom keys status`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;
use strongroom_crypto::{Custodian, RootKeys};

use crate::control::{self, Request};
use crate::fault::Fault;
use crate::out::{error_line, say};
use crate::place::{Place, PlaceOptions};
use crate::vault_custody::VaultSecrets;
use crate::vault_process;
use crate::{custody, folder};

/// What new roots are worth, and what they do not change.
pub(super) const WHAT_STAYS: &str = "Destroy the old ones, old shares and the old recovery kit: without them backups from before open no more.
What stays: the keys of card fingerprints, of checkpoints and of API keys' hashes are wrapped again, not replaced, so who has had one has it still; and a kit that `strongroom keys vault-kit` showed opens every copy of the vault's folder, old and new, for ever.";

/// A level of the key hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// The root keys in the keyring; everything below is wrapped again
    Root,
    /// The installation key, which wraps those of organizations
    Installation,
    /// The keys of organizations and modes, which wrap data keys
    Scope,
    /// The data keys; everything they sealed is sealed again
    Data,
    /// The keys of blind indexes; every row is hashed again
    Index,
    /// The keys of data subjects and those that wrap them; personal parts are sealed again
    Subject,
    /// The vault's own keys; every card number is sealed again
    Vault,
    /// The vault's key that card fields are encrypted to; the one before opens them for another 24 hours
    Encryption,
    /// All but the roots and what card fields are encrypted to
    All,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Level::Root => "root",
            Level::Installation => "installation",
            Level::Scope => "scope",
            Level::Data => "data",
            Level::Index => "index",
            Level::Subject => "subject",
            Level::Vault => "vault",
            Level::Encryption => "encryption",
            Level::All => "all",
        }
    }
}

/// Replace keys while the server runs, seal again what they sealed, and destroy the old versions
///
/// A running server on this data directory is asked to; without one it is done here. Requests go on meanwhile. What was
/// cut short is gone on with at the next start, by itself.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom keys rotate --config strongroom.toml --level data
  strongroom keys rotate --config strongroom.toml --level data --purpose card --organization org_0190a1b2c3d4e5f60718293a
  strongroom keys rotate --config strongroom.toml --level index
  strongroom keys rotate --config strongroom.toml --level vault
  strongroom keys rotate --config strongroom.toml --level encryption
  strongroom keys rotate --config strongroom.toml --level root

After --level root, backups of the data from before open with an old keyring alone: destroy its copies, and they are
unreadable. The keys of card fingerprints, checkpoints and API keys' hashes are wrapped again and not replaced, and a
kit of `keys vault-kit` opens old and new copies of the vault's folder. Exit code 0 when nothing is left under an old version, 1 when it was not done.")]
pub(crate) struct Rotate {
    #[command(flatten)]
    place: PlaceOptions,

    /// Which keys
    #[arg(long, value_enum)]
    level: Level,

    /// Only those of this organization
    #[arg(long, value_name = "ID")]
    organization: Option<String>,

    /// Only those of this mode
    #[arg(long, value_name = "MODE", value_parser = ["test", "live"])]
    mode: Option<String>,

    /// With `--level data`: only those of this purpose
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,

    /// With `--level encryption`: the keys before end now, and what is encrypted to them is refused
    #[arg(long)]
    at_once: bool,

    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// List every key: level, algorithm, version, age, uses, what is sealed under it, when it is replaced
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom keys status --config strongroom.toml
  strongroom keys status --config strongroom.toml --scan --json

With --scan everything stored is read, and what is sealed under each key is counted.")]
pub(crate) struct Status {
    #[command(flatten)]
    place: PlaceOptions,

    /// Read everything, and count what is sealed under each key
    #[arg(long)]
    scan: bool,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn rotate(options: &Rotate) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let done = match options.level {
        Level::Root => {
            let _alone = custody::lock(&place.keyring)?;
            let (keys, custodian) = place.open_keyring()?;
            replace_roots(&place, &keys, &custodian)?
        }
        level => {
            let request = Request::Rotate {
                level: level.as_str().to_owned(),
                organization: options.organization.clone(),
                mode: options.mode.clone(),
                purpose: options.purpose.clone(),
                at_once: options.at_once,
            };
            control::ask(&place, request, &|so_far| progress(&so_far))?
        }
    };
    if options.json {
        say!("{done}");
    } else if options.level == Level::Encryption {
        encryption_keys(&done);
    } else {
        replaced(&done);
        if options.level == Level::Root {
            say!(
                "The recovery kit is void: make a new one with `strongroom keys kit`. Replace all copies of the keyring. {WHAT_STAYS}"
            );
        }
    }
    Ok(match count(&done, "parts_on_old_versions") {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn replaced(done: &Value) {
    let left = count(done, "parts_on_old_versions");
    say!(
        "{} keys are new, {} are wrapped again, {} rows are sealed or hashed again, {} old versions are destroyed: {left} records on the old version.",
        count(done, "keys_made"),
        count(done, "keys_wrapped"),
        count(done, "rows_resealed"),
        count(done, "versions_destroyed"),
    );
    if left > 0 {
        say!(
            "Not done: the old versions that these {left} records are under are kept. The server's log says why; `strongroom keys status --scan` names the keys; run it again once that is mended."
        );
    }
}

/// New root keys under the keeping of `custodian`. The keyring holds both versions until everything is wrapped again,
/// so that a crash at any moment leaves one that opens; running it again goes on.
pub(crate) fn replace_roots(
    place: &Place,
    keys: &RootKeys,
    custodian: &Custodian,
) -> Result<Value, Fault> {
    let both = keys.with_next();
    folder::write(&place.keyring, custodian.seal(&both).as_bytes())?;
    let request = Request::Roots {
        keys: both.recovery_text().to_string(),
    };
    let done = control::ask_with(place, both.copy(), request, &|_| {})?;
    // While the keyring has both roots, the vault opens with either.
    VaultSecrets::of(&both).reseal(&vault_process::keyring(&place.data))?;
    folder::write(&place.keyring, custodian.seal(&both.newest()).as_bytes())?;
    Ok(done)
}

pub(crate) fn status(options: &Status) -> Result<ExitCode, Fault> {
    let place = options.place.place()?;
    let status = control::ask(&place, Request::Status { scan: options.scan }, &|_| {})?;
    if options.json {
        say!("{status:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let kept = crate::custody::kept(&place.keyring)?;
    say!(
        "root version {}, shred root version {}, kept by {}, in use for {} days; next rotation {}\n",
        count(&status, "root_version"),
        count(&status, "shred_root_version"),
        kept.name(),
        count(&status, "roots_age_days"),
        match status.get("roots_due").and_then(Value::as_bool) {
            Some(true) => "due now: `strongroom keys ceremony`, or `keys rotate --level root`",
            _ => status
                .get("roots_next_rotation")
                .and_then(Value::as_str)
                .unwrap_or("-"),
        }
    );
    say!(
        "{:>6}  {:<12} {:<16} {:<34} {:<12} {:>7} {:>5} {:>9} {:>12} {:>10}  next rotation",
        "key",
        "level",
        "purpose",
        "books",
        "algorithm",
        "version",
        "age",
        "uses",
        "sealed parts",
        "period"
    );
    let keys = status
        .get("keys")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    keys.iter().for_each(line);
    let own = status.get("vault_keys").and_then(Value::as_array);
    if let Some(own) = own {
        say!("\nof the vault:");
        own.iter().for_each(line);
    }
    if status.get("encryption_keys").is_some() {
        say!("");
        encryption_keys(&status);
    }
    if options.scan {
        say!(
            "\n{} subject keys; {} records on the old version; {} parts under keys that are not there",
            count(&status, "subject_keys"),
            count(&status, "parts_on_old_versions"),
            count(&status, "parts_under_missing_keys")
        );
        if status.get("vault_keys").is_some() {
            let left = count(&status, "vault_rows_on_old_versions");
            say!("of the vault: {left} records on the old version");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn encryption_keys(told: &Value) {
    let keys = told.get("encryption_keys").and_then(Value::as_array);
    for key in keys.map(Vec::as_slice).unwrap_or_default() {
        let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or("-");
        let until = match key.get("expires").and_then(Value::as_str) {
            Some(time) => format!("opens messages until {time}"),
            None => "the newest".to_owned(),
        };
        say!(
            "card fields are encrypted to {}, made {}: {until}",
            text("kid"),
            text("created")
        );
    }
}

fn line(key: &Value) {
    let text = |name: &str| {
        key.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let number = |name: &str| {
        key.get(name)
            .and_then(Value::as_u64)
            .map_or_else(|| "-".to_owned(), |n| n.to_string())
    };
    let books = match key.get("organization").and_then(Value::as_str) {
        Some(id) => format!("{id} {}", text("mode")),
        None => "installation".to_owned(),
    };
    let next = match (
        key.get("newest").and_then(Value::as_bool),
        key.get("due").and_then(Value::as_bool),
    ) {
        (Some(false), _) => "superseded".to_owned(),
        (_, Some(true)) => "due now".to_owned(),
        _ => key
            .get("next_rotation")
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned(),
    };
    say!(
        "{:>6}  {:<12} {:<16} {:<34} {:<12} {:>7} {:>4}d {:>9} {:>12} {:>10}  {next}",
        number("number"),
        text("level"),
        text("purpose"),
        books,
        text("algorithm"),
        number("version"),
        number("age_days"),
        number("uses"),
        number("sealed_parts"),
        number("period")
    );
}

fn count(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn progress(so_far: &Value) {
    if so_far
        .get("rows_resealed")
        .and_then(Value::as_u64)
        .is_some_and(|rows| rows % 10_000 == 0 && rows > 0)
    {
        error_line(format_args!(
            "{} rows sealed again",
            count(so_far, "rows_resealed")
        ));
    }
}
