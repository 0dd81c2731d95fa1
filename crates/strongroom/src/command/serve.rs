//! `strongroom serve`: the server, for real use.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use strongroom_http::EdgeSettings;
use strongroom_outbound::Outbound;
use strongroom_tls::Acceptor;
use strongroom_worker::WorkerSettings;

use crate::config::Config;
use crate::fault::Fault;
use crate::hardening;
use crate::node::WAITING;
use crate::out::say;
use crate::place::Place;
use crate::postgres::PostgresArguments;
use crate::root::RootArguments;
use crate::running::{self, Books, Seats, Server, Stops};
use crate::tls::{self, AcmeSource, TlsArguments};
use crate::vault_custody::VaultSecrets;
use crate::vault_link::Cards;
use crate::vault_process::{self, Plan};
use crate::{logging, passphrase};

/// Serve the API until SIGTERM or Ctrl-C, then finish what was begun
///
/// Speaks TLS with a certificate (--tls-cert and --tls-key, or `[tls]` in the configuration); SIGHUP and a changed file have
/// it read again, without a connection lost. Without one it speaks plain HTTP, on loopback only, unless TLS ends at a proxy
/// before it (--behind-proxy); live keys are never taken in clear beyond loopback. Logs are JSON lines on standard error, filtered by RUST_LOG.
///
/// On a database (--postgres, or `[store]` in the configuration) any number of servers may serve, each with a copy of the
/// keyring. One of them decides; the others hand their requests on to it, and one takes over within seconds when it is
/// gone. Put them behind a load balancer that asks /ready.
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom serve --config /etc/strongroom/strongroom.toml
  strongroom serve --config strongroom.toml --passphrase-file /run/secrets/passphrase
  strongroom serve --config strongroom.toml --tls-cert ./certificate.pem --tls-key ./key.pem
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
    tls: TlsArguments,

    #[command(flatten)]
    postgres: PostgresArguments,

    /// Where other servers on the database reach this one, as 10.0.0.11:7072 [default: a port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    node_address: Option<SocketAddr>,

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
    let memory = hardening::lock_memory();
    let networks = config.webhook_networks().map_err(Fault::new)?;
    let outbound = running::outbound(networks)?;
    let settings = tls::settings(&config, &options.tls)?;
    tls::refuse_clear(&config, &options.tls, settings.is_some())?;
    let acceptor = settings.map(tls::open).transpose()?;
    let acme = config.tls().and_then(|table| table.acme.as_ref());
    let acme = acme
        .map(|acme| AcmeSource::new(acme, config.data()))
        .transpose()?;
    let edge = edge(&config, outbound.clone(), acceptor.clone())?;
    let workers = WorkerSettings {
        outbound,
        connected: config.acquirers.connected(),
        ..config.workers()
    };
    let listener = running::bind(config.listen)?;
    let admin = config.admin_listen.map(running::bind).transpose()?;
    let live = edge.live_allowed;
    let place = place(&config, options)?;
    let cards = cards(&config, options);
    cards.check(&place)?;
    if acme.is_some() && place.is_in_database() {
        return Err(Fault::new(
            "`tls.acme` is for a server that is alone: beside a database a challenge may reach any of the servers",
        )
        .hint("name files with --tls-cert and --tls-key, which one tool renews for all servers"));
    }
    let node = config.node().reached_at(options.node_address);
    let books = Books::of(place, &node.settings().map_err(Fault::new)?, || {
        say!("{WAITING}");
        tracing::info!("standing by");
    })?;
    let api = running::address(&listener)?;
    let operator = admin.as_ref().map(running::address).transpose()?;
    let server = Server {
        books,
        seats: Seats {
            edge,
            workers,
            listener,
            admin,
            acme,
            control: Some(config.data().to_path_buf()),
            cards,
        },
    };
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    server.run(async move {
        say!("listening on {scheme}://{api}");
        if let Some(admin) = operator {
            say!("metrics on http://{admin}");
        }
        tracing::info!(listen = %api, live_keys = live, memory = ?memory, "ready");
        std::future::pending::<()>().await;
    })?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Where the installation lies, with what the configuration says of it.
fn place(config: &Config, options: &Options) -> Result<Place, Fault> {
    let roots = options.root.over(config.root());
    let place = Place::with(config.data(), config.keyring(), roots)
        .holding(config.key_policy().map_err(Fault::new)?)
        .connected_to(config.acquirers.clone());
    let named = options.postgres.table();
    place.on(named.as_ref().unwrap_or(config.store()))
}

/// What the edge is told.
fn edge(config: &Config, outbound: Outbound, tls: Option<Acceptor>) -> Result<EdgeSettings, Fault> {
    let edge = config.edge().map_err(Fault::new)?;
    Ok(EdgeSettings {
        outbound,
        // SECURITY: live keys and live money never travel in clear beyond this machine; there is no switch for it.
        live_allowed: edge.live_allowed || tls.is_some(),
        behind_tls: edge.behind_tls || tls.is_some(),
        tls,
        ..edge
    })
}

/// Who keeps the cards.
fn cards(config: &Config, options: &Options) -> Cards {
    match options.role {
        Role::Api => Cards::At(vault_socket(config, options)),
        Role::All | Role::Vault => Cards::Child,
    }
}

fn vault_socket(config: &Config, options: &Options) -> PathBuf {
    let usual = || vault_process::socket(config.data());
    options.vault_socket.clone().unwrap_or_else(usual)
}

/// Serves the vault alone, until SIGTERM or Ctrl-C.
fn serve_vault(config: &Config, options: &Options) -> Result<ExitCode, Fault> {
    vault_process::guard();
    let roots = options.root.over(config.root());
    let place = Place::with(config.data(), config.keyring(), roots);
    let dir = config.data().join(vault_process::FOLDER);
    // By another user, the vault is kept apart from the installation's keyring, under a passphrase of its own.
    let secrets = match place.keyring.is_file() {
        true => place.vault_secrets()?,
        false => VaultSecrets::typed(passphrase::existing(
            place.sources().passphrase_file.as_deref(),
        )?),
    };
    let plan = Plan {
        socket: vault_socket(config, options),
        client: options.vault_client,
        acquirers: config.acquirers.clone(),
        ..Plan::within(&dir)
    };
    vault_process::serve(&plan, &secrets, || {
        let mut stops = Stops::listen()?;
        say!("the vault answers at {}", plan.socket.display());
        Ok(async move { stops.first().await })
    })?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}
