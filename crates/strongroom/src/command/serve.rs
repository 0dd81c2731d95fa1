//! `strongroom serve`: the server, for real use.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use strongroom_http::EdgeSettings;
use strongroom_worker::WorkerSettings;

use crate::config::Config;
use crate::fault::Fault;
use crate::logging;
use crate::out::say;
use crate::place::Place;
use crate::postgres::PostgresArguments;
use crate::running::{self, Cards, Server, Stops};
use crate::standby::{self, WAITING};
use crate::vault_process::{self, Plan};

/// Serve the API until SIGTERM or Ctrl-C, then finish what was begun
///
/// Speaks plain HTTP: put a TLS proxy in front of it, on the same machine. On any address but loopback live keys are
/// refused. Logs are JSON lines on standard error, filtered by RUST_LOG.
///
/// On a database (--postgres, or `[store]` in the configuration) one server serves; a further one on the same database
/// stands by, answers 503, and takes over within seconds when the first is gone. It needs a copy of the keyring.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom serve --config /etc/strongroom/strongroom.toml
  strongroom serve --config strongroom.toml --passphrase-file /run/secrets/passphrase
  strongroom serve --config strongroom.toml --postgres postgres://pay@db.example/pay --postgres-ca-file ./ca.pem

The passphrase file may also be named in STRONGROOM_PASSPHRASE_FILE. Exit code 0 after a stop that was asked for,
1 when the server did not start or its store failed.")]
pub(crate) struct Options {
    /// The configuration file, as `strongroom init` writes it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// A file that holds the keyring's passphrase on one line; asked at the terminal when absent
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    #[command(flatten)]
    postgres: PostgresArguments,

    /// What this process is: the API with a vault process that it starts, the API alone, or the vault alone
    #[arg(long, value_enum, default_value_t = Role::All)]
    role: Role,

    /// Where the vault answers, with `--role api` and `--role vault` [default: `vault/vault.sock` in the data directory]
    #[arg(long, value_name = "PATH")]
    vault_socket: Option<PathBuf>,

    /// The number of the user whose API process may use the vault, with `--role vault`; its own user may always
    #[arg(long, value_name = "UID")]
    vault_client: Option<u32>,
}

/// Which of the two processes is served.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    All,
    Api,
    Vault,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::json();
    let config = Config::read(&options.config)?;
    if options.role == Role::Vault {
        return serve_vault(&config, options);
    }
    let networks = config.webhook_networks().map_err(Fault::new)?;
    let outbound = running::outbound(networks)?;
    let edge = EdgeSettings {
        outbound: outbound.clone(),
        ..config.edge().map_err(Fault::new)?
    };
    let workers = WorkerSettings {
        outbound,
        ..config.workers()
    };
    let listener = running::bind(config.listen)?;
    let admin = config.admin_listen.map(running::bind).transpose()?;
    let live = edge.live_allowed;
    let place = Place::with(
        config.data(),
        config.keyring(),
        options.passphrase_file.as_deref(),
    );
    let named = options.postgres.table();
    let place = place.on(named.as_ref().unwrap_or(config.store()))?;
    let listeners: Vec<_> = std::iter::once(&listener).chain(&admin).collect();
    let waits = || {
        say!("{WAITING}");
        tracing::info!("standing by");
    };
    // What the place holds is held until the server has ended.
    let Some((engine, place)) = standby::engine(place, &listeners, waits)? else {
        tracing::info!("stopped");
        return Ok(ExitCode::SUCCESS);
    };
    let api = running::address(&listener)?;
    let server = Server {
        engine,
        edge,
        workers,
        listener,
        admin,
        cards: match options.role {
            Role::Api => Cards::At(vault_socket(&config, options)),
            Role::All | Role::Vault => Cards::of(&place),
        },
    };
    server.run(async move {
        say!("listening on http://{api}");
        tracing::info!(listen = %api, live_keys = live, "ready");
        std::future::pending::<()>().await;
    })?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn vault_socket(config: &Config, options: &Options) -> PathBuf {
    let usual = || vault_process::socket(config.data());
    options.vault_socket.clone().unwrap_or_else(usual)
}

/// Serves the vault alone, until SIGTERM or Ctrl-C.
fn serve_vault(config: &Config, options: &Options) -> Result<ExitCode, Fault> {
    // SECURITY: before the passphrase is in memory.
    strongroom_vaultd::confine::hide();
    let place = Place::with(
        config.data(),
        config.keyring(),
        options.passphrase_file.as_deref(),
    );
    let dir = config.data().join(vault_process::FOLDER);
    let passphrase = place.passphrase()?;
    let plan = Plan {
        socket: vault_socket(config, options),
        client: options.vault_client,
        ..Plan::within(&dir, place.is_demo())
    };
    vault_process::serve(&plan, &passphrase, || {
        let mut stops = Stops::listen()?;
        say!("the vault answers at {}", plan.socket.display());
        Ok(async move { stops.first().await })
    })?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
