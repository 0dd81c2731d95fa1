//! Two nodes under load while something is taken away: a node, its time, the database, the network. Nothing is lost and
//! nothing doubled; `STRONGROOM_CRASH_CYCLES` makes it long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::crash::asked_for;
use crate::database::{Database, free_port};
use crate::nodes::Nodes;
use crate::outages::{WRITERS, Work, begin_at, recovered, settle, take_away, until_paid};
use crate::pair::{PATIENCE, pause};
use crate::program::Demo;
use crate::proxy::Proxy;

fn stop(running: Vec<Demo>) {
    for node in running {
        let stopped = node.running.stop(Signal::TERM);
        assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
    }
}

/// Either node is killed, the one that decides or the other.
#[test]
fn nodes_are_killed_under_load() {
    let Some(database) = Database::start() else {
        return;
    };
    let cycles = asked_for().unwrap_or(2);
    let nodes = Nodes::on(&database);
    let mut running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin_at(&nodes.shops(&running[0]), &work);
    let mut longest = Duration::ZERO;
    for cycle in 0..cycles {
        let number = usize::from(cycle % 2 == 1);
        until_paid(&work, work.paid() + 30);
        let before = work.paid();
        running.remove(number).running.kill();
        let took = until_paid(&work, before + WRITERS);
        longest = longest.max(took);
        running.insert(number, nodes.start(number));
    }
    until_paid(&work, work.paid() + 10);
    settle(&running[0], &work, writers);
    println!("{cycles} kills; paid again after {longest:.1?} at most");
    stop(running);
    database.verified();
}

/// The database goes away in four ways.
#[test]
fn two_nodes_lose_the_database_in_four_ways() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let rounds = asked_for().unwrap_or(1).min(10);
    let nodes = Nodes::on(&database);
    let running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin_at(&nodes.shops(&running[0]), &work);
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
    settle(&running[1], &work, writers);
    println!("{} outages; longest recoveries {longest:?}", rounds * 4);
    stop(running);
    database.verified();
}

/// The deciding node is paused for longer than its lease, and wakes.
#[test]
fn the_deciding_node_is_paused_under_load() {
    let Some(database) = Database::start() else {
        return;
    };
    let nodes = Nodes::on(&database);
    let running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin_at(&nodes.shops(&running[0])[1..], &work);
    until_paid(&work, 30);
    running[0].running.send(Signal::STOP);
    let before = work.paid();
    let took = until_paid(&work, before + WRITERS);
    println!("paid again {took:.1?} after the pause began");
    running[0].running.send(Signal::CONT);
    until_ready(&nodes, 0);
    until_paid(&work, work.paid() + 20);
    settle(&running[0], &work, writers);
    stop(running);
    database.verified();
}

fn until_ready(nodes: &Nodes, number: usize) {
    let begun = Instant::now();
    while nodes.ready(number).status != 200 {
        assert!(begun.elapsed() < PATIENCE, "it is never ready");
        pause(Duration::from_millis(50));
    }
}

/// The network between the deciding node and the database swallows everything and says nothing.
#[test]
fn a_silent_network_to_the_database_is_survived() {
    let Some(database) = Database::start() else {
        return;
    };
    let port = database.cluster.port;
    let proxy = Proxy::start(([127, 0, 0, 1], port).into(), None);
    let url = database.url();
    let there = url.replace(&port.to_string(), &proxy.address.port().to_string());
    let nodes = Nodes::new(&database, [&there, &url], ["", ""]);
    let running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin_at(&nodes.shops(&running[0])[1..], &work);
    until_paid(&work, 30);
    proxy.swallow(true);
    let took = until_paid(&work, work.paid() + 2 * WRITERS);
    println!("paid again {took:.1?} after the network fell silent");
    // Its requests are not lost: it says that it cannot take them.
    assert_eq!(nodes.ready(0).status, 503);
    proxy.swallow(false);
    until_ready(&nodes, 0);
    until_paid(&work, work.paid() + 20);
    settle(&running[0], &work, writers);
    stop(running);
    database.verified();
}

/// The network between the nodes swallows everything: the one that decides goes on, the other one says that it is not
/// ready, and comes back by itself.
#[test]
fn a_silent_network_between_the_nodes_is_survived() {
    let Some(database) = Database::start() else {
        return;
    };
    let own = free_port();
    let proxy = Proxy::start(([127, 0, 0, 1], own).into(), None);
    let first = format!(
        "[node]\naddress = '{}'\nlisten = '127.0.0.1:{own}'\n",
        proxy.address
    );
    let url = database.url();
    let nodes = Nodes::new(
        &database,
        [&url, &url],
        [&first, "[node]\npatience_seconds = 5\n"],
    );
    let running = vec![nodes.start(0), nodes.start(1)];
    let work = Arc::new(Work::default());
    let writers = begin_at(&nodes.shops(&running[0]), &work);
    until_paid(&work, 30);
    proxy.swallow(true);
    let begun = Instant::now();
    while nodes.ready(1).status == 200 {
        assert!(begun.elapsed() < PATIENCE, "it never says so");
        pause(Duration::from_millis(50));
    }
    assert_eq!(nodes.ready(1).field("status"), "no_deciding_node");
    assert_eq!(nodes.ready(0).status, 200);
    println!(
        "not ready {:.1?} after the network fell silent",
        begun.elapsed()
    );
    proxy.swallow(false);
    until_ready(&nodes, 1);
    let took = until_paid(&work, work.paid() + 2 * WRITERS);
    println!("paid again {took:.1?} after the network came back");
    settle(&running[1], &work, writers);
    stop(running);
    database.verified();
}
