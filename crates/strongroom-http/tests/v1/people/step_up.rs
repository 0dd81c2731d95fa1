//! Second factors: asked for when somebody signs in, and again for what is dangerous; each spent once.

use serde_json::{Value, json};
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, VISA, fresh, texts};

use crate::v1::people::{PASSWORD, Person, Session, join};
use crate::v1::tenant;

/// A server whose clock the test moves.
fn moved() -> TestServer {
    TestServer::start(ServerSettings::default())
}

#[test]
fn a_code_is_asked_for_and_taken_once() {
    let server = moved();
    let acme = Tenant::found(&server);
    let person = join(&acme, "admin");
    let (_, secret, _) = person.enrol();
    let asked = person
        .login(PASSWORD, &json!({}))
        .refused(401, "second_factor_required");
    let methods = &asked.json()["error"]["details"]["methods"];
    assert_eq!(*methods, json!(["totp", "recovery_code"]));
    // The code that enrolled it is spent.
    let code = person.code(&secret);
    person
        .login(PASSWORD, &json!({ "totp": code }))
        .refused(401, "second_factor_invalid");
    server.clock.advance(30_000);
    let code = person.code(&secret);
    let wrong = json!({ "totp": if code == "000000" { "000001" } else { "000000" } });
    person
        .login(PASSWORD, &wrong)
        .refused(401, "second_factor_invalid");
    person
        .login("not the password at all", &json!({ "totp": code }))
        .refused(401, "login_refused");
    let entered = person.login(PASSWORD, &json!({ "totp": code })).expect(201);
    assert_eq!(
        entered.json()["second_factor_at"],
        entered.json()["created_at"]
    );
    for _ in 0..3 {
        person
            .login(PASSWORD, &json!({ "totp": code }))
            .refused(401, "second_factor_invalid");
    }
    server.clock.advance(30_000);
    person
        .login(PASSWORD, &json!({ "totp": person.code(&secret) }))
        .expect(201);
}

#[test]
fn a_spent_code_stays_spent_after_a_crash() {
    let server = TestServer::start_in_files(ServerSettings::default());
    let acme = Tenant::found(&server);
    let person = join(&acme, "admin");
    let (_, secret, codes) = person.enrol();
    server.clock.advance(30_000);
    let code = person.code(&secret);
    person.login(PASSWORD, &json!({ "totp": code })).expect(201);
    let recovery = json!({ "recovery_code": codes[0] });
    person.login(PASSWORD, &recovery).expect(201);
    let (id, email) = (person.id.clone(), person.email.clone());
    drop(acme.leave());
    // What a killed process leaves is what is in the files at any moment.
    let copy = strongroom_testkit::server::DataFolder::copy_of(server.folder());
    let root = server.root_keys();
    let again = TestServer::open(copy, root, ServerSettings::default());
    again.clock.advance(30_000);
    let person = Person {
        server: &again,
        id,
        email,
    };
    person
        .login(PASSWORD, &json!({ "totp": code }))
        .refused(401, "second_factor_invalid");
    person
        .login(PASSWORD, &recovery)
        .refused(401, "second_factor_invalid");
    let other = json!({ "recovery_code": codes[1] });
    person.login(PASSWORD, &other).expect(201);
}

#[test]
fn each_recovery_code_opens_once_and_new_ones_replace_them() {
    let server = moved();
    let acme = Tenant::found(&server);
    let person = join(&acme, "viewer");
    let (_, _, codes) = person.enrol();
    assert_eq!(codes.len(), 10);
    let enter = |code: &str| person.login(PASSWORD, &json!({ "recovery_code": code }));
    let entered = enter(&codes[3]).expect(201);
    enter(&codes[3]).refused(401, "second_factor_invalid");
    // However it is typed.
    enter(&codes[4].replace('-', " ")).expect(201);
    let session = Session::of(&server, &entered);
    let me = session.get("/v1/me").expect(200).json();
    assert_eq!(me["recovery_codes_left"], json!(8));
    let made = session
        .post("/v1/me/recovery-codes", &json!({}))
        .expect(201)
        .json();
    assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10);
    enter(&codes[5]).refused(401, "second_factor_invalid");
    enter(made["recovery_codes"][0].as_str().unwrap()).expect(201);
}

#[test]
fn what_is_dangerous_needs_a_recent_second_factor() {
    let server = moved();
    let acme = Tenant::found(&server);
    let person = join(&acme, "owner");
    let plain = person.enter();
    let token = acme.token(VISA).expect(201).id();
    let (key, other) = (
        acme.key(strongroom_auth::Role::Viewer).id,
        join(&acme, "viewer").id,
    );
    let email = format!("{}@lumen.example", fresh("new"));
    let dangerous: Vec<(&str, String, Value)> = vec![
        (
            "POST",
            format!("/v1/tokens/{token}/reveal"),
            json!({ "reason": "chargeback 7" }),
        ),
        ("POST", "/v1/api-keys".into(), json!({ "role": "viewer" })),
        (
            "PATCH",
            format!("/v1/api-keys/{key}"),
            json!({ "name": "till" }),
        ),
        ("POST", format!("/v1/api-keys/{key}/roll"), json!({})),
        ("POST", format!("/v1/api-keys/{key}/revoke"), json!({})),
        (
            "POST",
            "/v1/users".into(),
            json!({ "name": "B", "email": email, "role": "viewer" }),
        ),
        (
            "PATCH",
            format!("/v1/users/{other}"),
            json!({ "role": "operator" }),
        ),
        ("POST", format!("/v1/users/{other}/deactivate"), json!({})),
        (
            "POST",
            "/v1/approval-policies".into(),
            json!({ "act": "refund", "approvals": 1 }),
        ),
    ];
    let send = |session: &Session<'_>, (method, target, body): &(&str, String, Value)| {
        let request = session.request(method, target).idempotent(&fresh("danger"));
        request.json(body).send()
    };
    let mark = acme.mark();
    for request in &dangerous {
        send(&plain, request).refused(403, "step_up_required");
    }
    let refused = acme.audit_since(&mark);
    assert_eq!(
        texts(&refused, "code"),
        vec!["step_up_required"; dangerous.len()]
    );
    plain
        .post("/v1/wallets", &json!({ "type": "master" }))
        .expect(201);

    let (session, secret, _) = person.enrol();
    server.clock.advance(10 * 60_000);
    send(&session, &dangerous[1]).refused(403, "step_up_required");
    session
        .post("/v1/me/step-up", &json!({ "totp": "12345" }))
        .refused(422, "invalid_field");
    session
        .post("/v1/me/step-up", &json!({}))
        .refused(422, "field_required");
    let code = person.code(&secret);
    session
        .post("/v1/me/step-up", &json!({ "totp": code }))
        .expect(200);
    session
        .post("/v1/me/step-up", &json!({ "totp": code }))
        .refused(401, "second_factor_invalid");
    for request in &dangerous {
        let reply = send(&session, request);
        assert!(
            (200..300).contains(&reply.status),
            "{request:?}: {}",
            reply.text()
        );
    }
    // The other session has not stepped up by it.
    send(&plain, &dangerous[1]).refused(403, "step_up_required");
}

#[test]
fn factors_are_enrolled_and_removed_by_who_has_just_shown_himself() {
    let server = moved();
    let acme = Tenant::found(&server);
    let person = join(&acme, "viewer");
    let stale = person.enter();
    server.clock.advance(10 * 60_000);
    stale
        .post("/v1/me/totp", &json!({}))
        .refused(403, "step_up_required");
    let session = person.enter();
    session
        .post("/v1/me/totp/confirm", &json!({ "code": "123456" }))
        .refused(409, "factor_missing");
    session.post("/v1/me/totp", &json!({})).expect(201);
    // Not asked for before it is confirmed.
    person.login(PASSWORD, &json!({})).expect(201);
    session
        .post("/v1/me/totp/confirm", &json!({ "code": "abcdef" }))
        .refused(403, "second_factor_invalid");
    let (session, _, _) = person.enrol();
    session
        .post("/v1/me/totp", &json!({}))
        .refused(409, "factor_exists");
    stale
        .request("DELETE", "/v1/me/totp")
        .json(&json!({}))
        .send()
        .refused(403, "step_up_required");
    let mark = acme.mark();
    let remove = session.request("DELETE", "/v1/me/totp").json(&json!({}));
    remove.send().expect(200);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["user.factor_removed"]
    );
    person.login(PASSWORD, &json!({})).expect(201);
    let me = session.get("/v1/me").expect(200).json();
    assert_eq!(
        (&me["second_factors"], &me["recovery_codes_left"]),
        (&json!([]), &json!(0))
    );
}

#[test]
fn a_person_is_somebody_else_only_where_others_agreed() {
    let acme = tenant();
    let policy = json!({ "act": "debit", "approvals": 1 });
    acme.post("/v1/approval-policies", &policy).expect(201);
    let wallet = acme.funded("master", 1_000);
    let path = format!("/v1/wallets/{wallet}/debit");
    let waiting = acme.post(&path, &json!({ "amount": 5 })).expect(202);
    let person = join(&acme, "admin");
    let approve = json!({ "hash": waiting.field("hash") });
    // Who invited him has seen the invitation, and could be him.
    person
        .enter()
        .post(&format!("/v1/approvals/{}/approve", waiting.id()), &approve)
        .refused(403, "same_person");
}

/// A live key signs what takes money out; a person, who has nothing to sign with, shows a second factor for it.
#[test]
fn with_live_money_a_second_factor_stands_in_for_the_signature() {
    let server = moved();
    let acme = Tenant::found(&server);
    let live = acme.live();
    let person = join(&live, "owner");
    let session = person.enter();
    let cancel = "/v1/payouts/payout_0123456789abcdef01234567/cancel";
    let webhook =
        json!({ "url": "https://receiver.example/hooks", "events": ["payout.completed"] });
    session
        .post(cancel, &json!({}))
        .refused(403, "step_up_required");
    session
        .post("/v1/webhooks", &webhook)
        .refused(403, "step_up_required");
    let (session, secret, _) = person.enrol();
    server.clock.advance(10 * 60_000);
    session
        .post(cancel, &json!({}))
        .refused(403, "step_up_required");
    let code = person.code(&secret);
    session
        .post("/v1/me/step-up", &json!({ "totp": code }))
        .expect(200);
    session.post(cancel, &json!({})).expect(404);
}
