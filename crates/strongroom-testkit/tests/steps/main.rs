//! A payment, its refund and a payout file, killed at each of their commits: authorize, capture, settle, refund, void; collected,
//! closed, made, sent, answered by the bank, brought back.
//!
//! The way is gone once without a fault. Then each step of it is taken again, on what the disk held before it, as often as it has
//! commits, and each time the power fails at one of them: just before it is durable, or just after. A server starts on what is
//! left, the client sends again what was not answered, the worker goes on. In the end the books must be those of the way
//! without a fault – balances, movements, states, events – and follow from the log.
//!
//! Which system calls a kill comes between is the matter of `strongroom`'s `crash_…` tests, and messages to an acquirer that of
//! its `acquirer`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod shop;
mod way;

use std::collections::BTreeSet;

use strongroom_engine::verify::verify;
use strongroom_testkit::faulty::{Disk, Fault};
use strongroom_testkit::server::{ServerSettings, TestServer};

use shop::{Known, Shop};
use way::{Step, way};

/// What must have been among the commits that were killed at.
const ACTIONS: [&str; 17] = [
    "payment_created",
    "payment_sent",
    "payment_authorized",
    "payment_captured",
    "payment_settled",
    "refund_created",
    "refund_sent",
    "refund_completed",
    "payment_voided",
    "payment_reversed",
    "payout_created",
    "payout_file_closed",
    "payout_file_made",
    "payout_file_sent",
    "bank_file_received",
    "payout_completed",
    "payout_reversed",
];

/// A moment on the way without a fault: what the disk held, and what was known.
struct Moment {
    disk: Disk,
    known: Known,
}

#[test]
fn a_kill_at_any_commit_loses_and_doubles_nothing() {
    let disk = Disk::default();
    let mut server = TestServer::start_on(&disk.open(), ServerSettings::default());
    let mut known = shop::opened(&server);
    let way = way();
    let mut moments = Vec::new();
    let mut pictures = Vec::new();
    for step in &way {
        moments.push(Moment {
            disk: disk.copy(),
            known: known.clone(),
        });
        let shop = Shop::of(&server, &known);
        assert_eq!(step.take(&shop, &mut known), Some(()), "{step:?}");
        pictures.push(Shop::of(&server, &known).picture());
    }
    let acts: BTreeSet<String> = Shop::of(&server, &known).acts().into_iter().collect();
    for action in ACTIONS {
        assert!(acts.contains(action), "{action} is not among {acts:?}");
    }
    let (mut kills, mut commits) = (0, 0);
    for ((step, moment), picture) in way.iter().zip(&moments).zip(&pictures) {
        // What is queued together may share a commit, or not: the last one of a step may be there but now and then.
        let mut n = 0;
        loop {
            let faults = [Fault::LostBefore, Fault::LostAfter];
            let struck = faults.map(|fault| killed(&server, step, moment, (n, fault), picture));
            if struck == [false, false] {
                break;
            }
            kills += struck.iter().filter(|struck| **struck).count();
            n += 1;
        }
        assert!(n > 0, "{step:?} commits nothing");
        commits += n;
    }
    println!(
        "{} steps, {commits} commits, {kills} kills, before and after each; {} kinds of acts",
        way.len(),
        acts.len()
    );
    server.halt();
}

/// Takes a step with a fault at one of its commits, then goes on with a new server. Says whether there was such a commit.
fn killed(
    first: &TestServer,
    step: &Step,
    moment: &Moment,
    (n, fault): (u32, Fault),
    picture: &serde_json::Value,
) -> bool {
    let disk = moment.disk.copy();
    let mut known = moment.known.clone();
    let mut server = first.again_on(&disk.open(), ServerSettings::default());
    disk.arm_commit(n, fault);
    // Whatever came of it, or nothing did.
    let taken = step.take(&Shop::of(&server, &known), &mut known.clone());
    let is_struck = disk.disarm().is_some();
    if !is_struck {
        assert_eq!(taken, Some(()), "{step:?} without a fault");
        server.halt();
        return false;
    }
    disk.cut_power();
    server.halt();
    drop(server);
    let mut server = first.again_on(&disk.open(), ServerSettings::default());
    let again = step.take(&Shop::of(&server, &known), &mut known);
    let at = format!("{step:?}, {fault:?} at commit {n}");
    assert_eq!(again, Some(()), "{at}");
    let found = Shop::of(&server, &known).picture();
    assert_eq!(found, *picture, "{at}");
    server.halt();
    let report = verify(&disk.open(), server.root_keys(), 1).unwrap();
    assert!(report.is_clean(), "{at}: {report}");
    true
}
