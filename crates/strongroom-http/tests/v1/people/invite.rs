//! `POST /v1/users` and `POST /v1/invitations/accept`.

use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_testkit::server::{ServerSettings, TestServer};
use strongroom_testkit::tenant::{Tenant, fresh, texts};

use crate::v1::people::{PASSWORD, accept, join};
use crate::v1::{refuses, tenant};

fn invitation(email: &str, role: &str) -> Value {
    json!({ "name": "Ana Cruz", "email": email, "role": role })
}

#[test]
fn somebody_is_invited_and_comes() {
    let acme = tenant();
    let mark = acme.mark();
    let email = format!("{}@lumen.example", fresh("ana"));
    let invited = acme
        .post("/v1/users", &invitation(&email, "operator"))
        .expect(201);
    let (id, token) = (invited.id(), invited.field("invitation_token"));
    assert_eq!(invited.field("status"), "invited");
    assert_eq!(
        invited.field("invitation_expires_at"),
        "2026-01-08T00:00:00.000Z"
    );
    assert_eq!(invited.field("invited_by"), acme.owner.id);
    assert!(token.starts_with("invite_"));
    let joined = accept(acme.server, &token, PASSWORD).expect(201);
    assert_eq!(joined.id(), id);
    assert_eq!(joined.field("status"), "active");
    assert_eq!(joined.field("role"), "operator");
    let found = acme.get(&format!("/v1/users?email={}", email.to_uppercase()));
    assert_eq!(
        found.expect(200).field("data/0/id"),
        id,
        "however it is spelt"
    );
    let audit = acme.audit_since(&mark);
    assert_eq!(texts(&audit, "action"), ["user_invited", "user_joined"]);
    assert_eq!(audit[1]["user_id"], json!(id));
    assert_eq!(audit[1]["credential_id"], Value::Null);
    assert_eq!(audit[1]["policy"], "system:login");
    let events = acme.events_since(&mark);
    assert_eq!(texts(&events, "type"), ["user.invited", "user.joined"]);
    let told = serde_json::to_string(&(audit, events)).unwrap();
    for secret in [&token, &email, "Ana Cruz"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    // Once.
    accept(acme.server, &token, PASSWORD).refused(404, "invitation_invalid");
}

#[test]
fn the_token_is_shown_once() {
    let acme = tenant();
    let body = invitation(&format!("{}@lumen.example", fresh("once")), "viewer");
    let request = acme
        .request("POST", "/v1/users")
        .idempotent("once")
        .json(&body);
    let first = request.send().expect(201);
    let again = request.send().refused(409, "reply_not_kept");
    assert_eq!(again.field("error/details/resource_id"), first.id());
    let read = acme.get(&format!("/v1/users/{}", first.id())).expect(200);
    assert!(!read.text().contains("invite_"));
}

#[test]
fn passwords_that_would_be_guessed_are_not_taken() {
    let acme = tenant();
    let email = format!("{}@lumen.example", fresh("ana.cruz"));
    let invited = acme.post("/v1/users", &invitation(&email, "viewer"));
    let token = invited.expect(201).field("invitation_token");
    for weak in [
        "kelp-tonic7",
        "Password1234",
        "qwertyuiop123",
        "aaaaaaaaaaaa",
        "cruz-umbrella-9",
        "my-lumen-tonic-3",
    ] {
        let reply = accept(acme.server, &token, weak).refused(422, "invalid_field");
        assert_eq!(reply.field("errors/0/pointer"), "/password", "{weak}");
        assert!(!reply.text().contains(weak), "{}", reply.text());
    }
    let long = "tundra kelp 9 ".repeat(10);
    accept(acme.server, &token, &long[..129]).refused(422, "invalid_field");
    accept(acme.server, &token, &long[..128]).expect(201);
}

#[test]
fn nobody_grants_what_he_lacks() {
    let acme = tenant();
    let admin = acme.key(Role::Admin);
    let invite = |role: &str| {
        let email = format!("{}@lumen.example", fresh("grant"));
        acme.server
            .request("POST", "/v1/users")
            .bearer(&admin.text)
            .idempotent(&fresh("grant"))
            .json(&invitation(&email, role))
            .send()
    };
    invite("owner").refused(403, "permission_not_held");
    for role in ["admin", "operator", "viewer"] {
        invite(role).expect(201);
    }
    let owner = join(&acme, "owner");
    let path = format!("/v1/users/{}", owner.id);
    for (method, target, body) in [
        ("PATCH", path.clone(), json!({ "role": "viewer" })),
        ("PATCH", path.clone(), json!({ "name": "Eve" })),
        ("POST", format!("{path}/deactivate"), json!({})),
        ("POST", format!("{path}/end-sessions"), json!({})),
    ] {
        acme.server
            .request(method, &target)
            .bearer(&admin.text)
            .idempotent(&fresh("grant"))
            .json(&body)
            .send()
            .refused(403, "permission_not_held");
    }
}

#[test]
fn one_address_is_one_person_until_he_is_sent_away() {
    let acme = tenant();
    let person = join(&acme, "viewer");
    let again = invitation(&person.email.to_uppercase(), "viewer");
    acme.post("/v1/users", &again).refused(409, "user_exists");
    // Another organization, and the other mode, are another matter.
    tenant().post("/v1/users", &again).expect(201);
    acme.live().post("/v1/users", &again).expect(201);
    acme.post(&format!("/v1/users/{}/deactivate", person.id), &json!({}))
        .expect(200);
    acme.post("/v1/users", &again).expect(201);
}

#[test]
fn what_does_not_fit_is_named() {
    let acme = tenant();
    refuses(
        &acme,
        "POST",
        "/v1/users",
        &[
            ("{}", 422, "field_required", "/email"),
            (
                r#"{"name":"A","email":"x","role":"viewer"}"#,
                422,
                "invalid_field",
                "/email",
            ),
            (
                r#"{"name":"A","email":"a@b.example"}"#,
                422,
                "field_required",
                "/role",
            ),
            (
                r#"{"name":"A","email":"a@b.example","role":"king"}"#,
                422,
                "invalid_field",
                "/role",
            ),
            (
                r#"{"name":"A","email":"a@b.example","role":"publishable"}"#,
                422,
                "invalid_field",
                "/role",
            ),
            (
                r#"{"name":"A","email":"a@b.example","role":"custom"}"#,
                422,
                "field_required",
                "/permissions",
            ),
            (
                r#"{"name":"A","email":"a@b.example","permissions":["fly:moon"]}"#,
                422,
                "invalid_field",
                "/permissions",
            ),
            (
                r#"{"name":"A","email":"a@b.example","role":"viewer","expires_in":1}"#,
                422,
                "invalid_field",
                "/expires_in",
            ),
            (
                r#"{"name":"A","email":"a@b.example","role":"viewer","password":"x"}"#,
                422,
                "unknown_field",
                "/password",
            ),
        ],
    );
}

#[test]
fn an_invitation_ends() {
    let server = TestServer::start(ServerSettings::default());
    let acme = Tenant::found(&server);
    let invited = acme.post("/v1/users", &invitation("late@lumen.example", "viewer"));
    let token = invited.expect(201).field("invitation_token");
    server.clock.advance(7 * 86_400_000);
    accept(&server, &token, PASSWORD).refused(404, "invitation_invalid");
    accept(&server, "invite_none", PASSWORD).refused(404, "invitation_invalid");
}
