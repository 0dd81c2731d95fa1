//! Killed under load, again and again: what was acknowledged is there, nothing is there twice, and the log says so.
//!
//! Eight writers pay and keep a journal each. The server is killed with SIGKILL at a moment that the load chooses, the
//! folder is verified as it lies, the server starts again, and every request whose answer was lost is sent again under
//! its key. `STRONGROOM_CRASH_CYCLES` says how often (200 in a full run).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use program::{Demo, address, run};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_audit::Bundle;
use strongroom_domain::action::Action;
use strongroom_domain::entry::{EntryFacts, decode, tag};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, find};

const FUNDS: i64 = 10_000_000;
const WRITERS: u64 = 8;
const CYCLES: u64 = 5;
/// How the installation's log names the log of the demo's organization in test mode.
const ORGANIZATION_LOG: &str = "log_2";

/// One payout in a writer's journal.
struct Line {
    key: String,
    amount: i64,
    to_bank: bool,
    /// The bytes of the answer, once one came.
    answer: Option<Vec<u8>>,
}

/// An answer that came whole.
struct Answer {
    status: u16,
    replayed: bool,
    body: Vec<u8>,
}

/// What a writer needs to know of the running server.
#[derive(Clone)]
struct Shop {
    address: SocketAddr,
    secret_key: String,
    reserve: String,
}

impl Shop {
    fn of(demo: &Demo) -> Shop {
        Shop {
            address: address(demo.text("base_url")),
            secret_key: demo.text("secret_key").to_owned(),
            reserve: demo.text("wallets/reserve").to_owned(),
        }
    }

    /// Pays, or learns nothing because the server died.
    fn pay(&self, line: &Line) -> Option<Answer> {
        let recipient = match line.to_bank {
            true => json!({
                "type": "bank_account", "account_name": "Ana", "bank_code": "BDO", "account_number": "0012345678",
            }),
            false => json!({ "type": "wallet", "id": self.reserve }),
        };
        let body = json!({ "amount": line.amount, "recipient": recipient });
        let request = Outgoing::new(self.address, "POST", "/v1/payouts")
            .bearer(&self.secret_key)
            .idempotent(&line.key)
            .json(&body);
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.write_all(&request.bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        whole(&bytes)
    }
}

/// An answer, if all of it is there.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let end = find(bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end])
        .unwrap()
        .to_ascii_lowercase();
    let value = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let body = bytes[end + 4..].to_vec();
    let length: usize = value("content-length:")?.parse().unwrap();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() == length).then(|| Answer {
        status,
        replayed: value("idempotent-replayed:") == Some("true"),
        body,
    })
}

/// Pays until the server dies; only the last line of the journal may be without an answer.
fn write(shop: &Shop, writer: u64, cycle: u64, done: &Sender<()>) -> Vec<Line> {
    let mut dice = Dice::new(cycle << 8 | writer);
    let mut journal = Vec::new();
    loop {
        let line = Line {
            key: format!("{cycle}-{writer}-{}", journal.len()),
            // Never an amount that the sandbox lets fail.
            amount: 10 * dice.between(1, 9),
            to_bank: dice.one_in(8),
            answer: None,
        };
        let answer = shop.pay(&line);
        let alive = answer.is_some();
        let answer = answer.map(|answer| {
            assert_eq!(
                (answer.status, answer.replayed),
                (201, false),
                "{}",
                String::from_utf8_lossy(&answer.body)
            );
            answer.body
        });
        journal.push(Line { answer, ..line });
        if !alive || done.send(()).is_err() {
            return journal;
        }
    }
}

/// Lets the writers pay until `acknowledged` answers have come, then kills the server at once.
fn kill_under_load(demo: Demo, cycle: u64, acknowledged: usize) -> Vec<Line> {
    let shop = Shop::of(&demo);
    let (done, answers) = channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (shop, done) = (shop.clone(), done.clone());
            std::thread::spawn(move || write(&shop, writer, cycle, &done))
        })
        .collect();
    for _ in 0..acknowledged {
        answers.recv_timeout(Duration::from_secs(60)).unwrap();
    }
    demo.running.kill();
    writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .collect()
}

/// The last sequence of the organization's log in a folder that nobody serves, which must be without damage.
fn verified(data: &Path, organization: &str) -> u64 {
    let data = data.to_str().unwrap();
    let report = run(&["verify", "--data", data]).done();
    assert!(report.contains("no damage found"), "{report}");
    let of_log = |line: &&str| {
        line.starts_with(organization) && line.split_whitespace().nth(1) == Some("test")
    };
    let line = report.lines().find(of_log).unwrap();
    line.split_whitespace().nth(2).unwrap().parse().unwrap()
}

/// After a restart: what was acknowledged is answered again, byte for byte; the rest is done now or was done then.
/// Says how many answers were lost, and how many of those payouts had been made.
fn settle(demo: &Demo, journal: &mut [Line], dice: &mut Dice) -> (u64, u64) {
    let shop = Shop::of(demo);
    let (mut lost, mut made) = (0, 0);
    for line in journal.iter_mut() {
        if line.answer.is_some() && !dice.one_in(10) {
            continue;
        }
        let again = shop.pay(line).unwrap();
        assert_eq!(
            again.status,
            201,
            "{}",
            String::from_utf8_lossy(&again.body)
        );
        match &line.answer {
            Some(first) => assert!(
                again.replayed && again.body == *first,
                "payout `{}` was lost",
                line.key
            ),
            None => {
                lost += 1;
                made += u64::from(again.replayed);
                line.answer = Some(again.body);
            }
        }
    }
    (lost, made)
}

/// The sums of all payouts, and of those to the reserve wallet.
fn paid(journal: &[Line]) -> (i64, i64) {
    let inside = journal
        .iter()
        .filter(|line| !line.to_bank)
        .map(|line| line.amount)
        .sum();
    (journal.iter().map(|line| line.amount).sum(), inside)
}

/// Every payout of the organization, by the pages of the list.
fn payouts(demo: &Demo) -> Vec<Value> {
    let mut all = Vec::new();
    let mut target = "/v1/payouts?limit=100".to_owned();
    loop {
        let page = demo.get(&target);
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => target = format!("/v1/payouts?limit=100&after={cursor}"),
            None => return all,
        }
    }
}

#[test]
fn kill_between_commit_and_reply() {
    let cycles = std::env::var("STRONGROOM_CRASH_CYCLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CYCLES);
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(7);
    let mut journal: Vec<Line> = Vec::new();
    let (mut lost, mut made) = (0, 0);
    let mut demo = Demo::start(Some(dir.path()));
    for cycle in 0..cycles {
        let acknowledged = 1 + dice.below(120);
        let organization = demo.text("organization_id").to_owned();
        let mut written = kill_under_load(demo, cycle, acknowledged);
        verified(dir.path(), &organization);
        demo = Demo::start(Some(dir.path()));
        let (unanswered, committed) = settle(&demo, &mut written, &mut dice);
        lost += unanswered;
        made += committed;
        journal.extend(written);
        let (all, inside) = paid(&journal);
        let balances = (demo.available("operating"), demo.available("reserve"));
        assert_eq!(
            balances,
            (FUNDS - all, FUNDS + inside),
            "after kill {cycle}"
        );
    }
    println!(
        "{} payouts, {cycles} kills; of {lost} lost answers {made} stood for payouts that were made",
        journal.len()
    );
    assert_eq!(payouts(&demo).len(), journal.len());
    let mut ids: Vec<Value> = journal
        .iter()
        .map(|line| {
            serde_json::from_slice::<Value>(line.answer.as_ref().unwrap()).unwrap()["id"].clone()
        })
        .collect();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), journal.len(), "two requests share one payout");
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}

#[test]
fn audit_crash_visible() {
    let dir = tempfile::tempdir().unwrap();
    let mut lasts = Vec::new();
    for cycle in 0..2 {
        let demo = Demo::start(Some(dir.path()));
        let organization = demo.text("organization_id").to_owned();
        drop(kill_under_load(
            demo,
            cycle,
            20 + 30 * usize::from(cycle == 1),
        ));
        lasts.push(verified(dir.path(), &organization));
    }
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    // A clean stop leaves nothing to tell at the next start.
    let demo = Demo::start(Some(dir.path()));
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));

    let told = unclean_restarts(dir.path());
    assert_eq!(
        told, lasts,
        "each kill is told once, with the last sequence"
    );
}

/// What the installation's log tells of kills: the last sequence of the organization's log at each.
fn unclean_restarts(data: &Path) -> Vec<u64> {
    let bundle = run(&[
        "audit",
        "export",
        "--opened",
        "--data",
        data.to_str().unwrap(),
    ])
    .done();
    let bundle: Bundle = serde_json::from_str(&bundle).unwrap();
    let facts = bundle.entries.iter().map(|entry| {
        let part = entry
            .parts
            .iter()
            .find(|part| part.tag == tag::FACTS)
            .unwrap();
        decode::<EntryFacts>(&part.opened.as_ref().unwrap().plaintext.0).unwrap()
    });
    let unclean = facts.filter(|facts| facts.action == Action::UncleanRestart);
    let last = |facts: EntryFacts| {
        let (_, sequence) = facts
            .details
            .into_iter()
            .find(|(name, _)| name == ORGANIZATION_LOG)
            .unwrap();
        sequence.parse().unwrap()
    };
    unclean.map(last).collect()
}
