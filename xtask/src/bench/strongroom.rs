//! Our server as a subject: the release binary's `demo`, with wallets made and funded over its
//! own API.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

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

/// Starts the server under `folder` with `wallets` funded wallets.
pub fn start(folder: &Path, wallets: u64) -> Outcome<Subject> {
    let data = folder.join("strongroom");
    let binary = process::release_folder()?.join("strongroom");
    let mut command = Command::new(binary);
    command
        .args(["demo", "--json", "--port", "0", "--data"])
        .arg(&data);
    let (server, credentials): (Server, Credentials) =
        Server::start(&mut command, &folder.join("strongroom.log"))?;
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
        data,
        store: Store::Thread("commit"),
        server,
        bytes_at_start: 0,
        cluster: None,
    };
    subject.ready()
}

fn set_up(client: &mut Client, traffic: &mut impl Traffic) -> Outcome<()> {
    client.drive(traffic, SETUP_TIME)?.must_all_succeed()
}
