//! Our server as a subject: the release binary's `demo`, with wallets made and funded over its
//! own API.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
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

/// Our server as one node, and as two on one database.
pub const ONE: &str = "strongroom";
pub const TWO: &str = "two nodes";

/// Builds the binary: with optimisation, unless it is only to be seen whether everything works.
pub fn build() -> Outcome<()> {
    let mut command = cargo(["build", "--package", "strongroom"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    step("build", &mut command)
}

/// The binary that [`build`] made.
pub fn binary() -> Outcome<PathBuf> {
    let release = process::release_folder()?;
    let folder = match cfg!(debug_assertions) {
        true => release.with_file_name("debug"),
        false => release,
    };
    Ok(folder.join("strongroom"))
}

/// Starts a second node beside the first; from then on both are sent to.
pub fn join(mut subject: Subject) -> Outcome<Subject> {
    let (server, credentials) = serve(&subject.base, subject.cluster.as_ref(), 0, &[])?;
    subject.second = Some((address_of(&credentials.base_url)?, server));
    subject.name = TWO;
    Ok(subject)
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
        name: ONE,
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
        second: None,
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
    let mut command = Command::new(binary()?);
    command
        .args(["demo", "--json", "--port", &port.to_string(), "--data"])
        .arg(base)
        .args(arguments);
    if let Some(cluster) = books {
        command.args(["--postgres", &cluster.url(OWNER, "postgres")]);
    }
    Server::start(
        &mut command,
        &base.with_extension(format!("{}.log", started())),
    )
}

/// Numbers the servers that were started, for their logs.
fn started() -> u32 {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    STARTED.fetch_add(1, Ordering::Relaxed)
}

fn set_up(client: &mut Client, traffic: &mut impl Traffic) -> Outcome<()> {
    client.drive(traffic, SETUP_TIME)?.must_all_succeed()
}
