//! `/v1/events/stream`, given up while the server reads: it reads no further.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use strongroom_testkit::faulty::Disk;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

/// Entries that are read at once, and pages of them.
const PAGE: usize = 64;
const PAGES: usize = 16;
/// Within which a read comes, where one comes.
const SOON: Duration = Duration::from_secs(4);
/// For the server to notice that a reader is gone, at each read.
const PAUSE: Duration = Duration::from_millis(200);

/// Lets the next read go on, if there is one soon.
fn step(disk: &Disk) -> bool {
    let began = Instant::now();
    while !disk.let_one() {
        if began.elapsed() > SOON {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    true
}

#[test]
fn what_nobody_reads_is_not_read_on() {
    let disk = Disk::default();
    let server = TestServer::start_on(&disk.open(), ServerSettings::default());
    let acme = Tenant::found(&server);
    let (from, to) = (acme.funded("master", 100_000), acme.wallet("master"));
    let first = acme.all("/v1/events")[0]["id"].as_str().unwrap().to_owned();
    for _ in 0..PAGE * PAGES {
        acme.pay(&from, &to, 1).expect(201);
    }
    disk.hold();
    // All of the log lies before it, and nothing in it is of this type.
    let target = format!("/v1/events/stream?after={first}&type=payment.captured");
    let request = acme.request("GET", &target);
    let mut socket = TcpStream::connect(request.address()).unwrap();
    socket.write_all(&request.bytes()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let (mut head, mut bytes) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&head).contains("retry: 1000") {
        disk.let_one();
        // Nothing yet is no end.
        if let Ok(count) = socket.read(&mut bytes) {
            assert!(
                count > 0,
                "it was refused: {}",
                String::from_utf8_lossy(&head)
            );
            head.extend_from_slice(&bytes[..count]);
        }
    }
    drop(socket);
    let mut reads = 0;
    while step(&disk) {
        reads += 1;
        // Two reads a page.
        assert!(reads < PAGES, "it is read on for nobody");
        std::thread::park_timeout(PAUSE);
    }
    disk.release();
}
