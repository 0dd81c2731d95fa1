//! What stands around a key's command before it is queued: whatever the key is held to is asked in the decision itself.

use strongroom_auth::Credential;
use strongroom_domain::api_keys::Limited;
use strongroom_domain::approvals::Gated;
use strongroom_domain::command::Command;
use strongroom_domain::oauth::Leave;

use crate::envelope::Envelope;
use crate::item::Decide;

/// The command within what its key is held to: its limits, the conditions of its role, what a person allowed, and what others have to
/// agree to.
pub(crate) fn held_to<C: Command>(
    key: Option<&Credential>,
    command: C,
    envelope: &Envelope,
) -> Box<dyn Decide> {
    let gated = command.act().is_some();
    let approval = envelope.approval;
    match key {
        None => Box::new(command),
        Some(key) if key.is_limited || key.asks_books() => {
            let command = Limited {
                command,
                key: key.id,
                leave: leave(key),
            };
            Box::new(Gated {
                command,
                maker: key.id,
                approval,
                leave: leave(key),
            })
        }
        Some(key) if gated => Box::new(Gated {
            command,
            maker: key.id,
            approval,
            leave: leave(key),
        }),
        Some(_) => Box::new(command),
    }
}

/// By whose leave a client asks, where it asks for a person.
fn leave(key: &Credential) -> Option<Leave> {
    let access = key.access.as_ref()?;
    Some(Leave {
        client: access.client,
        grant: access.grant?,
        limits: access.limits.as_deref().cloned(),
    })
}
