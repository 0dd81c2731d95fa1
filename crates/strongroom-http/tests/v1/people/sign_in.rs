//! `POST /v1/sessions`.

use serde_json::{Value, json};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::people::{PASSWORD, Session, join};
use crate::v1::tenant;

#[test]
fn a_person_acts_with_his_role_and_is_named() {
    let acme = tenant();
    let person = join(&acme, "operator");
    let mark = acme.mark();
    let reply = person.login(PASSWORD, &json!({})).expect(201);
    let session = Session::of(person.server, &reply);
    assert!(session.token.starts_with("sess_test_"));
    assert_eq!(reply.field("user_id"), person.id);
    assert_eq!(reply.field("user_agent"), "till 7");
    assert_eq!(reply.field("ip_address"), "127.0.0.1");
    assert_eq!(reply.field("expires_at"), "2026-01-01T12:00:00.000Z");
    assert_eq!(reply.header("set-cookie"), None);
    let verified = session.get("/v1/auth/verify").expect(200);
    assert_eq!(verified.field("role"), "operator");
    assert_eq!(verified.field("user_id"), person.id);
    session
        .post("/v1/wallets", &json!({ "type": "master" }))
        .refused(403, "permission_denied");
    let (from, to) = (acme.funded("master", 500), acme.wallet("master"));
    let body = strongroom_testkit::tenant::payout(&from, &to, 5);
    session.post("/v1/payouts", &body).expect(201);
    let audit = acme.audit_since(&mark);
    let of = |action: &str| {
        let found = audit.iter().find(|record| record["action"] == action);
        found
            .unwrap_or_else(|| panic!("no {action}: {audit:?}"))
            .clone()
    };
    let login = of("user_signed_in");
    assert_eq!(login["user_id"], json!(person.id));
    assert_eq!(login["ip_address"], "127.0.0.1");
    assert_eq!(login["outcome"], "success");
    for action in ["access_denied", "payout_created"] {
        let record = of(action);
        assert_eq!(record["user_id"], json!(person.id), "{record}");
        assert_eq!(record["credential_id"], json!(session.id), "{record}");
    }
    assert_eq!(
        of("payout_created")["policy"],
        "role:operator:create:payouts"
    );
}

#[test]
fn a_change_of_role_reaches_open_sessions_and_sending_away_ends_them() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let session = person.enter();
    let make = || session.post("/v1/wallets", &json!({ "type": "master" }));
    make().refused(403, "permission_denied");
    let path = format!("/v1/users/{}", person.id);
    let change = acme
        .request("PATCH", &path)
        .json(&json!({ "role": "admin" }));
    change.send().expect(200);
    make().expect(201);
    acme.post(&format!("{path}/deactivate"), &json!({}))
        .expect(200);
    make().refused(401, "unauthorized");
    person
        .login(PASSWORD, &json!({}))
        .refused(401, "login_refused");
}

#[test]
fn refused_logins_say_one_thing_and_are_each_on_record() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let mark = acme.mark();
    let wrong = person.login("kelp tonic 8 umbrella", &json!({}));
    let wrong = wrong.refused(401, "login_refused");
    let unknown = acme
        .server
        .request("POST", "/v1/sessions")
        .json(&json!({ "email": "nobody@lumen.example", "password": PASSWORD }))
        .send()
        .refused(401, "login_refused");
    let said = |reply: &strongroom_testkit::exchange::Reply| {
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(said(&wrong), said(&unknown));
    // It is written down without making the answer wait.
    let record = loop {
        let audit = acme.audit_since(&mark);
        if let [record] = audit.as_slice() {
            break record.clone();
        }
        std::thread::yield_now();
    };
    assert_eq!(record["action"], "user_signed_in");
    assert_eq!(record["outcome"], "refused");
    assert_eq!(record["code"], "login_refused");
    assert_eq!(record["user_id"], json!(person.id));
    assert_eq!(record["ip_address"], "127.0.0.1");
}

#[test]
fn several_accounts_of_one_address_are_told_apart() {
    let (acme, other) = (tenant(), tenant());
    let person = join(&acme, "viewer");
    let body = json!({ "name": "Ana", "email": person.email, "role": "viewer" });
    let token = other
        .post("/v1/users", &body)
        .expect(201)
        .field("invitation_token");
    // One who is only invited is an account, too: nothing is said about which there are.
    person
        .login(PASSWORD, &json!({}))
        .refused(401, "login_refused");
    super::accept(other.server, &token, "another kelp 7 tonic").expect(201);
    let organization = acme.get("/v1/account").expect(200).id();
    let named = json!({ "organization_id": organization, "mode": "test" });
    let reply = person.login(PASSWORD, &named).expect(201);
    assert_eq!(reply.field("user_id"), person.id);
    let wrong = json!({ "organization_id": organization, "mode": "live" });
    person.login(PASSWORD, &wrong).refused(401, "login_refused");
    person
        .login("another kelp 7 tonic", &named)
        .refused(401, "login_refused");
}

#[test]
fn the_sixth_failure_raises_an_alert() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let raised = || acme.all("/v1/alerts?type=failed_logins");
    for _ in 0..5 {
        person
            .login("not the password at all", &json!({}))
            .refused(401, "login_refused");
    }
    // The commit of what follows has those before it behind it.
    acme.wallet("master");
    assert_eq!(raised(), [Value::Null; 0]);
    person
        .login("not the password at all", &json!({}))
        .refused(401, "login_refused");
    acme.wallet("master");
    let alerts = raised();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["subject_id"], json!(person.id));
    assert_eq!(alerts[0]["severity"], "high");
}

#[test]
fn a_session_sleeps_and_ends() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let person = join(&acme, "viewer");
    let (idle, busy) = (person.enter(), person.enter());
    server.clock.advance(20 * 60_000);
    busy.get("/v1/me").expect(200);
    server.clock.advance(15 * 60_000);
    busy.get("/v1/me").expect(200);
    idle.get("/v1/me").refused(401, "unauthorized");
    // What was used when is known after a restart, so nothing wakes up by one.
    server.summarise();
    for _ in 0..27 {
        server.clock.advance(25 * 60_000);
        busy.get("/v1/me").expect(200);
    }
    server.clock.advance(25 * 60_000);
    busy.get("/v1/me").refused(401, "unauthorized");
}

#[test]
fn sessions_survive_a_restart_and_those_that_ended_do_not() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let acme = Tenant::found(&server);
    let person = join(&acme, "admin");
    let (id, email) = (person.id.clone(), person.email.clone());
    let (kept, ended, asleep) = (person.enter(), person.enter(), person.enter());
    ended
        .post("/v1/sessions/current/end", &json!({}))
        .expect(200);
    server.clock.advance(29 * 60_000);
    kept.get("/v1/me").expect(200);
    server.summarise();
    server.clock.advance(60_000);
    let tokens = [kept, ended, asleep].map(|session| session.token);
    let left = acme.leave();
    let server = server.restart(ServerSettings::default());
    let acme = Tenant::back(&server, left);
    let status = tokens.map(|token| server.request("GET", "/v1/me").bearer(&token).send().status);
    assert_eq!(status, [200, 401, 401]);
    let person = super::Person {
        server: &server,
        id,
        email,
    };
    let mark = acme.mark();
    person.enter();
    assert_eq!(
        texts(&acme.audit_since(&mark), "action"),
        ["user_signed_in"]
    );
}
