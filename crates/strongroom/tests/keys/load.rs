//! Who asks a demo while its keys are replaced, from several threads; and how a state is waited for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};

use crate::program::{Demo, address};

/// How long a state is waited for; far longer than it takes.
const PATIENCE: Duration = Duration::from_mins(4);
pub const WORKERS: u64 = 3;

pub fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it did not come");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Who asks a demo, from any thread.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    key: String,
    reserve: String,
    /// Told apart from those of other runs of the same folder.
    pub run: String,
}

impl Client {
    pub fn of(demo: &Demo, run: &str) -> Client {
        Client {
            address: address(demo.text("base_url")),
            key: demo.text("secret_key").to_owned(),
            reserve: demo.text("wallets/reserve").to_owned(),
            run: run.to_owned(),
        }
    }

    pub fn ask(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(self.address, method, target).bearer(&self.key)
    }

    pub fn pay(&self, reference: &str, key: &str) -> Reply {
        let recipient = json!({ "type": "wallet", "id": self.reserve });
        let body = json!({ "amount": 1, "recipient": recipient, "reference_id": reference });
        let request = self.ask("POST", "/v1/payouts").idempotent(key);
        request.json(&body).send()
    }

    pub fn found(&self, list: &str, filter: &str, value: &str) -> Vec<String> {
        let told = self
            .ask("GET", &format!("/v1/{list}?{filter}={value}"))
            .send();
        assert_eq!(told.status, 200, "{}", told.text());
        let items = told.json()["data"].as_array().unwrap().clone();
        let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
        items.iter().map(id).collect()
    }

    pub fn customer(&self, name: &str, email: &str) -> String {
        let body = json!({ "name": name, "email": email });
        let made = self.ask("POST", "/v1/customers").json(&body).send();
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    pub fn change(&self, customer: &str, body: &Value) -> Reply {
        let request = self.ask("PATCH", &format!("/v1/customers/{customer}"));
        request.json(body).send()
    }

    pub fn name(&self, customer: &str) -> Value {
        let told = self.ask("GET", &format!("/v1/customers/{customer}")).send();
        assert_eq!(told.status, 200, "{}", told.text());
        told.json()["name"].clone()
    }

    /// Makes a token; gives its id and the fingerprint of its card.
    pub fn token(&self, number: &str, key: &str) -> (String, String) {
        let card = json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": "917" });
        let body = json!({ "card": card, "use": "multi_use" });
        let made = self
            .ask("POST", "/v1/tokens")
            .idempotent(key)
            .json(&body)
            .send();
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&made["id"]), text(&made["card"]["fingerprint"]))
    }

    pub fn reveal(&self, token: &str) -> Value {
        let request = self.ask("POST", &format!("/v1/tokens/{token}/reveal"));
        let shown = request.json(&json!({ "reason": "a test" })).send();
        assert_eq!(shown.status, 200, "{}", shown.text());
        shown.json()["card"]["number"].clone()
    }
}

/// A Visa number of sixteen digits.
pub fn number(n: u64) -> String {
    let digits = format!("40{n:013}");
    let sum: u32 = (0..)
        .zip(digits.bytes().rev())
        .map(|(place, digit): (u32, u8)| {
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

/// What several threads do again and again; a round that fails ends its thread, and is told at the end.
pub struct Load {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(
        client: &Client,
        round: impl Fn(&Client, u64, u64) + Send + Sync + 'static,
    ) -> Load {
        let (stop, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let round = Arc::new(round);
        let threads = (0..WORKERS).map(|worker| {
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            let (client, round) = (client.clone(), Arc::clone(&round));
            std::thread::spawn(move || {
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    round(&client, worker, turn);
                    turn += 1;
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Load {
            stop,
            rounds,
            threads,
        }
    }

    /// Waits until so many rounds were made since now.
    pub fn go_on(&self, more: u64) {
        let wanted = self.rounds.load(Ordering::Relaxed) + more;
        wait(|| {
            let ended = self.threads.iter().any(JoinHandle::is_finished);
            (ended || self.rounds.load(Ordering::Relaxed) >= wanted).then_some(())
        });
    }

    /// No round failed.
    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}
