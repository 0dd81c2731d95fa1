//! An installation in a database, and two servers for it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use strongroom_testkit::exchange::{Outgoing, Reply};

use crate::database::{Database, PASSWORD, config, free_port};
use crate::program::installation::Installation;
use crate::program::{Running, strongroom};

/// How long a state is waited for: far longer than it takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

/// An installation in a database, and a second server for it.
pub struct Pair {
    pub made: Installation,
    pub ports: [u16; 2],
    second: PathBuf,
}

impl Pair {
    pub fn new(database: &Database) -> Pair {
        Pair::with(database, &database.url())
    }

    /// The first server reaches the database at an address of its own.
    pub fn with(database: &Database, url: &str) -> Pair {
        database.demand_password();
        let ports = [free_port(), free_port()];
        let store = |url: &str| format!("postgres = '{url}'\npassword_file = 'password'\n");
        let keyring = PathBuf::from("keyring.toml");
        let secrets = [("password", PASSWORD)];
        let text = config(ports[0], "data", &keyring, &store(url));
        let made = Installation::configured_with(&text, &secrets);
        let second = made.path("second.toml");
        let text = config(ports[1], "data", &keyring, &store(&database.url()));
        fs::write(&second, text).unwrap();
        Pair {
            made,
            ports,
            second,
        }
    }

    pub fn command(&self, number: usize) -> Command {
        if number == 0 {
            return self.made.command("serve");
        }
        let mut serve = strongroom();
        serve.args(["serve", "--config"]).arg(&self.second);
        serve
            .arg("--passphrase-file")
            .arg(self.made.path("passphrase"));
        serve
    }

    pub fn start(&self, number: usize) -> Running {
        Running::start(&mut self.command(number))
    }

    pub fn request(&self, number: usize, method: &str, path: &str) -> Outgoing {
        let address = ([127, 0, 0, 1], self.ports[number]).into();
        Outgoing::new(address, method, path)
    }

    pub fn get(&self, number: usize, path: &str) -> Reply {
        let key = self.made.shown("test secret key");
        self.request(number, "GET", path).bearer(&key).send()
    }

    pub fn post(&self, number: usize, path: &str, body: &Value) -> Reply {
        let key = self.made.shown("test secret key");
        let request = self.request(number, "POST", path).bearer(&key).json(body);
        request.idempotent(path).send()
    }

    /// The same, again and again while no node decides.
    pub fn post_when_it_can(&self, number: usize, path: &str, body: &Value) -> Reply {
        let begun = Instant::now();
        loop {
            let reply = self.post(number, path, body);
            if reply.status != 503 {
                return reply;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", reply.text());
            pause(Duration::from_millis(100));
        }
    }

    /// What a server says of a key.
    pub fn vouch(&self, number: usize, key: &str) -> Reply {
        let request = self.request(number, "GET", "/v1/auth/verify");
        request.bearer(key).send()
    }

    /// Asks `/ready` until it says so.
    pub fn until_ready(&self, number: usize, status: u16, word: &str) {
        let begun = Instant::now();
        loop {
            let ready = self.get(number, "/ready");
            if ready.status == status {
                assert_eq!(ready.field("status"), word);
                return println!("{word} after {:.1} s", begun.elapsed().as_secs_f64());
            }
            assert!(begun.elapsed() < PATIENCE, "never {word}");
            pause(Duration::from_millis(20));
        }
    }

    /// Past its lease a server tells nobody anything of a key, be it good or not.
    pub fn assert_silent(&self, number: usize, key: &str) {
        for key in [key, "sk_test_unknown"] {
            let refused = self.vouch(number, key).refused(503, "overloaded");
            assert_eq!(refused.header("retry-after"), Some("1"));
        }
        self.get(number, "/v1/account").refused(503, "overloaded");
        self.get(number, "/v1/nothing").refused(503, "overloaded");
        let found = self.request(number, "POST", "/leaks");
        let found = found.json(&serde_json::json!({ "key": key })).send();
        found.refused(503, "overloaded");
        let ready = self.get(number, "/ready");
        assert_eq!(
            (ready.status, ready.field("status").as_str()),
            (503, "unreachable")
        );
        assert_eq!(self.get(number, "/health").status, 200);
    }

    /// It serves, whichever node decides.
    pub fn assert_serves(&self, number: usize) {
        assert_eq!(self.get(number, "/health").status, 200);
        assert_eq!(self.get(number, "/ready").status, 200);
        assert_eq!(self.get(number, "/v1/account").status, 200);
    }
}
