//! Killed between the steps of selling: nothing is lost, nothing is sold, voided or given back twice.
//!
//! Cashiers sell for cash and by card at tills of their own, void, refund, and close and open shifts, while the
//! server's own worker talks to the sandbox acquirer. The server is killed with SIGKILL after so many answers, the folder is
//! verified as it lies, the server starts again, and every request whose answer was lost is sent again under its key.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use program::{Demo, address, assert_clean};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, find};

const CASHIERS: usize = 3;
const CYCLES: u64 = 4;

/// One request, and its answer once one came.
struct Line {
    path: String,
    key: String,
    body: Value,
    answer: Option<(u16, Value)>,
}

/// What is known of the running server.
#[derive(Clone)]
struct Server {
    base: String,
    secret: String,
}

impl Server {
    fn of(demo: &Demo) -> Server {
        Server {
            base: demo.text("base_url").to_owned(),
            secret: demo.text("secret_key").to_owned(),
        }
    }

    /// Sends a request, or learns nothing because the server died.
    fn send(&self, line: &Line) -> Option<(u16, Value)> {
        let address = address(&self.base);
        let request = Outgoing::new(address, "POST", &line.path)
            .bearer(&self.secret)
            .idempotent(&line.key)
            .json(&line.body);
        let mut stream = TcpStream::connect(address).ok()?;
        let patience = Some(Duration::from_secs(120));
        stream.set_read_timeout(patience).unwrap();
        stream.write_all(&request.bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = find(&bytes, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        if status == 503 {
            return None;
        }
        Some((status, serde_json::from_slice(&bytes[end + 4..]).ok()?))
    }
}

/// What a cashier goes on with after a kill.
#[derive(Clone)]
struct Desk {
    till: String,
    shift: Option<String>,
}

/// A cashier's work until the server dies; only the last line may be without an answer.
struct Cashier {
    server: Server,
    desk: Desk,
    name: String,
    dice: Dice,
    journal: Vec<Line>,
    done: Sender<()>,
}

impl Cashier {
    fn ask(&mut self, path: String, body: Value) -> Option<(u16, Value)> {
        let mut line = Line {
            path,
            key: format!("{}-{}", self.name, self.journal.len()),
            body,
            answer: None,
        };
        line.answer = self.server.send(&line);
        let answer = line.answer.clone();
        self.journal.push(line);
        answer.as_ref()?;
        self.done.send(()).ok()?;
        answer
    }

    fn work(&mut self) -> Option<()> {
        loop {
            let Some(shift) = self.desk.shift.clone() else {
                let body = json!({ "till_id": self.desk.till, "opening_float": 10_000 });
                let (_, opened) = self.ask("/v1/shifts".into(), body)?;
                self.desk.shift = opened["id"].as_str().map(str::to_owned);
                continue;
            };
            let sale = self.sell()?;
            match self.dice.below(6) {
                0 => {
                    let path = format!("/v1/transactions/{sale}/void");
                    self.ask(path, json!({ "reason": "crash" }))?;
                }
                1 => {
                    let body = json!({ "transaction_id": sale, "amount": 10, "reason": "crash" });
                    self.ask("/v1/refunds".into(), body)?;
                }
                2 => {
                    let path = format!("/v1/shifts/{shift}/close");
                    let (status, _) = self.ask(path, json!({ "counted_cash": 0 }))?;
                    if status == 200 {
                        self.desk.shift = None;
                    }
                }
                _ => {}
            }
        }
    }

    fn sell(&mut self) -> Option<String> {
        let minor = 100 * self.dice.between(1, 9);
        let items = json!([{ "name": "Tea", "quantity": 1, "unit_amount": minor }, { "sku": "COF", "quantity": 1 }]);
        let mut body = json!({ "till_id": self.desk.till, "items": items });
        match self.dice.below(2) {
            0 => body["tender"] = json!("cash"),
            _ => {
                let number = ["4242424242424242", "4000000000000002"][self.dice.below(2)];
                let card =
                    json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": "123" });
                let (_, token) = self.ask("/v1/tokens".into(), json!({ "card": card }))?;
                body["payment_token"] = token["id"].clone();
            }
        }
        let (status, sale) = self.ask("/v1/transactions".into(), body)?;
        assert_eq!(status, 201, "{sale}");
        sale["id"].as_str().map(str::to_owned)
    }
}

/// Lets the cashiers go on until `acknowledged` answers have come, then kills the server at once.
fn kill_at_work(demo: Demo, desks: &mut [Desk], cycle: u64, acknowledged: usize) -> Vec<Line> {
    let server = Server::of(&demo);
    let (done, answers) = channel();
    let cashiers: Vec<_> = desks
        .iter()
        .enumerate()
        .map(|(n, desk)| {
            let mut cashier = Cashier {
                server: server.clone(),
                desk: desk.clone(),
                name: format!("{cycle}-{n}"),
                dice: Dice::new(cycle << 8 | u64::try_from(n).unwrap()),
                journal: Vec::new(),
                done: done.clone(),
            };
            std::thread::spawn(move || {
                cashier.work();
                (cashier.journal, cashier.desk)
            })
        })
        .collect();
    drop(done);
    for _ in 0..acknowledged {
        answers.recv_timeout(Duration::from_secs(300)).unwrap();
    }
    demo.running.kill();
    let mut all = Vec::new();
    for (cashier, desk) in cashiers.into_iter().zip(desks) {
        let (journal, left) = cashier.join().unwrap();
        *desk = left;
        all.extend(journal);
    }
    all
}

fn all(demo: &Demo, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut target = format!("{path}limit=100");
    loop {
        let page = demo.get(&target);
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => target = format!("{path}limit=100&after={cursor}"),
            None => return all,
        }
    }
}

/// Which shift of each till is open, as the server knows it.
fn look(demo: &Demo, desks: &mut [Desk]) {
    for desk in desks {
        let till = demo.get(&format!("/v1/tills/{}", desk.till));
        desk.shift = till["open_shift_id"].as_str().map(str::to_owned);
    }
}

fn shop(server: &Server) -> Vec<Desk> {
    let ask = |path: &str, body: Value| -> String {
        let line = Line {
            path: path.to_owned(),
            key: format!("shop-{path}-{body}")
                .chars()
                .filter(|c| c.is_alphanumeric())
                .collect(),
            body,
            answer: None,
        };
        let (status, made) = server.send(&line).unwrap();
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    };
    let coffee = json!({ "sku": "COF", "name": "Coffee", "price": 500, "stock": 1_000_000 });
    ask("/v1/products", coffee);
    let store = ask("/v1/stores", json!({ "name": "Makati" }));
    let till = |n: usize| Desk {
        till: ask(
            "/v1/tills",
            json!({ "store_id": store, "name": n.to_string() }),
        ),
        shift: None,
    };
    (0..CASHIERS).map(till).collect()
}

#[test]
fn a_kill_between_any_two_steps_of_a_sale_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(23);
    let mut demo = Demo::start(Some(dir.path()));
    let mut desks = shop(&Server::of(&demo));
    let mut sold: Vec<String> = Vec::new();
    for cycle in 0..CYCLES {
        let written = kill_at_work(demo, &mut desks, cycle, 1 + dice.below(40));
        assert_clean(dir.path());
        demo = Demo::start(Some(dir.path()));
        let server = Server::of(&demo);
        for line in written {
            let (status, again) = server.send(&line).unwrap();
            match &line.answer {
                Some((first, value)) if *first < 300 => {
                    assert_eq!((status, &again), (*first, value), "{}", line.key);
                }
                Some((first, value)) => {
                    assert_eq!(
                        (status, &again["code"]),
                        (*first, &value["code"]),
                        "{}",
                        line.key
                    );
                }
                None => {}
            }
            if line.path == "/v1/transactions" && status == 201 {
                sold.push(again["id"].as_str().unwrap().to_owned());
            }
        }
        look(&demo, &mut desks);
    }
    at_rest(&demo);
    let sales = all(&demo, "/v1/transactions?type=sale&");
    let mut found: Vec<String> = sales
        .iter()
        .map(|s| s["id"].as_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    sold.sort_unstable();
    assert_eq!(found, sold, "each request made one transaction");
    let counts = |status: &str| sales.iter().filter(|sale| sale["status"] == status).count();
    let gone = counts("voided") + counts("failed");
    let coffee = &demo.get("/v1/products?sku=COF")["data"][0]["stock"];
    assert_eq!(*coffee, json!(1_000_000 - (sales.len() - gone)));
    println!("{} sales, {gone} taken back, {CYCLES} kills", sales.len());
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}

/// Waits until the worker has nothing left to do.
fn at_rest(demo: &Demo) {
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        let pending = all(demo, "/v1/transactions?type=sale&status=pending&");
        if pending.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "not at rest: {pending:?}");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}
