//! Writers that pay and keep a journal each, and what must hold of their journals afterwards.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::{Outgoing, find};

use super::{Demo, address};

const WRITERS: u64 = 8;

/// One payout in a writer's journal.
pub struct Line {
    pub key: String,
    pub amount: i64,
    pub to_bank: bool,
    /// The bytes of the answer, once one came.
    pub answer: Option<Vec<u8>>,
}

/// An answer that came whole.
pub struct Answer {
    pub status: u16,
    pub replayed: bool,
    pub body: Vec<u8>,
}

/// What a writer needs to know of the running server.
#[derive(Clone)]
pub struct Shop {
    address: SocketAddr,
    secret_key: String,
    reserve: String,
}

impl Shop {
    pub fn of(demo: &Demo) -> Shop {
        Shop {
            address: address(demo.text("base_url")),
            secret_key: demo.text("secret_key").to_owned(),
            reserve: demo.text("wallets/reserve").to_owned(),
        }
    }

    /// The same shop at another server.
    pub fn at(&self, address: SocketAddr) -> Shop {
        Shop {
            address,
            ..self.clone()
        }
    }

    /// Whether a load balancer would send it anything.
    pub fn is_ready(&self) -> bool {
        let request = Outgoing::new(self.address, "GET", "/ready").bytes();
        self.exchange(&request)
            .is_some_and(|ready| ready.status == 200)
    }

    fn exchange(&self, request: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        stream.write_all(request).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        whole(&bytes)
    }

    /// Pays, or learns nothing because the server died.
    pub fn pay(&self, line: &Line) -> Option<Answer> {
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
        self.exchange(&request.bytes())
    }
}

/// An answer, if all of it is there.
pub fn whole(bytes: &[u8]) -> Option<Answer> {
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
pub fn write(shop: &Shop, writer: u64, cycle: u64, done: &Sender<()>) -> Vec<Line> {
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
pub fn kill_under_load(demo: Demo, cycle: u64, acknowledged: usize) -> Vec<Line> {
    let shop = Shop::of(&demo);
    let (done, answers) = channel();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (shop, done) = (shop.clone(), done.clone());
            std::thread::spawn(move || write(&shop, writer, cycle, &done))
        })
        .collect();
    for _ in 0..acknowledged {
        answers.recv_timeout(Duration::from_secs(300)).unwrap();
    }
    demo.running.kill();
    writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .collect()
}

/// After a restart: what was acknowledged is answered again, byte for byte; the rest is done now or was done then.
/// Says how many answers were lost, and how many of those payouts had been made.
pub fn settle(demo: &Demo, journal: &mut [Line], dice: &mut Dice) -> (u64, u64) {
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
pub fn paid(journal: &[Line]) -> (i64, i64) {
    let inside = journal
        .iter()
        .filter(|line| !line.to_bank)
        .map(|line| line.amount)
        .sum();
    (journal.iter().map(|line| line.amount).sum(), inside)
}

/// Every payout of the organization, by the pages of the list.
pub fn payouts(demo: &Demo) -> Vec<Value> {
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

/// Every payout of the journal is listed once, under an id of its own, and nothing else is.
#[track_caller]
pub fn assert_all_there_once(demo: &Demo, journal: &[Line]) {
    assert_eq!(payouts(demo).len(), journal.len());
    let mut ids: Vec<Value> = journal
        .iter()
        .map(|line| {
            serde_json::from_slice::<Value>(line.answer.as_ref().unwrap()).unwrap()["id"].clone()
        })
        .collect();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), journal.len(), "two requests share one payout");
}
