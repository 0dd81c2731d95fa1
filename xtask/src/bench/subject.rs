//! One server under measurement: where it listens, what it cost so far, and the processes that
//! end with it.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use strongroom_cluster::Cluster;

use super::traffic::Payouts;
use super::usage::{self, CpuSeconds, Store};
use crate::Outcome;

/// How much of a log is shown when its server fails.
const LOG_LINES: usize = 20;

/// A running server with its wallets.
pub struct Subject {
    /// Its name in the table.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The payouts to send to it.
    pub payouts: Payouts,
    /// The folder whose growth is counted.
    pub data: PathBuf,
    /// The folder it is started on.
    pub base: PathBuf,
    /// Where it stores.
    pub store: Store,
    /// The server's process.
    pub server: Server,
    /// A second node on the same books, and where it listens.
    pub second: Option<(SocketAddr, Server)>,
    /// Bytes on disk before the first payout.
    pub bytes_at_start: u64,
    /// Its database; ours on files has none beside it.
    pub cluster: Option<Cluster>,
}

impl Subject {
    /// Notes what is on disk now, before the first payout.
    pub fn ready(mut self) -> Outcome<Self> {
        self.settle()?;
        self.bytes_at_start = self.stored_bytes();
        Ok(self)
    }

    /// CPU spent so far.
    pub fn cpu(&self) -> CpuSeconds {
        let spent = CpuSeconds::now(self.server.pid(), self.store);
        match &self.second {
            Some((_, server)) => spent.with(server.pid()),
            None => spent,
        }
    }

    /// Where it listens, at all its nodes.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let second = self.second.iter().map(|(address, _)| *address);
        std::iter::once(self.address).chain(second).collect()
    }

    /// `failure` with the server's name and the last lines of its log.
    pub fn blame(&self, failure: &dyn Error) -> Box<dyn Error> {
        format!("{}: {failure}\n{}", self.name, self.server.log_end()).into()
    }

    /// Memory in bytes, the store's too.
    pub fn memory_bytes(&self) -> u64 {
        usage::memory_bytes(self.server.pid(), self.store)
    }

    /// Bytes on disk, without write-ahead logs.
    pub fn stored_bytes(&self) -> u64 {
        usage::stored_bytes(&self.data)
    }

    /// Lets the store finish what it put off, so that it does not disturb the other's run.
    pub fn settle(&self) -> Outcome<()> {
        self.cluster.as_ref().map_or(Ok(()), Cluster::checkpoint)
    }
}

/// A server's process; it ends with this value.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// Kept open: a server whose output is closed may fail when it prints.
    out: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `command` and reads the one JSON line that it prints when it listens; what it
    /// logs goes to the file `log`.
    pub fn start<T: DeserializeOwned>(command: &mut Command, log: &Path) -> Outcome<(Self, T)> {
        let file = File::create(log)?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file);
        let spawned = command.spawn();
        let mut child = spawned.map_err(|cause| format!("cannot start {command:?}: {cause}"))?;
        let out = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self {
            child,
            log: log.to_path_buf(),
            out: BufReader::new(out),
        };
        let mut line = String::new();
        server.out.read_line(&mut line)?;
        let told = serde_json::from_str(&line).map_err(|cause| {
            format!(
                "{command:?} printed {line:?} first: {cause}\n{}",
                server.log_end()
            )
        })?;
        Ok((server, told))
    }

    /// Of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last lines of its log.
    fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Server {
    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address in `http://host:port`.
pub fn address_of(base_url: &str) -> Outcome<SocketAddr> {
    let host = base_url
        .strip_prefix("http://")
        .ok_or("the base URL is not http")?;
    let mut addresses = host.trim_end_matches('/').to_socket_addrs()?;
    Ok(addresses.next().ok_or("the base URL names no address")?)
}
