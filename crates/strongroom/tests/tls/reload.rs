//! New files while requests go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::Signal;

use crate::authority::put;
use crate::client::{HOST, Served, ask, shown, wait};

/// Certificates that follow one another under load.
const TURNS: u64 = 6;
const CLIENTS: usize = 4;

#[test]
fn a_new_certificate_costs_no_request() {
    let served = Served::start("", |_, _| {});
    let ended = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    // Each asks on one connection that stays, and on a new one each time.
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, request) = (served.client(), served.request("GET", "/v1/account"));
            let (ended, asked) = (Arc::clone(&ended), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut lasting = client.open(request.address()).unwrap();
                while !ended.load(Ordering::Relaxed) {
                    assert_eq!(
                        ask(&mut lasting, &request),
                        Some(200),
                        "the lasting connection"
                    );
                    let reply = client.send(&request).unwrap();
                    assert_eq!(reply.status, 200, "a new connection");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for turn in 0..TURNS {
        let next = served.authority.server(&[HOST]);
        let before = asked.load(Ordering::Relaxed);
        next.write(served.made.dir.path());
        if turn % 2 == 0 {
            served.running.send(Signal::HUP);
        }
        wait("the new certificate", || {
            shown(&served.client().open(served.api).unwrap()) == next.der
        });
        wait("requests after it", || {
            asked.load(Ordering::Relaxed) > before + 8
        });
    }
    ended.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    assert!(served.metric("tls_reloads_total") >= TURNS);
    served.stop();
}

#[test]
fn a_broken_file_changes_nothing() {
    let served = Served::start("", |_, _| {});
    let first = shown(&served.client().open(served.api).unwrap());
    put(
        &served.made.path("certificate.pem"),
        "-----BEGIN CERTIFICATE-----\nMIIB\n",
        0o644,
    );
    served.wait("tls_reloads_failed_total", 1);
    served
        .client()
        .send(&served.request("GET", "/v1/account"))
        .unwrap()
        .expect(200);
    assert_eq!(shown(&served.client().open(served.api).unwrap()), first);
    // One whose key is another's: the two files of a pair come one after the other.
    let next = served.authority.server(&[HOST]);
    put(
        &served.made.path("certificate.pem"),
        &next.certificate,
        0o644,
    );
    served.wait("tls_reloads_failed_total", 2);
    assert_eq!(shown(&served.client().open(served.api).unwrap()), first);
    put(&served.made.path("key.pem"), &next.key, 0o600);
    wait("the new certificate", || {
        shown(&served.client().open(served.api).unwrap()) == next.der
    });
    let log = served.stop();
    assert!(log.contains("what was read before stays in use"), "{log}");
    assert!(!log.contains("BEGIN PRIVATE KEY"), "{log}");
}
