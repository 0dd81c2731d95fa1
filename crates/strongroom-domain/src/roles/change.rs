//! Changing a role changes all who hold it, so it may wait for others; one that somebody holds stays.

use serde_json::{Value, json};
use strongroom_auth::permission::ManageRoles;
use strongroom_auth::{Conditions, PermissionSet};
use strongroom_types::id::RoleId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{Held, makers, with_maker};
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::create::{free, with_roles};
use crate::roles::{RoleBody, RoleStatus, RoleView, name_text, told};
use crate::view;

/// `PATCH /v1/roles/{id}`. What is `None` stays; `Some(None)` removes.
pub struct UpdateRole {
    pub id: RoleId,
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub permissions: Option<PermissionSet>,
    /// All of them: what is not named binds no more.
    pub conditions: Option<Conditions>,
    pub held: Held,
}

impl Command for UpdateRole {
    type Permission = ManageRoles;

    fn action(&self) -> Action {
        Action::RoleUpdated
    }

    fn act(&self) -> Option<Act> {
        Some(Act::RoleChange)
    }

    /// A name is nobody's right.
    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        let changes_rights = self.permissions.is_some() || self.conditions.is_some();
        changes_rights.then(|| Parked::again(Act::RoleChange, &self.asked()))
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = with_maker(facts, Some(&self.held)).record(self.id.any());
        match &self.name {
            Some(name) => keys.holder(Field::RoleName, &name_text(name)),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        // SECURITY: who has more than oneself is not to be cut down from below.
        self.held.covers(&old.permissions)?;
        if let Some(permissions) = &self.permissions {
            self.held.covers(permissions)?;
        }
        let renamed = self.name.as_ref();
        let renamed = renamed.filter(|name| name_text(name) != name_text(&old.name));
        if let Some(name) = renamed {
            free(facts, name)?;
        }

        // From here it must succeed.
        let mut role = self.changed(old);
        role.updated_at = moment.now;
        // SECURITY: whoever widens what others may do answers for them: they are no second pair of eyes for him.
        if widens(old, &role) {
            for person in makers(facts, Some(&self.held)) {
                if !role.widened_by.contains(&person) {
                    role.widened_by.push(person);
                }
            }
        }
        let id = self.id;
        let mut decision = told(facts, Action::RoleUpdated, EventType::RoleUpdated, id)
            .detail("changed", self.fields().join(","))
            .detail("permissions", role.permissions.patterns().join(","))
            .reply(Reply::Stored(view::json(&RoleView::new(&role))));
        if let Some(name) = renamed {
            decision = decision
                .release(Field::RoleName, Some(&name_text(&old.name)), id.any())
                .claim(Field::RoleName, Some(&name_text(name)), id.any());
        }
        Ok(decision.change(id.any(), Record::Role(role)))
    }
}

/// Whether anybody could do more by the new than by the old.
fn widens(old: &RoleBody, new: &RoleBody) -> bool {
    let more = new.permissions.beyond(&old.permissions).next().is_some();
    let loosened = !old.conditions.is_empty() && old.conditions != new.conditions;
    more || loosened
}

impl UpdateRole {
    fn changed(&self, old: &RoleBody) -> RoleBody {
        RoleBody {
            name: self.name.clone().unwrap_or_else(|| old.name.clone()),
            description: match &self.description {
                Some(description) => description.clone(),
                None => old.description.clone(),
            },
            permissions: match &self.permissions {
                Some(permissions) => permissions.clone(),
                None => old.permissions.clone(),
            },
            conditions: match &self.conditions {
                Some(conditions) => conditions.clone(),
                None => old.conditions.clone(),
            },
            ..old.clone()
        }
    }

    fn fields(&self) -> Vec<&'static str> {
        let fields = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("permissions", self.permissions.is_some()),
            ("conditions", self.conditions.is_some()),
        ];
        let given = fields.into_iter().filter(|(_, given)| *given);
        given.map(|(name, _)| name).collect()
    }

    /// As others see it who are to agree: only what is named changes.
    fn asked(&self) -> Value {
        let mut asked = json!({"role_id": self.id});
        let mut add = |field: &str, value: Option<Value>| {
            if let (Some(fields), Some(value)) = (asked.as_object_mut(), value) {
                fields.insert(field.to_owned(), value);
            }
        };
        add("name", self.name.as_ref().map(|name| json!(name)));
        add("description", self.description.as_ref().map(|d| json!(d)));
        add("permissions", self.permissions.as_ref().map(|p| json!(p)));
        add("conditions", self.conditions.as_ref().map(|c| json!(c)));
        asked
    }
}

/// `DELETE /v1/roles/{id}`: once nobody holds it.
pub struct DeleteRole {
    pub id: RoleId,
    pub held: Held,
}

impl Command for DeleteRole {
    type Permission = ManageRoles;

    fn action(&self) -> Action {
        Action::RoleDeleted
    }

    fn keys(&self, _: &Facts, scope: Scope) -> Keys {
        Keys::default()
            .record(self.id.any())
            .record(scope.organization.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        self.held.covers(&old.permissions)?;
        if old.holders > 0 {
            let text = format!(
                "{} keys and people hold it: `GET /v1/roles/{}/holders` names them",
                old.holders, self.id
            );
            return Err(Rejection::new(Code::RoleInUse, text));
        }
        let missing = || Rejection::new(Code::NotFound, "the books are not open yet");
        let tenant = facts.tenant(moment.scope.organization);
        let tenant = with_roles(tenant.ok_or_else(missing)?, -1);

        // From here it must succeed.
        let role = RoleBody {
            status: RoleStatus::Deleted,
            updated_at: moment.now,
            ..old.clone()
        };
        let id = self.id;
        let name = name_text(&old.name);
        Ok(told(facts, Action::RoleDeleted, EventType::RoleDeleted, id)
            .reply(Reply::Stored(view::json(&RoleView::new(&role))))
            .release(Field::RoleName, Some(&name), id.any())
            .change(tenant.id.any(), Record::Tenant(tenant))
            .change(id.any(), Record::Role(role)))
    }
}

fn existing(facts: &Facts, id: RoleId) -> Result<&RoleBody, Rejection> {
    facts
        .role(id)
        .filter(|role| role.is_active())
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such role"))
}
