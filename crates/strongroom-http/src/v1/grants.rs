//! What a person lets applications do for him: listed, and taken back one by one.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::OwnAccount;
use strongroom_auth::{Caller, Scopes};
use strongroom_domain::oauth::{OauthGrantView, TakeBackGrant};
use strongroom_domain::view;
use strongroom_types::id::OauthGrantId;

use crate::call::{Answer, Call};
use crate::json::NOBODY;
use crate::problem::Problem;
use crate::schema;
use crate::v1::restrictions::limits_schema;

/// `GET /v1/me/grants`, newest first. There are never many.
pub async fn list(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let ((user, _), now) = (call.own(), call.engine().now());
    call.read(&caller, move |view| {
        let user = view.user(user)?;
        let allowed = view.grants_of(&user.body, now)?;
        let shown: Vec<_> = allowed
            .iter()
            .map(|(grant, client)| OauthGrantView::new(grant, Some(client)))
            .collect();
        let page = json!({"data": shown, "has_more": false, "next_cursor": null});
        Ok(view::json(&page))
    })
    .await
}

/// `DELETE /v1/me/grants/{id}`: the grant ends, and all tokens that came of it.
pub async fn take_back(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (user, _) = call.own();
    let grant = call.id(OauthGrantId::parse, OauthGrantId(NOBODY));
    call.execute(&caller, TakeBackGrant { grant, user }).await
}

pub fn schema() -> Schema {
    let scopes: Vec<&str> = Scopes::all().collect();
    schema::reply(vec![
        ("id", schema::id("grant")),
        ("object", schema::constant("oauth_grant")),
        ("client_id", schema::id("client")),
        ("client_name", schema::nullable(schema::text())),
        ("scopes", schema::list(schema::one_of(&scopes))),
        ("limits", schema::nullable(limits_schema())),
        ("status", schema::one_of(&["active", "revoked"])),
        ("created_at", schema::time()),
        ("ends_at", schema::time()),
    ])
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
