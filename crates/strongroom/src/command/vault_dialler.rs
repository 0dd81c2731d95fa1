//! `strongroom vault-dialler`: makes connections to one address for the vault process that starts it. Not for people.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};
use strongroom_vaultd::{confine, dial};

use crate::fault::Fault;
use crate::running::system;
use crate::{logging, vault_process};

/// Connect the vault process that starts this one to its acquirer
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct Options {
    /// The only address that is connected to
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,

    #[arg(long)]
    json_logs: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    match options.json_logs {
        true => logging::json(),
        false => logging::text(),
    }
    // SECURITY: it does not outlive the vault. The end of its standard input tells it too.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let fault = |error| system("the vault's socket cannot be used", &error);
    let stream = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(fault)?;
    vault_process::report(confine::confine_to_port(options.to.port()));
    dial::serve(UnixStream::from(stream), options.to).map_err(fault)?;
    Ok(ExitCode::SUCCESS)
}
