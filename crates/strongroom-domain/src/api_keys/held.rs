//! What somebody holds who hands rights on: he gives nobody more than that.

use strongroom_auth::PermissionSet;
use strongroom_types::id::ApiKeyId;

use crate::rejection::{Code, Rejection};

/// What the key that makes or changes another holds itself.
#[derive(Clone)]
pub struct Held {
    pub id: ApiKeyId,
    pub permissions: PermissionSet,
    /// Whether it is held to networks, certificates or limits.
    pub is_restricted: bool,
}

impl Held {
    /// Refuses to hand on what is not held, or what is held within bounds only.
    pub(crate) fn covers(&self, permissions: &PermissionSet) -> Result<(), Rejection> {
        if let Some(lacking) = permissions.beyond(&self.permissions).next() {
            let text = format!("you do not hold `{lacking}` yourself");
            return Err(Rejection::at(Code::PermissionNotHeld, "/permissions", text));
        }
        // SECURITY: many keys of one limit each would be no limit.
        if self.is_restricted {
            let text =
                "a key that is held to networks, certificates or limits makes and changes no keys";
            return Err(Rejection::new(Code::PermissionNotHeld, text));
        }
        Ok(())
    }
}
