//! Roles that an organization makes for itself: a name, what whoever holds it may do, and what binds him beside.
//!
//! A key or a person names his role by its id and holds nothing else: what he may do is read from the role, in every decision and
//! for every credential in memory, so a change of the role is a change of all who hold it. [`Rights`](strongroom_auth::Rights) are
//! what memory keeps; [`holding`] is what decisions ask.
//! Never here: the built-in roles, which are a table of `strongroom-auth`.

mod bound;
mod change;
mod create;
pub(crate) mod holding;
mod view;

use minicbor::{Decode, Encode};
use strongroom_auth::{Conditions, PermissionSet, Role};
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, RoleId};
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::decision::{Decision, Movement};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::Facts;

pub(crate) use bound::{bind, with_rights};
pub use change::{DeleteRole, UpdateRole};
pub use create::CreateRole;
pub use view::{BuiltInRoleView, RoleView};

/// Roles of an organization and mode that are not deleted.
pub const MOST_ROLES: u32 = 20_000;

/// Where a role stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RoleStatus {
    #[n(0)]
    Active,
    /// For good: nobody holds it.
    #[n(1)]
    Deleted,
}

impl RoleStatus {
    pub const fn code(self) -> u8 {
        match self {
            RoleStatus::Active => 0,
            RoleStatus::Deleted => 1,
        }
    }
}

/// A role as stored.
#[derive(Clone, PartialEq, Encode, Decode, Classified)]
#[part(business)]
pub struct RoleBody {
    #[n(0)]
    #[class(operational)]
    pub id: RoleId,
    #[n(1)]
    #[class(sensitive)]
    pub name: String,
    #[n(2)]
    #[class(sensitive)]
    pub description: Option<String>,
    #[n(3)]
    #[class(operational)]
    pub permissions: PermissionSet,
    #[n(4)]
    #[class(operational)]
    pub conditions: Conditions,
    #[n(5)]
    #[class(operational)]
    pub status: RoleStatus,
    /// Keys that are not revoked and people who are not deactivated.
    #[n(6)]
    #[class(operational)]
    pub holders: u32,
    /// Who widened it by himself: as far as approvals go, whoever holds it is each of them, too.
    #[n(7)]
    #[class(operational)]
    pub widened_by: Vec<ApiKeyId>,
    #[n(8)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(9)]
    #[class(operational)]
    pub updated_at: Timestamp,
}

impl RoleBody {
    pub fn is_active(&self) -> bool {
        self.status == RoleStatus::Active
    }

    /// The text by which its name is found.
    pub fn name_text(&self) -> String {
        name_text(&self.name)
    }
}

/// The text by which a name is found: names that differ in case alone are one.
pub(crate) fn name_text(name: &str) -> String {
    name.to_lowercase()
}

/// The rights that somebody is to have: a built-in role's, a set of his own, or those of a role by its id.
#[derive(Clone)]
pub struct Grant {
    pub role: Role,
    /// Nothing where a role is named by its id.
    pub permissions: PermissionSet,
    pub role_id: Option<RoleId>,
}

impl Grant {
    pub fn of(role: Role) -> Grant {
        Grant {
            role,
            permissions: role.permissions(),
            role_id: None,
        }
    }

    pub fn custom(permissions: PermissionSet) -> Grant {
        Grant {
            role: Role::Custom,
            permissions,
            role_id: None,
        }
    }

    pub fn named(id: RoleId) -> Grant {
        Grant {
            role: Role::Custom,
            permissions: PermissionSet::NONE.clone(),
            role_id: Some(id),
        }
    }
}

/// A decision about a role, and the event that tells of it.
fn told(facts: &Facts, action: Action, event: EventType, id: RoleId) -> Decision {
    let events = vec![EventFact::new(event, id.any())];
    Decision::new(facts, action, id.any(), Movement::none(), events)
}
