//! What files to and from banks cost: a payout file made from sealed payouts, the message written alone, a statement and
//! a status report read.
//!
//! Prints one JSON line per figure: `{"name", "value", "unit"}`. Takes the number of payouts. Run it in release mode.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench that cannot run has nothing to say"
)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use strongroom_iso20022::{CreditTransfer, Debtor, Iban, Limits, Transfer, read, write};
use strongroom_testkit::bank::{Line, iban, payout, rail, statement, status_report, transfers};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::currency::Currency;
use strongroom_types::money::Money;

const RUNS: usize = 5;

fn main() {
    let payouts = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let payouts = payouts.unwrap_or(10_000);
    let server = TestServer::start_in_files(ServerSettings::default());
    let acme = Tenant::found(&server);
    let file = made(&acme, payouts);
    let sent = transfers(&file);
    alone(&sent);
    let lines: Vec<Line> = sent.iter().map(|(n, a)| Line::debit(n, a)).collect();
    let day = statement("08", "S-1", &iban(1), "PHP", &lines);
    reading("camt.053 read", &day, payouts);
    let said: Vec<_> = sent
        .iter()
        .map(|(n, _)| (n.as_str(), "ACSC", None))
        .collect();
    let report = status_report("B-1", "SR000000000000000000000001", None, &said);
    reading("pain.002 read", &report, payouts);
    let started = Instant::now();
    let request = acme.request("POST", "/v1/bank-files").body(&day);
    let taken = request.header("Content-Type", "application/xml").send();
    let taken = taken.expect(202).id();
    figure("statement taken in over HTTP", milliseconds(started));
    let started = Instant::now();
    acme.attend(&taken);
    figure("statement applied", milliseconds(started));
}

/// The content of a file with so many payouts, sent and released.
fn made(acme: &Tenant<'_>, payouts: usize) -> String {
    let minor = i64::try_from(payouts).unwrap() * 1_000;
    let wallet = acme.funded("master", minor);
    acme.post("/v1/payout-rails", &rail(&wallet, &iban(1)))
        .expect(201);
    for n in 0..payouts {
        let to = iban(2 + u64::try_from(n).unwrap());
        acme.post("/v1/payouts", &payout(&wallet, 105, &to))
            .expect(201);
    }
    let started = Instant::now();
    let list = || acme.get("/v1/payout-files").expect(200).json();
    let is_collected = || list()["data"][0]["payouts"] == json!(payouts);
    while !is_collected() {
        acme.server.rail();
    }
    figure("payouts collected", milliseconds(started));
    let file = list()["data"][0]["id"].as_str().unwrap().to_owned();
    if list()["data"][0]["status"] == "open" {
        let body = json!({ "wallet_id": wallet });
        acme.post("/v1/payout-files", &body).expect(201);
    }
    let started = Instant::now();
    acme.attend(&file);
    figure(
        "payout file made from sealed payouts",
        milliseconds(started),
    );
    let path = format!("/v1/payout-files/{file}");
    let started = Instant::now();
    let content = acme.get(&format!("{path}/content")).expect(200).text();
    figure("payout file downloaded", milliseconds(started));
    acme.post(&format!("{path}/sent"), &json!({})).expect(200);
    let started = Instant::now();
    acme.attend(&file);
    figure("payouts released", milliseconds(started));
    content
}

fn alone(sent: &[(String, String)]) {
    let php = Currency::parse("PHP").unwrap();
    let (from, to) = (iban(1), iban(2));
    let debtor = Iban::parse(&from).unwrap();
    let transfers: Vec<Transfer<'_>> = sent
        .iter()
        .map(|(name, _)| Transfer {
            end_to_end: name,
            amount: Money::new(105, php),
            name: "Ana Pe\u{f1}a",
            iban: &to,
            bic: None,
            remittance: Some("Invoice 7"),
        })
        .collect();
    let message = CreditTransfer {
        message_id: "SR000000000000000000000001",
        created: "2026-01-01T00:00:00Z",
        execution_date: "2026-01-01",
        debtor: Debtor {
            name: "Acme",
            iban: &debtor,
            bic: None,
        },
        transfers: &transfers,
        sum: Money::new(105, php),
    };
    let took = best(|| {
        black_box(write(&message));
    });
    figure("pain.001 written", took);
}

fn reading(name: &str, file: &str, entries: usize) {
    let limits = Limits {
        bytes: 64 << 20,
        entries: 3 * entries,
    };
    let took = best(|| {
        black_box(read(file.as_bytes(), &limits).unwrap());
    });
    figure(name, took);
}

fn best(mut work: impl FnMut()) -> f64 {
    (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            work();
            milliseconds(started)
        })
        .fold(f64::INFINITY, f64::min)
}

fn milliseconds(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

fn figure(name: &str, value: f64) {
    println!("{}", json!({ "name": name, "value": value, "unit": "ms" }));
}
