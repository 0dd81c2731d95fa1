//! A forgotten password, and what its reset may not be used for.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, texts};

use crate::v1::approvals::{Held, approve, policy};
use crate::v1::people::{PASSWORD, Person, Session, accept, join};
use crate::v1::tenant;

const OTHER: &str = "walnut 9 harbour mist";

fn start(acme: &Tenant<'_>, person: &str, body: &Value) -> Reply {
    acme.post(&format!("/v1/users/{person}/password-reset"), body)
}

fn finish(server: &TestServer, token: &str, password: &str) -> Reply {
    server
        .request("POST", "/v1/password-resets/accept")
        .json(&json!({ "token": token, "password": password }))
        .send()
}

#[test]
fn a_reset_is_good_once_and_ends_every_session() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let session = person.enter();
    let mark = acme.mark();
    let started = start(&acme, &person.id, &json!({})).expect(201);
    let token = started.field("reset_token");
    assert!(
        !acme
            .get(&format!("/v1/users/{}", person.id))
            .text()
            .contains("reset_token")
    );
    // Until it is used, everything is as it was.
    session.get("/v1/me").expect(200);
    let done = finish(acme.server, &token, OTHER).expect(200);
    assert_eq!(done.id(), person.id);
    session.get("/v1/me").refused(401, "unauthorized");
    person
        .login(PASSWORD, &json!({}))
        .refused(401, "login_refused");
    person.login(OTHER, &json!({})).expect(201);
    finish(acme.server, &token, PASSWORD).refused(404, "reset_invalid");
    let events = acme.events_since(&mark);
    assert_eq!(
        texts(&events, "type"),
        [
            "user.password_reset_started",
            "user.password_reset",
            "session.created"
        ]
    );
    let audit = acme.audit_since(&mark);
    let told = texts(&audit, "action");
    for action in ["user_password_reset_started", "user_password_reset"] {
        assert!(told.contains(&action.to_owned()), "{told:?}");
    }
    let alerts = acme.all("/v1/alerts?type=password_reset");
    assert_eq!(
        texts(&alerts, "subject_id"),
        std::slice::from_ref(&person.id)
    );
    let log = acme.get("/v1/audit-logs?limit=100").text();
    assert!(!log.contains(&token) && !log.contains(OTHER));
}

#[test]
fn another_start_replaces_the_first_and_time_ends_it() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let person = join(&acme, "viewer");
    let first = start(&acme, &person.id, &json!({}))
        .expect(201)
        .field("reset_token");
    let body = json!({ "expires_in": 60 });
    let second = start(&acme, &person.id, &body)
        .expect(201)
        .field("reset_token");
    finish(&server, &first, OTHER).refused(404, "reset_invalid");
    server.clock.advance(60_000);
    finish(&server, &second, OTHER).refused(404, "reset_invalid");
    // Whoever remembers his password after all, and changes it, ends it too.
    let third = start(&acme, &person.id, &json!({}))
        .expect(201)
        .field("reset_token");
    let change = json!({ "current_password": PASSWORD, "password": "orchid 3 lantern quay" });
    person.enter().post("/v1/me/password", &change).expect(200);
    finish(&server, &third, OTHER).refused(404, "reset_invalid");
}

#[test]
fn nobody_takes_over_who_may_more_and_nothing_is_told_of_strangers() {
    let acme = tenant();
    let (owner, viewer) = (join(&acme, "owner"), join(&acme, "viewer"));
    let admin = acme.key(Role::Admin);
    let by_admin = |id: &str| {
        let path = format!("/v1/users/{id}/password-reset");
        let request = acme.server.request("POST", &path).bearer(&admin.text);
        request.json(&json!({})).send()
    };
    by_admin(&owner.id).refused(403, "permission_not_held");
    by_admin(&viewer.id).expect(201);
    by_admin("user_000000000000000000000000").refused(404, "not_found");
    let operator = acme.key(Role::Operator);
    let path = format!("/v1/users/{}/password-reset", viewer.id);
    let request = acme.server.request("POST", &path).bearer(&operator.text);
    request
        .json(&json!({}))
        .send()
        .refused(403, "permission_denied");
    let other = tenant();
    start(&other, &viewer.id, &json!({})).refused(404, "not_found");
    // A text that nobody has, and one whose person is gone, are one answer.
    let token = start(&acme, &viewer.id, &json!({}))
        .expect(201)
        .field("reset_token");
    acme.post(&format!("/v1/users/{}/deactivate", viewer.id), &json!({}))
        .expect(200);
    let gone = finish(acme.server, &token, OTHER).refused(404, "reset_invalid");
    let none = finish(acme.server, "reset_x", OTHER).refused(404, "reset_invalid");
    assert_eq!(gone.json()["detail"], none.json()["detail"]);
    start(&acme, &viewer.id, &json!({})).refused(409, "invalid_state");
    let weak = join(&acme, "viewer");
    let token = start(&acme, &weak.id, &json!({}))
        .expect(201)
        .field("reset_token");
    finish(acme.server, &token, "password1234").refused(422, "invalid_field");
    finish(acme.server, &token, OTHER).expect(200);
}

/// SECURITY: an administrator who resets somebody's password could be that person; a second factor stands in his way.
#[test]
fn who_resets_a_password_is_no_second_pair_of_eyes() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let maker = acme.key(Role::Owner);
    policy(acme, "api_key_create", 1);
    let (bare, guarded) = (agreed(&held, &maker), agreed(&held, &maker));
    guarded.enrol();
    for person in [&bare, &guarded] {
        let path = format!("/v1/users/{}/password-reset", person.id);
        let started = crate::v1::roles::send(acme, &maker, "POST", &path, &json!({})).expect(201);
        finish(acme.server, &started.field("reset_token"), OTHER).expect(200);
    }
    let payout = crate::v1::roles::send(acme, &maker, "POST", "/v1/payouts", &held.body(5_000));
    let payout = payout.expect(202).json();
    let vote = |session: &Session<'_>| {
        let path = format!("/v1/approvals/{}/approve", payout["id"].as_str().unwrap());
        session.post(&path, &json!({ "hash": payout["hash"] }))
    };
    let entered = bare.login(OTHER, &json!({})).expect(201);
    vote(&Session::of(acme.server, &entered)).refused(403, "same_person");
    // He still has his authenticator: nobody gets in by the password alone.
    let refused = guarded.login(OTHER, &json!({}));
    refused.refused(401, "second_factor_required");
}

/// A person whom others agreed to, so that he is one of his own.
fn agreed<'s>(held: &Held<'s>, maker: &strongroom_testkit::books::Key) -> Person<'s> {
    let acme = &held.acme;
    let email = format!(
        "{}@lumen.example",
        strongroom_testkit::tenant::fresh("agreed")
    );
    let body = json!({ "name": "Cleo Reyes", "email": email, "role": "admin" });
    let asked = crate::v1::roles::send(acme, maker, "POST", "/v1/users", &body);
    let asked = asked.expect(202).json();
    approve(acme, &acme.owner, &asked).expect(200);
    let request = acme.server.request("POST", "/v1/users").bearer(&maker.text);
    let request = request.idempotent(&strongroom_testkit::tenant::fresh("agreed"));
    let request = request.header("Approval-Id", asked["id"].as_str().unwrap());
    let invited = request.json(&body).send().expect(201);
    accept(acme.server, &invited.field("invitation_token"), PASSWORD).expect(201);
    Person {
        server: acme.server,
        id: invited.id(),
        email,
    }
}
