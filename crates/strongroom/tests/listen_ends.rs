//! When `strongroom listen` ends by itself: what it cannot work with, a receiver that wants no more, an odd server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod listening;
mod program;
mod receiving;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use strongroom_testkit::receiver::Receiver;

use listening::{Listening, command, folder, path, pause, until};
use program::Demo;

#[test]
fn what_cannot_work_is_said() {
    let demo = Demo::start(None);
    let dir = folder(&demo);
    let folder = dir.path();
    let (url, here) = (demo.text("base_url"), "http://localhost:9/hook");
    let says = |url: &str, forward: &str, more: &[&str], words: &str, hint: &str| {
        let err = program::installation::failed(command(folder, url, forward).args(more), words);
        assert!(err.contains(hint), "`{hint}` is not in {err}");
        assert!(!err.contains(demo.text("secret_key")), "{err}");
    };
    for elsewhere in [
        "http://8.8.8.8/",
        "https://1.1.1.1/hook",
        "http://169.254.169.254/",
    ] {
        says(
            url,
            elsewhere,
            &[],
            "neither on this machine nor in a private network",
            "--forward-network",
        );
    }
    says(url, "ftp://localhost/", &[], "does not begin with", "");
    says(url, "http://a:b@localhost/", &[], "holds a user name", "");
    let plain = url.replacen("http:", "https:", 1);
    says(&plain, here, &[], "no answer from", "--url");
    says(
        "http://localhost/v1",
        here,
        &[],
        "is not of the form",
        "--url",
    );
    says("http://127.0.0.1:1", here, &[], "no answer from", "--url");
    let other = Receiver::start(|_| (404, None));
    says(
        &format!("http://{}", other.address),
        here,
        &[],
        "no answer from",
        "--url",
    );
    let unknown = ["--after", "evt_0123456789abcdef01234567"];
    says(url, here, &unknown, "bad_cursor", "resume file");
    let missing = path(folder, "missing");
    says(url, here, &["--secret-file", &missing], "no such file", "");
    fs::write(folder.join("short"), "whsec_short").unwrap();
    says(
        url,
        here,
        &["--secret-file", &path(folder, "short")],
        "fewer than 24",
        "base64",
    );
    fs::write(folder.join("odd"), "evt_1").unwrap();
    says(
        url,
        here,
        &["--resume-file", &path(folder, "odd")],
        "holds no event's id",
        "",
    );

    let made = demo.request("POST", "/v1/api-keys");
    let made = made
        .json(&json!({ "permissions": ["read:account", "read:wallets"] }))
        .send();
    assert_eq!(made.status, 201, "{}", made.text());
    fs::write(folder.join("key"), made.json()["key"].as_str().unwrap()).unwrap();
    says(url, here, &[], "permission_denied", "read:events");
    let revoked = format!(
        "/v1/api-keys/{}/revoke",
        made.json()["id"].as_str().unwrap()
    );
    assert_eq!(
        demo.request("POST", &revoked)
            .json(&json!({}))
            .send()
            .status,
        200
    );
    says(url, here, &[], "unauthorized", "--key-file");
    fs::write(folder.join("key"), demo.text("publishable_key")).unwrap();
    says(url, here, &[], "only a secret key of test mode", "webhooks");
    fs::write(folder.join("key"), "sk_test_1234567890abcdef").unwrap();
    says(url, here, &[], "is none", "typing error");
    fs::remove_file(folder.join("key")).unwrap();
    says(url, here, &[], "no such file", "");
}

#[test]
fn a_receiver_that_wants_no_more_ends_it() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let gone = Receiver::start(|_| (410, None));
    let url = demo.text("base_url");
    let mut listen = command(folder.path(), url, &gone.url());
    program::installation::failed(listen.arg("--from-beginning"), "answered 410");
    assert_eq!(gone.received().len(), 1);
}

/// A server that says what the test says, to each connection.
fn odd_server(say: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 1_024];
            if stream.read(&mut head).is_ok_and(|count| count > 0) {
                say(&mut stream);
            }
        }
    });
    url
}

const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1000\n\n";

/// However much an odd server sends: little is held, nothing is forwarded, and it is said what is wrong.
#[test]
fn an_odd_server_is_given_up() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let receiver = Receiver::willing();
    let failed = |url: &str, words: &str| {
        let begun = Instant::now();
        let mut listen = command(folder.path(), url, &receiver.url());
        let said = program::installation::failed(&mut listen, words);
        assert!(begun.elapsed() < Duration::from_secs(120));
        assert!(receiver.received().is_empty());
        said
    };
    let endless = odd_server(|stream| {
        let piece = [b'x'; 65_536];
        drop(stream.write_all(STREAM));
        // 64 MiB without a line's end, if anybody takes them.
        let taken = (0..1_024)
            .take_while(|_| stream.write_all(&piece).is_ok())
            .count();
        assert!(taken < 1_024, "all of it was taken");
    });
    failed(&endless, "larger than any is");
    for event in ["id: 1\ndata: {}\n\n", "id: evt_\u{1b}[2J\ndata: {}\n\n"] {
        let odd = odd_server(move |stream| {
            drop(stream.write_all(STREAM));
            drop(stream.write_all(event.as_bytes()));
            pause(Duration::from_secs(1));
        });
        failed(&odd, "an event's id is of another form");
    }
    let page = odd_server(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    });
    failed(&page, "no stream of events");
    let moved = odd_server(|stream| {
        let head = b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        drop(stream.write_all(head));
    });
    failed(&moved, "status 307");
    let steering = odd_server(|stream| {
        let body = r#"{"status":403,"code":"no","detail":"\u001b[2J\u0007clear"}"#;
        let head = format!("HTTP/1.1 403 X\r\ncontent-length: {}\r\n\r\n", body.len());
        drop(stream.write_all(head.as_bytes()));
        drop(stream.write_all(body.as_bytes()));
    });
    let said = failed(&steering, "[2Jclear");
    assert!(!said.contains(['\u{1b}', '\u{7}']), "{said:?}");
}

/// A way that is gone without a word, as after a sleep or behind a router that forgot it.
#[test]
fn a_silent_server_is_left() {
    let demo = Demo::start(None);
    let folder = folder(&demo);
    let silent = odd_server(|stream| {
        let head = STREAM.strip_suffix(b"\n").unwrap();
        drop(stream.write_all(head));
        drop(stream.write_all(b"id: evt_0123456789abcdef01234567\n\n"));
        // Held open for as long as the test lasts.
        std::mem::forget(stream.try_clone().unwrap());
    });
    let receiver = Receiver::willing();
    let listener = Listening::following(folder.path(), &silent, &receiver.url(), &[]);
    until("it gives up", || {
        listener.err().contains("nothing came for 40s")
    });
    until("it comes again", || {
        listener.err().contains("following again")
    });
    listener.stop();
}
