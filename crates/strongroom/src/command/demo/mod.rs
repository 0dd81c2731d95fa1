//! `strongroom demo`: a server with an organization, funded wallets and keys, for trying things out.

mod account;
mod folder;
mod guide;
mod temporary;
mod tour;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ipnet::IpNet;
use strongroom_http::EdgeSettings;
use strongroom_worker::WorkerSettings;

use self::account::Account;
use self::temporary::Home;
use crate::fault::Fault;
use crate::logging;
use crate::node::{NodeTable, WAITING};
use crate::out;
use crate::out::say;
use crate::place::Place;
use crate::postgres::PostgresArguments;
use crate::running::{self, Books, Seats, Server};
use crate::vault_link::Cards;

const PORT: u16 = 7070;

/// Start a sandbox server with an organization, funded wallets and keys
///
/// Listens on 127.0.0.1 and serves until Ctrl-C. Without --data everything lies in a temporary folder that is removed
/// at the end. With --postgres the books are in that database, and a second demo on it serves them too, with the same
/// keys; without --data these are then kept in a folder of the user's own (XDG_STATE_HOME, or ~/.local/state).
#[derive(Args)]
#[command(after_long_help = "Examples:
  strongroom demo                      a server on port 7070 and some curl lines to try
  strongroom demo --tour               a walk through everything, each step explained and checked
  strongroom demo --data ./sandbox     keep the data; the next start finds the same keys
  strongroom demo --json --port 0      for scripts: one JSON line when ready, on any free port
  strongroom demo --postgres postgres://owner@127.0.0.1/pay     the books in a database")]
pub(crate) struct Options {
    /// The port to listen on; 0 is any free one [default: 7070, with --tour any]
    #[arg(long, value_name = "N")]
    port: Option<u16>,

    /// A folder to keep the demo in and to find it again
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Print one line of JSON when ready, and nothing else
    #[arg(long, conflicts_with = "tour")]
    json: bool,

    /// Play a walk through the API, check each answer, and end
    #[arg(long)]
    tour: bool,

    /// Milliseconds between two steps of a payout to a bank [default: 1000, with --tour 100]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(i64).range(0..=3_600_000))]
    rail_step: Option<i64>,

    /// A network that webhooks may be sent to though it is private, by plain http too; may be given again
    #[arg(long, value_name = "CIDR")]
    webhook_network: Vec<IpNet>,

    /// Milliseconds until a failed webhook is tried again; the later pauses grow with it
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = clap::value_parser!(i64).range(1..=60_000))]
    webhook_retry: i64,

    #[command(flatten)]
    postgres: PostgresArguments,

    /// Where other demos on the database reach this one [default: a port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", requires = "postgres")]
    node_address: Option<SocketAddr>,
}

/// A demo that listens.
struct Demo<'a> {
    base_url: String,
    admin_url: String,
    home: &'a Home,
    place: Place,
    account: Account,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Fault> {
    logging::text();
    let port = options.port.unwrap_or(if options.tour { 0 } else { PORT });
    let listener = running::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))?;
    let admin = running::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
    let database = options.postgres.table().unwrap_or_default().options()?;
    let home = Home::of(options.data.as_deref(), database.as_ref())?;
    let place = folder::place(home.path(), database);
    let ended = host(options, listener, admin, &home, place);
    home.leave();
    ended
}

/// Serves the demo that lies in `home`.
fn host(
    options: &Options,
    listener: TcpListener,
    admin: TcpListener,
    home: &Home,
    place: Place,
) -> Result<ExitCode, Fault> {
    let outbound = running::outbound(options.webhook_network.clone())?;
    let json = options.json;
    let (place, account) = folder::prepare(place)?;
    let node = NodeTable::default().reached_at(options.node_address);
    let shown = folder::place(home.path(), place.database().cloned());
    let books = Books::of(
        place,
        &node.settings().map_err(Fault::new)?,
        move || match json {
            // There one line is promised, and it comes when it is ready.
            true => tracing::warn!("{WAITING}"),
            false => say!("{WAITING}"),
        },
    )?;
    let demo = Demo {
        base_url: format!("http://{}", running::address(&listener)?),
        admin_url: format!("http://{}", running::address(&admin)?),
        home,
        place: shown,
        account,
    };
    let server = Server {
        books,
        seats: Seats {
            edge: EdgeSettings {
                live_allowed: true,
                outbound: outbound.clone(),
                ..EdgeSettings::default()
            },
            workers: WorkerSettings {
                outbound,
                webhook_retry: options.webhook_retry,
                ..workers(options)
            },
            listener,
            admin: Some(admin),
            acme: None,
            control: Some(home.path().to_path_buf()),
            cards: Cards::Child,
        },
    };
    match options.tour {
        true => tour::play(server, &demo),
        false => server
            .run(announce(&demo, options.json))
            .map(|_: Option<()>| ExitCode::SUCCESS),
    }
}

fn workers(options: &Options) -> WorkerSettings {
    let standard = WorkerSettings::default();
    let usual = if options.tour {
        tour::RAIL_STEP
    } else {
        standard.rail_step
    };
    WorkerSettings {
        rail_step: options.rail_step.unwrap_or(usual),
        ..standard
    }
}

/// Tells that it is ready, and goes on for ever.
async fn announce(demo: &Demo<'_>, json: bool) {
    if json {
        say!(
            "{}",
            demo.account.json_line(&demo.base_url, demo.home.path())
        );
    } else {
        out::text(&guide::text(demo));
    }
    std::future::pending().await
}
