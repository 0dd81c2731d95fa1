//! Limits, over the wire: how many may knock, how many may work, and what is never counted.

use strongroom_domain::action::Action;
use strongroom_http::EdgeSettings;
use strongroom_store::MAX_SEQ;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::mode::INSTALLATION;

fn limited(change: impl FnOnce(&mut EdgeSettings)) -> TestServer {
    let mut edge = EdgeSettings::default();
    change(&mut edge);
    TestServer::start(ServerSettings {
        edge,
        ..ServerSettings::default()
    })
}

#[test]
fn a_hundred_wrong_keys_in_fifteen_minutes() {
    let mut server = limited(|_| {});
    let acme = Tenant::found(&server);
    let knock = || {
        server
            .request("GET", "/v1/account")
            .bearer("sk_test_wrong")
            .send()
    };
    for n in 1..=100 {
        let reply = knock().refused(401, "unauthorized");
        let policy = reply.header("ratelimit-policy").unwrap();
        assert!(
            policy.contains("q=100") && policy.contains("w=900"),
            "{policy}"
        );
        let standing = reply.header("ratelimit").unwrap();
        assert!(standing.contains(&format!("r={};", 100 - n)), "{standing}");
    }
    let over = knock().refused(429, "rate_limited");
    assert_eq!(
        over.field("message"),
        "Too many requests, please try again later"
    );
    assert_eq!(over.header("retry-after"), Some("900"));
    assert_eq!(over.header("access-control-allow-origin"), Some("*"));
    // Whoever has a key works on, and what is exempt is.
    for _ in 0..150 {
        acme.get("/v1/account").expect(200);
    }
    for path in ["/health", "/ready"] {
        assert_eq!(server.get(path).expect(200).header("ratelimit"), None);
    }
    server.clock.advance(899_999);
    knock().refused(429, "rate_limited");
    server.clock.advance(1);
    knock().refused(401, "unauthorized");
    // What was refused before a key was proven is written down as sums.
    drop(acme);
    server.summarise();
    server.halt();
    let entries = server.look(|store| {
        let mut reader = store.reader().unwrap();
        reader.entries(INSTALLATION, 1, MAX_SEQ, false, 1_000)
    });
    let entries = entries.unwrap();
    let sums = entries
        .iter()
        .filter(|entry| entry.action == Action::FailuresSummarised.code())
        .count();
    assert_eq!(sums, 1, "a hundred knocks are one entry");
}

#[test]
fn documents_have_a_class_of_their_own() {
    let server = limited(|edge| edge.pages_limit = 3);
    for _ in 0..3 {
        server.get("/openapi.json").expect(200);
    }
    server.get("/openapi.json").refused(429, "rate_limited");
    server.get("/v1/account").refused(401, "unauthorized");
    server.get("/health").expect(200);
}

#[test]
fn keys_and_organizations_have_theirs() {
    let server = limited(|edge| (edge.key_limit, edge.organization_limit) = (Some(5), Some(8)));
    let acme = Tenant::found(&server);
    let second = acme.key(strongroom_auth::Role::Owner);
    let other = Tenant::found(&server);
    let by = |key: &str| server.request("GET", "/v1/account").bearer(key).send();
    for _ in 0..5 {
        by(&acme.owner.text).expect(200);
    }
    let over = by(&acme.owner.text).refused(429, "rate_limited");
    assert!(over.header("ratelimit").is_some() && over.header("retry-after") == Some("1"));
    let statuses: Vec<u16> = (0..5).map(|_| by(&second.text).status).collect();
    assert_eq!(
        statuses,
        [200, 200, 200, 429, 429],
        "the organization has used its eight"
    );
    by(&other.owner.text).expect(200);
    server.clock.advance(1_000);
    by(&acme.owner.text).expect(200);
    // A limit spends nothing: the same signed and keyed request goes through later.
    let body = r#"{"type":"master"}"#;
    let request = acme
        .request("POST", "/v1/wallets")
        .idempotent("once")
        .body(body);
    let request = request.signed(&acme.owner.signing_secret, server.seconds());
    for _ in 0..4 {
        by(&acme.owner.text).expect(200);
    }
    request.send().refused(429, "rate_limited");
    server.clock.advance(1_000);
    request.send().expect(201);
}

#[test]
fn live_keys_stay_off_an_open_wire() {
    let server = limited(|edge| edge.live_allowed = false);
    let acme = Tenant::found(&server);
    acme.get("/v1/account").expect(200);
    acme.live()
        .get("/v1/account")
        .refused(403, "live_mode_refused");
}
