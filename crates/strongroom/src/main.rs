//! The `strongroom` program: one file per command, wiring and printing only.
//!
//! Rules live in the rooms below; here a command's words become calls, and what comes back becomes text. Results go to
//! standard output, everything else to standard error. Exit codes: 0 done, 1 not done or damage found, 2 wrong usage,
//! 3 nothing is wrong as far as it was looked at, and card numbers were not held against the vault that keeps them.
//! No secret is ever taken from the command line or from the value of an environment variable.

mod acquirers;
mod acts;
mod command;
mod config;
mod control;
mod custody;
mod fault;
mod folder;
mod hardening;
mod journals;
mod keeper;
mod logging;
mod node;
mod numbers;
mod origin;
mod out;
mod passphrase;
mod place;
mod postgres;
mod provision;
mod reserved;
mod root;
mod running;
mod table;
mod tls;
mod unfinished;
mod vault_custody;
mod vault_link;
mod vault_process;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{
    audit, backup, demo, doctor, init, keys, listen, migrate, organization, pins, restore,
    secret_scan, serve, signature, user, vault, vault_dialler, verify,
};
use crate::fault::Fault;

/// Commands are made on one thread and freed on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A payments core in one program: wallets, payouts and a provable log over HTTP
#[derive(Parser)]
#[command(name = "strongroom", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Options),
    Init(init::Options),
    Serve(serve::Options),
    Listen(listen::Options),
    Vault(vault::Options),
    VaultDialler(vault_dialler::Options),
    Verify(verify::Options),
    Backup(backup::Options),
    Restore(Box<restore::Options>),
    Migrate(migrate::Options),
    SecretScan(secret_scan::Options),
    #[command(subcommand)]
    Audit(audit::Command),
    #[command(subcommand)]
    Organization(organization::Command),
    #[command(subcommand)]
    User(user::Command),
    #[command(subcommand)]
    Keys(keys::Command),
    #[command(subcommand)]
    Pins(pins::Command),
    Sign(Box<signature::Sign>),
    VerifySignature(Box<signature::VerifySignature>),
    Doctor(doctor::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    hardening::harden();
    match run(&cli.command) {
        Ok(code) => code,
        Err(fault) => {
            fault.print();
            fault.code()
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, Fault> {
    match command {
        Command::Demo(options) => demo::run(options),
        Command::Init(options) => init::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Listen(options) => listen::run(options),
        Command::Vault(options) => vault::run(options),
        Command::VaultDialler(options) => vault_dialler::run(options),
        Command::Verify(options) => verify::run(options),
        Command::Backup(options) => backup::run(options),
        Command::Restore(options) => restore::run(options),
        Command::Migrate(options) => migrate::run(options),
        Command::SecretScan(options) => secret_scan::run(options),
        Command::Audit(command) => audit::run(command),
        Command::Organization(command) => organization::run(command),
        Command::User(command) => user::run(command),
        Command::Keys(command) => keys::run(command),
        Command::Pins(command) => pins::run(command),
        Command::Sign(options) => signature::sign(options),
        Command::VerifySignature(options) => signature::verify(options),
        Command::Doctor(options) => doctor::run(options),
    }
}
