//! Webhooks: how long after its commit an event arrives, how many are sent in a second and at what cost, and what
//! a million that nobody takes cost in memory.

use std::fmt::Arguments;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::extra::Extra;
use super::load::Client;
use super::receivers::Receivers;
use super::reply;
use super::request::Requests;
use super::subject::Subject;
use super::traffic::{Credentials, Shape, requests};
use super::{median, number, strongroom, usage};
use crate::Outcome;

/// Endpoints that are sent to at once.
const ENDPOINTS: usize = 100;
const WALLETS: u64 = 10;

/// Payouts of a run, and so deliveries to each endpoint: one event of each payout is asked for.
const PAYOUTS: u64 = 2_000;
const CONNECTIONS: usize = 16;

/// Payouts whose event is waited for, one after another.
const ALONE: usize = 200;

/// About the bytes of a delivery with its headers, and how many are sent by a bare socket.
const BYTES: usize = 800;
const BARE: u64 = 20_000;

const QUEUED: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(120);
const FILL_TIME: Duration = Duration::from_secs(900);
const NETWORK: [&str; 2] = ["--webhook-network", "127.0.0.0/8"];

/// Everything about webhooks, on servers of its own under `folder`.
pub fn measure(folder: &Path, runs: u32) -> Outcome<Vec<Extra>> {
    let mut rows = sending(&folder.join("webhooks"), runs)?;
    rows.extend(queueing(&folder.join("webhooks-queued"))?);
    Ok(rows)
}

/// The way of one event on an idle server, and the rate and cost of many.
fn sending(folder: &Path, runs: u32) -> Outcome<Vec<Extra>> {
    std::fs::create_dir_all(folder)?;
    let (mut subject, credentials) = strongroom::start_with(folder, WALLETS, None, &NETWORK)?;
    let receivers = Receivers::start(ENDPOINTS)?;
    let mut desk = Desk::open(subject.address, &credentials)?;
    let (first, others) = receivers.addresses.split_first().ok_or("no receiver")?;
    desk.endpoint(*first, "payout.initiated")?;
    let mut rows = one_by_one(&mut subject, &receivers)?;
    for address in others {
        desk.endpoint(*address, "payout.initiated")?;
    }
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for run in 0..runs.max(1) {
        let (rate, cost) = many(&mut subject, &receivers, u64::from(run))?;
        println!(
            "webhooks, run {}: {rate:.0} deliveries/s at {cost:.1} us each",
            run + 1
        );
        rates.push(rate);
        costs.push(cost);
    }
    rows.push(row(
        "a bare socket, for the same bytes",
        bare(&receivers)?,
        "us/delivery",
    ));
    let to = format!("to {ENDPOINTS} endpoints");
    rows.push(row(
        &format!("webhooks {to}"),
        median(&mut rates),
        "deliveries/s",
    ));
    let cpu = "webhooks, server cpu with the payouts told of";
    rows.push(row(cpu, median(&mut costs), "us/delivery"));
    Ok(rows)
}

/// From sending a payout, and from its answer, to the arrival of its event.
fn one_by_one(subject: &mut Subject, receivers: &Receivers) -> Outcome<Vec<Extra>> {
    let (mut from_request, mut from_answer) = (Vec::new(), Vec::new());
    let mut client = Client::connect(subject.address, 1)?;
    for n in 0..ALONE {
        let count = receivers.count() + 1;
        subject.payouts.begin(Shape::Spread, u64::try_from(n)?, 1);
        let sent = Instant::now();
        let tally = client.drive(&mut subject.payouts, PATIENCE)?;
        let answered = Instant::now();
        tally.must_all_succeed()?;
        let arrived = receivers.wait_for(count, PATIENCE)?;
        let ms = |since| arrived.saturating_duration_since(since).as_secs_f64() * 1e3;
        from_request.push(ms(sent));
        from_answer.push(ms(answered));
    }
    Ok(vec![
        row(
            "webhook, idle, from the request to arrival, p50",
            median(&mut from_request),
            "ms",
        ),
        row(
            "webhook, idle, from the commit's answer to arrival, p50",
            median(&mut from_answer),
            "ms",
        ),
    ])
}

/// Deliveries per second, and CPU microseconds of the server per delivery.
fn many(subject: &mut Subject, receivers: &Receivers, seed: u64) -> Outcome<(f64, f64)> {
    let before = receivers.count();
    let deliveries = PAYOUTS * u64::try_from(ENDPOINTS)?;
    let mut client = Client::connect(subject.address, CONNECTIONS)?;
    subject.payouts.begin(Shape::Spread, seed, PAYOUTS);
    let (cpu, began) = (subject.cpu(), Instant::now());
    client
        .drive(&mut subject.payouts, PATIENCE)?
        .must_all_succeed()?;
    let last = receivers.wait_for(before + deliveries, PATIENCE)?;
    let cost = subject.cpu().per_request_us(cpu, deliveries);
    let seconds = last.saturating_duration_since(began).as_secs_f64();
    Ok((number(deliveries) / seconds, cost.server + cost.store))
}

/// CPU microseconds that writing a delivery's bytes and reading the answer cost by themselves: the least that any sender pays.
fn bare(receivers: &Receivers) -> Outcome<f64> {
    let address = receivers.addresses.first().ok_or("no receiver")?;
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let body = "x".repeat(BYTES);
    let request = format!("POST / HTTP/1.1\r\ncontent-length: {BYTES}\r\n\r\n{body}");
    let mut answer = [0; 64];
    let before = usage::own_thread_seconds();
    for _ in 0..BARE {
        socket.write_all(request.as_bytes())?;
        if socket.read(&mut answer)? == 0 {
            return Err("a receiver hung up".into());
        }
    }
    Ok((usage::own_thread_seconds() - before) * 1e6 / number(BARE))
}

/// Memory while a million events wait for an endpoint that takes none.
fn queueing(folder: &Path) -> Outcome<Vec<Extra>> {
    std::fs::create_dir_all(folder)?;
    let (mut subject, credentials) = strongroom::start_with(folder, WALLETS, None, &NETWORK)?;
    let mut desk = Desk::open(subject.address, &credentials)?;
    let none = desk.events()?;
    pay(&mut subject, 1)?;
    let each = desk.events()?.checked_sub(none).filter(|each| *each > 0);
    let each = each.ok_or("a payout tells nothing")?;
    // Nobody listens on a port that was just given back.
    let nobody = Receivers::start(1)?
        .addresses
        .first()
        .copied()
        .ok_or("no address")?;
    desk.endpoint(nobody, "*")?;
    // What payouts themselves make the server keep is kept before it counts.
    pay(&mut subject, QUEUED / each / 10)?;
    let before = subject.memory_bytes();
    pay(&mut subject, QUEUED.div_ceil(each))?;
    let after = subject.memory_bytes();
    let mib = |bytes: u64| number(bytes) / 1024.0 / 1024.0;
    Ok(vec![
        row("memory before 10^6 events were queued", mib(before), "MiB"),
        row("memory with 10^6 events queued", mib(after), "MiB"),
    ])
}

fn pay(subject: &mut Subject, payouts: u64) -> Outcome<()> {
    let mut client = Client::connect(subject.address, CONNECTIONS)?;
    subject.payouts.begin(Shape::Spread, payouts, payouts);
    let tally = client.drive(&mut subject.payouts, FILL_TIME)?;
    tally.must_all_succeed()
}

fn row(name: &str, value: f64, unit: &str) -> Extra {
    Extra {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
    }
}

/// One connection for what is asked once.
struct Desk {
    socket: TcpStream,
    requests: Requests,
    asked: u32,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<serde::de::IgnoredAny>,
}

impl Desk {
    fn open(address: SocketAddr, credentials: &Credentials) -> Outcome<Self> {
        Ok(Self {
            socket: TcpStream::connect(address)?,
            requests: requests(address, credentials),
            asked: 0,
        })
    }

    /// Has events of a type sent to `address`.
    fn endpoint(&mut self, address: SocketAddr, event: &str) -> Outcome<()> {
        let body = format_args!(r#"{{"url":"http://{address}/","events":["{event}"]}}"#);
        self.ask("POST", "/v1/webhooks", body).map(drop)
    }

    /// How many events there are; few enough for one page.
    fn events(&mut self) -> Outcome<u64> {
        let page = self.ask("GET", "/v1/events?limit=100", format_args!(""))?;
        let page: Page = serde_json::from_slice(&page)?;
        Ok(u64::try_from(page.data.len())?)
    }

    fn ask(&mut self, method: &str, path: &str, body: Arguments<'_>) -> Outcome<Vec<u8>> {
        self.asked += 1;
        let mut out = Vec::new();
        let key = format!("bench-webhooks-{}", self.asked);
        self.requests.send(&mut out, method, path, &key, body);
        self.socket.write_all(&out)?;
        let (mut input, mut scratch) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(reply) = reply::parse(&input)? {
                return match reply.status {
                    200..300 => Ok(reply.body.to_vec()),
                    status => {
                        let text = String::from_utf8_lossy(reply.body);
                        Err(format!("{method} {path}: {status}: {text}").into())
                    }
                };
            }
            let count = self.socket.read(&mut scratch)?;
            if count == 0 {
                return Err(format!("{method} {path}: no answer").into());
            }
            input.extend_from_slice(scratch.get(..count).unwrap_or_default());
        }
    }
}
