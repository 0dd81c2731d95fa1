//! Payments by card on the sandbox acquirer, and refunds of them, beside payouts of the same session: how many are taken in a second,
//! and how many go all the way – authorized, captured and settled; given back – until nothing is on its way any more.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::extra::Extra;
use super::load::{Client, Traffic};
use super::measure::{Plan, one_run};
use super::request::Requests;
use super::subject::Subject;
use super::traffic::{Credentials, Shape, requests};
use super::{median, number, strongroom};
use crate::Outcome;

/// Wallets that are paid into.
const WALLETS: u64 = 50;
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(600);
/// Minor units of a payment: enough for many refunds, and none of the sandbox's triggers.
const AMOUNT: u64 = 100_000;
const BACK: u64 = 10;

/// Payouts, payments and refunds in turn, on a server of its own under `folder`.
pub fn measure(folder: &Path, plan: &Plan<'_>) -> Outcome<Vec<Extra>> {
    let folder = folder.join("payments");
    std::fs::create_dir_all(&folder)?;
    let (mut subject, credentials) = strongroom::start_with(&folder, WALLETS, None, &[])?;
    let mut desk = Desk::open(&subject, &credentials)?;
    let mut rates = Rates::default();
    for run in 1..=plan.runs.max(1) {
        let payouts = one_run(&mut subject, Shape::Spread, CONNECTIONS, run, plan)?;
        rates.payouts.push(payouts.rate);
        // What it leaves to do would slow down what comes next.
        desk.until(&subject, Held::is_quiet)?;
        let paid = desk.pay(&subject, plan.time)?;
        println!("payments, run {run}: {paid}");
        rates.payments.push(paid.taken);
        rates.settled.push(paid.through);
        let back = desk.give_back(&subject, plan.time)?;
        println!("refunds, run {run}: {back}");
        rates.refunds.push(back.taken);
        rates.completed.push(back.through);
    }
    Ok(rates.rows())
}

#[derive(Default)]
struct Rates {
    payouts: Vec<f64>,
    payments: Vec<f64>,
    settled: Vec<f64>,
    refunds: Vec<f64>,
    completed: Vec<f64>,
}

impl Rates {
    fn rows(mut self) -> Vec<Extra> {
        let payouts = median(&mut self.payouts);
        let mut rows = vec![row("payouts beside payments", payouts, "payouts/s")];
        for (name, unit, rates) in [
            ("payments, taken", "payments/s", &mut self.payments),
            ("payments, settled", "payments/s", &mut self.settled),
            ("refunds, taken", "refunds/s", &mut self.refunds),
            ("refunds, completed", "refunds/s", &mut self.completed),
        ] {
            let rate = median(rates);
            rows.push(row(name, rate, unit));
            let share = format!("{name}, of the payouts");
            rows.push(row(&share, 100.0 * rate / payouts.max(1.0), "%"));
        }
        rows
    }
}

fn row(name: &str, value: f64, unit: &str) -> Extra {
    Extra {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
    }
}

/// What a run showed, each in a second.
struct Shown {
    /// Answered.
    taken: f64,
    /// Done with, the wait for the last of them included.
    through: f64,
    /// CPU microseconds of the server for one that is done with.
    cpu_us: f64,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shown {
            taken,
            through,
            cpu_us,
        } = self;
        write!(
            f,
            "{taken:.0}/s taken, {through:.0}/s done with, {cpu_us:.0} us of cpu each"
        )
    }
}

/// Who pays and gives back.
struct Desk {
    asked: Asked,
    token: String,
    wallets: Vec<String>,
    /// Payments that are settled.
    paid: Vec<String>,
}

impl Desk {
    fn open(subject: &Subject, credentials: &Credentials) -> Outcome<Desk> {
        let mut asked = Asked {
            requests: requests(subject.address, credentials),
            next: None,
            answer: Vec::new(),
            sequence: 0,
        };
        let mut client = Client::connect(subject.address, 1)?;
        let card = r#"{"card":{"number":"4242424242424242","exp_month":12,"exp_year":2099,"cvv":"123"},"use":"multi_use"}"#;
        let token: Made = asked.ask(&mut client, "POST", "/v1/tokens", card)?;
        let page: Page<Made> = asked.ask(
            &mut client,
            "GET",
            "/v1/wallets?type=sub_merchant&limit=100",
            "",
        )?;
        Ok(Desk {
            asked,
            token: token.id,
            wallets: page.data.into_iter().map(|wallet| wallet.id).collect(),
            paid: Vec::new(),
        })
    }

    fn pay(&mut self, subject: &Subject, time: Duration) -> Outcome<Shown> {
        self.paid.clear();
        let before = self.held(subject)?;
        let mut payments = Payments {
            desk: self,
            made: Vec::new(),
        };
        let (cpu, began) = (subject.cpu(), Instant::now());
        let mut client = Client::connect(subject.address, CONNECTIONS)?;
        let tally = client.drive(&mut payments, time)?;
        tally.must_all_succeed()?;
        let (made, count) = (payments.made, tally.all_replies);
        let after = before.available + i128::from(count) * i128::from(AMOUNT);
        self.until(subject, |held| held.is_quiet() && held.available == after)?;
        self.paid = made;
        Ok(shown(subject, (cpu, began), tally.rate(), count))
    }

    fn give_back(&mut self, subject: &Subject, time: Duration) -> Outcome<Shown> {
        let before = self.held(subject)?;
        let mut refunds = Refunds { desk: self };
        let (cpu, began) = (subject.cpu(), Instant::now());
        let mut client = Client::connect(subject.address, CONNECTIONS)?;
        let tally = client.drive(&mut refunds, time)?;
        tally.must_all_succeed()?;
        let count = tally.all_replies;
        let after = before.available - i128::from(count) * i128::from(BACK);
        self.until(subject, |held| held.is_quiet() && held.available == after)?;
        Ok(shown(subject, (cpu, began), tally.rate(), count))
    }

    /// What all wallets hold together.
    fn held(&mut self, subject: &Subject) -> Outcome<Held> {
        let mut client = Client::connect(subject.address, 1)?;
        let mut held = Held::default();
        for wallet in self.wallets.clone() {
            let path = format!("/v1/wallets/{wallet}/balance");
            let one: Wallet = self.asked.ask(&mut client, "GET", &path, "")?;
            held.available += i128::from(one.balances.available);
            held.on_its_way += i128::from(one.balances.pending + one.balances.reserved);
        }
        Ok(held)
    }

    /// Waits until what they hold is as it should be.
    fn until(&mut self, subject: &Subject, is_so: impl Fn(&Held) -> bool) -> Outcome<()> {
        let began = Instant::now();
        while !is_so(&self.held(subject)?) {
            if began.elapsed() > PATIENCE {
                return Err("what is on its way does not come to an end".into());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn shown(
    subject: &Subject,
    (cpu, began): (super::usage::CpuSeconds, Instant),
    taken: f64,
    count: u64,
) -> Shown {
    let spent = subject.cpu().per_request_us(cpu, count);
    Shown {
        taken,
        through: number(count) / began.elapsed().as_secs_f64(),
        cpu_us: spent.server + spent.store,
    }
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct Wallet {
    balances: Balances,
}

#[derive(Deserialize)]
struct Balances {
    available: i64,
    pending: i64,
    reserved: i64,
}

/// Sums over wallets, in minor units.
#[derive(Default)]
struct Held {
    available: i128,
    on_its_way: i128,
}

impl Held {
    fn is_quiet(&self) -> bool {
        self.on_its_way == 0
    }
}

/// One request at a time, and its answer.
struct Asked {
    requests: Requests,
    next: Option<(String, String, String)>,
    answer: Vec<u8>,
    sequence: u64,
}

impl Asked {
    fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        client: &mut Client,
        method: &str,
        path: &str,
        body: &str,
    ) -> Outcome<T> {
        self.next = Some((method.to_owned(), path.to_owned(), body.to_owned()));
        client.drive(self, PATIENCE)?.must_all_succeed()?;
        Ok(serde_json::from_slice(&self.answer)?)
    }

    /// A key and a text that no other request has.
    fn fresh(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

impl Traffic for Asked {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let (method, path, body) = self.next.take()?;
        let key = format!("bench-desk-{}", self.fresh());
        self.requests
            .send(out, &method, &path, &key, format_args!("{body}"));
        Some(self.sequence)
    }

    fn reply(&mut self, _: u64, _: u16, body: &[u8]) {
        self.answer = body.to_vec();
    }
}

/// Payments of one card, into one wallet after another.
struct Payments<'d> {
    desk: &'d mut Desk,
    made: Vec<String>,
}

impl Traffic for Payments<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let n = self.desk.asked.fresh();
        let wallets = self.desk.wallets.len();
        let place = usize::try_from(n).ok()?.checked_rem(wallets)?;
        let (wallet, token) = (self.desk.wallets.get(place)?, &self.desk.token);
        let body = format_args!(
            r#"{{"payment_token":"{token}","amount":{AMOUNT},"currency":"PHP","wallet_id":"{wallet}","description":"{n}"}}"#
        );
        let key = format!("bench-desk-{n}");
        self.desk
            .asked
            .requests
            .post(out, "/v1/payments", &key, body);
        Some(n)
    }

    fn reply(&mut self, _: u64, _: u16, body: &[u8]) {
        self.made
            .extend(serde_json::from_slice::<Made>(body).map(|made| made.id));
    }
}

/// Refunds of one settled payment after another.
struct Refunds<'d> {
    desk: &'d mut Desk,
}

impl Traffic for Refunds<'_> {
    fn next(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let n = self.desk.asked.fresh();
        let place = usize::try_from(n).ok()?.checked_rem(self.desk.paid.len())?;
        let payment = self.desk.paid.get(place)?;
        let body = format_args!(r#"{{"payment_id":"{payment}","amount":{BACK},"reason":"{n}"}}"#);
        let key = format!("bench-desk-{n}");
        self.desk
            .asked
            .requests
            .post(out, "/v1/refunds", &key, body);
        Some(n)
    }

    fn reply(&mut self, _: u64, _: u16, _: &[u8]) {}
}
