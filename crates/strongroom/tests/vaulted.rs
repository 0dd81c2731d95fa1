//! The vault as a process of its own: what the API process holds of it, and what is lost when either is killed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "vaulted/bond.rs"]
mod bond;
#[path = "vaulted/encrypted.rs"]
mod encrypted;
#[path = "vaulted/held.rs"]
mod held;
#[path = "vaulted/killed.rs"]
mod killed;
#[path = "vaulted/links.rs"]
mod links;
#[path = "vaulted/memory.rs"]
mod memory;
#[path = "vaulted/moved.rs"]
mod moved;
#[path = "vaulted/occupied.rs"]
mod occupied;
#[path = "vaulted/pipelined.rs"]
mod pipelined;
mod program;
#[path = "vaulted/roles.rs"]
mod roles;
#[path = "vaulted/waiting.rs"]
mod waiting;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use program::{Demo, address};
use serde_json::{Value, json};
use strongroom_testkit::exchange::Outgoing;

/// How long a state is waited for; far longer than it takes.
const PATIENCE: Duration = Duration::from_mins(3);

/// A Visa number of sixteen digits that nobody else uses: `n` in it, and the right check digit.
fn number(n: u64) -> String {
    let digits = format!("40{n:013}");
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0');
            match place % 2 {
                0 if value > 4 => 2 * value - 9,
                0 => 2 * value,
                _ => value,
            }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn card(number: &str, code: &str) -> Value {
    let card = json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": code });
    json!({ "card": card, "use": "multi_use" })
}

/// Who asks a demo, from any thread.
struct Client {
    address: SocketAddr,
    key: String,
}

impl Client {
    fn of(demo: &Demo) -> Client {
        Client {
            address: address(demo.text("base_url")),
            key: demo.text("secret_key").to_owned(),
        }
    }

    fn request(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(self.address, method, target).bearer(&self.key)
    }
}

/// Makes a token; `None` while the vault or the server is away.
fn tokenize(client: &Client, key: &str, number: &str) -> Option<String> {
    let reply = client
        .request("POST", "/v1/tokens")
        .idempotent(key)
        .json(&card(number, "917"))
        .try_send()?;
    if reply.status == 503 {
        return None;
    }
    assert_eq!(reply.status, 201, "{}", reply.text());
    Some(reply.json()["id"].as_str().unwrap().to_owned())
}

/// The number of a token.
fn reveal(client: &Client, token: &str) -> Option<String> {
    let reply = client
        .request("POST", &format!("/v1/tokens/{token}/reveal"))
        .json(&json!({ "reason": "a test" }))
        .try_send()?;
    if reply.status == 503 {
        return None;
    }
    assert_eq!(reply.status, 200, "{}", reply.text());
    Some(reply.json()["card"]["number"].as_str().unwrap().to_owned())
}

/// Tries again until it is there.
#[track_caller]
fn wait<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it did not come");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The processes that a process started.
fn children(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        // The name may hold anything but stands in the last parentheses.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.to_owned());
        let parent = fields.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parent == Some(pid)
    })
    .collect()
}

/// The vault process of a server.
fn vault_of(demo: &Demo) -> u32 {
    wait(|| children(demo.running.id()).first().copied())
}
