//! How many people an organization has, and how many of them own it.

use minicbor::{Decode, Encode};
use strongroom_types::Classified;
use strongroom_types::id::{AnyId, RawId, StaffId};

use crate::facts::Facts;
use crate::users::UserBody;

/// People of an organization and mode that are not deactivated.
pub const MOST_PEOPLE: u32 = 10_000;

/// The counts, kept on write.
#[derive(Clone, Default, Encode, Decode, Classified)]
#[part(business)]
pub struct Staff {
    /// Invited or active.
    #[n(0)]
    #[class(operational)]
    pub people: u32,
    /// Active owners.
    #[n(1)]
    #[class(operational)]
    pub owners: u32,
}

/// There is one record of it.
pub const fn staff_key() -> AnyId {
    AnyId {
        kind: strongroom_types::id::Kind::Staff,
        raw: StaffId(RawId::ZERO).0,
    }
}

/// What it is before the first invitation.
pub(super) fn staff(facts: &Facts) -> Staff {
    facts.staff().cloned().unwrap_or_default()
}

impl Staff {
    /// The same after a person changed; `None` before or after where he does not count.
    pub(super) fn after(&self, old: Option<&UserBody>, new: Option<&UserBody>) -> Staff {
        let owner =
            |body: Option<&UserBody>| i32::from(body.is_some_and(UserBody::is_standing_owner));
        let person = |body: Option<&UserBody>| i32::from(body.is_some());
        Staff {
            people: self.people.saturating_add_signed(person(new) - person(old)),
            owners: self.owners.saturating_add_signed(owner(new) - owner(old)),
        }
    }
}
