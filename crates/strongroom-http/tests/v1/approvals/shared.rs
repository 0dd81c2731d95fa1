//! Four eyes where several people know one key, or answer for one person: each of them is he, for whatever any of them asks.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::books::Key;
use strongroom_testkit::exchange::Reply;
use strongroom_testkit::tenant::{Tenant, fresh};

use crate::v1::approvals::{Held, approve, policy, send, text};
use crate::v1::people::{PASSWORD, Person, accept};
use crate::v1::tenant;

fn key_of(made: &Reply) -> Key {
    Key {
        id: made.id(),
        text: made.field("key"),
        signing_secret: made.field("signing_secret"),
    }
}

fn made_with(acme: &Tenant<'_>, maker: &Key) -> Key {
    let body = json!({ "role": "owner" });
    key_of(&send(acme, maker, "/v1/api-keys", &body).expect(201))
}

fn rolled(acme: &Tenant<'_>, key: &Key, by: &Key) -> Key {
    let path = format!("/v1/api-keys/{}/roll", key.id);
    key_of(&send(acme, by, &path, &json!({})).expect(201))
}

fn pays(held: &Held<'_>, key: &Key) -> Value {
    let asked = send(&held.acme, key, "/v1/payouts", &held.body(1_001));
    asked.expect(202).json()
}

/// Who rolls a key knows its new text, and so does whoever he gives it back to.
#[test]
fn a_key_that_two_people_have_had_in_hand_is_either_of_them() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let [ana, ben, cleo] = [0; 3].map(|_| acme.key(Role::Owner));
    let shared = rolled(acme, &ana, &ben);
    for maker in [&ana, &ben] {
        let asked = pays(&held, maker);
        held.approve(&shared, &asked).refused(403, "same_person");
    }
    // It is no other eyes for what was asked with itself, whoever of them looks.
    let own = pays(&held, &shared);
    for approver in [&ana, &ben, &shared] {
        held.approve(approver, &own).refused(403, "same_person");
    }
    let stranger = held.approve(&cleo, &own).expect(200);
    assert_eq!(stranger.field("status"), "executed");
    let hers = pays(&held, &cleo);
    assert_eq!(
        held.approve(&shared, &hers).expect(200).field("status"),
        "executed"
    );
}

/// What is made with such a key is made by whoever of them it was.
#[test]
fn keys_and_people_that_a_shared_key_makes_are_all_of_theirs() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let [ana, ben, cleo] = [0; 3].map(|_| acme.key(Role::Owner));
    let shared = rolled(acme, &ana, &ben);
    let made = made_with(acme, &shared);
    let again = rolled(acme, &made, &made);
    let invited = invite(acme, &shared, "admin");
    for maker in [&ana, &ben] {
        let asked = pays(&held, maker);
        for approver in [&made, &again] {
            held.approve(approver, &asked).refused(403, "same_person");
        }
        vote(&invited, &asked).refused(403, "same_person");
    }
    let hers = pays(&held, &cleo);
    assert_eq!(
        vote(&invited, &hers).expect(200).field("status"),
        "executed"
    );
}

fn invite<'s>(acme: &Tenant<'s>, by: &Key, role: &str) -> Person<'s> {
    let email = format!("{}@lumen.example", fresh("shared"));
    let body = json!({ "name": "Dan", "email": email, "role": role });
    let invited = send(acme, by, "/v1/users", &body).expect(201);
    accept(acme.server, &invited.field("invitation_token"), PASSWORD).expect(201);
    Person {
        server: acme.server,
        id: invited.id(),
        email,
    }
}

fn vote(person: &Person<'_>, asked: &Value) -> Reply {
    let path = format!("/v1/approvals/{}/approve", text(asked, "id"));
    person
        .enter()
        .post(&path, &json!({ "hash": asked["hash"] }))
}

/// Whoever invited somebody, and whoever widens his rights after him: he is another's eyes for neither.
#[test]
fn everybody_who_answers_for_a_person_is_he() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let [ana, ben, cleo, dora] = [0; 4].map(|_| acme.key(Role::Owner));
    let person = invite(acme, &ana, "viewer");
    let widen = |by: &Key, role: &str| {
        let path = format!("/v1/users/{}", person.id);
        let request = acme.server.request("PATCH", &path).bearer(&by.text);
        request.json(&json!({ "role": role })).send().expect(200);
    };
    widen(&ben, "admin");
    // What is made narrower, or stays as it is, nobody answers for.
    widen(&dora, "admin");
    widen(&cleo, "owner");
    for maker in [&ana, &ben, &cleo] {
        vote(&person, &pays(&held, maker)).refused(403, "same_person");
    }
    let asked = pays(&held, &dora);
    assert_eq!(
        vote(&person, &asked).expect(200).field("status"),
        "executed"
    );
    // Nor does one of them agree to what he asks.
    let path = "/v1/payouts";
    let own = person
        .enter()
        .post(path, &held.body(1_001))
        .expect(202)
        .json();
    for approver in [&ana, &ben, &cleo] {
        held.approve(approver, &own).refused(403, "same_person");
    }
    held.approve(&dora, &own).expect(200);
}

/// Two keys of a circle of people are one vote: whoever stands behind both could have given both.
#[test]
fn two_votes_that_one_person_could_have_given_are_one() {
    let held = Held::new(tenant(), 2);
    let acme = &held.acme;
    let [maker, ana, ben, cleo] = [0; 4].map(|_| acme.key(Role::Owner));
    let shared = rolled(acme, &ana, &ben);
    let asked = pays(&held, &maker);
    let first = held.approve(&shared, &asked).expect(200);
    assert_eq!(first.field("status"), "pending");
    for approver in [&ana, &ben] {
        held.approve(approver, &asked).refused(403, "same_person");
    }
    assert_eq!(
        held.approve(&cleo, &asked).expect(200).field("status"),
        "executed"
    );
}

/// Others who agree to a key make it a person of its own, whoever asked for it and with what.
#[test]
fn what_others_agreed_to_stands_for_nobody_else() {
    let held = Held::new(tenant(), 1);
    let acme = &held.acme;
    let [ana, ben, cleo] = [0; 3].map(|_| acme.key(Role::Owner));
    let shared = rolled(acme, &ana, &ben);
    policy(acme, "api_key_create", 1);
    let body = json!({ "role": "owner" });
    let asked = send(acme, &shared, "/v1/api-keys", &body)
        .expect(202)
        .json();
    approve(acme, &ben, &asked).refused(403, "same_person");
    approve(acme, &cleo, &asked).expect(200);
    let request = acme
        .server
        .request("POST", "/v1/api-keys")
        .bearer(&shared.text);
    let request = request.header("Approval-Id", text(&asked, "id"));
    let made = request.idempotent(&fresh("agreed")).json(&body).send();
    let made = key_of(&made.expect(201));
    let payout = pays(&held, &ben);
    assert_eq!(
        held.approve(&made, &payout).expect(200).field("status"),
        "executed"
    );
}
