//! The database goes away under load, in four ways: nothing is lost, nothing doubled, and the server pays again within
//! seconds of its return, without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strongroom_cluster::{Cluster, Stop};
use strongroom_testkit::dice::Dice;

use crate::crash::asked_for;
use crate::database::Database;
use crate::program::writers::{Line, Shop, assert_all_there_once, paid};

const FUNDS: i64 = 10_000_000;
const WRITERS: u64 = 8;
/// How soon the server pays again once the database is back.
const RECOVERED: Duration = Duration::from_secs(5);

/// What the writers share.
#[derive(Default)]
struct Work {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
}

impl Work {
    fn paid(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }
}

/// Pays on and on; a refusal for now, or no answer, is tried again under the same key until it is paid.
fn pay_on(shop: &Shop, writer: u64, work: &Work) -> Vec<Line> {
    let mut dice = Dice::new(writer);
    let mut journal = Vec::new();
    while !work.stop.load(Ordering::SeqCst) {
        let mut line = Line {
            key: format!("{writer}-{}", journal.len()),
            amount: 10 * dice.between(1, 9),
            to_bank: dice.one_in(8),
            answer: None,
        };
        while line.answer.is_none() {
            match shop.pay(&line) {
                Some(answer) if answer.status == 201 => line.answer = Some(answer.body),
                Some(answer) => {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    // Still at work on the first try, or away.
                    assert!(matches!(answer.status, 409 | 503), "{text}");
                    assert!(
                        text.contains("overloaded") || text.contains("idempotency_key_in_use"),
                        "{text}"
                    );
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
fn until_paid(work: &Work, before: u64) -> Duration {
    let begun = Instant::now();
    while work.paid() <= before {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it never pays again"
        );
        std::thread::park_timeout(Duration::from_millis(5));
    }
    begun.elapsed()
}

fn signal(cluster: &Cluster, signal: Signal) {
    for process in cluster.processes() {
        let pid = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
        // One of them may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Takes the database away in one of four ways and gives it back; says how much was paid by then.
fn take_away(database: &mut Database, way: u64, work: &Work) -> (&'static str, u64) {
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

#[test]
fn four_ways_of_losing_the_database() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let rounds = asked_for().unwrap_or(1).min(10);
    let demo = database.demo();
    let shop = Shop::of(&demo);
    let work = Arc::new(Work::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (shop, work) = (shop.clone(), Arc::clone(&work));
            std::thread::spawn(move || pay_on(&shop, writer, &work))
        })
        .collect();
    let mut longest = [Duration::ZERO; 4];
    for _ in 0..rounds {
        for way in 0..4 {
            until_paid(&work, work.paid() + 20);
            let (name, before) = take_away(&mut database, way, &work);
            let took = until_paid(&work, before);
            println!("{name}: paid again after {:.2} s", took.as_secs_f64());
            assert!(took <= RECOVERED, "{name}: {took:?}");
            let slot = usize::try_from(way).unwrap();
            longest[slot] = longest[slot].max(took);
        }
    }
    work.stop.store(true, Ordering::SeqCst);
    let journal: Vec<Line> = writers
        .into_iter()
        .flat_map(|writer| writer.join().unwrap())
        .collect();
    println!(
        "{} payouts through {} outages, {} refused for the time being, {} answers lost; longest recoveries {longest:?}",
        journal.len(),
        rounds * 4,
        work.refused.load(Ordering::SeqCst),
        work.unanswered.load(Ordering::SeqCst)
    );
    let (all, inside) = paid(&journal);
    let balances = (demo.available("operating"), demo.available("reserve"));
    assert_eq!(balances, (FUNDS - all, FUNDS + inside));
    assert_all_there_once(&demo, &journal);
    database.verified();
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
}
