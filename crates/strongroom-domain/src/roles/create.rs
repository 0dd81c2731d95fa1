//! A new role.

use strongroom_auth::permission::CreateRoles;
use strongroom_auth::{Conditions, PermissionSet, Role};
use strongroom_types::id::RoleId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::Held;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::organizations::Tenant;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::{MOST_ROLES, RoleBody, RoleStatus, RoleView, name_text, told};
use crate::view::json;

/// `POST /v1/roles`. Nobody holds it yet, so nobody has to agree to it.
pub struct CreateRole {
    pub name: String,
    pub description: Option<String>,
    pub permissions: PermissionSet,
    pub conditions: Conditions,
    pub held: Held,
}

impl Command for CreateRole {
    type Permission = CreateRoles;

    fn action(&self) -> Action {
        Action::RoleCreated
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        Keys::default()
            .record(scope.organization.any())
            .holder(Field::RoleName, &name_text(&self.name))
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        self.held.covers(&self.permissions)?;
        free(facts, &self.name)?;
        let missing = || Rejection::new(Code::NotFound, "the books are not open yet");
        let tenant = facts.tenant(moment.scope.organization);
        let tenant = tenant.ok_or_else(missing)?;
        if tenant.roles.unwrap_or(0) >= MOST_ROLES {
            let text = format!("there are {MOST_ROLES} roles already");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let body = RoleBody {
            id: RoleId(moment.fresh()),
            name: self.name.clone(),
            description: self.description.clone(),
            permissions: self.permissions.clone(),
            conditions: self.conditions.clone(),
            status: RoleStatus::Active,
            holders: 0,
            widened_by: Vec::new(),
            created_at: moment.now,
            updated_at: moment.now,
        };
        let (id, tenant) = (body.id, with_roles(tenant, 1));
        Ok(told(facts, Action::RoleCreated, EventType::RoleCreated, id)
            .detail("permissions", self.permissions.patterns().join(","))
            .reply(Reply::Stored(json(&RoleView::new(&body))))
            .claim(Field::RoleName, Some(&name_text(&body.name)), id.any())
            .change(tenant.id.any(), Record::Tenant(tenant))
            .change(id.any(), Record::Role(body)))
    }
}

/// Refuses a name that something has already.
pub(super) fn free(facts: &Facts, name: &str) -> Result<(), Rejection> {
    let taken = |text: String| Err(Rejection::at(Code::RoleExists, "/name", text));
    let text = name_text(name);
    if Role::parse(&text).is_some() {
        return taken(format!("`{text}` is the name of a built-in role"));
    }
    match facts.holder(Field::RoleName, &text) {
        Some(holder) => taken(format!("the name belongs to `{holder}`")),
        None => Ok(()),
    }
}

/// The same with a role more, or less.
pub(super) fn with_roles(tenant: &Tenant, change: i32) -> Tenant {
    let mut tenant = tenant.clone();
    let roles = tenant.roles.unwrap_or(0);
    tenant.roles = Some(roles.saturating_add_signed(change));
    tenant
}
