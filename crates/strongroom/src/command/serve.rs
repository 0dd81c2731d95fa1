//! `strongroom serve`: the server, for real use.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strongroom_http::EdgeSettings;
use strongroom_worker::WorkerSettings;

use crate::config::Config;
use crate::fault::Fault;
use crate::logging;
use crate::out::say;
use crate::place::Place;
use crate::postgres::PostgresArguments;
use crate::root::RootArguments;
use crate::running::{self, Server};
use crate::standby::{self, WAITING};

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

    #[command(flatten)]
    root: RootArguments,

    #[command(flatten)]
    postgres: PostgresArguments,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::json();
    let config = Config::read(&options.config)?;
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
        options.root.over(config.root()),
    );
    let place = place.holding(config.key_policy().map_err(Fault::new)?);
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
        control: Some(place.data.clone()),
    };
    server.run(async move {
        say!("listening on http://{api}");
        tracing::info!(listen = %api, live_keys = live, "ready");
        std::future::pending::<()>().await;
    })?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
