//! The moment that matters: the connection is cut around `COMMIT`, before the server has it or
//! before its answer is back, by something between the two that reads along.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use strongroom_cluster::OWNER;
use strongroom_store::{PostgresOptions, PostgresSecrets, PostgresStore, Store};

use crate::rows::batch_of_entries;
use crate::server::Server;

/// Passes on everything.
const OPEN: u8 = 0;
/// Cuts instead of passing the next `COMMIT` on.
const BEFORE: u8 = 1;
/// Passes the next `COMMIT` on and cuts before the answer.
const AFTER: u8 = 2;

/// The simple query `COMMIT` as it travels.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Listens in front of the server and gives its own port.
fn between(server: u16, cut: &Arc<AtomicU8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let cut = Arc::clone(cut);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            // The server is gone at the end of the test.
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                return;
            };
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || pass(back.0, back.1, &AtomicU8::new(OPEN)));
            let cut = Arc::clone(&cut);
            std::thread::spawn(move || pass(client, server, &cut));
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: &AtomicU8) {
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let commits = bytes[..length]
            .windows(COMMIT.len())
            .any(|part| part == COMMIT);
        let how = if commits {
            cut.swap(OPEN, Ordering::SeqCst)
        } else {
            OPEN
        };
        if how == AFTER {
            from.shutdown(Shutdown::Both).unwrap();
        }
        if how == BEFORE || to.write_all(&bytes[..length]).is_err() {
            break;
        }
        if how == AFTER {
            // Time for the server to do it, with nobody left to tell.
            let (_kept, never) = std::sync::mpsc::channel::<()>();
            let _ = never.recv_timeout(Duration::from_millis(200));
            break;
        }
    }
    for end in [from, to] {
        // It may be closed already.
        drop(end.shutdown(Shutdown::Both));
    }
}

#[test]
fn a_lost_commit_is_neither_forgotten_nor_repeated() {
    let Some(server) = Server::start("") else {
        return;
    };
    let cut = Arc::new(AtomicU8::new(OPEN));
    let port = between(server.cluster.port, &cut);
    let url = format!("postgres://{OWNER}@127.0.0.1:{port}/postgres");
    let options = PostgresOptions::new(&url, PostgresSecrets::default()).unwrap();
    let store = PostgresStore::create(options).unwrap();
    let mut writer = store.writer().unwrap();
    writer.apply(&batch_of_entries(1, 1, 1)).unwrap();
    let written = || server.sql("SELECT max(seq) FROM strongroom.log");
    let mut number = 1;
    for round in 0..10 {
        for how in [BEFORE, AFTER] {
            number += 1;
            cut.store(how, Ordering::SeqCst);
            // Repeated when it was committed, its entry would be refused as a duplicate.
            writer.apply(&batch_of_entries(1, number, number)).unwrap();
            assert_eq!(
                cut.load(Ordering::SeqCst),
                OPEN,
                "round {round}: it was cut"
            );
            assert!(written() == number.to_string());
        }
    }
    let mut reader = store.reader().unwrap();
    let found = reader.entries(1, 0, 99, false, 99).unwrap();
    let seqs: Vec<u64> = found.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=number).collect::<Vec<_>>());
}
