//! People: invited, listed, given another role, sent away.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateUsers, ManageUsers, ReadUsers};
use strongroom_auth::{Caller, Role};
use strongroom_domain::roles::Grant;
use strongroom_domain::users::{DeactivateUser, EndSessionsOf, InviteUser, UpdateUser, UserView};
use strongroom_domain::view;
use strongroom_types::id::UserId;

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::api_keys::permissions;
use crate::v1::contact::email;
use crate::v1::roles::{Named, alone, named_role, role_schema};
use crate::v1::sessions;

/// How long an invitation is good, in seconds: a week unless told otherwise, at most 30 days.
const LASTS: i64 = 7 * 86_400;
const LONGEST: i64 = 30 * 86_400;

const MOST_NAME: usize = 200;

/// `POST /v1/users`.
pub async fn invite(caller: Caller<CreateUsers>, call: Call) -> Result<Answer, Problem> {
    let held = Some(call.held());
    let (name, email, grant, lasts) = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let name = fields.required("name", name);
        let email = email(fields);
        let email = fields.required("email", email);
        let rights = rights(fields);
        let rights = match rights {
            Some(None) => fields.required("role", None),
            other => other.flatten(),
        };
        let lasts = fields.integer("expires_in", 60, LONGEST);
        Some((name?, email?, rights?, lasts.unwrap_or(LASTS)))
    })?;
    let Grant {
        role,
        permissions,
        role_id,
    } = grant;
    let command = InviteUser {
        login: call.engine().login_name(&email),
        minted: call.engine().mint_person(call.mode()),
        name,
        email,
        role,
        permissions,
        role_id,
        lasts: lasts.saturating_mul(1_000),
        held,
    };
    call.execute(&caller, command).await
}

/// `GET /v1/users`.
pub async fn list(caller: Caller<ReadUsers>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let email = call.query().text("email", 254)?;
    call.read(&caller, move |view| {
        let listing = view.users(email.as_deref(), &page)?;
        Ok(pages::render(&listing, |user| {
            view::json(&UserView::new(user))
        }))
    })
    .await
}

/// `GET /v1/users/{id}`.
pub async fn read(caller: Caller<ReadUsers>, call: Call) -> Result<Answer, Problem> {
    let id = user_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&UserView::new(&view.user(id)?)))
    })
    .await
}

/// `PATCH /v1/users/{id}`.
pub async fn update(caller: Caller<ManageUsers>, call: Call) -> Result<Answer, Problem> {
    let (id, held) = (user_id(&call), Some(call.held()));
    let command = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let rights = rights(fields)?;
        Some(UpdateUser {
            id,
            name,
            rights,
            held,
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/users/{id}/deactivate`.
pub async fn deactivate(caller: Caller<ManageUsers>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (id, held) = (user_id(&call), Some(call.held()));
    call.execute(&caller, DeactivateUser { id, held }).await
}

/// `GET /v1/users/{id}/sessions`: those that go on.
pub async fn sessions(caller: Caller<ReadUsers>, call: Call) -> Result<Answer, Problem> {
    let id = user_id(&call);
    let engine = call.engine().clone();
    let current = call.own().1;
    call.read(&caller, move |view| {
        let line = view.user(id)?.body.key;
        let ids = engine.live_sessions(&view.scope(), line);
        let found: Result<Vec<_>, _> = ids.iter().map(|id| view.session(*id)).collect();
        Ok(sessions::render(&found?, current))
    })
    .await
}

/// `POST /v1/users/{id}/end-sessions`.
pub async fn end_sessions(caller: Caller<ManageUsers>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (id, held) = (user_id(&call), Some(call.held()));
    call.execute(&caller, EndSessionsOf { id, held }).await
}

fn user_id(call: &Call) -> UserId {
    call.id(UserId::parse, UserId(NOBODY))
}

/// The role, and what it may do: a built-in role, one by its id, or `custom` with permissions of its own; `Some(None)` where
/// neither is named.
fn rights(fields: &mut Fields<'_, '_>) -> Option<Option<Grant>> {
    let named = fields.raw("role").is_some();
    let role = match named_role(fields) {
        Some(Named::Made(id)) => return alone(fields).then(|| Some(Grant::named(id))),
        Some(Named::BuiltIn(Role::Publishable)) => {
            fields.invalid("role", "`publishable` is for keys");
            return None;
        }
        Some(Named::BuiltIn(role)) => Some(role),
        None => None,
    };
    let given = fields.value("permissions").is_some();
    let permissions = permissions(fields);
    match (role, given) {
        (Some(Role::Custom), false) => {
            let text = "is required for the role `custom`";
            fields.fault(FaultKind::FieldRequired, "permissions", text);
            None
        }
        (Some(Role::Custom), true) => Some(Some(Grant::custom(permissions?))),
        (None, true) if !named => Some(Some(Grant::custom(permissions?))),
        (Some(_), true) => {
            fields.invalid("permissions", "are for the role `custom` only");
            None
        }
        (Some(role), false) => Some(Some(Grant::of(role))),
        (None, _) if named => None,
        (None, _) => Some(None),
    }
}

const ROLES: &[&str] = &[
    "owner", "admin", "operator", "viewer", "manager", "cashier", "custom",
];

/// The parameter of `GET /v1/users` beside the page.
pub const FILTERS: &[Parameter] = &[Parameter::text(
    "email",
    "Only the person with this address, unless deactivated.",
)];

pub fn invite_schema() -> Schema {
    let seconds = json!({"type": "integer", "minimum": 60, "maximum": LONGEST, "default": LASTS});
    schema::object(
        &["name", "email"],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("email", schema::line(254)),
            ("role", role_schema(ROLES)),
            ("permissions", schema::list(schema::text())),
            ("expires_in", seconds),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("role", role_schema(ROLES)),
            ("permissions", schema::list(schema::text())),
        ],
    )
}

pub(super) fn fields() -> Vec<(&'static str, Schema)> {
    let moment = || schema::nullable(schema::time());
    vec![
        ("id", schema::id("user")),
        ("object", schema::constant("user")),
        ("name", schema::nullable(schema::text())),
        ("email", schema::nullable(schema::text())),
        ("role", schema::one_of(ROLES)),
        ("role_id", schema::nullable(schema::id("role"))),
        ("permissions", schema::list(schema::text())),
        (
            "status",
            schema::one_of(&["invited", "active", "deactivated"]),
        ),
        ("key_id", schema::id("key")),
        (
            "second_factors",
            schema::list(schema::one_of(&["totp", "passkey"])),
        ),
        (
            "recovery_codes_left",
            json!({"type": "integer", "minimum": 0}),
        ),
        ("invited_by", schema::nullable(schema::id("key"))),
        ("invitation_expires_at", moment()),
        ("last_login_at", moment()),
        ("password_changed_at", moment()),
        ("password_reset_expires_at", moment()),
        ("created_at", schema::time()),
    ]
}

pub fn schema() -> Schema {
    schema::named("user", schema::reply(fields()))
}

/// With the text that is shown once.
pub fn invited_schema() -> Schema {
    let mut fields = fields();
    fields.push(("invitation_token", schema::text()));
    schema::reply(fields)
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
