//! Two nodes behind what a load balancer does, restarted one after the other while money moves: no request fails.

use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::process::Signal;
use strongroom_testkit::dice::Dice;

use crate::crash::asked_for;
use crate::database::Database;
use crate::nodes::Nodes;
use crate::outages::{WRITERS, Work, settle, until_paid};
use crate::program::writers::{Line, Shop};

/// Pays on and on, each payout once: at a node that says it is ready, at the other one when it does not.
fn pay_at_whoever_is_ready(shops: &[Shop], writer: u64, work: &Work) -> Vec<Line> {
    let mut dice = Dice::new(writer);
    let mut journal: Vec<Line> = Vec::new();
    let mut turns = shops.iter().cycle();
    loop {
        let line = Line {
            key: format!("{writer}-{}", journal.len()),
            amount: 10 * dice.between(1, 9),
            to_bank: dice.one_in(8),
            answer: None,
        };
        let ready = turns.by_ref().take(1_000).find(|shop| shop.is_ready());
        let answer = ready.unwrap().pay(&line);
        let answer = answer.unwrap_or_else(|| panic!("`{}` was not answered", line.key));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, answer.replayed), (201, false), "{text}");
        journal.push(Line {
            answer: Some(answer.body),
            ..line
        });
        if !work.goes_on() {
            return journal;
        }
    }
}

fn begin(shops: &[Shop], work: &Arc<Work>) -> Vec<JoinHandle<Vec<Line>>> {
    (0..WRITERS)
        .map(|writer| {
            let (shops, work) = (shops.to_vec(), Arc::clone(work));
            std::thread::spawn(move || pay_at_whoever_is_ready(&shops, writer, &work))
        })
        .collect()
}

#[test]
fn a_rolling_restart_fails_no_request() {
    let Some(database) = Database::start() else {
        return;
    };
    let url = database.url();
    // Longer than anybody takes between the question and the request, on a machine that does other things too.
    let node = "[node]\nleave_seconds = 5\npatience_seconds = 50\n";
    let nodes = Nodes::new(&database, [&url, &url], [node, node]);
    let rounds = asked_for().unwrap_or(1).min(10);
    let mut running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin(&nodes.shops(&running[0]), &work);
    for _ in 0..rounds {
        for number in 0..2 {
            until_paid(&work, work.paid() + 20);
            let old = running.remove(number);
            let stopped = old.running.stop(Signal::TERM);
            assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
            until_paid(&work, work.paid() + 20);
            running.insert(number, nodes.start(number));
        }
    }
    until_paid(&work, work.paid() + 20);
    let paid = settle(&running[0], &work, writers);
    println!("{} restarts, {paid} payouts, 0 failed", rounds * 2);
    database.verified();
    for node in running {
        assert_eq!(node.running.stop(Signal::TERM).status.code(), Some(0));
    }
}
