//! A database for the program: on a PostgreSQL of the test's own, owned by a role that is no superuser.

use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_cluster::{Cluster, programs};
use tempfile::TempDir;

use crate::program::{Demo, Running, strongroom};

pub const ROLE: &str = "pay";
pub const NAME: &str = "books";
pub const PASSWORD: &str = "only-the-file-knows";

pub struct Database {
    pub cluster: Cluster,
    folder: TempDir,
}

impl Database {
    /// Starts one; says so when PostgreSQL is not installed.
    pub fn start() -> Option<Database> {
        let Some(programs) = programs() else {
            eprintln!("skipped: PostgreSQL's programs are not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(programs, folder.path(), "").unwrap();
        let database = Database { cluster, folder };
        database.sql(&format!("CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"));
        database.sql(&format!("CREATE DATABASE {NAME} OWNER {ROLE}"));
        Some(database)
    }

    /// Statements of whoever administers the server.
    pub fn sql(&self, statement: &str) -> String {
        self.cluster.psql("postgres", statement).unwrap()
    }

    pub fn url(&self) -> String {
        self.cluster.url(ROLE, NAME)
    }

    /// The demo on it, whose keys are found again by the address alone.
    pub fn demo_command(&self) -> Command {
        self.demo_at(&self.url())
    }

    /// The demo at an address that leads to it.
    pub fn demo_at(&self, url: &str) -> Command {
        let mut command = strongroom();
        command
            .args(["demo", "--json", "--port", "0", "--postgres", url])
            .env("XDG_STATE_HOME", self.state());
        command
    }

    /// A server that follows this one, to which every commit goes before it is acknowledged.
    pub fn follower(&self) -> Cluster {
        let follower = self.cluster.follower(self.folder.path()).unwrap();
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.cluster.reload().unwrap();
        while self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1"
        {
        }
        follower
    }

    #[track_caller]
    pub fn demo(&self) -> Demo {
        let running = Running::start(&mut self.demo_command());
        let told = serde_json::from_str(&running.line).unwrap();
        Demo { running, told }
    }

    /// `verify` of it, which needs no stop.
    #[track_caller]
    pub fn verified(&self) -> String {
        for command in [&["verify"][..], &["audit", "verify"]] {
            let mut verify = strongroom();
            verify
                .args(command)
                .args(["--postgres", &self.url()])
                .env("XDG_STATE_HOME", self.state());
            let output = verify.output().unwrap();
            let report = String::from_utf8(output.stdout).unwrap();
            assert!(
                report.contains("no damage found"),
                "{report}{}",
                String::from_utf8_lossy(&output.stderr)
            );
            if command.len() == 1 {
                continue;
            }
            return report;
        }
        String::new()
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Demands the password of the role, as a real server would.
    pub fn demand_password(&self) {
        let rules = format!(
            "host all {ROLE} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        );
        self.cluster.place("pg_hba.conf", &rules).unwrap();
        self.cluster.reload().unwrap();
    }

    /// Ends the sessions of the program.
    pub fn end_sessions(&self) -> u32 {
        let ended = self.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE application_name = 'strongroom'",
        );
        ended.parse().unwrap()
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The lines of a configuration on a database.
pub fn config(listen: u16, data: &str, keyring: &Path, store: &str) -> String {
    format!(
        "data = '{data}'\nkeyring = '{}'\nlisten = '127.0.0.1:{listen}'\n[store]\n{store}",
        keyring.display()
    )
}
