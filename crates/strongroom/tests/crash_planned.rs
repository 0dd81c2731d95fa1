//! Killed before, at and behind the times of planned payouts: each is done once, whoever was away.
//!
//! Payouts for later fall due all along, and schedules in the minute that follows the beginning. The server is killed with
//! SIGKILL somewhere in each round; the folder is verified as it lies, and the next start goes on. In the end every
//! payout has been done once, every schedule has made the payout of its first time once, and the sums agree.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod program;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use program::{Demo, assert_clean};
use rustix::process::Signal;
use serde_json::{Value, json};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::tenant::fresh;
use strongroom_types::time::Timestamp;

const ROUNDS: i64 = 3;
/// Payouts of a round, one each tenth of a second.
const PAYOUTS: i64 = 20;
const SCHEDULES: i64 = 10;
const MINUTE: i64 = 60_000;
const PATIENCE: Duration = Duration::from_secs(300);

fn post(demo: &Demo, path: &str, body: &Value) -> Value {
    let request = demo.request("POST", path).idempotent(&fresh("planned"));
    let reply = request.json(body).send();
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// What the server's clock shows.
fn clock(demo: &Demo) -> Timestamp {
    let made = post(demo, "/v1/wallets", &json!({ "type": "master" }));
    Timestamp::parse(made["created_at"].as_str().unwrap()).unwrap()
}

fn payout(demo: &Demo, amount: i64) -> Value {
    let to = json!({ "type": "wallet", "id": demo.text("wallets/reserve") });
    json!({ "amount": amount, "currency": "PHP", "recipient": to })
}

/// Schedules whose first time is the next minute but one at the latest, and the next at the earliest.
fn schedules(demo: &Demo) -> Vec<String> {
    let first = Timestamp((clock(demo).0 / MINUTE + 1) * MINUTE);
    // Too near to be sure of: the one behind it.
    let near = first.0 - clock(demo).0 < 5_000;
    let first = first.plus(if near { MINUTE } else { 0 }).to_string();
    let (day, time) = (&first[..10], &first[11..16]);
    let one = |_| {
        let mut body = payout(demo, 1_000);
        body["interval"] = json!("daily");
        body["start_on"] = json!(day);
        body["time"] = json!(time);
        body["count"] = json!(1);
        id(&post(demo, "/v1/payout-schedules", &body))
    };
    (0..SCHEDULES).map(one).collect()
}

fn planned(demo: &Demo, made: &mut Vec<String>) {
    let now = clock(demo);
    for n in 0..PAYOUTS {
        let mut body = payout(demo, 10);
        body["execute_at"] = json!(now.plus(2_000 + 100 * n).to_string());
        made.push(id(&post(demo, "/v1/payouts", &body)));
    }
}

fn waits_for(demo: &Demo, path: &str, status: &str) {
    let began = Instant::now();
    while demo.get(path)["status"] != status {
        assert!(began.elapsed() < PATIENCE, "`{path}` never was {status}");
        std::thread::yield_now();
    }
}

#[test]
fn what_falls_due_around_a_kill_is_done_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice::new(7);
    let mut demo = Demo::start(Some(dir.path()));
    let before = demo.available("reserve");
    let schedules = schedules(&demo);
    let mut payouts = Vec::new();
    for _ in 0..ROUNDS {
        planned(&demo, &mut payouts);
        let pause = u64::try_from(dice.below(4_000)).unwrap();
        // Nobody says anything: it is the time that counts.
        let (_nobody, said) = channel::<()>();
        let _ = said.recv_timeout(Duration::from_millis(pause));
        demo.running.kill();
        assert_clean(dir.path());
        demo = Demo::start(Some(dir.path()));
    }
    for payout in &payouts {
        waits_for(&demo, &format!("/v1/payouts/{payout}"), "completed");
    }
    for schedule in &schedules {
        let path = format!("/v1/payout-schedules/{schedule}");
        waits_for(&demo, &path, "completed");
        assert_eq!(demo.get(&path)["payouts"], 1);
        let made = format!("/v1/payouts?payout_schedule_id={schedule}");
        let made = demo.get(&made)["data"].clone();
        assert_eq!(made.as_array().unwrap().len(), 1, "{made}");
        assert_eq!(
            (&made[0]["status"], &made[0]["occurrence"]),
            (&json!("completed"), &json!(1))
        );
    }
    let moved = i64::try_from(payouts.len()).unwrap() * 10 + SCHEDULES * 1_000;
    assert_eq!(demo.available("reserve") - before, moved);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(dir.path());
}
