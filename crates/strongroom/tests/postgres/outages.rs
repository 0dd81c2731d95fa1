//! The database goes away under load, in four ways: nothing is lost, nothing doubled, and the server pays again within
//! seconds of its return, without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strongroom_cluster::{Cluster, Stop};
use strongroom_testkit::dice::Dice;

use crate::crash::asked_for;
use crate::database::{Database, NAME, ROLE};
use crate::program::writers::{Line, Shop, assert_all_there_once, paid};
use crate::program::{Demo, Running, run};

const FUNDS: i64 = 10_000_000;
pub const WRITERS: u64 = 8;
/// How soon the server pays again once the database is back; among other tests, on a busy machine, it may take longer.
pub fn recovered() -> Duration {
    let alone = std::env::var_os("STRONGROOM_CRASH_CYCLES").is_some();
    Duration::from_secs(if alone { 5 } else { 60 })
}

/// What the writers share.
#[derive(Default)]
pub struct Work {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
}

impl Work {
    pub fn paid(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// One more was paid; whether to go on.
    pub fn goes_on(&self) -> bool {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        !self.stop.load(Ordering::SeqCst)
    }
}

/// What may be said to somebody who is to try again.
const FOR_NOW: [&str; 5] = [
    "overloaded",
    "idempotency_key_in_use",
    "handing_over",
    "outcome_unknown",
    "storage_unavailable",
];

/// Pays on and on, at one server and the next; a refusal for now, or no answer, is tried again under the same key until
/// it is paid.
fn pay_on(shops: &[Shop], writer: u64, work: &Work) -> Vec<Line> {
    let mut dice = Dice::new(writer);
    let mut journal = Vec::new();
    let mut turns = shops.iter().cycle();
    while !work.stop.load(Ordering::SeqCst) {
        let mut line = Line {
            key: format!("{writer}-{}", journal.len()),
            amount: 10 * dice.between(1, 9),
            to_bank: dice.one_in(8),
            answer: None,
        };
        while line.answer.is_none() {
            match turns.next().unwrap().pay(&line) {
                Some(answer) if answer.status == 201 => line.answer = Some(answer.body),
                Some(answer) => {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    // Still at work on the first try, or away.
                    assert!(matches!(answer.status, 409 | 503), "{text}");
                    assert!(FOR_NOW.iter().any(|code| text.contains(code)), "{text}");
                    work.refused.fetch_add(1, Ordering::SeqCst);
                    std::thread::park_timeout(Duration::from_millis(50));
                }
                None => drop(work.unanswered.fetch_add(1, Ordering::SeqCst)),
            }
        }
        work.acknowledged.fetch_add(1, Ordering::SeqCst);
        journal.push(line);
    }
    journal
}

/// Waits until more was paid than `before`; says how long it took.
pub fn until_paid(work: &Work, before: u64) -> Duration {
    let begun = Instant::now();
    while work.paid() <= before {
        assert!(
            begun.elapsed() < Duration::from_secs(180),
            "it never pays again"
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
    begun.elapsed()
}

pub fn signal(cluster: &Cluster, signal: Signal) {
    for process in cluster.processes() {
        let pid = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
        // One of them may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Takes the database away in one of four ways and gives it back; says how much was paid by then.
pub fn take_away(database: &mut Database, way: u64, work: &Work) -> (&'static str, u64) {
    let name = match way {
        0 | 1 => {
            let (how, name) = match way {
                0 => (Stop::Immediate, "immediate shutdown"),
                _ => (Stop::Fast, "fast shutdown"),
            };
            database.cluster.stop(how).unwrap();
            database.cluster.run().unwrap();
            name
        }
        2 => {
            signal(&database.cluster, Signal::STOP);
            std::thread::park_timeout(Duration::from_secs(4));
            signal(&database.cluster, Signal::CONT);
            "paused for 4 s"
        }
        _ => {
            assert!(database.end_sessions() > 0);
            "sessions ended"
        }
    };
    (name, work.paid())
}

/// Starts the writers.
pub fn begin(shop: &Shop, work: &Arc<Work>) -> Vec<JoinHandle<Vec<Line>>> {
    begin_at(std::slice::from_ref(shop), work)
}

/// The same at several servers of one installation.
pub fn begin_at(shops: &[Shop], work: &Arc<Work>) -> Vec<JoinHandle<Vec<Line>>> {
    (0..WRITERS)
        .map(|writer| {
            let (shops, work) = (shops.to_vec(), Arc::clone(work));
            std::thread::spawn(move || pay_on(&shops, writer, &work))
        })
        .collect()
}

/// Ends the writers and holds their journals against the books.
pub fn settle(demo: &Demo, work: &Work, writers: Vec<JoinHandle<Vec<Line>>>) -> usize {
    work.stop.store(true, Ordering::SeqCst);
    let journal: Vec<Line> = writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .collect();
    let (all, inside) = paid(&journal);
    let balances = (demo.available("operating"), demo.available("reserve"));
    assert_eq!(balances, (FUNDS - all, FUNDS + inside));
    assert_all_there_once(demo, &journal);
    println!(
        "{} payouts, {} refused for the time being, {} answers lost",
        journal.len(),
        work.refused.load(Ordering::SeqCst),
        work.unanswered.load(Ordering::SeqCst)
    );
    journal.len()
}

/// The database's primary is lost for ever and its synchronous follower promoted, as a failover manager does it: the
/// server finds the new primary by the second address in its URL, and nothing acknowledged is lost.
#[test]
fn a_failover_to_a_synchronous_follower_loses_nothing() {
    let Some(database) = Database::start() else {
        return;
    };
    let follower = database.follower();
    let (first, second) = (database.cluster.port, follower.port);
    let url = |ports: &str| format!("postgres://{ROLE}@{ports}/{NAME}");
    let both = url(&format!("127.0.0.1:{first},127.0.0.1:{second}"));
    let running = Running::start(&mut database.demo_at(&both));
    let told = serde_json::from_str(&running.line).unwrap();
    let demo = Demo { running, told };
    let shop = Shop::of(&demo);
    let work = Arc::new(Work::default());
    let writers = begin(&shop, &work);
    until_paid(&work, 50);
    // A copy that follows can be verified while money moves on the other.
    let data = demo.text("data_dir").to_owned();
    let there = url(&format!("127.0.0.1:{second}"));
    let verify = ["verify", "--data", &data, "--postgres", &there];
    let report = run(&verify).done();
    assert!(report.contains("no damage found"), "{report}");
    run(&["demo", "--port", "0", "--data", &data, "--postgres", &there]).failed("takes no writes");

    let lost = Instant::now();
    database.cluster.stop(Stop::Immediate).unwrap();
    let before = work.paid();
    follower.promote().unwrap();
    // The setting came along with the copy, or not: the new primary has no follower of its own.
    let alone = "ALTER SYSTEM RESET synchronous_standby_names";
    follower.psql("postgres", alone).unwrap();
    follower.reload().unwrap();
    let promoted = Instant::now();
    until_paid(&work, before + WRITERS);
    println!(
        "paid again {:.2} s after the promotion, {:.2} s after the loss",
        promoted.elapsed().as_secs_f64(),
        lost.elapsed().as_secs_f64()
    );
    assert!(promoted.elapsed() <= recovered());
    settle(&demo, &work, writers);
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert!(run(&verify).done().contains("no damage found"));
}

#[test]
fn four_ways_of_losing_the_database() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let rounds = asked_for().unwrap_or(1).min(10);
    let demo = database.demo();
    let shop = Shop::of(&demo);
    let work = Arc::new(Work::default());
    let writers = begin(&shop, &work);
    let mut longest = [Duration::ZERO; 4];
    for _ in 0..rounds {
        for way in 0..4 {
            until_paid(&work, work.paid() + 20);
            let (name, before) = take_away(&mut database, way, &work);
            let took = until_paid(&work, before);
            println!("{name}: paid again after {:.2} s", took.as_secs_f64());
            assert!(took <= recovered(), "{name}: {took:?}");
            let slot = usize::try_from(way).unwrap();
            longest[slot] = longest[slot].max(took);
        }
    }
    settle(&demo, &work, writers);
    println!("{} outages; longest recoveries {longest:?}", rounds * 4);
    database.verified();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}
