//! `strongroom listen` from the outside: cut off, stopped, killed, restarted, its receiver down, its server odd.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod listening;
mod program;
mod receiving;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::json;
use sha2::{Digest, Sha256};
use strongroom_testkit::dice::Dice;
use strongroom_testkit::exchange::Outgoing;
use strongroom_testkit::receiver::{Received, Receiver};

use listening::proxy::Proxy;
use listening::{Listening, PATIENCE, SECRET, command, folder, id, ids, path, pause, until};
use program::{Demo, address, assert_clean};
use receiving::{TO_THIS_MACHINE, unix_seconds};

/// Longer than the 15 seconds between two signs of life on a stream.
const LONGER_THAN_THE_HEARTBEAT: Duration = Duration::from_secs(17);

/// Longer than the 30 seconds that a receiver has for its answer.
const LONGER_THAN_A_DELIVERY: Duration = Duration::from_secs(32);

fn taken(receiver: &Receiver) -> Vec<Received> {
    let mut received = receiver.received();
    received.retain(|one| one.status == 200);
    received
}

/// Pays in the background, as long as the server is there.
fn pay_behind(demo: &Demo, cycle: usize) -> std::thread::JoinHandle<()> {
    let server = address(demo.text("base_url"));
    let recipient = json!({ "type": "wallet", "id": demo.text("wallets/reserve") });
    let body = json!({ "amount": 1, "currency": "PHP", "recipient": recipient });
    let request = Outgoing::new(server, "POST", "/v1/payouts")
        .bearer(demo.text("secret_key"))
        .json(&body);
    std::thread::spawn(move || {
        for n in 0..3 {
            let request = request.clone().idempotent(&format!("listen-{cycle}-{n}"));
            // The server may be killed meanwhile.
            let sent = std::panic::AssertUnwindSafe(|| request.send().status);
            if std::panic::catch_unwind(sent).is_err() {
                return;
            }
        }
    })
}

/// Everything that can end a connection, many times: nothing is missed, the order is kept, and an event comes twice only
/// where its answer was lost with a listener that was killed.
#[test]
fn listen_resume() {
    let data = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(Some(data.path()));
    let folder = folder(&demo);
    let folder = folder.path();
    let proxy = Proxy::start(address(demo.text("base_url")), Some(Dice::new(7)));
    let receiver = Receiver::willing();
    let (secret, file) = (path(folder, "secret"), path(folder, "position"));
    let options = ["--secret-file", &secret, "--resume-file", &file];
    let first = [&options[..], &["--from-beginning"]].concat();
    let start = |options: &[&str]| Listening::start(folder, &proxy.url(), &receiver.url(), options);
    let mut dice = Dice::new(11);
    let mut listener = start(&first);
    until("the first event", || !receiver.received().is_empty());
    let mut kills = 0;
    for cycle in 0..36 {
        let payer = pay_behind(&demo, cycle);
        if cycle % 3 == 0 {
            pause(Duration::from_millis(
                u64::try_from(dice.below(150)).unwrap(),
            ));
        }
        match cycle {
            4 | 13 | 22 | 31 => {
                listener.kill();
                kills += 1;
                listener = start(&options);
            }
            7 | 19 => {
                // Told to stop it does so in good order: it owes nobody a repetition.
                listener.stop();
                payer.join().unwrap();
                listener = start(&options);
                continue;
            }
            9 | 16 | 27 => {
                demo.running.kill();
                demo = Demo::start(Some(data.path()));
                proxy.lead_to(address(demo.text("base_url")));
            }
            11 => {
                listener.send(Signal::STOP);
                pause(LONGER_THAN_THE_HEARTBEAT);
                listener.send(Signal::CONT);
            }
            2 | 24 => {
                listener.send(Signal::STOP);
                proxy.cut_all();
                payer.join().unwrap();
                listener.send(Signal::CONT);
                continue;
            }
            _ if dice.one_in(4) => proxy.cut_all(),
            _ => {}
        }
        payer.join().unwrap();
    }
    let expected = ids(&demo);
    let last = expected.last().unwrap().clone();
    until("the last event", || {
        receiver
            .received()
            .last()
            .is_some_and(|one| id(one) == last)
    });
    until("the last position", || {
        fs::read_to_string(&file).is_ok_and(|text| text.trim() == last)
    });
    let cuts = proxy.cuts();
    listener.stop();
    let received = taken(&receiver);
    let came: Vec<String> = received.iter().map(id).collect();
    let mut once = came.clone();
    once.dedup();
    assert_eq!(
        once, expected,
        "all, in order, and a repetition only at once"
    );
    let doubled = came.len() - once.len();
    assert!(doubled <= kills, "{doubled} doubled by {kills} kills");
    let bodies: HashSet<&String> = received.iter().map(|one| &one.body).collect();
    assert_eq!(bodies.len(), expected.len(), "one id, one body");
    assert!(received.iter().all(|one| one.is_signed_by(SECRET)));
    assert!(cuts > 30, "{cuts} cuts by length alone");
    println!(
        "{} events: 0 missed, {doubled} doubled; {cuts} cuts by length, {kills} kills of listen, 3 of the server",
        expected.len()
    );
    assert_eq!(demo.running.stop(Signal::TERM).status.code(), Some(0));
    assert_clean(data.path());
}

/// HMAC-SHA-256 by RFC 2104, written for this test alone.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    assert!(key.len() <= 64);
    let pad = |filler: u8| -> Vec<u8> {
        (0..64)
            .map(|n| key.get(n).copied().unwrap_or(0) ^ filler)
            .collect()
    };
    let inner = Sha256::digest([&pad(0x36), message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).into()
}

fn assert_signed(received: &Received, secret: &str) {
    let body = received.body.as_bytes();
    let tag = hmac(secret.as_bytes(), body);
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(received.header("x-nopos-signature"), hex);
    assert_eq!(
        received.header("nextapi-signature"),
        format!("sha256={hex}")
    );
    let time = received.header("webhook-timestamp");
    let signed = [received.header("webhook-id"), time, &received.body].join(".");
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let tag = STANDARD.encode(hmac(&key, signed.as_bytes()));
    assert_eq!(received.header("webhook-signature"), format!("v1,{tag}"));
    let sent: u64 = time.parse().unwrap();
    assert!(unix_seconds().abs_diff(sent) < 60, "signed when it is sent");
}

/// A receiver cannot tell which of the two sent it an event.
#[test]
fn a_forwarded_event_looks_as_a_webhook_does() {
    let demo = Demo::start_with(None, &TO_THIS_MACHINE);
    let folder = folder(&demo);
    let folder = folder.path();
    let (by_webhook, by_listen) = (Receiver::willing(), Receiver::willing());
    let wanted = json!({ "url": by_webhook.url(), "events": ["payout.*"], "secret": SECRET });
    let made = demo.request("POST", "/v1/webhooks").json(&wanted).send();
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = path(folder, "secret");
    let options = ["--secret-file", &secret, "--events", "payout.*"];
    let listener = Listening::following(folder, demo.text("base_url"), &by_listen.url(), &options);
    assert_eq!(demo.pay(100, "looks").status, 201);
    until("both came", || {
        by_webhook.received().len() == 4 && by_listen.received().len() == 4
    });
    let mut expected = by_webhook.received();
    expected.sort_by_key(id);
    for (own, other) in by_listen.received().iter().zip(&expected) {
        assert_eq!((&own.body, &own.path), (&other.body, &other.path));
        let names = |one: &Received| -> Vec<String> {
            one.headers.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(own), names(other));
        for (name, _) in &own.headers {
            let (value, expected) = (own.header(name), other.header(name));
            let differs = ["host", "webhook-timestamp", "webhook-signature"];
            assert!(
                value == expected || differs.contains(&name.as_str()),
                "{name}"
            );
        }
        assert_signed(own, SECRET);
        assert_signed(other, SECRET);
    }
    let out = listener.out();
    assert!(!out.contains(SECRET), "a given secret is not shown: {out}");
    let lines = out.lines().filter(|line| line.contains("  200  "));
    assert_eq!(lines.count(), 4, "{out}");
    listener.stop();
}

/// The secret that is shown once is the one that signs, and it is another one at each start.
#[test]
fn the_shown_secret_verifies() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let receiver = Receiver::willing();
    let mut shown = Vec::new();
    for n in 0..2 {
        let url = demo.text("base_url");
        let listener = Listening::following(folder.path(), url, &receiver.url(), &[]);
        assert_eq!(demo.pay(100, &format!("shown-{n}")).status, 201);
        until("six events", || receiver.received().len() == 6);
        let secret = listener.secret();
        for received in receiver.take() {
            assert_signed(&received, &secret);
        }
        shown.push(secret);
        listener.stop();
    }
    assert_ne!(shown[0], shown[1]);
}

#[test]
fn a_receiver_that_is_down_or_fails_loses_nothing() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    // Nothing listens there yet.
    let place = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut answers = [500, 503, 302, 404].into_iter().cycle();
    let mut dice = Dice::new(5);
    let elsewhere = Receiver::willing();
    let location: &str = Box::leak(format!("location: {}", elsewhere.url()).into_boxed_str());
    let receiver = Receiver::start(move |_| match dice.one_in(3) {
        true => (answers.next().unwrap(), Some(location)),
        false => (200, None),
    });
    let before = ids(&demo).len();
    let url = format!("http://{place}/hook");
    let listener = Listening::following(folder.path(), demo.text("base_url"), &url, &[]);
    for n in 0..5 {
        assert_eq!(demo.pay(100, &format!("down-{n}")).status, 201);
    }
    until("it tries", || {
        listener.err().matches("nothing listens there").count() > 1
    });
    let _proxy = Proxy::at(place, receiver.address, None);
    let expected = ids(&demo).split_off(before);
    let came = || -> Vec<String> { taken(&receiver).iter().map(id).collect() };
    until("all came", || came().len() >= expected.len());
    assert_eq!(came(), expected, "each once, in order");
    // One that failed is sent again before the next one is.
    let mut all: Vec<String> = receiver.received().iter().map(id).collect();
    assert!(all.len() > expected.len());
    all.dedup();
    assert_eq!(all, expected);
    assert!(listener.err().contains("redirects are not followed"));
    assert!(elsewhere.received().is_empty());
    listener.stop();
}

#[test]
fn an_event_is_passed_over_only_when_asked() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let receiver = Receiver::start(|received| {
        (
            if received.body.contains("payout.pending") {
                500
            } else {
                200
            },
            None,
        )
    });
    let options = ["--attempts", "2", "--events", "payout.*"];
    let url = demo.text("base_url");
    let listener = Listening::following(folder.path(), url, &receiver.url(), &options);
    assert_eq!(demo.pay(100, "passed").status, 201);
    until("the last", || {
        receiver
            .received()
            .iter()
            .any(|one| one.event_type() == "payout.completed")
    });
    let tries = |name: &str| {
        let received = receiver.received();
        received
            .iter()
            .filter(|one| one.event_type() == name)
            .count()
    };
    assert_eq!((tries("payout.pending"), tries("payout.completed")), (2, 1));
    assert!(listener.err().contains("passed over"));
    listener.stop();
}

#[test]
fn it_begins_where_it_is_told_to() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let folder = folder.path();
    let all = ids(&demo);
    let file = path(folder, "position");
    let forwarded = |options: &[&str], count: usize| -> Vec<String> {
        let receiver = Receiver::willing();
        let url = demo.text("base_url");
        let listener = Listening::following(folder, url, &receiver.url(), options);
        until("they came", || receiver.received().len() >= count);
        listener.stop();
        receiver.received().iter().map(id).collect()
    };
    assert_eq!(forwarded(&["--from-beginning"], all.len()), all);
    assert_eq!(forwarded(&["--after", &all[2]], all.len() - 3), all[3..]);
    // Nothing is new, and the position is kept before anything is.
    assert!(forwarded(&["--resume-file", &file], 0).is_empty());
    assert_eq!(
        fs::read_to_string(&file).unwrap().trim(),
        all.last().unwrap()
    );
    assert_eq!(demo.pay(100, "while-away").status, 201);
    let behind = ids(&demo).split_off(all.len());
    assert_eq!(forwarded(&["--resume-file", &file], behind.len()), behind);
    let mut again = command(folder, demo.text("base_url"), "http://localhost:9/hook");
    again.args(["--resume-file", &file, "--after", &all[0]]);
    program::installation::failed(&mut again, "the options say something else");
}

/// Asleep for longer than a delivery may take, it finds the answer that came meanwhile.
#[test]
fn an_answer_that_came_while_it_slept_counts() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let (arrived, arrival) = channel();
    let (release, released) = channel::<()>();
    let receiver = Receiver::start(move |_| {
        // The test may have seen enough.
        let _ = arrived.send(());
        let _ = released.recv_timeout(Duration::from_secs(120));
        (200, None)
    });
    let types = ["--events", "payout.completed"];
    let url = demo.text("base_url");
    let listener = Listening::following(folder.path(), url, &receiver.url(), &types);
    assert_eq!(demo.pay(100, "asleep").status, 201);
    arrival.recv_timeout(PATIENCE).unwrap();
    listener.send(Signal::STOP);
    drop(release);
    pause(LONGER_THAN_A_DELIVERY);
    listener.send(Signal::CONT);
    assert_eq!(demo.pay(100, "awake").status, 201);
    until("both came", || receiver.received().len() >= 2);
    until("both count", || {
        listener.out().matches("  200  ").count() == 2
    });
    let came: Vec<String> = receiver.received().iter().map(id).collect();
    assert_eq!(came.len(), 2);
    assert_ne!(came[0], came[1], "{}", listener.err());
    listener.stop();
}

/// There is a place to go on from before there is an event.
#[test]
fn who_is_cut_off_before_the_first_event_misses_none() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let server = address(demo.text("base_url"));
    let proxy = Proxy::start(server, None);
    let receiver = Receiver::willing();
    let types = ["--events", "payout.*"];
    let listener = Listening::following(folder.path(), &proxy.url(), &receiver.url(), &types);
    // Nothing listens on port 1.
    proxy.lead_to("127.0.0.1:1".parse().unwrap());
    proxy.cut_all();
    assert_eq!(demo.pay(100, "meanwhile").status, 201);
    until("it is away", || listener.err().matches("away").count() > 2);
    assert!(receiver.received().is_empty());
    proxy.lead_to(server);
    until("all came", || receiver.received().len() == 4);
    listener.stop();
}

/// A key may have eight streams: the ninth reads page by page.
#[test]
fn without_a_stream_events_come_by_pages() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let file = path(folder.path(), "position");
    let newest = ids(&demo).pop().unwrap();
    fs::write(&file, newest).unwrap();
    let streams: Vec<TcpStream> = (0..8)
        .map(|_| {
            let request = demo.request("GET", "/v1/events/stream");
            let mut socket = TcpStream::connect(request.address()).unwrap();
            socket.write_all(&request.bytes()).unwrap();
            socket.read_exact(&mut [0; 12]).unwrap();
            socket
        })
        .collect();
    let receiver = Receiver::willing();
    let options = ["--resume-file", file.as_str()];
    let url = demo.text("base_url");
    let listener = Listening::start(folder.path(), url, &receiver.url(), &options);
    assert_eq!(demo.pay(100, "pages").status, 201);
    until("six events", || receiver.received().len() == 6);
    assert!(!listener.out().contains("Following"), "{}", listener.out());
    assert!(
        listener.err().contains("rate_limited"),
        "{}",
        listener.err()
    );
    drop(streams);
    until("a stream", || listener.out().contains("Following"));
    listener.stop();
    assert_eq!(receiver.received().len(), 6);
}

/// A key that must sign every request signs the stream's and the pages' too.
#[test]
fn a_key_that_must_sign_signs() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let wanted = json!({ "permissions": ["read:events"], "signing": "always" });
    let made = demo.request("POST", "/v1/api-keys").json(&wanted).send();
    assert_eq!(made.status, 201, "{}", made.text());
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    fs::write(folder.path().join("key"), text("key")).unwrap();
    let signing = path(folder.path(), "signing");
    fs::write(&signing, text("signing_secret")).unwrap();
    let receiver = Receiver::willing();
    let url = demo.text("base_url");
    let mut unsigned = command(folder.path(), url, &receiver.url());
    let said = program::installation::failed(&mut unsigned, "refused with 401");
    assert!(said.contains("--signing-secret-file"), "{said}");
    let options = ["--from-beginning", "--signing-secret-file", &signing];
    let listener = Listening::following(folder.path(), url, &receiver.url(), &options);
    assert_eq!(demo.pay(100, "signed").status, 201);
    let expected = ids(&demo);
    until("all came", || receiver.received().len() == expected.len());
    listener.stop();
    let came: Vec<String> = receiver.received().iter().map(id).collect();
    assert_eq!(came, expected);
}
