//! Rates of keys, of what they do, and of organizations: weighed, reported only, and kept over a crash.

use std::path::Path;
use std::time::{Duration, Instant};

use strongroom_http::EdgeSettings;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

fn settings(change: impl FnOnce(&mut EdgeSettings)) -> ServerSettings {
    let mut settings = ServerSettings::default();
    change(&mut settings.edge);
    settings
}

#[test]
fn reading_and_changing_have_rates_of_their_own() {
    let server = TestServer::start(settings(|edge| {
        (edge.key_reads_limit, edge.key_writes_limit) = (Some(3), Some(2));
    }));
    let acme = Tenant::found(&server);
    let read = || acme.get("/v1/account");
    let create = || acme.post("/v1/wallets", &serde_json::json!({"type": "reserve"}));
    let first = read().expect(200);
    assert_eq!(first.header("ratelimit"), Some("\"key_reads\";r=2;t=1"));
    assert_eq!(
        first.header("ratelimit-policy"),
        Some("\"key_reads\";q=3;w=1")
    );
    (0..2).for_each(|_| drop(read().expect(200)));
    read().refused(429, "rate_limited");
    (0..2).for_each(|_| drop(create().expect(201)));
    create().refused(429, "rate_limited");
    // A steady rate: a third of a second is worth one reading.
    server.clock.advance(334);
    read().expect(200);
    read().refused(429, "rate_limited");
    create().refused(429, "rate_limited");
    server.clock.advance(1_000);
    create().expect(201);
}

#[test]
fn what_costs_more_counts_for_more() {
    let server = TestServer::start(settings(|edge| edge.organization_limit = Some(5)));
    let acme = Tenant::found(&server);
    let left = |path: &str| {
        let standing = acme.get(path).header("ratelimit").unwrap().to_owned();
        standing.split(';').nth(1).unwrap().to_owned()
    };
    assert_eq!(left("/v1/account"), "r=4");
    assert_eq!(left("/v1/audit-logs"), "r=2");
    assert_eq!(left("/v1/request-logs"), "r=0");
    acme.get("/v1/account").refused(429, "rate_limited");
}

#[test]
fn a_limit_that_is_only_reported_refuses_nobody() {
    let server = TestServer::start(settings(|edge| {
        (edge.key_limit, edge.limits_report_only) = (Some(2), true);
        edge.unauthenticated_limit = 2;
    }));
    let acme = Tenant::found(&server);
    for _ in 0..5 {
        acme.get("/v1/account").expect(200);
    }
    server.clock.advance(10_000);
    let told = acme.all("/v1/request-logs?warning=rate_limit_exceeded");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|line| line["status"] == 200));
    // Whoever has no key is held to his limit all the same.
    let knock = || {
        server
            .request("GET", "/v1/account")
            .bearer("sk_test_wrong")
            .send()
    };
    (0..2).for_each(|_| drop(knock().refused(401, "unauthorized")));
    knock().refused(429, "rate_limited");
}

/// A copy of the file as it lay there while the server ran is what a killed one leaves.
#[test]
fn a_crash_forgets_a_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let with = |file: &Path| {
        settings(|edge| {
            edge.unauthenticated_limit = 3;
            edge.organization_limit = Some(2);
            edge.limits_file = Some(file.to_owned());
        })
    };
    let server = TestServer::start(with(&at("limits")));
    let acme = Tenant::found(&server);
    let knock = |server: &TestServer| {
        let request = server.request("GET", "/v1/account").bearer("sk_test_wrong");
        request.send().status
    };
    assert_eq!([(); 4].map(|()| knock(&server)), [401, 401, 401, 429]);
    (0..2).for_each(|_| drop(acme.get("/v1/account").expect(200)));
    let begun = Instant::now();
    // Twice: one that began before the last of these requests may not hold it.
    for _ in 0..2 {
        drop(std::fs::remove_file(at("limits")));
        while !at("limits").exists() {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "nothing is written"
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
    std::fs::copy(at("limits"), at("left")).unwrap();
    let address = std::fs::read(at("left")).unwrap();
    let loopback = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
    assert!(
        !address.windows(16).any(|bytes| bytes == loopback),
        "an address in clear"
    );
    let left = acme.leave();
    let server = server.restart(with(&at("left")));
    let acme = Tenant::back(&server, left);
    assert_eq!(knock(&server), 429);
    acme.get("/v1/account").refused(429, "rate_limited");
    server.clock.advance(1_000);
    acme.get("/v1/account").expect(200);
    assert_eq!(knock(&server), 429);
    server.clock.advance(900_000);
    assert_eq!(knock(&server), 401);
    // What is no file of counters is no reason not to start.
    std::fs::write(at("odd"), "odd").unwrap();
    let left = acme.leave();
    let server = server.restart(with(&at("odd")));
    Tenant::back(&server, left).get("/v1/account").expect(200);
}
