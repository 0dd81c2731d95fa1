//! `strongroom vault`: the vault process that `serve` and `demo` start beside themselves. Not for people.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};
use strongroom_types::secret::SecretText;
use zeroize::Zeroizing;

use crate::acquirers::AcquirerTables;
use crate::fault::Fault;
use crate::running::{Stops, system};
use crate::vault_custody::VaultSecrets;
use crate::vault_process::Plan;
use crate::{logging, vault_process};

/// Longest secrets, in bytes.
const MOST: usize = 4_096;

/// Keep card numbers for the server that starts this process
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct Options {
    /// The vault's folder
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,

    /// The acquirers of the configuration, in JSON
    #[arg(long, value_name = "TEXT")]
    acquirers: Option<String>,

    #[arg(long)]
    json_logs: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    match options.json_logs {
        true => logging::json(),
        false => logging::text(),
    }
    vault_process::guard();
    // SECURITY: the vault does not outlive its server, however that ends. Standard input tells it too.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let secrets = VaultSecrets::parse(&secrets()?);
    let acquirers = options.acquirers.as_deref();
    let plan = Plan {
        acquirers: acquirers
            .map(AcquirerTables::from_text)
            .transpose()?
            .unwrap_or_default(),
        ..Plan::within(&options.dir)
    };
    vault_process::serve(&plan, &secrets, || {
        let mut stops = Stops::terminate()?;
        let closed = tokio::task::spawn_blocking(|| {
            // The server writes nothing more: what ends this is the end.
            while matches!(std::io::stdin().read(&mut [0; 64]), Ok(1..)) {}
        });
        Ok(async move {
            tokio::select! {
                _ = closed => {}
                () = stops.first() => {}
            }
        })
    })?;
    // The reading of standard input may not have ended, and nothing waits for it.
    std::process::exit(0)
}

/// The lines of standard input up to an empty one, byte by byte: what is read is in one place.
fn secrets() -> Result<SecretText, Fault> {
    let mut line = Zeroizing::new(Vec::with_capacity(MOST));
    let mut input = std::fs::File::from(
        std::os::fd::AsFd::as_fd(&std::io::stdin())
            .try_clone_to_owned()
            .map_err(|error| system("standard input cannot be read", &error))?,
    );
    let mut byte = Zeroizing::new([0]);
    while line.len() < MOST && matches!(input.read(&mut *byte), Ok(1)) {
        let [read] = *byte;
        if read == b'\n' && matches!(line.last(), None | Some(b'\n')) {
            break;
        }
        line.push(read);
    }
    match std::str::from_utf8(&line) {
        Ok(text) if !text.is_empty() => Ok(SecretText::new(text.to_owned())),
        _ => Err(Fault::new(
            "what opens the keyring is read from standard input, and there is none",
        )
        .hint("this command is started by `strongroom serve`; use `--role vault` by hand")),
    }
}
