//! `strongroom doctor`: whether this machine keeps an installation's secrets as it should, and the server has what it needs
//! to serve. Looks only, before it is started or while it runs.

mod transport;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::config::Config;
use crate::fault::Fault;
use crate::hardening;
use crate::out::say;
use crate::place::{DEMO_PASSPHRASE, KEYRING};
use crate::tls::TlsArguments;
use crate::vault_process;

/// Check how secrets are kept on this machine, and what the server needs to serve
///
/// The process, the files, the swap; with a configuration also listener, certificate, key and pins. Changes nothing and
/// needs no passphrase. Every line begins with `ok`, `warn` or `fail`.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom doctor
  strongroom doctor --config /etc/strongroom/strongroom.toml

Run it as the user who serves. Exit code 1 when a line says `fail`.")]
pub(crate) struct Options {
    /// The configuration file, which names data directory and keyring
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The data directory; its keyring is `keyring.toml` in it
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,

    #[command(flatten)]
    tls: TlsArguments,
}

/// What a check found.
enum Finding {
    Ok(String),
    Warn(String),
    Fail(String),
}

/// What is looked at, what is found, whether it is good.
type Line = (String, String, bool);

impl From<Line> for Finding {
    fn from((name, found, good): Line) -> Finding {
        let text = format!("{name}: {found}");
        match good {
            true => Finding::Ok(text),
            false => Finding::Fail(text),
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    let config = options.config.as_deref().map(Config::read).transpose()?;
    let mut lines: Vec<Line> = hardening::standing()
        .into_iter()
        .map(|(name, found, good)| (name.to_owned(), found, good))
        .collect();
    lines.push(swap());
    let places = match (&config, &options.data) {
        (Some(config), _) => Some((config.data().to_owned(), config.keyring().to_owned())),
        (None, Some(data)) => Some((data.clone(), data.join(KEYRING))),
        (None, None) => None,
    };
    if let Some((data, keyring)) = places {
        lines.push(closed("data directory", &data));
        lines.push(closed("keyring", &keyring));
        lines.push(apart(&data, &keyring));
        lines.push(passphrase(&data));
        lines.extend(vault(&data));
    }
    let transport = config.map(|config| transport::findings(&config, &options.tls));
    let findings = lines.into_iter().map(Finding::from);
    let mut failed = false;
    for finding in findings.chain(transport.into_iter().flatten()) {
        match finding {
            Finding::Ok(text) => say!("ok    {text}"),
            Finding::Warn(text) => say!("warn  {text}"),
            Finding::Fail(text) => {
                failed = true;
                say!("fail  {text}");
            }
        }
    }
    match failed {
        true => Ok(ExitCode::FAILURE),
        false => Ok(ExitCode::SUCCESS),
    }
}

/// Whether the machine swaps to a disk at all.
fn swap() -> Line {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let devices: Vec<&str> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|device| !device.starts_with("/dev/zram"))
        .collect();
    let locked = hardening::lock_memory() == hardening::Locked::All;
    match devices.is_empty() {
        true => ("swap".to_owned(), "none on a disk".to_owned(), true),
        false => (
            "swap".to_owned(),
            format!("on {}", devices.join(", ")),
            locked,
        ),
    }
}

fn closed(name: &str, path: &Path) -> Line {
    match fs::metadata(path) {
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            let shown = format!("`{}` has mode {mode:o}", path.display());
            (name.to_owned(), shown, mode & 0o077 == 0)
        }
        Err(error) => {
            let cause = error.to_string().to_lowercase();
            (
                name.to_owned(),
                format!("`{}`: {cause}", path.display()),
                false,
            )
        }
    }
}

/// A copy of the data directory should not bring along what opens it.
fn apart(data: &Path, keyring: &Path) -> Line {
    let inside = keyring.starts_with(data);
    let found = match inside {
        true => "the keyring is inside the data directory: copies of it hold both",
        false => "the keyring is apart from the data",
    };
    ("copies".to_owned(), found.to_owned(), !inside)
}

/// The vault beside the books, if one is there: its folder closed, its keyring with it.
fn vault(data: &Path) -> Vec<Line> {
    let folder = data.join(vault_process::FOLDER);
    if !folder.exists() {
        let found = "none here: `verify` holds card numbers against a vault where it is kept";
        return vec![("vault".to_owned(), found.to_owned(), true)];
    }
    let keyring = vault_process::keyring(data);
    let there = keyring.is_file();
    let found = match there {
        true => "there: `verify` holds its numbers against the books",
        false => "the folder has no keyring, so its numbers do not open: restore both together",
    };
    vec![
        closed("vault's folder", &folder),
        ("vault".to_owned(), found.to_owned(), there),
    ]
}

fn passphrase(data: &Path) -> Line {
    let beside = data.join(DEMO_PASSPHRASE).exists();
    let found = match beside {
        true => "a demo's, which lies beside the data: never put real data here",
        false => "not in the data directory",
    };
    ("passphrase".to_owned(), found.to_owned(), !beside)
}
