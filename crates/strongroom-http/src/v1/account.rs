//! The account behind a key, and what the key may do.

use serde::Serialize;
use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{self, ReadAccount};
use strongroom_auth::{Caller, Credential, Dialect, KeyType, PermissionSet, Role};
use strongroom_domain::view::{self, AccountView};
use strongroom_types::id::{ApiKeyId, OrganizationId, RoleId, UserId};
use strongroom_types::mode::Mode;

use crate::call::{Answer, Call};
use crate::problem::Problem;
use crate::schema;

/// `GET /v1/account`.
pub async fn read(caller: Caller<ReadAccount>, call: Call) -> Result<Answer, Problem> {
    let mode = call.mode();
    call.read(&caller, move |view| {
        Ok(view::json(&AccountView::new(&view.tenant()?, mode)))
    })
    .await
}

/// `GET /v1/auth/verify`: what the server takes the credential for.
pub async fn verify(_: Caller<ReadAccount>, call: Call) -> Result<Answer, Problem> {
    let credential = call.credential();
    Ok(Answer::json(view::json(&VerifyView::new(credential))))
}

#[derive(Serialize)]
struct VerifyView {
    object: &'static str,
    organization_id: OrganizationId,
    store_id: Option<String>,
    mode: Mode,
    key_id: ApiKeyId,
    user_id: Option<UserId>,
    #[serde(rename = "type")]
    key_type: KeyType,
    role: Role,
    role_id: Option<RoleId>,
    permissions: Vec<&'static str>,
    dialect: Dialect,
}

impl VerifyView {
    fn new(credential: &Credential) -> VerifyView {
        VerifyView {
            object: "credential",
            organization_id: credential.scope.organization,
            store_id: None,
            mode: credential.scope.mode,
            key_id: credential.id,
            user_id: credential.person(),
            key_type: credential.key_type,
            role: credential.role,
            role_id: credential.role_id,
            permissions: resolved(&credential.permissions),
            dialect: credential.dialect,
        }
    }
}

/// Every permission that the patterns of a set allow.
fn resolved(set: &PermissionSet) -> Vec<&'static str> {
    let all = permission::ALL.iter().copied();
    all.filter(|name| set.allows(name).is_some()).collect()
}

pub fn schema() -> Schema {
    schema::named(
        "account",
        schema::reply(vec![
            ("id", schema::id("org")),
            ("object", schema::constant("account")),
            ("name", schema::text()),
            ("mode", mode()),
            ("default_currency", schema::currency()),
            ("created_at", schema::time()),
        ]),
    )
}

pub fn verify_schema() -> Schema {
    schema::named(
        "credential",
        schema::reply(vec![
            ("object", schema::constant("credential")),
            ("organization_id", schema::id("org")),
            ("store_id", json!({"type": "null"})),
            ("mode", mode()),
            ("key_id", schema::id("key")),
            ("user_id", schema::nullable(schema::id("user"))),
            ("type", schema::one_of(&["secret", "publishable"])),
            ("role", schema::text()),
            ("role_id", schema::nullable(schema::id("role"))),
            ("permissions", schema::list(schema::one_of(permission::ALL))),
            ("dialect", schema::one_of(&["nextapi", "nopos"])),
        ]),
    )
}

pub fn mode() -> Schema {
    schema::one_of(&["test", "live"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_resolved_and_never_reach_the_installation() {
        let owner = resolved(&Role::Owner.permissions());
        assert_eq!(owner.len(), permission::ALL.len() - 1);
        assert!(!owner.contains(&"operate:installation"));
        assert_eq!(
            resolved(&Role::Publishable.permissions()),
            ["read:account", "read:payment_links", "create:tokens"]
        );
    }
}
