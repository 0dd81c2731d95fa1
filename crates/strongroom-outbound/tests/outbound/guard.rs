//! The whole list of ways in: none may reach the canary on the loopback.

use std::time::Duration;

use crate::support::{LIMITS, Listener, Scripted, answer, loopback_open, post};
use strongroom_outbound::{Limits, Outbound, OutboundFault, Policy, TargetFault};

/// URLs whose shape gives them away. `PORT` is the canary's.
const HOSTILE: &[&str] = &[
    // Addresses in every encoding.
    "https://127.0.0.1:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f000001:PORT/",
    "https://0X7F.0.0.1:PORT/",
    "https://0x7f.0x0.0x0.0x1:PORT/",
    "https://017700000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://127.0.0.01:PORT/",
    "https://0:PORT/",
    "https://0.0.0.0:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://[::1]:PORT/",
    "https://[::]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[64:ff9b::127.0.0.1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[2001:0:7f00:1::]:PORT/",
    "https://[fe80::1%25lo]:PORT/",
    "https://[fe80::1%lo]:PORT/",
    "https://[::1%25]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[v1.127.0.0.1]:PORT/",
    "https://①②⑦.⓪.⓪.①:PORT/",
    "https://127。0。0。1:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://127.0.0.1%00.example.com:PORT/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://[fd00:ec2::254]/",
    "https://10.0.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    // Names.
    "https://localhost:PORT/",
    "https://LOCALHOST:PORT/",
    "https://localhost.:PORT/",
    "https://localhost.localdomain:PORT/",
    "https://app.localhost:PORT/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://router.home.arpa/",
    "https://hidden.onion/",
    "https://intranet/",
    "https://lоcalhost:PORT/",
    "https://ⓛocalhost:PORT/",
    "https://example.com./",
    "https://example..com/",
    "https://-example.com/",
    // What parsers disagree on.
    "https://example.com@127.0.0.1:PORT/",
    "https://example.com:443@127.0.0.1:PORT/",
    "https://user:pass@example.com/",
    "https://@127.0.0.1:PORT/",
    "https://example.com\\@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\.example.com/",
    "https:\\\\127.0.0.1:PORT/",
    "https://example.com#@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT#.example.com/",
    "https://example.com%23@127.0.0.1:PORT/",
    "https://example.com%2f@127.0.0.1:PORT/",
    "https://127.0.0.1%2f.example.com:PORT/",
    "https://127.0.0.1:PORT?.example.com/",
    "https:///127.0.0.1:PORT/",
    "https:127.0.0.1:PORT/",
    "https:/127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT",
    "/hook",
    "",
    " https://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/ ",
    "https://127.0.0.1 :PORT/",
    "https://127.0.0.1\t:PORT/",
    "https://example.com/\r\nHost: 127.0.0.1",
    "https://example.com\r\n@127.0.0.1:PORT/",
    "https://example.com/%zz",
    "https://example.com/\u{0}",
    "https://[::1/",
    "https://[]/",
    "https://]/",
    // Schemes.
    "http://127.0.0.1:PORT/",
    "http://example.com/",
    "HTTP://127.0.0.1:PORT/",
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/_",
    "dict://127.0.0.1:PORT/",
    "ws://127.0.0.1:PORT/",
    "unix:///var/run/docker.sock",
    "data:text/plain,x",
    "javascript:alert(1)",
    "url:https://127.0.0.1:PORT/",
    "https+unix://127.0.0.1:PORT/",
    // Ports.
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://example.com:0443/",
    "https://example.com:443x/",
    "https://example.com:/",
    "https://example.com:443:443/",
    "https://8.8.8.8:22/",
];

#[tokio::test]
async fn hostile_urls_reach_nothing() {
    let canary = Listener::canary().await;
    // The resolver points everything at the canary, and its port is allowed: only the checks stand between.
    let policy = Policy {
        ports: vec![443, 8443, canary.port()],
        ..Policy::default()
    };
    let outbound = Outbound::with_resolver(policy, Scripted::new(&[&["127.0.0.1"]])).unwrap();
    for url in HOSTILE {
        let url = url.replace("PORT", &canary.port().to_string());
        for live in [true, false] {
            if let Ok(target) = outbound.check(&url, live) {
                // Reached only by names whose shape says nothing; their addresses must.
                let fault = outbound
                    .send(&target, post(b"x"), LIMITS)
                    .await
                    .unwrap_err();
                panic!("accepted: {url:?} {target:?} {fault:?}");
            }
        }
    }
    assert_eq!(canary.accepted(), 0);
}

#[tokio::test]
async fn no_answer_of_a_name_server_leads_inside() {
    let canary = Listener::canary().await;
    let policy = || Policy {
        ports: vec![canary.port()],
        ..Policy::default()
    };
    let url = format!("https://hooks.example.com:{}/", canary.port());
    for answer in [
        &["127.0.0.1"][..],
        &["127.0.0.1", "127.0.0.2"],
        &["::ffff:127.0.0.1"],
        &["::1"],
        &["::"],
        &["0.0.0.0"],
        &["10.0.0.1", "192.168.0.1", "fd00::1"],
        &["169.254.169.254"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::"],
    ] {
        let outbound = Outbound::with_resolver(policy(), Scripted::new(&[answer])).unwrap();
        let target = outbound.check(&url, false).unwrap();
        let fault = outbound
            .send(&target, post(b"x"), LIMITS)
            .await
            .unwrap_err();
        assert_eq!(fault, OutboundFault::RefusedAddress, "{answer:?}");
        assert!(!fault.to_string().contains('.'), "an address in `{fault}`");
    }
    assert_eq!(canary.accepted(), 0);
}

/// ssrf_rebind: the second answer is another than the first.
#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_again() {
    let canary = Listener::canary().await;
    let policy = Policy {
        networks: vec!["127.0.0.2/32".parse().unwrap()],
        ports: vec![canary.port()],
        ..Policy::default()
    };
    // The first answer is allowed and nobody listens there; the second is the canary.
    let answers = Scripted::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let outbound = Outbound::with_resolver(policy, answers).unwrap();
    let url = format!("http://rebind.example.com:{}/", canary.port());
    let target = outbound.check(&url, false).unwrap();
    let first = outbound
        .send(&target, post(b"x"), LIMITS)
        .await
        .unwrap_err();
    assert_eq!(first.code(), "connect_failed");
    let second = outbound
        .send(&target, post(b"x"), LIMITS)
        .await
        .unwrap_err();
    assert_eq!(second, OutboundFault::RefusedAddress);
    assert_eq!(canary.accepted(), 0);
}

/// A public address beside a private one: the private one is not even tried when the public one is silent.
#[tokio::test]
async fn of_a_mixed_answer_only_allowed_addresses_are_tried() {
    let canary = Listener::canary().await;
    let policy = Policy {
        networks: vec!["127.0.0.2/32".parse().unwrap()],
        ..Policy::default()
    };
    let url = format!("http://mixed.example.com:{}/", canary.port());
    for answer in [&["127.0.0.2", "127.0.0.1"][..], &["127.0.0.1", "127.0.0.2"]] {
        let outbound = Outbound::with_resolver(policy.clone(), Scripted::new(&[answer])).unwrap();
        let target = outbound.check(&url, false).unwrap();
        let fault = outbound
            .send(&target, post(b"x"), LIMITS)
            .await
            .unwrap_err();
        assert_eq!(fault.code(), "connect_failed", "{answer:?}");
    }
    assert_eq!(canary.accepted(), 0);
}

/// ssrf_redirect: a redirect is an answer, not an order.
#[tokio::test]
async fn redirects_are_not_followed() {
    let canary = Listener::canary().await;
    for status in [300, 301, 302, 303, 307, 308] {
        let location = format!("http://127.0.0.1:{}/", canary.port());
        let text = format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nRefresh: 0; url={location}\r\nContent-Length: 0\r\n\r\n"
        );
        let redirecting = Listener::start(move |stream| answer(stream, text.clone())).await;
        let outbound = Outbound::new(loopback_open()).unwrap();
        let url = format!("http://127.0.0.1:{}/", redirecting.port());
        let target = outbound.check(&url, false).unwrap();
        let reply = outbound.send(&target, post(b"x"), LIMITS).await.unwrap();
        assert_eq!(reply.status, status);
        assert_eq!(reply.headers["location"], location);
        assert_eq!(redirecting.accepted(), 1);
    }
    assert_eq!(canary.accepted(), 0);
}

/// Opened networks are for test mode, and what they open is what they name.
#[tokio::test]
async fn opened_networks_end_with_test_mode() {
    let canary = Listener::canary().await;
    let outbound =
        Outbound::with_resolver(loopback_open(), Scripted::new(&[&["127.0.0.1"]])).unwrap();
    let port = canary.port();
    let check = |url: &str, live| outbound.check(&url.replace("PORT", &port.to_string()), live);
    assert_eq!(
        check("http://127.0.0.1:PORT/", true).unwrap_err(),
        TargetFault::PlainHttp
    );
    assert_eq!(
        check("https://127.0.0.1/", true).unwrap_err(),
        TargetFault::Address
    );
    assert_eq!(
        check("http://10.0.0.1:PORT/", false).unwrap_err(),
        TargetFault::Address
    );
    assert_eq!(
        check("http://8.8.8.8/", false).unwrap_err(),
        TargetFault::Address
    );
    assert_eq!(
        check("http://[::ffff:127.0.0.1]:PORT/", false).unwrap_err(),
        TargetFault::Address
    );
    assert_eq!(
        check("http://2130706433:PORT/", false).unwrap_err(),
        TargetFault::NumericHost
    );
    // A live name that resolves into the opened network, on an allowed port.
    let live = outbound
        .check("https://hooks.example.com:8443/", true)
        .unwrap();
    let fault = outbound.send(&live, post(b"x"), LIMITS).await.unwrap_err();
    assert_eq!(fault, OutboundFault::RefusedAddress);
    assert_eq!(canary.accepted(), 0);
    let target = check("http://127.0.0.1:PORT/", false).unwrap();
    let reply = outbound.send(&target, post(b"x"), LIMITS).await.unwrap();
    assert_eq!(reply.body.as_ref(), b"caught");
    assert_eq!(canary.accepted(), 1);
}

/// A public name over plain HTTP, in test mode with a network opened: its address decides.
#[tokio::test]
async fn plain_http_stays_inside_opened_networks() {
    let outbound =
        Outbound::with_resolver(loopback_open(), Scripted::new(&[&["8.8.8.8"]])).unwrap();
    let target = outbound.check("http://example.com:1/", false).unwrap();
    let limits = Limits {
        time: Duration::from_secs(30),
        ..LIMITS
    };
    let fault = outbound
        .send(&target, post(b"x"), limits)
        .await
        .unwrap_err();
    assert_eq!(fault, OutboundFault::RefusedAddress);
}

#[test]
fn faults_say_what_to_do() {
    let outbound = Outbound::new(Policy::default()).unwrap();
    for (url, live, words) in [
        ("http://example.com/", true, "plain HTTP"),
        ("https://2130706433/", true, "four decimal parts"),
        ("https://localhost/", false, "this machine"),
        ("https://example.com:22/", true, "these are: 443 8443"),
        ("https://münchen.example/", true, "xn--"),
        ("https://a:b@example.com/", true, "user name"),
        ("https://10.0.0.1/", true, "not on the public internet"),
        ("https://example.com/#top", true, "fragment"),
        ("ftp://example.com/", true, "https://"),
    ] {
        let text = outbound.check(url, live).unwrap_err().to_string();
        assert!(text.contains(words), "{url}: {text}");
    }
    for url in [
        "https://example.com",
        "https://example.com/",
        "https://Example.COM:8443/hook?token=a%20b&c=d",
        "https://xn--mnchen-3ya.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:443/a//b/../c",
    ] {
        outbound
            .check(url, true)
            .unwrap_or_else(|fault| panic!("{url}: {fault}"));
    }
    let target = outbound
        .check("https://Example.COM:8443/hook?token=secret", true)
        .unwrap();
    assert_eq!(format!("{target:?}"), "https://example.com:8443");
}
