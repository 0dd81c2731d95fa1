//! What time does to tokens and security codes.

use serde_json::{Value, json};
use strongroom_engine::Failure;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, texts};

use crate::v1::tokens::{because, token_with};

#[test]
fn a_token_whose_time_is_over_loses_its_number() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let short = acme.post("/v1/tokens", &token_with(json!({ "expires_in": 60 })));
    let short = short.expect(201).id();
    let lasting = acme.post("/v1/tokens", &token_with(json!({ "use": "multi_use" })));
    let lasting = lasting.expect(201).id();
    let path = format!("/v1/tokens/{short}");
    let reveal = || acme.post(&format!("{path}/reveal"), &because("before it goes"));
    let status = || acme.get(&path).expect(200).field("status");
    // The rail's turn moves the clock by a second.
    server.clock.advance(58_999);
    assert_eq!((server.rail(), status().as_str()), (0, "active"));
    reveal().expect(200);
    let mark = acme.mark();
    server.clock.advance(1);
    // It is over at once, also before the server has come to it.
    assert_eq!(status(), "expired");
    reveal().refused(422, "token_expired");
    assert_eq!(server.rail(), 1);
    assert_eq!((server.rail(), status().as_str()), (0, "expired"));
    reveal().refused(422, "token_expired");
    assert_eq!(texts(&acme.events_since(&mark), "type"), ["token.expired"]);
    let audit = acme.audit_since(&mark);
    let expired: Vec<&Value> = audit
        .iter()
        .filter(|r| r["action"] == "token_expired")
        .collect();
    assert_eq!(
        (expired.len(), &expired[0]["user_id"]),
        (1, &json!("system:housekeeping"))
    );
    let shown = acme.get(&path).expect(200).json();
    assert_eq!(shown["card"]["last4"], "4242", "what is masked stays");
    acme.post(
        &format!("/v1/tokens/{lasting}/reveal"),
        &because("it lasts"),
    )
    .expect(200);
    acme.request("DELETE", &path).send().expect(200);
    assert_eq!(server.rail(), 0);
}

#[test]
fn a_clock_that_is_set_back_while_a_token_ends_only_puts_it_off() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let token = acme.post("/v1/tokens", &token_with(json!({ "expires_in": 60 })));
    let token = token.expect(201).id();
    let due = server.engine.now().plus(60_000);
    let early = server.attend_since(acme.books.scope, &token, due);
    assert!(matches!(early, Err(Failure::Rejected { .. })), "{early:?}");
    server.clock.advance(60_000);
    assert_eq!(server.rail(), 1);
    let path = format!("/v1/tokens/{token}");
    assert_eq!(acme.get(&path).expect(200).field("status"), "expired");
}

#[test]
fn a_security_code_waits_for_minutes_and_survives_nothing() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    assert_eq!(server.engine.wipe_codes(), 0);
    acme.token(VISA).expect(201);
    acme.token(VISA).expect(201);
    acme.token("4242424242424241")
        .refused(422, "card_number_invalid");
    assert_eq!(server.engine.wipe_codes(), 2);
    server.clock.advance(5 * 60 * 1_000 - 1);
    assert_eq!(server.engine.wipe_codes(), 2);
    server.clock.advance(1);
    assert_eq!(server.engine.wipe_codes(), 0);
    acme.token(VISA).expect(201);
    drop(acme);
    let server = server.restart(ServerSettings::default());
    assert_eq!(server.engine.wipe_codes(), 0);
}
