//! What others do: roles, sending away, ending sessions.

use serde_json::json;
use strongroom_testkit::tenant::{fresh, texts};

use crate::v1::people::{PASSWORD, join};
use crate::v1::tenant;

#[test]
fn the_last_owner_stays() {
    let acme = tenant();
    let (first, second) = (join(&acme, "owner"), join(&acme, "owner"));
    let path = |id: &str| format!("/v1/users/{id}");
    let demote = |id: &str| {
        let request = acme.request("PATCH", &path(id)).idempotent(&fresh("role"));
        request.json(&json!({ "role": "admin" })).send()
    };
    demote(&first.id).expect(200);
    demote(&second.id).refused(409, "last_owner");
    let away = format!("{}/deactivate", path(&second.id));
    acme.post(&away, &json!({})).refused(409, "last_owner");
    let raise = acme
        .request("PATCH", &path(&first.id))
        .json(&json!({ "role": "owner" }));
    raise.send().expect(200);
    acme.post(&away, &json!({})).expect(200);
    demote(&first.id).refused(409, "last_owner");
    // One who was invited and never came is nobody to rely on.
    let body = json!({ "name": "B", "email": "b@lumen.example", "role": "owner" });
    acme.post("/v1/users", &body).expect(201);
    demote(&first.id).refused(409, "last_owner");
}

#[test]
fn sessions_are_seen_and_ended_by_permission() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let (one, two) = (person.enter(), person.enter());
    let path = format!("/v1/users/{}", person.id);
    let list = || {
        let listed = acme.get(&format!("{path}/sessions")).expect(200).json();
        listed["data"].as_array().unwrap().clone()
    };
    let listed = list();
    assert_eq!(texts(&listed, "id"), [two.id.clone(), one.id.clone()]);
    assert_eq!(texts(&listed, "user_agent"), ["till 7"; 2]);
    let mark = acme.mark();
    acme.post(&format!("{path}/end-sessions"), &json!({}))
        .expect(200);
    for session in [&one, &two] {
        session.get("/v1/me").refused(401, "unauthorized");
    }
    assert_eq!(list().len(), 0);
    assert_eq!(
        texts(&acme.events_since(&mark), "type"),
        ["user.sessions_ended"]
    );
    person.login(PASSWORD, &json!({})).expect(201);
}

#[test]
fn a_person_s_line_is_none_of_the_keys() {
    let acme = tenant();
    let person = join(&acme, "admin");
    let line = acme
        .get(&format!("/v1/users/{}", person.id))
        .expect(200)
        .field("key_id");
    let keys = acme.all("/v1/api-keys");
    assert_eq!(texts(&keys, "id"), std::slice::from_ref(&acme.owner.id));
    let path = format!("/v1/api-keys/{line}");
    acme.get(&path).refused(404, "not_found");
    acme.post(&format!("{path}/roll"), &json!({}))
        .refused(404, "not_found");
    acme.post(&format!("{path}/revoke"), &json!({}))
        .refused(404, "not_found");
    let rename = acme.request("PATCH", &path).json(&json!({ "name": "x" }));
    rename.send().refused(404, "not_found");
}
