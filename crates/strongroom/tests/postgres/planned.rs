//! Payouts that fall due while the node that decides is killed: the other one does what is left, and none is done twice.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use strongroom_testkit::tenant::fresh;
use strongroom_types::time::Timestamp;

use crate::database::Database;
use crate::program::Demo;

const PAYOUTS: i64 = 40;
const PATIENCE: Duration = Duration::from_secs(300);

/// Plans payouts, one each fifth of a second from two seconds ahead on.
fn planned(demo: &Demo) -> Vec<String> {
    let to = json!({ "type": "wallet", "id": demo.text("wallets/reserve") });
    let pay = |body: &serde_json::Value| {
        let request = demo.request("POST", "/v1/payouts");
        let reply = request.idempotent(&fresh("planned")).json(body).send();
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    };
    let now = pay(&json!({ "amount": 1, "currency": "PHP", "recipient": to }));
    let now = Timestamp::parse(now["created_at"].as_str().unwrap()).unwrap();
    let one = |n| {
        let at = now.plus(2_000 + 200 * n).to_string();
        let body = json!({ "amount": 10, "currency": "PHP", "recipient": to, "execute_at": at });
        pay(&body)["id"].as_str().unwrap().to_owned()
    };
    (0..PAYOUTS).map(one).collect()
}

fn status(demo: &Demo, id: &str) -> String {
    let payout = demo.get(&format!("/v1/payouts/{id}"));
    payout["status"].as_str().unwrap().to_owned()
}

fn waits_for(demo: &Demo, id: &str) {
    let began = Instant::now();
    while status(demo, id) != "completed" {
        assert!(began.elapsed() < PATIENCE, "`{id}` was never done");
        std::thread::yield_now();
    }
}

#[test]
fn what_falls_due_around_a_takeover_is_done_once() {
    let Some(database) = Database::start() else {
        return;
    };
    let (first, second) = (database.demo(), database.demo());
    let before = second.available("reserve");
    // Asked of the node that does not decide.
    let payouts = planned(&second);
    waits_for(&second, &payouts[4]);
    first.running.kill();
    for payout in &payouts {
        waits_for(&second, payout);
    }
    // One unit told what the time was.
    assert_eq!(second.available("reserve") - before, 10 * PAYOUTS + 1);
    database.verified();
    let stopped = second.running.stop(Signal::TERM);
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    database.verified();
}
