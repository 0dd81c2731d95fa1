//! What protection costs: sealing and the tripwire alone, TLS, cards over HTTP, a rotation, a backup and its way back.
//!
//! Beside each rate over HTTP stands the CPU time of one request, the server's and the vault's together: a rate belongs
//! to the machine and to who else uses it, the time of a request to the program.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::extra::{self, Extra};
use super::load::{Client, Traffic};
use super::request::Requests;
use super::traffic::{Shape, requests};
use super::{median, number, rotation, strongroom, usage};
use crate::Outcome;

/// Connections that send at once: as many as the payouts are measured with.
const CONNECTIONS: [usize; 2] = [64, 256];
const WALLETS: u64 = 1_000;

/// Payouts in what is backed up.
const PAYOUTS: u64 = if cfg!(debug_assertions) { 500 } else { 200_000 };
const FILL_TIME: Duration = Duration::from_secs(900);

/// All that protection costs, with what a whole run measures elsewhere: TLS and the rotation of keys.
pub fn alone(folder: &Path, runs: u32, seconds: u64) -> Outcome<Vec<Extra>> {
    let mut rows = measure(folder, runs, seconds)?;
    rows.extend(extra::from_example("strongroom-tls", "tls_cost", &[])?);
    rows.extend(rotation::measure(folder, runs)?);
    Ok(rows)
}

/// Everything, on a server of its own under `folder`.
pub fn measure(folder: &Path, runs: u32, seconds: u64) -> Outcome<Vec<Extra>> {
    let mut rows = extra::from_example("strongroom-testkit", "protection", &[])?;
    let folder = folder.join("protection");
    std::fs::create_dir_all(&folder)?;
    let (mut subject, credentials) = strongroom::start_with(&folder, WALLETS, None, &[])?;
    let time = Duration::from_secs(seconds);
    let server = subject.server.pid();
    let mut cards = Cards::new(requests(subject.address, &credentials));
    for connections in CONNECTIONS {
        let mut client = Client::connect(subject.address, connections)?;
        let (mut made, mut shown) = (Rates::default(), Rates::default());
        let name = |what: &str| format!("{what} over HTTP, {connections} connections");
        for _ in 0..runs.max(1) {
            made.run(&mut client, &mut cards, time, server)?;
            println!("{}: {}", name("tokenize"), made.last());
            let mut reveals = Reveals::of(&mut cards, requests(subject.address, &credentials));
            shown.run(&mut client, &mut reveals, time, server)?;
            println!("{}: {}", name("reveal"), shown.last());
        }
        rows.extend(made.rows(&name("tokenize"), "tokens/s", "us/token"));
        rows.extend(shown.rows(&name("reveal"), "reveals/s", "us/reveal"));
    }

    let rate = rotation::rotate_in(&subject.base, "vault")?;
    rows.push(row(
        "card numbers sealed again in the vault",
        rate,
        "rows/s",
    ));

    subject.payouts.begin(Shape::Spread, 3, PAYOUTS);
    let [connections, _] = CONNECTIONS;
    Client::connect(subject.address, connections)?
        .drive(&mut subject.payouts, FILL_TIME)?
        .must_all_succeed()?;
    rows.extend(backup(&subject.base, &folder)?);
    Ok(rows)
}

/// What several runs of one kind of request showed.
#[derive(Default)]
pub(super) struct Rates {
    per_second: Vec<f64>,
    /// CPU time of one request in microseconds.
    cpu_us: Vec<f64>,
    /// 99th percentile of latency in milliseconds.
    p99_ms: Vec<f64>,
}

impl Rates {
    pub fn run(
        &mut self,
        client: &mut Client,
        traffic: &mut impl Traffic,
        time: Duration,
        server: u32,
    ) -> Outcome<()> {
        let before = usage::family_seconds(server);
        let tally = client.drive(traffic, time)?;
        let spent = usage::family_seconds(server) - before;
        self.per_second.push(number(tally.replies) / tally.seconds);
        self.cpu_us
            .push(spent * 1e6 / number(tally.all_replies.max(1)));
        self.p99_ms
            .push(number(tally.latency_us.value_at_quantile(0.99)) / 1e3);
        tally.must_all_succeed()
    }

    /// What the last run showed.
    fn last(&self) -> String {
        let last = |all: &[f64]| all.last().copied().unwrap_or(0.0);
        format!(
            "{:.0}/s, {:.0} us of cpu each, p99 {:.1} ms",
            last(&self.per_second),
            last(&self.cpu_us),
            last(&self.p99_ms)
        )
    }

    /// The middle of what one request cost, in microseconds of CPU.
    pub fn cpu_us(&mut self) -> f64 {
        median(&mut self.cpu_us)
    }

    pub fn rows(mut self, name: &str, rate: &str, cost: &str) -> Vec<Extra> {
        vec![
            row(name, median(&mut self.per_second), rate),
            row(&format!("{name}, CPU"), median(&mut self.cpu_us), cost),
            row(&format!("{name}, p99"), median(&mut self.p99_ms), "ms"),
        ]
    }
}

/// Of the running server, and into a folder; `restore` verifies, which is most of its time.
fn backup(data: &Path, folder: &Path) -> Outcome<Vec<Extra>> {
    let binary = strongroom::binary()?;
    let file = folder.join("backup");
    let timed = |arguments: &mut Command| -> Outcome<f64> {
        let started = Instant::now();
        let output = arguments.output()?;
        match output.status.success() {
            true => Ok(started.elapsed().as_secs_f64()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        }
    };
    let mut make = Command::new(&binary);
    make.arg("backup")
        .arg("--data")
        .arg(data)
        .arg("--out")
        .arg(&file);
    let made = timed(&mut make)?;
    let bytes = number(std::fs::metadata(&file)?.len()) / 1e6;
    let keys = |command: &mut Command| {
        command.arg("--keyring").arg(data.join("keyring.toml"));
        command
            .arg("--passphrase-file")
            .arg(data.join("demo-passphrase"));
    };
    let mut list = Command::new(&binary);
    list.arg("restore").arg(&file).arg("--list");
    keys(&mut list);
    let listed = timed(&mut list)?;
    let mut restore = Command::new(&binary);
    restore.arg("restore").arg(&file);
    restore.arg("--to").arg(folder.join("restored"));
    keys(&mut restore);
    let restored = timed(&mut restore)?;
    Ok(vec![
        row("backup, its size", bytes, "MB"),
        row("backup beside the server", bytes / made, "MB/s"),
        row("backup read and checked", bytes / listed, "MB/s"),
        row("backup restored and verified", bytes / restored, "MB/s"),
    ])
}

pub(super) fn row(name: &str, value: f64, unit: &str) -> Extra {
    Extra {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
    }
}

/// Cards that become tokens; each number is another one.
struct Cards {
    requests: Requests,
    sequence: u64,
    tokens: Vec<String>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

impl Cards {
    fn new(requests: Requests) -> Self {
        Self {
            requests,
            sequence: 0,
            tokens: Vec::new(),
        }
    }
}

impl Traffic for Cards {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.sequence += 1;
        let number = card(self.sequence);
        let key = format!("card-{}", self.sequence);
        let body = format_args!(
            r#"{{"card":{{"number":"{number}","exp_month":12,"exp_year":2031,"cvv":"737"}}}}"#
        );
        self.requests.post(out, "/v1/tokens", &key, body);
        Some(self.sequence)
    }

    fn reply(&mut self, _: u64, _: u16, body: &[u8]) {
        if let Ok(made) = serde_json::from_slice::<Made>(body) {
            self.tokens.push(made.id);
        }
    }
}

/// A number of sixteen digits with its check digit.
fn card(sequence: u64) -> String {
    let digits = format!("424242{sequence:09}");
    let doubled = |(place, byte): (usize, u8)| {
        let digit = u32::from(byte.saturating_sub(b'0'));
        match place % 2 {
            0 if digit > 4 => 2 * digit - 9,
            0 => 2 * digit,
            _ => digit,
        }
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(doubled).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// Reveals of those tokens, again and again.
struct Reveals<'a> {
    requests: Requests,
    cards: &'a mut Cards,
    sequence: u64,
}

impl<'a> Reveals<'a> {
    fn of(cards: &'a mut Cards, requests: Requests) -> Self {
        Self {
            requests,
            cards,
            sequence: 0,
        }
    }
}

impl Traffic for Reveals<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        self.sequence += 1;
        self.cards.sequence += 1;
        let place = usize::try_from(self.sequence).ok()?;
        let token = self
            .cards
            .tokens
            .get(place % self.cards.tokens.len().max(1))?;
        let path = format!("/v1/tokens/{token}/reveal");
        let key = format!("reveal-{}", self.cards.sequence);
        let body = format_args!(r#"{{"reason":"bench {}"}}"#, self.sequence);
        self.requests.post(out, &path, &key, body);
        Some(self.sequence)
    }

    fn reply(&mut self, _: u64, _: u16, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_have_their_check_digit() {
        assert_eq!(super::card(424_242_424), "4242424242424242");
        assert_eq!(super::card(1).len(), 16);
    }
}
