//! Roles: their names, and that each counts who holds it.

use std::collections::HashMap;

use strongroom_auth::CredentialStatus;
use strongroom_domain::facts::Field;
use strongroom_domain::record::Record;
use strongroom_domain::roles::RoleBody;
use strongroom_domain::users::UserStatus;
use strongroom_types::id::{AnyId, RoleId};

use crate::verify::report::Damages;
use crate::verify::unread::Unread;

/// The index rows that a role claims.
pub(super) fn claims(record: &Record) -> Option<(Field, String, AnyId)> {
    match record {
        Record::Role(role) if role.is_active() => {
            Some((Field::RoleName, role.name_text(), role.id.any()))
        }
        _ => None,
    }
}

/// Roles, and who holds them.
#[derive(Default)]
pub(super) struct Roles {
    roles: Vec<(u32, RoleBody)>,
    held: HashMap<(u32, RoleId), u32>,
}

impl Roles {
    /// Takes in what a record says.
    pub fn record(&mut self, log: u32, record: &Record) {
        let held = match record {
            Record::Role(role) => {
                self.roles.push((log, role.clone()));
                None
            }
            // A person is counted by himself, not by his line of the keys.
            Record::ApiKey(key) if key.user.is_none() => key
                .role_id
                .filter(|_| key.status == CredentialStatus::Active),
            Record::User(user) => {
                let is_there = user.body.status != UserStatus::Deactivated;
                user.body.role_id.filter(|_| is_there)
            }
            _ => None,
        };
        if let Some(role) = held {
            *self.held.entry((log, role)).or_default() += 1;
        }
    }

    /// Names the roles whose count is wrong, and those that are held though they are gone.
    pub fn finish(&self, unread: &Unread, damages: &mut Damages) {
        for (log, role) in self.roles.iter().filter(|(log, _)| !unread.any(*log)) {
            let held = self.held.get(&(*log, role.id)).copied().unwrap_or(0);
            if held != role.holders {
                let (id, counted) = (role.id, role.holders);
                damages.note(format!(
                    "`{id}` of log {log}: it counts {counted} holders, and has {held}"
                ));
            }
        }
    }
}
