//! Roles on the wire: those that an organization made, and the built-in ones beside them.

use serde::Serialize;
use strongroom_auth::{Conditions, PermissionSet, Role};
use strongroom_types::id::RoleId;
use strongroom_types::time::Timestamp;

use crate::roles::RoleBody;

/// A role that somebody made.
#[derive(Serialize)]
pub struct RoleView<'a> {
    pub id: RoleId,
    pub object: &'static str,
    pub name: &'a str,
    pub description: Option<&'a str>,
    pub built_in: bool,
    pub permissions: &'a PermissionSet,
    pub conditions: Option<&'a Conditions>,
    /// Keys that are not revoked and people who are not deactivated.
    pub holders: u32,
    pub deleted: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl<'a> RoleView<'a> {
    pub fn new(role: &'a RoleBody) -> RoleView<'a> {
        let RoleBody {
            id,
            name,
            description,
            permissions,
            conditions,
            status: _,
            holders,
            widened_by: _,
            created_at,
            updated_at,
        } = role;
        RoleView {
            id: *id,
            object: "role",
            name,
            description: description.as_deref(),
            built_in: false,
            permissions,
            conditions: Some(conditions).filter(|conditions| !conditions.is_empty()),
            holders: *holders,
            deleted: !role.is_active(),
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }
}

/// A role that is there from the beginning: its id is its name.
#[derive(Serialize)]
pub struct BuiltInRoleView {
    pub id: &'static str,
    pub object: &'static str,
    pub name: &'static str,
    pub description: Option<&'static str>,
    pub built_in: bool,
    pub permissions: PermissionSet,
    pub conditions: Option<Conditions>,
    pub holders: Option<u32>,
    pub deleted: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl BuiltInRoleView {
    /// It came with the organization.
    pub fn new(role: Role, since: Timestamp) -> BuiltInRoleView {
        BuiltInRoleView {
            id: role.as_str(),
            object: "role",
            name: role.as_str(),
            description: None,
            built_in: true,
            permissions: role.permissions(),
            conditions: None,
            holders: None,
            deleted: false,
            created_at: since,
            updated_at: since,
        }
    }
}
