//! Our server as a subject: the release binary's `demo`, with wallets made and funded over its
//! own API.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use strongroom_cluster::{Cluster, OWNER};

use super::load::{Client, Traffic};
use super::subject::{Server, Subject, address_of};
use super::traffic::{Credentials, FundWallets, MakeWallets, Payouts, requests};
use super::usage::Store;
use crate::process::{cargo, step};
use crate::{Outcome, process};

const SETUP_CONNECTIONS: usize = 32;
const SETUP_TIME: Duration = Duration::from_secs(300);

/// Builds the release binary.
pub fn build() -> Outcome<()> {
    step(
        "build",
        &mut cargo(["build", "--release", "--package", "strongroom"]),
    )
}

/// Starts the server under `folder` with `wallets` funded wallets, its books in files or in `books`.
pub fn start(folder: &Path, wallets: u64, books: Option<Cluster>) -> Outcome<Subject> {
    Ok(start_with(folder, wallets, books, &[])?.0)
}

/// The same with further arguments, and its credentials.
pub fn start_with(
    folder: &Path,
    wallets: u64,
    books: Option<Cluster>,
    arguments: &[&str],
) -> Outcome<(Subject, Credentials)> {
    let base = folder.join("strongroom");
    let (server, credentials) = serve(&base, books.as_ref(), 0, arguments)?;
    let address = address_of(&credentials.base_url)?;
    let mut client = Client::connect(address, SETUP_CONNECTIONS)?;

    let mut making = MakeWallets::new(requests(address, &credentials), wallets);
    set_up(&mut client, &mut making)?;
    let mut funding = FundWallets::new(requests(address, &credentials), making.ids);
    set_up(&mut client, &mut funding)?;

    let payouts = Payouts::new(requests(address, &credentials), funding.into_wallets());
    let subject = Subject {
        name: "strongroom",
        address,
        payouts,
        data: books
            .as_ref()
            .map_or_else(|| base.clone(), |cluster| cluster.data.clone()),
        base,
        store: books.as_ref().map_or(Store::Thread("commit"), |cluster| {
            Store::Process(cluster.pid)
        }),
        server,
        bytes_at_start: 0,
        cluster: books,
    };
    Ok((subject.ready()?, credentials))
}

/// Kills the server and starts it again on the same data and port; says how long it took to listen.
pub fn restart(subject: &mut Subject) -> Outcome<Duration> {
    subject.server.kill();
    let started = Instant::now();
    let (server, _) = serve(
        &subject.base,
        subject.cluster.as_ref(),
        subject.address.port(),
        &[],
    )?;
    let took = started.elapsed();
    subject.server = server;
    Ok(took)
}

fn serve(
    base: &Path,
    books: Option<&Cluster>,
    port: u16,
    arguments: &[&str],
) -> Outcome<(Server, Credentials)> {
    let binary = process::release_folder()?.join("strongroom");
    let mut command = Command::new(binary);
    command
        .args(["demo", "--json", "--port", &port.to_string(), "--data"])
        .arg(base)
        .args(arguments);
    if let Some(cluster) = books {
        command.args(["--postgres", &cluster.url(OWNER, "postgres")]);
    }
    Server::start(&mut command, &base.with_extension("log"))
}

fn set_up(client: &mut Client, traffic: &mut impl Traffic) -> Outcome<()> {
    client.drive(traffic, SETUP_TIME)?.must_all_succeed()
}
