//! What is one's own: sessions, the password; and that keys have none of it.

use serde_json::json;
use strongroom_http::{LimitClass, routes};
use strongroom_testkit::tenant::texts;

use crate::v1::people::{PASSWORD, join};
use crate::v1::tenant;

#[test]
fn one_s_own_is_for_people_alone() {
    let acme = tenant();
    let own = routes()
        .iter()
        .filter(|route| route.permission.is_none() && route.limit == LimitClass::Api);
    let mut count = 0;
    for route in own {
        let target = route.path.replace("{id}", "current");
        let (verb, server) = (route.verb.as_str(), acme.server);
        let bare = server.request(verb, &target).json(&json!({}));
        bare.send().refused(401, "unauthorized");
        // One of its own: the log writes down so many refusals of a key and second.
        let key = acme.key(strongroom_auth::Role::Owner);
        let mark = acme.mark();
        let keyed = server
            .request(verb, &target)
            .bearer(&key.text)
            .json(&json!({}));
        keyed.send().refused(403, "session_required");
        assert_eq!(
            texts(&acme.audit_since(&mark), "action"),
            ["access_denied"],
            "{target}"
        );
        count += 1;
    }
    assert!(count >= 9, "{count}");
}

#[test]
fn a_person_sees_and_ends_his_own_sessions_only() {
    let acme = tenant();
    let (ana, ben) = (join(&acme, "viewer"), join(&acme, "viewer"));
    let (one, two, other) = (ana.enter(), ana.enter(), ben.enter());
    let listed = one.get("/v1/sessions").expect(200).json();
    let listed = listed["data"].as_array().unwrap().clone();
    assert_eq!(texts(&listed, "id"), [two.id.clone(), one.id.clone()]);
    assert_eq!(listed[1]["current"], json!(true));
    let end = |id: &str| one.post(&format!("/v1/sessions/{id}/end"), &json!({}));
    end(&other.id).refused(404, "not_found");
    other.get("/v1/me").expect(200);
    end(&two.id).expect(200);
    two.get("/v1/me").refused(401, "unauthorized");
    end(&two.id).refused(409, "session_over");
    end("current").expect(200);
    one.get("/v1/me").refused(401, "unauthorized");
}

#[test]
fn a_new_password_ends_all_other_sessions() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let (here, there) = (person.enter(), person.enter());
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "password": new });
        here.post("/v1/me/password", &body)
    };
    change("not the password at all", "marble fjord 9 kite").refused(403, "login_refused");
    change(PASSWORD, "Password1234").refused(422, "invalid_field");
    there.get("/v1/me").expect(200);
    change(PASSWORD, "marble fjord 9 kite").expect(200);
    here.get("/v1/me").expect(200);
    there.get("/v1/me").refused(401, "unauthorized");
    person
        .login(PASSWORD, &json!({}))
        .refused(401, "login_refused");
    person.login("marble fjord 9 kite", &json!({})).expect(201);
}

#[test]
fn one_idempotency_key_of_two_people_is_two() {
    let acme = tenant();
    let (ana, ben) = (join(&acme, "viewer"), join(&acme, "viewer"));
    let change = |session: &super::Session<'_>| {
        let body = json!({ "current_password": PASSWORD, "password": "marble fjord 9 kite" });
        let request = session
            .request("POST", "/v1/me/password")
            .idempotent("the-same");
        request.json(&body).send().expect(200)
    };
    assert_eq!(change(&ana.enter()).id(), ana.id);
    let other = change(&ben.enter());
    assert_eq!(other.id(), ben.id, "not what another was answered");
    assert_eq!(other.header("idempotent-replayed"), None);
}
