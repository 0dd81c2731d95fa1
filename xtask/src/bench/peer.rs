//! The peer as a subject: `bench/peers/express-pg`, the same payout written by hand on Express
//! and PostgreSQL, on this machine, in the same session.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use strongroom_cluster::{Cluster, OWNER, programs};

use super::subject::{Server, Subject, address_of};
use super::traffic::{Credentials, FUNDS, Payouts, requests};
use super::usage::Store;
use crate::Outcome;
use crate::process::{find_program, root, step};

/// Connections of the peer to its database.
const POOL: &str = "24";

/// What a careful team sets beside the defaults; durability is untouched.
const SETTINGS: &str = "
shared_buffers = 1GB
max_wal_size = 4GB
max_connections = 100
";

/// A cluster under `folder`, set as the peer's is: what our server on PostgreSQL is measured on.
pub fn cluster(folder: &Path) -> Outcome<Cluster> {
    let programs = programs().ok_or("PostgreSQL is not installed")?;
    std::fs::create_dir(folder)?;
    Cluster::start(programs, folder, SETTINGS)
}

/// What the peer needs to run.
pub struct Peer {
    code: PathBuf,
    node: PathBuf,
    programs: PathBuf,
}

#[derive(Deserialize)]
struct Started {
    #[serde(flatten)]
    credentials: Credentials,
    wallets: Vec<String>,
}

impl Peer {
    /// Looks for what the peer needs and installs its packages; the error says what is missing.
    pub fn find() -> Result<Self, String> {
        let node = find_program("node").ok_or("node is not installed")?;
        let npm = find_program("npm").ok_or("npm is not installed")?;
        let programs = programs().ok_or("PostgreSQL is not installed")?;
        let code = root()
            .map_err(|cause| cause.to_string())?
            .join("bench/peers/express-pg");
        let mut install = Command::new(npm);
        install
            .args(["ci", "--no-audit", "--no-fund", "--silent", "--prefix"])
            .arg(&code);
        step("packages of the peer", &mut install).map_err(|cause| cause.to_string())?;
        Ok(Self {
            code,
            node,
            programs,
        })
    }

    /// Starts database and server under `folder` with `wallets` funded wallets.
    pub fn start(&self, folder: &Path, wallets: u64) -> Outcome<Subject> {
        let cluster = Cluster::start(self.programs.clone(), folder, SETTINGS)?;
        let mut command = Command::new(&self.node);
        command
            .arg("server.js")
            .current_dir(&self.code)
            .env("NODE_ENV", "production");
        command.envs([
            ("PGHOST", "127.0.0.1"),
            ("PGUSER", OWNER),
            ("PGDATABASE", "postgres"),
        ]);
        command
            .env("PGPORT", cluster.port.to_string())
            .env("POOL", POOL);
        command
            .env("WALLETS", wallets.to_string())
            .env("FUNDS", (FUNDS * 1_000).to_string());
        let (server, started): (Server, Started) =
            Server::start(&mut command, &folder.join("express-pg.log"))?;
        let address = address_of(&started.credentials.base_url)?;
        let payouts = Payouts::new(requests(address, &started.credentials), started.wallets);
        let subject = Subject {
            name: "express-pg",
            address,
            payouts,
            data: cluster.data.clone(),
            base: folder.to_path_buf(),
            store: Store::Process(cluster.pid),
            server,
            second: None,
            bytes_at_start: 0,
            cluster: Some(cluster),
        };
        subject.ready()
    }
}
