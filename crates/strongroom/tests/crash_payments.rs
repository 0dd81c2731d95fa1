//! Killed between the steps of card payments and refunds: nothing is lost, nothing is taken or given back twice.
//!
//! Writers take money from test cards and give some of it back, while the server's own worker talks to the sandbox
//! acquirer. The server is killed with SIGKILL after so many answers, the folder is verified as it lies, the server
//! starts again, and every request whose answer was lost is sent again under its key. `STRONGROOM_CRASH_CYCLES` says how
//! often.
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
use std::time::{Duration, Instant};

use program::{Demo, address, run};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, find};

const FUNDS: i64 = 10_000_000;
const WRITERS: u64 = 4;
const CYCLES: u64 = 6;

/// One request in a writer's journal.
struct Line {
    path: &'static str,
    key: String,
    body: Value,
    /// The answer, once one came.
    answer: Option<Value>,
}

/// What a writer needs to know of the running server.
#[derive(Clone)]
struct Shop {
    address: SocketAddr,
    secret_key: String,
}

impl Shop {
    fn of(demo: &Demo) -> Shop {
        Shop {
            address: address(demo.text("base_url")),
            secret_key: demo.text("secret_key").to_owned(),
        }
    }

    /// Sends a request, or learns nothing because the server died.
    fn send(&self, line: &Line) -> Option<(u16, Value)> {
        let request = Outgoing::new(self.address, "POST", line.path)
            .bearer(&self.secret_key)
            .idempotent(&line.key)
            .json(&line.body);
        let mut stream = TcpStream::connect(self.address).ok()?;
        let patience = Some(Duration::from_secs(120));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(&request.bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = find(&bytes, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        // The vault lived on for a moment, and says that nobody answered.
        if status == 503 {
            return None;
        }
        // A body that was cut off is no JSON.
        Some((status, serde_json::from_slice(&bytes[end + 4..]).ok()?))
    }
}

fn token_of(key: &str, number: &str) -> Line {
    let card = json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": "123" });
    Line {
        path: "/v1/tokens",
        key: format!("{key}-token"),
        body: json!({ "card": card }),
        answer: None,
    }
}

/// Takes money and gives some of it back until the server dies; only the last line may be without an answer. `earlier` are
/// payments from before the last kill, which were captured meanwhile.
fn write(
    shop: &Shop,
    (writer, cycle): (u64, u64),
    earlier: &[String],
    done: &Sender<()>,
) -> Vec<Line> {
    let mut dice = Dice::new(cycle << 8 | writer);
    let mut journal: Vec<Line> = Vec::new();
    let send = |journal: &mut Vec<Line>, line: Line| -> Option<Value> {
        let answer = shop.send(&line);
        let value = answer.as_ref().map(|(_, value)| value.clone());
        let good = answer.as_ref().is_none_or(|(status, _)| *status == 201);
        // A refund may come before its payment was captured, and after the last of it was given back.
        let early = line.path == "/v1/refunds";
        assert!(good || early, "{:?} of {}", answer, line.body);
        journal.push(Line {
            answer: value.clone(),
            ..line
        });
        done.send(()).ok()?;
        value.filter(|_| good)
    };
    for n in 0.. {
        let key = format!("{cycle}-{writer}-{n}");
        let number = match dice.below(8) {
            0 => "4000000000000002",
            1 => "4000000000001000",
            2 => "4000000000001026",
            _ => "4242424242424242",
        };
        let Some(token) = send(&mut journal, token_of(&key, number)) else {
            break;
        };
        let payment = Line {
            path: "/v1/payments",
            key: format!("{key}-payment"),
            body: json!({ "payment_token": token["id"], "amount": 100 * dice.between(1, 9) }),
            answer: None,
        };
        let Some(payment) = send(&mut journal, payment) else {
            break;
        };
        let made = payment["id"].as_str().unwrap().to_owned();
        let refunded = match dice.below(2) {
            0 if !earlier.is_empty() => earlier[dice.below(earlier.len())].clone(),
            _ => made,
        };
        let refund = Line {
            path: "/v1/refunds",
            key: format!("{key}-refund"),
            body: json!({ "payment_id": refunded, "amount": 10 * dice.between(1, 9), "reason": "crash" }),
            answer: None,
        };
        let before = journal.len();
        if send(&mut journal, refund).is_none() && journal[before].answer.is_none() {
            break;
        }
    }
    journal
}

/// Lets the writers go on until `acknowledged` answers have come, then kills the server at once.
fn kill_under_load(demo: Demo, cycle: u64, earlier: &[String], acknowledged: usize) -> Vec<Line> {
    let shop = Shop::of(&demo);
    let (done, answers) = channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (shop, done, earlier) = (shop.clone(), done.clone(), earlier.to_vec());
            std::thread::spawn(move || write(&shop, (writer, cycle), &earlier, &done))
        })
        .collect();
    for _ in 0..acknowledged {
        answers.recv_timeout(Duration::from_secs(300)).unwrap();
    }
    demo.running.kill();
    let journals = writers.into_iter().map(|writer| writer.join().unwrap());
    journals.flatten().collect()
}

fn verified(data: &Path) {
    let report = run(&["verify", "--data", data.to_str().unwrap()]).done();
    assert!(report.contains("no damage found"), "{report}");
}

fn all(demo: &Demo, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut target = format!("{path}?limit=100");
    loop {
        let page = demo.get(&target);
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => target = format!("{path}?limit=100&after={cursor}"),
            None => return all,
        }
    }
}

fn sum(values: &[Value], field: &str) -> i64 {
    values
        .iter()
        .map(|value| value[field].as_i64().unwrap())
        .sum()
}

/// Waits until the worker has nothing left to do.
fn at_rest(demo: &Demo) -> (Vec<Value>, Vec<Value>) {
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        // Refunds first: one that ends between the two looks shows in its payment.
        let refunds = all(demo, "/v1/refunds");
        let payments = all(demo, "/v1/payments");
        let moving = payments.iter().any(|payment| {
            payment["status"] == "processing"
                || payment["amount_settled"] != payment["amount_captured"]
        });
        if !moving && refunds.iter().all(|refund| refund["status"] != "pending") {
            return (payments, refunds);
        }
        assert!(
            Instant::now() < until,
            "not at rest: {payments:?} {refunds:?}"
        );
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

#[test]
fn a_kill_between_any_two_steps_loses_and_doubles_nothing() {
    let cycles = std::env::var("STRONGROOM_CRASH_CYCLES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CYCLES);
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(11);
    let mut journal: Vec<Line> = Vec::new();
    let mut demo = Demo::start(Some(dir.path()));
    for cycle in 0..cycles {
        let paid = journal.iter().filter(|line| line.path == "/v1/payments");
        let paid: Vec<String> = paid
            .filter_map(|line| Some(line.answer.as_ref()?["id"].as_str()?.to_owned()))
            .collect();
        let written = kill_under_load(demo, cycle, &paid, 1 + dice.below(60));
        verified(dir.path());
        demo = Demo::start(Some(dir.path()));
        let shop = Shop::of(&demo);
        for mut line in written {
            let (status, again) = shop.send(&line).unwrap();
            match &line.answer {
                // What was answered is answered again, refusals included.
                Some(first) if status == 201 => assert_eq!(again, *first, "{}", line.key),
                Some(first) => assert_eq!(again["code"], first["code"], "{}", line.key),
                None => line.answer = Some(again),
            }
            journal.push(line);
        }
    }
    let (payments, refunds) = at_rest(&demo);
    let answered = |path: &str| {
        let of_path = journal.iter().filter(|line| line.path == path);
        let mut ids: Vec<String> = of_path
            .filter_map(|line| Some(line.answer.as_ref()?["id"].as_str()?.to_owned()))
            .collect();
        ids.sort_unstable();
        let lines = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), lines, "two requests share one of {path}");
        lines
    };
    assert_eq!(payments.len(), answered("/v1/payments"));
    assert_eq!(refunds.len(), answered("/v1/refunds"));
    assert!(
        payments.len() > 10 && !refunds.is_empty(),
        "{} and {}",
        payments.len(),
        refunds.len()
    );
    let (captured, refunded) = (
        sum(&payments, "amount_captured"),
        sum(&payments, "amount_refunded"),
    );
    let completed: Vec<Value> = refunds
        .iter()
        .filter(|refund| refund["status"] == "completed")
        .cloned()
        .collect();
    assert_eq!(sum(&completed, "amount"), refunded);
    assert_eq!(demo.available("operating"), FUNDS + captured - refunded);
    println!(
        "{} payments, {} refunds, {cycles} kills",
        payments.len(),
        refunds.len()
    );
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    verified(dir.path());
}
