//! A clock that is set back: the log never runs backwards, and nothing is given out twice.

use std::collections::HashSet;

use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::Tenant;

#[test]
fn the_log_goes_on_when_the_clock_jumps_back() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let from = acme.funded("master", 1_000);
    let to = acme.wallet("operating");
    let mut ids = HashSet::new();
    for jump in [
        0,
        -3_600_000,
        1,
        -86_400_000 * 400,
        5_000,
        86_400_000 * 401,
        -1,
    ] {
        server.clock.advance(jump);
        let made = acme.pay(&from, &to, 5).expect(201);
        assert!(ids.insert(made.id()), "an id twice");
        // What was just made is found by its id and stands at the head of its lists.
        assert_eq!(
            acme.get(&format!("/v1/payouts/{}", made.id()))
                .expect(200)
                .body,
            made.body
        );
        assert_eq!(
            acme.get("/v1/payouts?limit=1").field("data/0/id"),
            made.id()
        );
        assert_eq!(
            acme.get("/v1/transactions?limit=1")
                .field("data/0/payout_id"),
            made.id()
        );
        let audit = acme.get("/v1/audit-logs?limit=1").expect(200);
        assert_eq!(audit.field("data/0/resource_id"), made.id());
        acme.get(&format!("/v1/audit-logs/{}", audit.field("data/0/id")))
            .expect(200);
    }
    let mut times: Vec<String> = acme
        .all("/v1/audit-logs")
        .iter()
        .map(|r| r["timestamp"].to_string())
        .collect();
    times.reverse();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!((acme.available(&from), acme.available(&to)), (965, 35));
    // Signatures follow the clock on the wall, not the log's.
    let request = acme
        .request("GET", "/v1/account")
        .signed(&acme.owner.signing_secret, server.seconds());
    request.send().expect(200);
}

#[test]
fn a_restart_behind_the_log_s_time_goes_on_after_it() {
    let mut server = TestServer::start(ServerSettings::default());
    let (owner, from, to, first) = {
        let acme = Tenant::found(&server);
        let (from, to) = (acme.funded("master", 1_000), acme.wallet("operating"));
        (
            acme.owner.text.clone(),
            from.clone(),
            to.clone(),
            acme.pay(&from, &to, 1).expect(201).id(),
        )
    };
    server.clock.advance(-86_400_000);
    server = server.restart(ServerSettings::default());
    let body = strongroom_testkit::tenant::payout(&from, &to, 1);
    let second = server
        .request("POST", "/v1/payouts")
        .bearer(&owner)
        .idempotent("later")
        .json(&body)
        .send()
        .expect(201);
    assert!(second.id() > first, "ids only grow");
    assert!(
        second.field("created_at").starts_with("2026-01-01"),
        "{}",
        second.text()
    );
}
