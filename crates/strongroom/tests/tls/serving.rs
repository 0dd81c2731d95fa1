//! What is spoken, and what every answer says.

use std::io::{Read, Write};

use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, ProtocolVersion};
use strongroom_testkit::exchange::{Outgoing, Reply, connect, exchange};

use crate::client::{Client, Served, wait};
use crate::program::Running;

#[test]
fn tls_13_with_the_hybrid_group_and_nothing_less() {
    let served = Served::start("", |_, _| {});
    let stream = served.client().open(served.api).unwrap();
    assert_eq!(
        stream.conn.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
    let group = stream.conn.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    drop(stream);
    let old = Client::with(&served.authority, None, &[&TLS12]);
    assert!(old.open(served.api).is_err());

    // A live key, over TLS, is taken.
    let live = served.made.shown("live secret key");
    let account = Outgoing::new(served.api, "GET", "/v1/account").bearer(&live);
    served.client().send(&account).unwrap().expect(200);
    served.wait("tls_handshakes_failed_total", 1);
    assert!(served.metric("tls_certificate_not_after_seconds") > 3_000_000_000);
    served.stop();
}

#[test]
fn every_answer_has_the_headers_that_protect() {
    let served = Served::start("", |_, _| {});
    let client = served.client();
    let new = |method, target| Outgoing::new(served.api, method, target);
    let long = format!("/v1/account?{}", "x".repeat(9_000));
    for (request, status) in [
        (served.request("GET", "/v1/account"), 200),
        (served.request("HEAD", "/v1/account"), 200),
        (new("GET", "/health"), 200),
        (new("GET", "/tools/webhook-signature"), 200),
        (new("GET", "/openapi.json"), 200),
        (new("OPTIONS", "/v1/account"), 204),
        (new("GET", "/v1/account"), 401),
        (served.request("GET", "/v1/none"), 404),
        (served.request("DELETE", "/v1/account"), 405),
        (served.request("POST", "/v1/wallets").body("{"), 400),
        (served.request("GET", &long), 414),
        (new("GET", "/.well-known/strongroom-pins"), 404),
    ] {
        let reply = client.send(&request).unwrap().expect(status);
        for (name, part) in [
            (
                "strict-transport-security",
                "max-age=63072000; includeSubDomains",
            ),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("permissions-policy", "camera=()"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            let value = reply
                .header(name)
                .unwrap_or_else(|| panic!("no {name} on {status}: {reply:?}"));
            assert!(value.contains(part), "{name}: {value}");
        }
    }
    // What is no request at all is answered by the HTTP library, and not without them.
    let mut stream = client.open(served.api).unwrap();
    stream.write_all(b"NO REQUEST\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let reply = Reply::parse(&bytes, false).expect(400);
    assert!(
        reply.header("strict-transport-security").is_some(),
        "{reply:?}"
    );
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    // The operator's listener speaks in clear, so it says nothing of TLS.
    let metrics = Outgoing::new(served.admin, "GET", "/metrics")
        .send()
        .expect(200);
    assert_eq!(metrics.header("x-frame-options"), Some("DENY"));
    assert_eq!(metrics.header("strict-transport-security"), None);
    served.stop();
}

#[test]
fn tls_12_by_a_switch_alone() {
    let served = Served::with("", &["--tls12"], |_, _| {});
    let old = Client::with(&served.authority, None, &[&TLS12]);
    let stream = old.open(served.api).unwrap();
    let suite = stream.conn.negotiated_cipher_suite().unwrap().suite();
    let name = suite.as_str().unwrap();
    assert!(
        name.contains("ECDHE") && (name.contains("GCM") || name.contains("POLY1305")),
        "{name}"
    );
    old.send(&served.request("GET", "/v1/account"))
        .unwrap()
        .expect(200);
    let new = Client::with(&served.authority, None, &[&TLS13]);
    new.send(&served.request("GET", "/v1/account"))
        .unwrap()
        .expect(200);
    served.stop();
}

#[test]
fn plain_http_is_told_so() {
    let served = Served::start("", |_, _| {});
    let request = served
        .request("POST", "/v1/wallets")
        .body(vec![b'x'; 40_000]);
    let reply = request.send().expect(400);
    assert_eq!(reply.field("code"), "tls_required");
    assert_eq!(reply.header("strict-transport-security"), None);
    assert!(!reply.text().contains("sk_test"));
    // Neither HTTP nor TLS: no answer.
    assert!(exchange(served.api, b"\x00\x01\x02").is_empty());
    served.wait("tls_plain_http_total", 1);
    served.stop();
}

#[test]
fn unfinished_handshakes_are_bounded_in_time_and_number() {
    let served = Served::start("handshake_seconds = 1\nhandshakes = 1\n", |_, _| {});
    wait("a handshake that is turned away", || {
        let mut idle = [connect(served.api), connect(served.api)];
        for stream in &mut idle {
            // A beginning that never goes on; the server closes, at once or in time.
            let _ = stream.write_all(&[0x16, 3, 1]);
            let _ = stream.read(&mut [0]);
        }
        served.metric("tls_handshakes_crowded_total") > 0
    });
    served.wait("tls_handshakes_timed_out_total", 1);
    wait("room for a good one", || {
        let sent = served.client().send(&served.request("GET", "/v1/account"));
        sent.is_ok_and(|reply| reply.status == 200)
    });
    served.stop();
}

#[test]
fn beyond_loopback_it_is_tls_or_a_proxy() {
    let served = Served::start("", |_, _| {});
    let text = std::fs::read_to_string(served.made.path("strongroom.toml")).unwrap();
    std::fs::write(
        served.made.path("wide.toml"),
        text.replacen("127.0.0.1:0", "0.0.0.0:0", 1),
    )
    .unwrap();
    let Served { running, made, .. } = served;
    running.kill();
    let mut serve = crate::program::strongroom();
    serve
        .args(["serve", "--config"])
        .arg(made.path("wide.toml"));
    serve.arg("--passphrase-file").arg(made.path("passphrase"));
    let running = Running::start(&mut serve);
    assert!(
        running.line.starts_with("listening on https://0.0.0.0:"),
        "{}",
        running.line
    );
    running.kill();
}
