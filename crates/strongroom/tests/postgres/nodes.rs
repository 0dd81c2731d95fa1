//! Several servers on one installation: what holds at one of them holds at the others.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};
use tempfile::TempDir;

use crate::database::{Database, config, free_port};
use crate::pair::{PATIENCE, pause};
use crate::program::writers::Shop;
use crate::program::{Demo, Running, strongroom};

/// The demo's installation, served by any number of servers that are configured each.
pub struct Nodes {
    pub told: Value,
    pub addresses: [SocketAddr; 2],
    folder: TempDir,
}

impl Nodes {
    /// Made, and not served yet; each with more lines in its configuration.
    pub fn new(database: &Database, urls: [&str; 2], more: [&str; 2]) -> Nodes {
        let demo = database.demo();
        let told = demo.told.clone();
        assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
        let folder = tempfile::tempdir().unwrap();
        let data = told["data_dir"].as_str().unwrap().to_owned();
        let keyring = std::path::Path::new(&data).join("keyring.toml");
        let addresses = [0, 1].map(|number| {
            let port = free_port();
            let store = format!("postgres = '{}'\n{}", urls[number], more[number]);
            let text = config(port, &data, &keyring, &store);
            fs::write(folder.path().join(format!("{number}.toml")), text).unwrap();
            SocketAddr::from(([127, 0, 0, 1], port))
        });
        Nodes {
            told,
            addresses,
            folder,
        }
    }

    /// On a database, as they come.
    pub fn on(database: &Database) -> Nodes {
        let url = database.url();
        Nodes::new(database, [&url, &url], ["", ""])
    }

    pub fn command(&self, number: usize) -> Command {
        let mut serve = strongroom();
        let file = self.folder.path().join(format!("{number}.toml"));
        serve.args(["serve", "--config"]).arg(file);
        serve
    }

    /// Started, and serving.
    #[track_caller]
    pub fn start(&self, number: usize) -> Demo {
        let running = Running::start(&mut self.command(number));
        assert!(running.line.starts_with("listening"), "{}", running.line);
        let mut told = self.told.clone();
        told["base_url"] = json!(format!("http://{}", self.addresses[number]));
        Demo { running, told }
    }

    /// The shop at each of them.
    pub fn shops(&self, demo: &Demo) -> [Shop; 2] {
        let shop = Shop::of(demo);
        self.addresses.map(|address| shop.at(address))
    }

    pub fn ready(&self, number: usize) -> Reply {
        Outgoing::new(self.addresses[number], "GET", "/ready").send()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client signs with the time that its own clock shows"
)]
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// Keys, idempotency keys, signatures, streams and addresses are one thing at all nodes.
#[test]
fn what_holds_at_one_node_holds_at_the_other() {
    let Some(database) = Database::start() else {
        return;
    };
    let nodes = Nodes::on(&database);
    let (first, second) = (nodes.start(0), nodes.start(1));
    revoked_at_once(&first, &second);
    same_reply(&first, &second);
    replay_refused(&first, &second);
    streamed(&first, &second);
    true_address(&first, &second);
    faults_are_the_same(&first, &second);
    for node in [second, first] {
        assert_eq!(node.running.stop(Signal::TERM).status.code(), Some(0));
    }
    database.verified();
}

fn made_key(node: &Demo, body: &Value, name: &str) -> (String, String) {
    let request = node.request("POST", "/v1/api-keys").json(body);
    let made = request.idempotent(name).send();
    assert_eq!(made.status, 201, "{}", made.text());
    (made.field("id"), made.field("key"))
}

/// A request with another key than the demo's.
fn keyed(node: &Demo, method: &str, path: &str, key: &str) -> Outgoing {
    let address = crate::program::address(node.text("base_url"));
    Outgoing::new(address, method, path).bearer(key)
}

fn vouch(node: &Demo, key: &str) -> u16 {
    keyed(node, "GET", "/v1/auth/verify", key).send().status
}

/// Whichever node revokes it, the other refuses it within a second: at once, for one node knows.
fn revoked_at_once(first: &Demo, second: &Demo) {
    for (number, (here, there)) in [(first, second), (second, first)].into_iter().enumerate() {
        let name = format!("key-{number}");
        let (id, key) = made_key(here, &json!({ "role": "viewer" }), &name);
        assert_eq!((vouch(here, &key), vouch(there, &key)), (200, 200));
        let path = format!("/v1/api-keys/{id}/revoke");
        let revoke = here.request("POST", &path).json(&json!({}));
        assert_eq!(
            revoke.idempotent(&format!("{name}-revoked")).send().status,
            200
        );
        let revoked = Instant::now();
        let refused = vouch(there, &key);
        println!("refused {:.0?} after it was revoked", revoked.elapsed());
        assert_eq!(refused, 401);
    }
}

fn same_reply(first: &Demo, second: &Demo) {
    for (number, (here, there)) in [(first, second), (second, first)].into_iter().enumerate() {
        let key = format!("twice-{number}");
        let (paid, again) = (here.pay(100, &key), there.pay(100, &key));
        assert_eq!((paid.status, again.status), (201, 201), "{}", again.text());
        assert_eq!(paid.header("idempotent-replayed"), None);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(paid.body, again.body);
        let other = there.pay(101, &key);
        other.refused(409, "idempotency_key_reused");
    }
}

fn replay_refused(first: &Demo, second: &Demo) {
    let recipient = json!({ "type": "wallet", "id": first.text("wallets/reserve") });
    let secret = first.text("signing_secret").to_owned();
    for (number, (here, there)) in [(first, second), (second, first)].into_iter().enumerate() {
        let body = json!({ "amount": 10 + number, "currency": "PHP", "recipient": recipient });
        let sign = |node: &Demo, key: &str, seconds: i64| {
            let request = node.request("POST", "/v1/payouts").json(&body);
            request.signed(&secret, seconds).idempotent(key).send()
        };
        let seconds = now();
        let paid = sign(here, &format!("signed-{number}"), seconds);
        assert_eq!(paid.status, 201, "{}", paid.text());
        for node in [here, there] {
            let replayed = sign(node, &format!("signed-{number}-again"), seconds);
            replayed.refused(401, "signature_replayed");
        }
        // Under its own key it is a retry.
        assert_eq!(
            sign(there, &format!("signed-{number}"), seconds).body,
            paid.body
        );
    }
}

/// A stream at one node tells what happens at the other.
fn streamed(first: &Demo, second: &Demo) {
    for (number, (here, there)) in [(first, second), (second, first)].into_iter().enumerate() {
        let request = there.request("GET", "/v1/events/stream");
        let request = request.header("Accept", "text/event-stream");
        let mut stream =
            TcpStream::connect(crate::program::address(there.text("base_url"))).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&request.bytes()).unwrap();
        let mut told = String::new();
        let mut bytes = [0; 4_096];
        let mut until = |words: &str| {
            while !told.contains(words) {
                let count = stream.read(&mut bytes).unwrap();
                assert!(count > 0, "the stream ended: {told}");
                told.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        until("retry:");
        let paid = here.pay(50, &format!("streamed-{number}"));
        until(&paid.field("id"));
    }
}

/// A key held to networks is held to where the client is, not to where the node is or what a client claims.
fn true_address(first: &Demo, second: &Demo) {
    let networks = json!({ "role": "viewer", "networks": ["203.0.113.0/24"] });
    let made = first.request("POST", "/v1/api-keys").json(&networks);
    let made = made.idempotent("held").send();
    assert_eq!(made.status, 201, "{}", made.text());
    let key = made.field("key");
    for node in [first, second] {
        for claimed in ["x-forwarded-for", "strongroom-client", "forwarded"] {
            let request = keyed(node, "GET", "/v1/account", &key);
            let request = request.header(claimed, "203.0.113.9");
            request.send().refused(403, "address_not_allowed");
        }
    }
}

/// What is wrong with a request is told in the same order and words.
fn faults_are_the_same(first: &Demo, second: &Demo) {
    let asked = |node: &Demo| {
        let large = vec![b' '; (1 << 20) + 1];
        let post = |path: &str| node.request("POST", path).idempotent("faulty");
        [
            post("/v1/payouts").body(&large).send(),
            keyed(node, "POST", "/v1/payouts", "sk_test_x")
                .body(&large)
                .send(),
            post("/v1/payouts").body(b"{").send(),
            post("/v1/nothing").body(b"{}").send(),
            node.request("DELETE", "/v1/payouts").send(),
            node.request("OPTIONS", "/v1/payouts").send(),
            node.request("HEAD", "/v1/account").send(),
            node.request("GET", "/v1/payouts?limit=0").send(),
            node.request("GET", "/openapi.json").send(),
        ]
        .map(|reply| {
            let code = match reply.status {
                400.. => reply.code(),
                _ => reply.body.len().to_string(),
            };
            (reply.status, code, reply.header("allow").map(str::to_owned))
        })
    };
    assert_eq!(asked(first), asked(second));
}

/// SECURITY: whoever can write into the database cannot have requests sent to a place of his own.
#[test]
fn a_forged_notice_leads_nowhere() {
    let Some(database) = Database::start() else {
        return;
    };
    let nodes = Nodes::on(&database);
    let first = nodes.start(0);
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let forge = |address: SocketAddr| {
        // As long as a good one, with a tag that is none.
        let text: String = address
            .to_string()
            .bytes()
            .map(|b| format!("{b:02x}"))
            .collect();
        let forged = format!("01{}{text}{}", "00".repeat(48), "00".repeat(32));
        let sql = format!("UPDATE strongroom.holder SET notice = '\\x{forged}'");
        database.cluster.psql(crate::database::NAME, &sql).unwrap();
    };
    forge(trap.local_addr().unwrap());
    let mut second = Command::spawn(
        nodes
            .command(1)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null()),
    )
    .unwrap();
    let begun = Instant::now();
    let listens = || TcpStream::connect(nodes.addresses[1]).is_ok();
    while !listens() {
        assert!(begun.elapsed() < PATIENCE, "it never listens");
        pause(Duration::from_millis(50));
    }
    let request = Outgoing::new(nodes.addresses[1], "GET", "/v1/account");
    let refused = request.bearer(first.text("secret_key")).send();
    refused.refused(503, "handing_over");
    assert_eq!(nodes.ready(1).field("status"), "no_deciding_node");
    assert!(trap.accept().is_err(), "nobody was sent anything");

    // The next word that is ours is believed.
    first.running.kill();
    let begun = Instant::now();
    while nodes.ready(1).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it never takes over");
        pause(Duration::from_millis(100));
    }
    second.kill().unwrap();
    second.wait().unwrap();
    database.verified();
}

/// A keyring of another installation is refused before anything is served, beside a node that serves.
#[test]
fn a_node_with_another_root_is_refused() {
    let Some(database) = Database::start() else {
        return;
    };
    let demo = database.demo();
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Demo::start(Some(other.path()));
    assert_eq!(elsewhere.running.stop(Signal::TERM).status.code(), Some(0));
    let keyring = other.path().join("keyring.toml");
    let text = config(
        free_port(),
        other.path().to_str().unwrap(),
        &keyring,
        &format!("postgres = '{}'\n", database.url()),
    );
    let file = other.path().join("strongroom.toml");
    fs::write(&file, text).unwrap();
    let mut serve = strongroom();
    serve.args(["serve", "--config"]).arg(&file);
    let ended = crate::program::Ended::of(serve.output().unwrap());
    let err = ended.failed("key");
    assert!(err.contains("the one of this database"), "{err}");
    assert_eq!(demo.get("/v1/account")["object"], "account");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}
