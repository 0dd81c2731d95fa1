//! What somebody may do, where his role says it, and how many hold a role.

use strongroom_auth::{Conditions, PermissionSet};
use strongroom_types::id::RoleId;

use crate::api_keys::ApiKey;
use crate::decision::Decision;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::RoleBody;
use crate::users::{User, UserBody};

/// With the role, where one is named.
pub(crate) fn role_key(keys: Keys, role: Option<RoleId>) -> Keys {
    match role {
        Some(role) => keys.record(role.any()),
        None => keys,
    }
}

fn active(facts: &Facts, id: RoleId) -> Option<&RoleBody> {
    facts.role(id).filter(|role| role.is_active())
}

/// SECURITY: a role that is not there, or not loaded, allows nothing.
pub(crate) fn permissions<'f>(
    facts: &'f Facts,
    role: Option<RoleId>,
    own: &'f PermissionSet,
) -> &'f PermissionSet {
    match role {
        None => own,
        Some(id) => active(facts, id).map_or(PermissionSet::NONE, |role| &role.permissions),
    }
}

/// What binds whoever holds the role.
pub(crate) fn conditions(facts: &Facts, role: Option<RoleId>) -> Option<&Conditions> {
    let role = active(facts, role?)?;
    Some(&role.conditions).filter(|conditions| !conditions.is_empty())
}

/// A role that may be given to somebody.
///
/// # Errors
/// [`Code::RoleNotFound`].
pub(crate) fn given(facts: &Facts, role: Option<RoleId>) -> Result<(), Rejection> {
    let missing = || Rejection::at(Code::RoleNotFound, "/role", "there is no such role");
    match role {
        Some(id) if active(facts, id).is_none() => Err(missing()),
        _ => Ok(()),
    }
}

/// With who holds which role counted, after somebody had `from` and has `to`.
pub(crate) fn counted(
    mut decision: Decision,
    facts: &Facts,
    from: Option<RoleId>,
    to: Option<RoleId>,
) -> Decision {
    if from == to {
        return decision;
    }
    for (id, change) in [(from, -1), (to, 1)] {
        let Some(role) = id.and_then(|id| facts.role(id)) else {
            continue;
        };
        let mut role = role.clone();
        role.holders = role.holders.saturating_add_signed(change);
        decision = decision.change(role.id.any(), Record::Role(role));
    }
    decision
}

impl ApiKey {
    /// What it may do, as its role has it now.
    pub(crate) fn may<'f>(&'f self, facts: &'f Facts) -> &'f PermissionSet {
        permissions(facts, self.role_id, &self.permissions)
    }

    /// The same key with its role's permissions written out, for whoever looks at it.
    #[must_use]
    pub(crate) fn shown(&self, facts: &Facts) -> ApiKey {
        let permissions = self.may(facts).clone();
        ApiKey {
            permissions,
            ..self.clone()
        }
    }
}

impl User {
    /// The same person with his role's permissions written out, for whoever looks at him.
    #[must_use]
    pub(crate) fn shown(&self, facts: &Facts) -> User {
        let mut shown = self.clone();
        shown.body.permissions = self.body.may(facts).clone();
        shown
    }
}

impl UserBody {
    /// What he may do, as his role has it now.
    pub(crate) fn may<'f>(&'f self, facts: &'f Facts) -> &'f PermissionSet {
        permissions(facts, self.role_id, &self.permissions)
    }
}
