//! Killed while reports wait or are made: nothing of one is left behind, and each is made after the next start.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::time::{Duration, Instant};

use program::{Demo, assert_clean};
use rustix::process::Signal;
use serde_json::{Value, json};

const CYCLES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(300);

fn asked(demo: &Demo, n: usize) -> String {
    let formats = ["json", "csv", "parquet", "pdf"];
    let kinds = ["balances", "payouts", "reconciliation"];
    // Up to the last payout, which is over.
    let last = demo.get("/v1/payouts?limit=1");
    let body = json!({
        "type": kinds[n % kinds.len()], "format": formats[n % formats.len()],
        "from": "2026-01-01T00:00:00Z", "to": last["data"][0]["created_at"],
    });
    let reply = demo.request("POST", "/v1/reports").json(&body).send();
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

fn completed(demo: &Demo, id: &str) -> Value {
    let began = Instant::now();
    loop {
        let report = demo.get(&format!("/v1/reports/{id}"));
        if report["status"] == "completed" {
            return report;
        }
        assert!(began.elapsed() < PATIENCE, "never made: {report}");
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_server_makes_its_reports_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut waiting: Vec<String> = Vec::new();
    for cycle in 0..CYCLES {
        let demo = Demo::start(Some(dir.path()));
        for id in waiting.drain(..) {
            let report = completed(&demo, &id);
            let path = report["content"].as_str().unwrap();
            let content = demo.request("GET", path).send();
            assert_eq!(content.status, 200, "{}", content.text());
            assert_eq!(report["size"], json!(content.body.len()));
        }
        for n in 0..20 {
            demo.pay(100 + i64::from(n), &format!("cycle-{cycle}-{n}"));
        }
        for n in 0..6 {
            waiting.push(asked(&demo, cycle + n));
        }
        // Somewhere between the first report and the last.
        for id in waiting.iter().take(cycle) {
            completed(&demo, id);
        }
        demo.running.kill();
        assert_clean(dir.path());
    }
    let demo = Demo::start(Some(dir.path()));
    for id in &waiting {
        completed(&demo, id);
    }
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}
