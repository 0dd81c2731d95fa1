//! A pair of servers under Patroni, with etcd: handed over on request, and by itself when a machine is lost, while money
//! moves. Runs where these programs are installed (Debian: `patroni`, `etcd-server`).

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use strongroom_cluster::{account, programs, psql};
use strongroom_testkit::exchange::Outgoing;
use tempfile::TempDir;

use crate::database::{NAME, ROLE, free_port};
use crate::outages::{WRITERS, Work, begin, settle, until_paid};
use crate::program::writers::Shop;
use crate::program::{Demo, Running, run, strongroom};

const NODES: [&str; 2] = ["one", "two"];
/// How long the pair may take to be as it should.
const PATIENCE: Duration = Duration::from_secs(90);

/// One machine of the pair: Patroni, and the PostgreSQL that it looks after.
struct Node {
    patroni: Child,
    data: PathBuf,
    port: u16,
    /// Where Patroni answers.
    rest: u16,
}

struct Pair {
    programs: PathBuf,
    folder: TempDir,
    etcd: Child,
    nodes: Vec<Node>,
}

impl Pair {
    /// Starts it; says so when something is not installed.
    fn start() -> Option<Pair> {
        let installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
        let (Some(programs), true) = (programs(), installed("patroni") && installed("etcd")) else {
            eprintln!("skipped: PostgreSQL, patroni or etcd is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let (etcd, store) = etcd(folder.path());
        let mut pair = Pair {
            programs,
            folder,
            etcd,
            nodes: Vec::new(),
        };
        for name in NODES {
            let node = pair.node(name, store);
            pair.nodes.push(node);
            // The first one founds the cluster.
            pair.wait("no server leads", |pair| pair.leader().is_some());
        }
        pair.wait_for_copy();
        Some(pair)
    }

    fn node(&self, name: &str, store: u16) -> Node {
        let home = self.folder.path().join(name);
        fs::create_dir(&home).unwrap();
        let (port, rest) = (free_port(), free_port());
        let file = home.join("patroni.json");
        let settings = self.settings(name, &home, [port, rest, store]);
        fs::write(&file, settings.to_string()).unwrap();
        let log = File::create(home.join("patroni.log")).unwrap();
        let mut patroni = Command::new("patroni");
        patroni.arg(&file).current_dir("/");
        patroni.stdout(log.try_clone().unwrap()).stderr(log);
        if let Some((user, group)) = account().unwrap() {
            chown(&home, Some(user), Some(group)).unwrap();
            patroni.uid(user).gid(group);
        }
        Node {
            patroni: patroni.spawn().unwrap(),
            data: home.join("data"),
            port,
            rest,
        }
    }

    fn settings(&self, name: &str, home: &Path, ports: [u16; 3]) -> serde_json::Value {
        let [own, rest, store] = ports.map(|port| format!("127.0.0.1:{port}"));
        json!({
            "scope": "pay",
            "name": name,
            "restapi": { "listen": rest, "connect_address": rest },
            "etcd3": { "host": store },
            "bootstrap": {
                "dcs": {
                    "ttl": 20, "loop_wait": 2, "retry_timeout": 3,
                    "synchronous_mode": true,
                    "postgresql": { "use_pg_rewind": false },
                },
                "initdb": [{ "encoding": "UTF8" }, { "locale": "C" }],
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            },
            "postgresql": {
                "listen": own, "connect_address": own,
                "data_dir": home.join("data"),
                "bin_dir": self.programs,
                "pgpass": home.join("pgpass"),
                "authentication": {
                    "superuser": { "username": "owner", "password": "unused" },
                    "replication": { "username": "copy", "password": "unused" },
                },
                "parameters": {
                    "unix_socket_directories": home,
                    // What a killed one leaves goes with its folder.
                    "dynamic_shared_memory_type": "mmap",
                },
            },
        })
    }

    fn sql(&self, node: usize, statement: &str) -> Option<String> {
        psql(&self.programs, self.nodes[node].port, "postgres", statement).ok()
    }

    /// The one that takes writes.
    fn leader(&self) -> Option<usize> {
        let leads =
            |node: &usize| self.sql(*node, "SELECT pg_is_in_recovery()").as_deref() == Some("f");
        (0..self.nodes.len()).find(leads)
    }

    /// Waits until every commit goes to both, and Patroni knows it: only such a one may take over.
    fn wait_for_copy(&self) {
        self.wait("there is no synchronous copy", |pair| {
            let follower = pair.leader().map(|leader| &pair.nodes[1 - leader]);
            follower.is_some_and(Node::is_synchronous)
        });
    }

    #[track_caller]
    fn wait(&self, otherwise: &str, holds: impl Fn(&Pair) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > PATIENCE {
                let logs = NODES.map(|name| self.log_end(name)).join("\n");
                panic!("{otherwise}:\n{logs}");
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// The last lines that a node logged.
    fn log_end(&self, name: &str) -> String {
        let file = self.folder.path().join(name).join("patroni.log");
        let log = fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn url(&self) -> String {
        let places: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("postgres://{ROLE}@{}/{NAME}", places.join(","))
    }

    /// Asks Patroni to hand over, as for maintenance.
    fn switch_over(&self, leader: usize) {
        let file = self.folder.path().join(NODES[leader]).join("patroni.json");
        let output = Command::new("patronictl")
            .env("LC_ALL", "C.UTF-8")
            .arg("-c")
            .arg(file)
            .args(["switchover", "pay", "--force", "--master", NODES[leader]])
            .args(["--candidate", NODES[1 - leader]])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Node {
    /// What Patroni says of it, which answers without a length.
    fn is_synchronous(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.rest)) else {
            return false;
        };
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /synchronous HTTP/1.0\r\n\r\n");
        asked.is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.split(' ').nth(1) == Some("200")
    }

    /// Ends everything on this machine at once.
    fn lose(&mut self) {
        // It may be gone already.
        let _ = self.patroni.kill();
        let _ = self.patroni.wait();
        let file = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let Some(first) = file
            .lines()
            .next()
            .and_then(|line| line.trim().parse::<i32>().ok())
        else {
            return;
        };
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let children = children.unwrap_or_default();
        let others = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        for pid in std::iter::once(first)
            .chain(others)
            .filter_map(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::lose);
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

/// The store in which the pair agrees on who leads, and its port.
fn etcd(folder: &Path) -> (Child, u16) {
    let (clients, peers) = (free_port(), free_port());
    let (clients_url, peers_url) = (
        format!("http://127.0.0.1:{clients}"),
        format!("http://127.0.0.1:{peers}"),
    );
    let mut etcd = Command::new("etcd");
    etcd.arg("--data-dir").arg(folder.join("etcd"));
    etcd.args([
        "--listen-client-urls",
        &clients_url,
        "--advertise-client-urls",
        &clients_url,
    ]);
    etcd.args([
        "--listen-peer-urls",
        &peers_url,
        "--initial-advertise-peer-urls",
        &peers_url,
    ]);
    etcd.args(["--initial-cluster", &format!("default={peers_url}")]);
    // Where it is not among those that its makers test, it wants to be told that this is known.
    etcd.env("ETCD_UNSUPPORTED_ARCH", "arm64");
    etcd.stdout(Stdio::null()).stderr(Stdio::null());
    (etcd.spawn().unwrap(), clients)
}

#[test]
fn patroni_hands_over_and_nothing_acknowledged_is_lost() {
    let Some(mut pair) = Pair::start() else {
        return;
    };
    let leader = pair.leader().unwrap();
    for statement in [
        format!("CREATE ROLE {ROLE} LOGIN"),
        format!("CREATE DATABASE {NAME} OWNER {ROLE}"),
    ] {
        assert!(pair.sql(leader, &statement).is_some());
    }
    let state = pair.folder.path().join("state");
    let mut demo = strongroom();
    demo.args(["demo", "--json", "--port", "0", "--postgres", &pair.url()]);
    let running = Running::start(demo.env("XDG_STATE_HOME", state));
    let told = serde_json::from_str(&running.line).unwrap();
    let demo = Demo { running, told };
    let work = Arc::new(Work::default());
    let writers = begin(&Shop::of(&demo), &work);
    until_paid(&work, 50);

    let begun = Instant::now();
    let before = work.paid();
    pair.switch_over(leader);
    pair.wait("it was not handed over", |pair| {
        pair.leader() == Some(1 - leader)
    });
    let handed = begun.elapsed();
    until_paid(&work, work.paid().max(before) + WRITERS);
    println!(
        "switchover: handed over after {:.1} s, paid again after {:.1} s",
        handed.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    pair.wait_for_copy();
    until_paid(&work, work.paid() + 50);

    let begun = Instant::now();
    pair.nodes[1 - leader].lose();
    let before = work.paid();
    pair.wait("nobody took over", |pair| pair.leader() == Some(leader));
    let taken = begun.elapsed();
    until_paid(&work, before + WRITERS);
    println!(
        "machine lost: taken over after {:.1} s, paid again after {:.1} s",
        taken.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    assert!(begun.elapsed().saturating_sub(taken) < Duration::from_secs(30));
    settle(&demo, &work, writers);
    let ready = Outgoing::new(
        crate::program::address(demo.text("base_url")),
        "GET",
        "/ready",
    );
    assert_eq!(ready.send().status, 200);
    let data = demo.text("data_dir").to_owned();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    let report = run(&["verify", "--data", &data, "--postgres", &pair.url()]).done();
    assert!(report.contains("no damage found"), "{report}");
}
