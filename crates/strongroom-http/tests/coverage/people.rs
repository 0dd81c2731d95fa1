//! People for whom what holds of every route holds, too.

use serde_json::json;
use strongroom_auth::{Caller, Scopes};
use strongroom_domain::oauth::{AuthorizationCode, GrantAccess};
use strongroom_domain::users::Mark;
use strongroom_engine::Envelope;
use strongroom_testkit::tenant::{Tenant, fresh};
use strongroom_types::id::OauthClientId;
use strongroom_types::time::Timestamp;

const PASSWORD: &str = "kelp tonic 7 umbrella";

/// The text of a session of somebody's.
pub fn session(acme: &Tenant<'_>, role: &str) -> String {
    entered(acme, role).1
}

/// Invites somebody, who accepts and signs in: his session's id and text.
pub fn entered(acme: &Tenant<'_>, role: &str) -> (String, String) {
    let email = format!("{}@example.org", fresh("present"));
    let body = json!({ "name": "Ana Cruz", "email": email, "role": role });
    let invited = acme.post("/v1/users", &body).expect(201);
    let accepted = json!({ "token": invited.field("invitation_token"), "password": PASSWORD });
    let accept = acme.server.request("POST", "/v1/invitations/accept");
    accept.json(&accepted).send().expect(201);
    let login = json!({ "email": email, "password": PASSWORD });
    let enter = acme.server.request("POST", "/v1/sessions").json(&login);
    let begun = enter.send().expect(201);
    (begun.id(), begun.field("token"))
}

/// What somebody lets a client do, as his "allow" makes it.
pub fn grant(acme: &Tenant<'_>) -> String {
    let client = json!({
        "name": "Shop", "profile": "oauth21", "token_endpoint_auth_method": "none",
        "redirect_uris": ["https://shop.example/cb"], "scopes": ["read"],
    });
    let client = acme.post("/v1/oauth/clients", &client).expect(201).id();
    let (_, text) = entered(acme, "viewer");
    let engine = &acme.server.engine;
    let credential = engine.credential(&text).unwrap();
    let presence = credential.presence.as_ref().unwrap();
    let allow = GrantAccess {
        client: OauthClientId::parse(&client).unwrap(),
        user: presence.user,
        session: presence.session,
        scopes: Scopes::parse("read").unwrap(),
        limits: None,
        code: AuthorizationCode {
            hash: Mark([7; 32]),
            expires_at: Timestamp(0),
            redirect_uri: "https://shop.example/cb".to_owned(),
            redirect_was_named: true,
            challenge: None,
            proof_key: None,
        },
    };
    let himself = Caller::own(&credential).unwrap();
    let allowed = acme
        .server
        .wait(engine.execute(&himself, allow, Envelope::internal()));
    allowed.unwrap().resource().unwrap().to_string()
}
