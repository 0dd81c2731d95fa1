//! Roles: the built-in ones, which are there to be read, and those that an organization makes for itself.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateRoles, ManageRoles, ReadRoles};
use strongroom_auth::{Caller, Conditions, PermissionSet, Role};
use strongroom_domain::roles::{BuiltInRoleView, CreateRole, DeleteRole, RoleView, UpdateRole};
use strongroom_domain::view;
use strongroom_engine::{Listing, PageQuery};
use strongroom_types::id::{AnyId, ApiKeyId, RoleId, UserId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, invalid};
use crate::schema;
use crate::v1::api_keys::permissions;
use crate::v1::conditions::{conditions, conditions_schema};
use crate::v1::wallets::expected;

const MOST_NAME: usize = 60;
const MOST_DESCRIPTION: usize = 300;

/// `POST /v1/roles`.
pub async fn create(caller: Caller<CreateRoles>, call: Call) -> Result<Answer, Problem> {
    let held = call.held();
    let command = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let name = fields.required("name", name);
        let description = fields.text("description", MOST_DESCRIPTION);
        let set = permissions(fields);
        let set = fields.required("permissions", set);
        let bound = given_conditions(fields);
        Some(CreateRole {
            name: name?,
            description,
            permissions: set?,
            conditions: bound?.unwrap_or_default(),
            held,
        })
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/roles/{id}`.
pub async fn update(caller: Caller<ManageRoles>, call: Call) -> Result<Answer, Problem> {
    let (id, held) = (made(&call)?, call.held());
    let command = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let described = fields.raw("description").is_some();
        let description = fields.text("description", MOST_DESCRIPTION);
        let set: Option<PermissionSet> = permissions(fields);
        let bound = given_conditions(fields);
        Some(UpdateRole {
            id,
            name,
            description: described.then_some(description),
            permissions: set,
            conditions: bound?,
            held,
        })
    })?;
    call.execute(&caller, command).await
}

/// `DELETE /v1/roles/{id}`.
pub async fn delete(caller: Caller<ManageRoles>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (id, held) = (made(&call)?, call.held());
    call.execute(&caller, DeleteRole { id, held }).await
}

/// `GET /v1/roles/{id}`: a built-in role by its name, another by its id.
pub async fn read(caller: Caller<ReadRoles>, call: Call) -> Result<Answer, Problem> {
    let built_in = built_in(&call.id);
    let id = role_id(&call);
    call.read(&caller, move |view| match built_in {
        Some(role) => {
            let since = view.tenant()?.created_at;
            Ok(view::json(&BuiltInRoleView::new(role, since)))
        }
        None => Ok(view::json(&RoleView::new(&view.role(id)?))),
    })
    .await
}

/// `GET /v1/roles`: those that were made, newest first, and behind the last of them the built-in ones.
pub async fn list(caller: Caller<ReadRoles>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    call.read(&caller, move |view| {
        let since = view.tenant()?.created_at;
        let made = view.roles(&page)?;
        let mut items: Vec<Vec<u8>> = made
            .items
            .iter()
            .map(|role| view::json(&RoleView::new(role)))
            .collect();
        if !made.has_more && page.before.is_none() {
            let built_in = Role::BUILT_IN.iter();
            items.extend(built_in.map(|role| view::json(&BuiltInRoleView::new(*role, since))));
        }
        let listing = Listing {
            items,
            has_more: made.has_more,
            next_cursor: made.next_cursor,
        };
        Ok(pages::render(&listing, Clone::clone))
    })
    .await
}

/// `GET /v1/roles/{id}/holders`: keys that are not revoked and people who are not deactivated.
pub async fn holders(caller: Caller<ReadRoles>, call: Call) -> Result<Answer, Problem> {
    let (id, page) = (made(&call)?, call.query().page()?);
    let after = cursor(&page)?;
    let scope = caller.tenant().scope();
    call.engine()
        .read(&caller, move |view| view.role(id))
        .await?;
    let mut holders = call.engine().role_holders(&scope, id);
    holders.retain(|holder| after.is_none_or(|after| *holder > after));
    let has_more = holders.len() > page.limit;
    holders.truncate(page.limit);
    let next_cursor = holders.last().filter(|_| has_more).map(AnyId::to_string);
    let listing = Listing {
        items: holders,
        has_more,
        next_cursor,
    };
    Ok(Answer::json(pages::render(&listing, |holder| {
        view::json(&json!({"object": "role_holder", "id": holder}))
    })))
}

fn cursor(page: &PageQuery) -> Result<Option<AnyId>, Problem> {
    let odd = || invalid("after", "is no cursor of this list");
    let parse = |text: &String| {
        let key = ApiKeyId::parse(text).map(ApiKeyId::any);
        key.or_else(|| UserId::parse(text).map(UserId::any))
            .ok_or_else(odd)
    };
    page.after.as_ref().map(parse).transpose()
}

fn role_id(call: &Call) -> RoleId {
    call.id(RoleId::parse, RoleId(NOBODY))
}

/// A built-in role by its name.
fn built_in(text: &str) -> Option<Role> {
    Role::parse(text).filter(|role| *role != Role::Custom)
}

/// A role that somebody made. The built-in ones are nobody's to change.
fn made(call: &Call) -> Result<RoleId, Problem> {
    match built_in(&call.id) {
        Some(_) => Err(Problem::from(strongroom_domain::rejection::Rejection::new(
            strongroom_domain::rejection::Code::RoleBuiltIn,
            "a built-in role is neither changed nor deleted, and its holders are not listed",
        ))),
        None => Ok(role_id(call)),
    }
}

/// The conditions, if the body names any; `null` takes all away. `None` where one is at fault.
fn given_conditions(fields: &mut Fields<'_, '_>) -> Option<Option<Conditions>> {
    let named = fields.raw("conditions").is_some();
    if fields.value("conditions").is_none() {
        return Some(named.then(Conditions::default));
    }
    fields.object("conditions").and_then(conditions).map(Some)
}

/// How a key or a person names the role it is to hold.
pub enum Named {
    BuiltIn(Role),
    Made(RoleId),
}

/// The field `role` of a key or a person.
pub fn named_role(fields: &mut Fields<'_, '_>) -> Option<Named> {
    let names: Vec<&str> = Role::BUILT_IN
        .iter()
        .chain([&Role::Custom])
        .map(|role| role.as_str())
        .collect();
    let wanted = format!("{}, or the id of a role", expected(&names));
    fields.parsed("role", &wanted, |text| match Role::parse(text) {
        Some(role) => Some(Named::BuiltIn(role)),
        None => RoleId::parse(text).map(Named::Made),
    })
}

/// Whether a role named by its id stands without permissions beside it.
pub fn alone(fields: &mut Fields<'_, '_>) -> bool {
    let given = fields.value("permissions").is_some();
    if given {
        fields.invalid("permissions", "are for the role `custom` only");
    }
    !given
}

/// A role's name, or the id of one that was made.
pub fn role_schema(names: &[&str]) -> Schema {
    json!({"anyOf": [schema::one_of(names), schema::id("role")]})
}

/// The parameters of `GET /v1/roles/{id}/holders`.
pub const HOLDERS: &[Parameter] = &[
    Parameter::integer("limit", "How many to return, 1 to 100; 20 when absent."),
    Parameter::text("after", "A `next_cursor`, or the id behind which to go on."),
];

pub fn create_schema() -> Schema {
    schema::object(
        &["name", "permissions"],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("description", schema::line(MOST_DESCRIPTION)),
            ("permissions", schema::list(schema::text())),
            ("conditions", schema::nullable(conditions_schema())),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(MOST_NAME)),
            (
                "description",
                schema::nullable(schema::line(MOST_DESCRIPTION)),
            ),
            ("permissions", schema::list(schema::text())),
            ("conditions", schema::nullable(conditions_schema())),
        ],
    )
}

pub fn schema() -> Schema {
    let count = json!({"type": "integer", "minimum": 0});
    let fields = vec![
        ("id", schema::text()),
        ("object", schema::constant("role")),
        ("name", schema::text()),
        ("description", schema::nullable(schema::text())),
        ("built_in", json!({"type": "boolean"})),
        ("permissions", schema::list(schema::text())),
        ("conditions", schema::nullable(conditions_schema())),
        ("holders", schema::nullable(count)),
        ("deleted", json!({"type": "boolean"})),
        ("created_at", schema::time()),
        ("updated_at", schema::time()),
    ];
    schema::named("role", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

pub fn holders_schema() -> Schema {
    schema::page(schema::reply(vec![
        ("object", schema::constant("role_holder")),
        ("id", schema::text()),
    ]))
}
