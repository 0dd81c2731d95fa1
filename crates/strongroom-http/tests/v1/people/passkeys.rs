//! Passkeys, by an authenticator of the test's own: registered, used to sign in and to step up, and each way to misuse one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_crypto::SigningKey;
use strongroom_testkit::authenticator::Authenticator;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::server::{DataFolder, ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::people::{PASSWORD, Person, Session, join};
use crate::v1::tenant;

const OURS: &str = "https://pay.example";

pub fn settings() -> ServerSettings {
    let mut settings = ServerSettings::default();
    settings.edge.public_origins = vec![OURS.into()];
    settings
}

pub fn authenticator(seed: u8) -> Authenticator {
    Authenticator::new(seed, OURS, "pay.example")
}

fn register(session: &Session<'_>, key: &Authenticator) -> (Value, Reply) {
    let options = session
        .get("/v1/me/passkeys/registration")
        .expect(200)
        .json();
    let body = json!({ "name": "laptop", "credential": key.create(&options) });
    let reply = session.post("/v1/me/passkeys", &body);
    (body, reply)
}

/// The question of a login that lacks its second factor.
fn question(person: &Person<'_>) -> Value {
    let asked = person
        .login(PASSWORD, &json!({}))
        .refused(401, "second_factor_required");
    let details = asked.json()["error"]["details"].clone();
    assert!(
        details["methods"]
            .as_array()
            .unwrap()
            .contains(&json!("passkey"))
    );
    details["passkey"].clone()
}

fn enter(person: &Person<'_>, passkey: &Value) -> Reply {
    person.login(PASSWORD, &json!({ "passkey": passkey }))
}

#[test]
fn one_is_registered_used_and_removed() {
    let server = TestServer::start(settings());
    let acme = Tenant::found(&server);
    let person = join(&acme, "owner");
    let mut key = authenticator(5);
    let session = person.enter();
    let mark = acme.mark();
    let (body, reply) = register(&session, &key);
    let codes = reply.expect(201).json()["recovery_codes"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(codes, 10);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["user.factor_added"]
    );
    // The question was answered.
    session
        .post("/v1/me/passkeys", &body)
        .refused(401, "signature_replayed");
    let asked = question(&person);
    assert_eq!(asked["publicKey"]["rpId"], "pay.example");
    let id = URL_SAFE_NO_PAD.encode(&key.id);
    assert_eq!(asked["publicKey"]["allowCredentials"][0]["id"], json!(id));
    let answer = key.get(&asked);
    let entered = enter(&person, &answer).expect(201);
    for _ in 0..3 {
        enter(&person, &answer).refused(401, "second_factor_invalid");
    }
    let stepped = Session::of(&server, &entered);
    stepped
        .post("/v1/api-keys", &json!({ "role": "viewer" }))
        .expect(201);
    let listed = stepped.get("/v1/me/passkeys").expect(200).json();
    assert_eq!(
        (&listed["data"][0]["id"], &listed["data"][0]["name"]),
        (&json!(id), &json!("laptop"))
    );

    server.clock.advance(10 * 60_000);
    stepped
        .post("/v1/api-keys", &json!({ "role": "viewer" }))
        .refused(403, "step_up_required");
    let asked = stepped.get("/v1/me/passkeys/assertion").expect(200).json();
    let shown = json!({ "passkey": key.get(&asked) });
    stepped.post("/v1/me/step-up", &shown).expect(200);
    stepped
        .post("/v1/me/step-up", &shown)
        .refused(401, "second_factor_invalid");
    stepped
        .post("/v1/api-keys", &json!({ "role": "viewer" }))
        .expect(201);
    let remove = |id: &str| {
        let request = stepped.request("DELETE", &format!("/v1/me/passkeys/{id}"));
        request.idempotent(&fresh("remove")).json(&json!({})).send()
    };
    remove("AAAA").refused(404, "not_found");
    remove(&id).expect(200);
    person.login(PASSWORD, &json!({})).expect(201);
}

#[test]
fn what_was_made_for_others_is_not_taken() {
    let server = TestServer::start(settings());
    let acme = Tenant::found(&server);
    let (person, other) = (join(&acme, "viewer"), join(&acme, "viewer"));
    let session = person.enter();
    let wrong: [fn(&mut Authenticator); 4] = [
        |key| key.origin = "https://evil.example".into(),
        |key| key.origin = "http://pay.example".into(),
        |key| key.party = "evil.example".into(),
        |key| key.key = SigningKey::from_seed(&[9; 32]),
    ];
    for spoil in &wrong[..3] {
        let mut key = authenticator(5);
        spoil(&mut key);
        let (_, reply) = register(&session, &key);
        let reply = reply.refused(403, "second_factor_invalid");
        assert_eq!(reply.field("errors/0/pointer"), "/credential");
    }
    // A question of nobody's, of another kind, of another person's.
    let made_up = json!({ "publicKey": { "challenge": URL_SAFE_NO_PAD.encode([7; 40]) } });
    let kind = session.get("/v1/me/passkeys/assertion").expect(200).json();
    let theirs = other
        .enter()
        .get("/v1/me/passkeys/registration")
        .expect(200)
        .json();
    for options in [&made_up, &kind, &theirs] {
        let body = json!({ "name": "x", "credential": authenticator(5).create(options) });
        session
            .post("/v1/me/passkeys", &body)
            .refused(403, "second_factor_invalid");
    }
    let mut key = authenticator(5);
    register(&session, &key).1.expect(201);
    for spoil in wrong {
        let mut bad = authenticator(5);
        bad.counter = 100;
        spoil(&mut bad);
        enter(&person, &bad.get(&question(&person))).refused(401, "second_factor_invalid");
        let mut answer = authenticator(5);
        answer.counter = 100;
        let mut good = answer.get(&question(&person));
        good["response"]["clientDataJSON"] = json!(URL_SAFE_NO_PAD.encode(b"{}"));
        enter(&person, &good).refused(401, "second_factor_invalid");
        // Every second is no guess; that many are not locked out.
        let asked = question(&person);
        let entered = enter(&person, &key.get(&asked)).expect(201);
        drop(entered);
    }
    // One that lags behind is a copy; one that waited too long is stale.
    let mut copy = authenticator(5);
    enter(&person, &copy.get(&question(&person))).refused(401, "second_factor_invalid");
    let asked = question(&person);
    server.clock.advance(5 * 60_000);
    enter(&person, &key.get(&asked)).refused(401, "second_factor_invalid");
    enter(&person, &key.get(&question(&person))).expect(201);
}

#[test]
fn an_answer_stays_spent_after_a_crash() {
    let server = TestServer::start_in_files(settings());
    let acme = Tenant::found(&server);
    let person = join(&acme, "viewer");
    let mut key = authenticator(5);
    register(&person.enter(), &key).1.expect(201);
    let answer = key.get(&question(&person));
    enter(&person, &answer).expect(201);
    let (id, email) = (person.id.clone(), person.email.clone());
    // What a killed process leaves is what is in the files at any moment.
    let copy = DataFolder::copy_of(server.folder());
    let again = TestServer::open(copy, server.root_keys(), settings());
    let person = Person {
        server: &again,
        id,
        email,
    };
    for _ in 0..5 {
        enter(&person, &answer).refused(401, "second_factor_invalid");
    }
    enter(&person, &key.get(&question(&person))).expect(201);
}

#[test]
fn without_an_address_of_its_own_a_server_has_none() {
    let acme = tenant();
    let session = join(&acme, "viewer").enter();
    session
        .get("/v1/me/passkeys/registration")
        .refused(422, "passkeys_unavailable");
}
