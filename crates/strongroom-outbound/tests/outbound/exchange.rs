//! What works, against real servers on the loopback: TLS under a private authority, limits, reuse.

use std::time::{Duration, Instant};

use crate::support::{
    Authority, LIMITS, Listener, Scripted, answer, loopback_open, ok, post, read_request,
};
use hyper::header::{HeaderName, HeaderValue};
use strongroom_outbound::{Limits, Outbound, OutboundFault, Policy, Request, Roots, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOST: &str = "hooks.example.com";

/// A client that finds the loopback under every name, and believes the authority.
fn client(authority: &Authority) -> Outbound {
    let policy = authority.trusted(loopback_open());
    Outbound::with_resolver(policy, Scripted::new(&[&["127.0.0.1"]])).unwrap()
}

fn target(outbound: &Outbound, host: &str, server: &Listener) -> Target {
    let url = format!("https://{host}:{}/hook?a=b", server.port());
    outbound.check(&url, false).unwrap()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_given() {
    let authority = Authority::new();
    let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let acceptor = authority.acceptor(HOST, 2099);
    let server = Listener::start(move |stream| {
        let (acceptor, sent) = (acceptor.clone(), sent.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let request = read_request(&mut stream).await.unwrap();
            sent.send((
                stream.get_ref().1.server_name().unwrap().to_owned(),
                request,
            ))
            .unwrap();
            stream.write_all(ok("thanks").as_bytes()).await.unwrap();
        }
    })
    .await;
    let outbound = client(&authority);
    let header = |name: &'static str, value: &'static str| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let request = Request {
        headers: vec![
            header("content-type", "application/json"),
            header("webhook-id", "evt_1"),
        ],
        ..post(b"{\"a\":1}")
    };
    let target = target(&outbound, HOST, &server);
    let reply = outbound.send(&target, request, LIMITS).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (200, &b"thanks"[..]));
    assert!(!reply.truncated);
    let (name, request) = seen.recv().await.unwrap();
    assert_eq!(name, HOST);
    assert!(
        request.starts_with("POST /hook?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("host: {HOST}:{}\r\n", server.port())),
        "{request}"
    );
    assert!(request.contains("user-agent: Strongroom/"), "{request}");
    assert!(request.contains("webhook-id: evt_1\r\n"), "{request}");
    assert!(request.contains("content-length: 7\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
}

#[tokio::test]
async fn certificates_must_be_good() {
    let authority = Authority::new();
    let good = authority.serve(HOST, 2099, ok("")).await;
    let expired = authority.serve(HOST, 2021, ok("")).await;
    let stranger = Authority::new().serve(HOST, 2099, ok("")).await;
    let outbound = client(&authority);
    for (host, server, words) in [
        ("other.example.com", &good, "not valid for name"),
        ("127.0.0.1", &good, "not valid for name"),
        (HOST, &expired, "expired"),
        // Of the same name as the authority, with another key.
        (HOST, &stranger, "badsignature"),
    ] {
        let target = target(&outbound, host, server);
        let fault = outbound
            .send(&target, post(b"x"), LIMITS)
            .await
            .unwrap_err();
        assert_eq!(fault.code(), "tls_failed");
        assert!(
            fault.to_string().to_lowercase().contains(words),
            "{host}: {fault}"
        );
    }
    let target = target(&outbound, HOST, &good);
    assert_eq!(
        outbound
            .send(&target, post(b"x"), LIMITS)
            .await
            .unwrap()
            .status,
        200
    );
    // Without the extra root the same server is a stranger.
    let public =
        Outbound::with_resolver(loopback_open(), Scripted::new(&[&["127.0.0.1"]])).unwrap();
    let fault = public.send(&target, post(b"x"), LIMITS).await.unwrap_err();
    assert_eq!(fault.code(), "tls_failed");
}

#[tokio::test]
async fn plain_text_behind_https_is_no_session() {
    let plain = Listener::start(|mut stream| async move {
        stream.write_all(ok("").as_bytes()).await.unwrap();
    })
    .await;
    let outbound = client(&Authority::new());
    let target = target(&outbound, HOST, &plain);
    let fault = outbound
        .send(&target, post(b"x"), LIMITS)
        .await
        .unwrap_err();
    assert_eq!(fault.code(), "tls_failed");
}

#[tokio::test]
async fn connections_are_reused_and_never_shared_between_hosts() {
    let authority = Authority::new();
    let server = authority.serve(HOST, 2099, ok(&"x".repeat(3_000))).await;
    let outbound = client(&authority);
    let first = target(&outbound, HOST, &server);
    for _ in 0..20 {
        let reply = outbound.send(&first, post(b"x"), LIMITS).await.unwrap();
        assert_eq!((reply.body.len(), reply.truncated), (1_024, true));
    }
    assert_eq!(server.accepted(), 1);
    // The same address under another name: its certificate is asked for, and refused.
    let other = target(&outbound, "other.example.com", &server);
    let fault = outbound.send(&other, post(b"x"), LIMITS).await.unwrap_err();
    assert_eq!(fault.code(), "tls_failed");
    assert_eq!(server.accepted(), 2);
}

/// A server that hangs up after each answer: the next request finds out and opens another connection.
#[tokio::test]
async fn a_connection_that_was_closed_is_replaced() {
    let server = Listener::start(|mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(ok("").as_bytes()).await.unwrap();
    })
    .await;
    let outbound = Outbound::new(loopback_open()).unwrap();
    let target = outbound
        .check(&format!("http://{}/", server.address), false)
        .unwrap();
    for _ in 0..20 {
        assert_eq!(
            outbound
                .send(&target, post(b"x"), LIMITS)
                .await
                .unwrap()
                .status,
            200
        );
    }
    assert_eq!(server.accepted(), 20);
}

/// A server that takes a second request on a kept connection and hangs up instead of answering.
#[tokio::test]
async fn a_request_lost_on_a_kept_connection_is_sent_once_more() {
    let server = Listener::start(|mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(ok("").as_bytes()).await.unwrap();
        read_request(&mut stream).await;
    })
    .await;
    let outbound = Outbound::new(loopback_open()).unwrap();
    let target = outbound
        .check(&format!("http://{}/", server.address), false)
        .unwrap();
    for count in 1..=3 {
        assert_eq!(
            outbound
                .send(&target, post(b"x"), LIMITS)
                .await
                .unwrap()
                .status,
            200
        );
        assert_eq!(server.accepted(), count);
    }
}

#[tokio::test]
async fn slow_servers_run_out_of_time() {
    let silent = Listener::start(|mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let dripping = Listener::start(|mut stream| async move {
        read_request(&mut stream).await;
        for byte in "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
            .bytes()
            .chain([b'x'; 1000])
        {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let outbound = Outbound::new(loopback_open()).unwrap();
    let limits = Limits {
        time: Duration::from_millis(300),
        ..LIMITS
    };
    for server in [&silent, &dripping] {
        let target = outbound
            .check(&format!("http://{}/", server.address), false)
            .unwrap();
        let begin = Instant::now();
        let fault = outbound
            .send(&target, post(b"x"), limits)
            .await
            .unwrap_err();
        assert_eq!(fault, OutboundFault::Timeout);
        assert!(begin.elapsed() < Duration::from_secs(3));
    }
    // A TLS server that never says hello.
    let mute = Listener::start(|mut stream| async move {
        let mut nothing = [0; 4_096];
        while stream.read(&mut nothing).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    let outbound = client(&Authority::new());
    let fault = outbound
        .send(&target(&outbound, HOST, &mute), post(b"x"), limits)
        .await;
    assert_eq!(fault.unwrap_err(), OutboundFault::Timeout);
}

/// An endless answer is cut, and its connection closed at once.
#[tokio::test]
async fn endless_answers_are_cut() {
    let (closed, mut was_closed) = tokio::sync::mpsc::unbounded_channel();
    for head in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
    ] {
        let closed = closed.clone();
        let server = Listener::start(move |mut stream| {
            let closed = closed.clone();
            async move {
                read_request(&mut stream).await;
                stream.write_all(head.as_bytes()).await.unwrap();
                let data = format!("1000\r\n{}\r\n", "x".repeat(4_096));
                let mut written = 0;
                while stream.write_all(data.as_bytes()).await.is_ok() {
                    written += data.len();
                }
                closed.send(written).unwrap();
            }
        })
        .await;
        let outbound = Outbound::new(loopback_open()).unwrap();
        let target = outbound
            .check(&format!("http://{}/", server.address), false)
            .unwrap();
        let reply = outbound.send(&target, post(b"x"), LIMITS).await.unwrap();
        assert_eq!(
            (reply.status, reply.body.len(), reply.truncated),
            (200, 1_024, true)
        );
        let written = tokio::time::timeout(Duration::from_secs(5), was_closed.recv()).await;
        assert!(written.unwrap().unwrap() < 64 * 1024 * 1024);
    }
}

#[tokio::test]
async fn heads_are_bounded_and_must_be_http() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1_000));
    for text in [
        endless,
        many,
        "SSH-2.0-OpenSSH_9.6\r\n".into(),
        "+OK\r\n\r\n".into(),
    ] {
        let server = Listener::start(move |stream| answer(stream, text.clone())).await;
        let outbound = Outbound::new(loopback_open()).unwrap();
        let target = outbound
            .check(&format!("http://{}/", server.address), false)
            .unwrap();
        let fault = outbound
            .send(&target, post(b"x"), LIMITS)
            .await
            .unwrap_err();
        assert_eq!(fault.code(), "protocol_error");
    }
}

#[tokio::test]
async fn the_connection_s_own_headers_are_refused() {
    let server = Listener::canary().await;
    let outbound = Outbound::new(loopback_open()).unwrap();
    let target = outbound
        .check(&format!("http://{}/", server.address), false)
        .unwrap();
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
    ] {
        let request = Request {
            headers: vec![(HeaderName::from_static(name), HeaderValue::from_static("x"))],
            ..post(b"x")
        };
        let fault = outbound.send(&target, request, LIMITS).await.unwrap_err();
        assert_eq!(fault, OutboundFault::RefusedHeader(name));
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn names_of_the_machine_are_found() {
    let server = Listener::canary().await;
    let outbound = Outbound::new(loopback_open()).unwrap();
    let url = format!("http://localhost:{}/", server.port());
    let target = outbound.check(&url, false).unwrap();
    assert_eq!(
        outbound
            .send(&target, post(b"x"), LIMITS)
            .await
            .unwrap()
            .status,
        200
    );
    let nobody = outbound.check("http://nobody.invalid/", false).unwrap();
    let fault = outbound
        .send(&nobody, post(b"x"), LIMITS)
        .await
        .unwrap_err();
    assert_eq!(fault, OutboundFault::Resolve);
}

#[test]
fn roots_must_be_certificates() {
    for text in [
        "",
        "nonsense",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let policy = Policy {
            roots: Roots {
                extra: vec![text.to_owned()],
            },
            ..Policy::default()
        };
        assert_eq!(
            Outbound::new(policy).err(),
            Some(OutboundFault::Roots),
            "{text}"
        );
    }
}
