//! A merchant's server that is connected to a bank of the test.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_testkit::exchange::{Outgoing, Reply};

use super::bank::Bank;
use super::program::address;
use super::program::installation::{Installation, Serving, config};

/// How long a state is waited for; far longer than it takes.
const PATIENCE: Duration = Duration::from_mins(5);

pub struct Shop {
    pub installation: Installation,
    pub key: String,
}

impl Shop {
    pub fn of(bank: &Bank, answer_seconds: u32) -> Shop {
        Shop::configured(&acquirer(bank.address, answer_seconds))
    }

    pub fn configured(more: &str) -> Shop {
        let installation = Installation::configured(&format!("{}{more}", config("127.0.0.1:0")));
        let key = installation.shown("test secret key");
        Shop { installation, key }
    }
}

/// A table of the configuration.
pub fn acquirer(address: SocketAddr, answer_seconds: u32) -> String {
    format!(
        "[acquirers.bank]\naddress = '{address}'\nmodes = ['test']\ncurrencies = ['EUR']\n\
         merchant = 'MERCHANT0000001'\nterminal = 'TERM0001'\ninstitution = '123456'\n\
         answer_seconds = {answer_seconds}\necho_seconds = 5\n"
    )
}

/// Who asks a running server, from any thread.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    key: String,
}

impl Client {
    pub fn of(serving: &Serving, shop: &Shop) -> Client {
        Client {
            address: address(&serving.running.line),
            key: shop.key.clone(),
        }
    }

    fn request(&self, method: &str, path: &str) -> Outgoing {
        Outgoing::new(self.address, method, path).bearer(&self.key)
    }

    /// Sends a request once.
    pub fn post(&self, path: &str, key: &str, body: &Value) -> Option<Reply> {
        let request = self.request("POST", path);
        request.idempotent(key).json(body).try_send()
    }

    /// The same, which must succeed, also while a vault is started again.
    pub fn made(&self, path: &str, key: &str, body: &Value) -> Value {
        let reply = wait(|| {
            let reply = self.post(path, key, body);
            reply
                .filter(|reply| reply.status != 503)
                .ok_or_else(|| "away".to_owned())
        });
        assert!(
            matches!(reply.status, 200 | 201),
            "{path}: {}",
            reply.text()
        );
        reply.json()
    }

    pub fn get(&self, path: &str) -> Value {
        let reply = self.request("GET", path).send();
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    pub fn token(&self, key: &str, number: &str) -> String {
        let made = self.made("/v1/tokens", key, &card(number));
        made["id"].as_str().unwrap().to_owned()
    }

    /// A payment, as it begins.
    pub fn pay(&self, key: &str, number: &str, amount: i64, capture: bool) -> String {
        let token = self.token(&format!("{key}-token"), number);
        let body = json!({ "payment_token": token, "amount": amount, "capture": capture });
        let made = self.made("/v1/payments", &format!("{key}-payment"), &body);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a payment or refund is as it must become.
    pub fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait(|| {
            let found = self.get(path);
            match is_so(&found) {
                true => Ok(found),
                false => Err(found.to_string()),
            }
        })
    }

    pub fn until_status(&self, payment: &str, status: &str) -> Value {
        let path = format!("/v1/payments/{payment}");
        self.until(&path, |payment| payment["status"] == status)
    }

    pub fn all(&self, path: &str) -> Vec<Value> {
        let (mut all, mut target) = (Vec::new(), format!("{path}?limit=100"));
        loop {
            let page = self.get(&target);
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => target = format!("{path}?limit=100&after={cursor}"),
                None => return all,
            }
        }
    }
}

pub fn card(number: &str) -> Value {
    let card = json!({ "number": number, "exp_month": 12, "exp_year": 2099, "cvv": "917" });
    json!({ "card": card })
}

/// Looks again and again until something is so.
#[track_caller]
pub fn wait<T>(look: impl Fn() -> Result<T, String>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(last) => assert!(Instant::now() < until, "it does not come about: {last}"),
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
