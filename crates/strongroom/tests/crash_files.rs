//! Killed between the steps of payout files and of the bank's answers: no payout is lost, none is in two files, none is
//! settled, given back or returned twice.
//!
//! Each round collects payouts, closes and sends their file, takes in a status report and then a statement with returns.
//! In every step the server is killed with SIGKILL somewhere; the folder is verified as it lies, the server starts again,
//! and what was not answered is sent again. `STRONGROOM_CRASH_CYCLES` says how many rounds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use program::{Demo, address, run};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::bank::{Line, iban, payout, rail, statement, status_report, transfers};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, find};

const FUNDS: i64 = 1_000_000;
const ROUNDS: u64 = 2;
/// Payouts of a round. One in three is carried out, one refused, one returned.
const PAYOUTS: i64 = 12;
const AMOUNT: i64 = 100;

/// A server that is killed and started again on the same folder.
struct Bank {
    folder: PathBuf,
    demo: Option<Demo>,
    dice: Dice,
    kills: u32,
}

impl Bank {
    fn demo(&self) -> &Demo {
        self.demo.as_ref().unwrap()
    }

    fn request(&self, method: &str, path: &str) -> Outgoing {
        self.demo().request(method, path)
    }

    /// Sends requests, kills the server somewhere while they are under way, verifies what lies there, and starts again.
    fn killed_while(&mut self, requests: &[Outgoing]) {
        let demo = self.demo.take().unwrap();
        let to = address(demo.text("base_url"));
        let pause = Duration::from_micros(u64::try_from(self.dice.below(60_000)).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for request in requests {
                    if tried(to, request).is_none() {
                        break;
                    }
                }
            });
            std::thread::park_timeout(pause);
            demo.running.kill();
        });
        self.kills += 1;
        verified(&self.folder);
        self.demo = Some(Demo::start(Some(&self.folder)));
    }

    fn get(&self, path: &str) -> Value {
        self.demo().get(path)
    }

    /// Waits for a state.
    fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(300);
        loop {
            let found = self.get(path);
            if done(&found) {
                return found;
            }
            assert!(Instant::now() < end, "never so: {path} {found}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// Sends a request, or learns nothing because the server died.
fn tried(to: SocketAddr, request: &Outgoing) -> Option<u16> {
    let mut stream = TcpStream::connect(to).ok()?;
    let patience = Some(Duration::from_secs(120));
    stream.set_read_timeout(patience).ok()?;
    stream.write_all(&request.bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let end = find(&bytes, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    head.split(' ').nth(1)?.parse().ok()
}

fn verified(data: &Path) {
    let report = run(&["verify", "--data", data.to_str().unwrap()]).done();
    assert!(report.contains("no damage found"), "{report}");
}

/// A time of day half a day away, so that no cut-off comes while the test runs.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's clock is the real one"
)]
fn far_cut_off() -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{:02}:30", (since.as_secs() / 3_600 + 12) % 24)
}

fn upload(bank: &Bank, xml: &str) -> Outgoing {
    let request = bank.request("POST", "/v1/bank-files").body(xml);
    request.header("Content-Type", "application/xml")
}

/// What the payouts of a round come to.
struct Round {
    file: Value,
    sent: Vec<(String, String)>,
    ids: Vec<String>,
}

fn collect(bank: &mut Bank, wallet: &str, round: u64) -> Vec<String> {
    let requests = |bank: &Bank| -> Vec<Outgoing> {
        (0..PAYOUTS)
            .map(|n| {
                let body = payout(wallet, AMOUNT, &iban(40 + u64::try_from(n).unwrap()));
                let request = bank.request("POST", "/v1/payouts").json(&body);
                request.idempotent(&format!("round-{round}-{n}"))
            })
            .collect()
    };
    bank.killed_while(&requests(bank));
    let ids: Vec<String> = requests(bank)
        .iter()
        .map(|request| request.send().expect(201).id())
        .collect();
    for id in &ids {
        bank.until(&format!("/v1/payouts/{id}"), |p| p["status"] == "pending");
    }
    ids
}

fn close_and_send(bank: &mut Bank, wallet: &str, round: u64, ids: Vec<String>) -> Round {
    let close = |bank: &Bank| {
        let request = bank.request("POST", "/v1/payout-files");
        let request = request.json(&json!({ "wallet_id": wallet }));
        request.idempotent(&format!("close-{round}"))
    };
    bank.killed_while(&[close(bank)]);
    let closed = close(bank).send().expect(201).id();
    let path = format!("/v1/payout-files/{closed}");
    let file = bank.until(&path, |file| file["status"] == "ready");
    assert_eq!(file["payouts"], json!(PAYOUTS));
    let content = |bank: &Bank| bank.request("GET", &format!("{path}/content"));
    let first = content(bank).send().expect(200).text();
    let say_sent = |bank: &Bank| {
        let request = bank.request("POST", &format!("{path}/sent"));
        request.idempotent(&format!("sent-{round}"))
    };
    bank.killed_while(&[content(bank), say_sent(bank)]);
    say_sent(bank).send().expect(200);
    for id in &ids {
        bank.until(&format!("/v1/payouts/{id}"), |p| {
            p["status"] == "processing"
        });
    }
    let again = content(bank).send().expect(200).text();
    assert_eq!(again, first, "the same file after every kill");
    let sent = transfers(&first);
    assert_eq!(sent.len(), ids.len());
    Round { file, sent, ids }
}

/// Takes a file in, killed on the way; gives it once it is applied.
fn answered(bank: &mut Bank, xml: &str) -> Value {
    let request = upload(bank, xml);
    bank.killed_while(&[request]);
    let file = upload(bank, xml).send().expect(202).id();
    // Killed once more while it is applied, or after.
    let again = upload(bank, xml);
    bank.killed_while(&[again]);
    let path = format!("/v1/bank-files/{file}");
    let done = bank.until(&path, |file| file["status"] == "completed");
    assert_eq!(upload(bank, xml).send().expect(202).id(), file);
    assert_eq!(done["counts"]["unmatched"], json!(0), "{done}");
    done
}

/// Of a round: the report completes and refuses, the statement confirms and returns.
fn answer(bank: &mut Bank, account: &str, number: u64, round: &Round) {
    let about = round.file["message_id"].as_str().unwrap();
    let third = |n: usize| n % 3;
    let all = || round.sent.iter().enumerate();
    let said: Vec<_> = all()
        .filter(|(n, _)| third(*n) < 2)
        .map(|(n, (name, _))| match third(n) {
            0 => (name.as_str(), "ACSC", None),
            _ => (name.as_str(), "RJCT", Some("AC04")),
        })
        .collect();
    let report = status_report(&format!("B-{number}"), about, Some("PART"), &said);
    answered(bank, &report);
    let lines: Vec<Line> = all()
        .filter(|(n, _)| third(*n) != 1)
        .flat_map(|(n, (name, amount))| {
            let debit = Line::debit(name, amount);
            let back = (third(n) == 2).then(|| Line::back(name, amount, "AC06"));
            std::iter::once(debit).chain(back)
        })
        .collect();
    let id = format!("S-{number}");
    answered(bank, &statement("08", &id, account, "PHP", &lines));
    for (n, id) in round.ids.iter().enumerate() {
        let expected = ["completed", "failed", "reversed"][third(n)];
        let paid = bank.get(&format!("/v1/payouts/{id}"));
        assert_eq!(paid["status"], expected, "{paid}");
    }
}

#[test]
fn a_kill_between_any_two_steps_of_a_file_loses_and_doubles_nothing() {
    let rounds = std::env::var("STRONGROOM_CRASH_CYCLES").ok();
    let rounds = rounds.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let dir = tempfile::tempdir().unwrap();
    let mut bank = Bank {
        folder: dir.path().to_owned(),
        demo: Some(Demo::start(Some(dir.path()))),
        dice: Dice::new(23),
        kills: 0,
    };
    let account = iban(1);
    let body = json!({ "type": "master", "currency": "PHP" });
    let made = bank.request("POST", "/v1/wallets").json(&body).send();
    let wallet = made.expect(201).id();
    let credit = bank.request("POST", &format!("/v1/wallets/{wallet}/credit"));
    let credit = credit.json(&json!({ "amount": FUNDS })).idempotent("funds");
    credit.send().expect(201);
    let mut put = rail(&wallet, &account);
    put["cut_off"] = json!({ "time": far_cut_off(), "zone": "UTC" });
    let put = bank.request("POST", "/v1/payout-rails").json(&put);
    put.send().expect(201);
    for round in 0..rounds {
        let ids = collect(&mut bank, &wallet, round);
        let sent = close_and_send(&mut bank, &wallet, round, ids);
        answer(&mut bank, &account, round, &sent);
    }
    let balance = bank.get(&format!("/v1/wallets/{wallet}/balance"));
    let paid = i64::try_from(rounds).unwrap() * PAYOUTS / 3 * AMOUNT;
    assert_eq!(balance["balances"]["available"], json!(FUNDS - paid));
    assert_eq!(balance["balances"]["reserved"], json!(0));
    let files = bank.get(&format!("/v1/payout-files?wallet_id={wallet}"));
    assert_eq!(
        files["data"].as_array().unwrap().len(),
        usize::try_from(rounds).unwrap()
    );
    println!("{rounds} rounds, {} kills", bank.kills);
    let demo = bank.demo.take().unwrap();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    verified(dir.path());
}
