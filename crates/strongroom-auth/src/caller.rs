//! The proof that a request may do what it asks.

use std::marker::PhantomData;
use std::sync::Arc;

use strongroom_types::id::{ApiKeyId, UserId};
use strongroom_types::mode::Scope;

use crate::credential::Credential;
use crate::permission::{Operate, OwnAccount, Permission};

/// Who acts: a key, the server itself, or the server for somebody who is about to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Key(ApiKeyId),
    System(SystemActor),
    /// SECURITY: this person is named, not proven.
    Entrant(UserId),
}

/// The server's own hands. Each is created in one place: the command line or a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemActor {
    /// The operator at the command line, before any key exists.
    Operator,
    /// The payout rail's worker.
    Rail,
    /// Checkpoints, summaries, retention, start and stop.
    Housekeeping,
    /// The sender of webhooks.
    Webhooks,
    /// Whoever sent in a key that leaked.
    Leaks,
    /// Who talks to the acquirer of card payments.
    Acquirer,
    /// What raises alerts.
    Watch,
    /// Who lets people in.
    Login,
    /// Whoever pays a link on the hosted page.
    PaymentPage,
}

impl SystemActor {
    pub const fn as_str(self) -> &'static str {
        match self {
            SystemActor::Operator => "system:operator",
            SystemActor::Rail => "system:rail",
            SystemActor::Housekeeping => "system:housekeeping",
            SystemActor::Webhooks => "system:webhooks",
            SystemActor::Leaks => "system:leaks",
            SystemActor::Acquirer => "system:acquirer",
            SystemActor::Watch => "system:watch",
            SystemActor::Login => "system:login",
            SystemActor::PaymentPage => "system:payment_page",
        }
    }
}

/// A request that was found to hold the permission `P`. Only this file makes one.
pub struct Caller<P> {
    actor: Actor,
    scope: Scope,
    rule: String,
    credential: Option<Arc<Credential>>,
    permission: PhantomData<fn() -> P>,
}

/// The credential is proven but lacks the permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub permission: &'static str,
}

impl<P: Permission> Caller<P> {
    /// Asks the policy whether a proven credential holds `P`.
    ///
    /// # Errors
    /// [`Denied`] when it does not.
    pub fn authorize(credential: &Arc<Credential>) -> Result<Caller<P>, Denied> {
        let rule = credential.permissions.allows(P::NAME).ok_or(Denied {
            permission: P::NAME,
        })?;
        Ok(Caller {
            actor: Actor::Key(credential.id),
            scope: credential.scope,
            rule: format!("role:{}:{rule}", credential.role_name()),
            credential: Some(Arc::clone(credential)),
            permission: PhantomData,
        })
    }

    /// The server acting by itself. SECURITY: never reachable from a request; the edge has no `SystemActor` to give.
    pub fn system(actor: SystemActor, scope: Scope) -> Caller<P> {
        Caller {
            actor: Actor::System(actor),
            scope,
            rule: actor.as_str().to_owned(),
            credential: None,
            permission: PhantomData,
        }
    }

    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// The rule that allowed it, as the log records it.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The credential, unless the server acts by itself.
    pub fn credential(&self) -> Option<&Arc<Credential>> {
        self.credential.as_ref()
    }

    /// The books this caller may touch.
    pub fn tenant(&self) -> TenantScope {
        TenantScope { scope: self.scope }
    }
}

impl Caller<OwnAccount> {
    /// A person with what is his own; nothing for a key.
    pub fn own(credential: &Arc<Credential>) -> Option<Caller<OwnAccount>> {
        credential.presence.as_ref()?;
        Some(Caller {
            actor: Actor::Key(credential.id),
            scope: credential.scope,
            rule: OwnAccount::NAME.to_owned(),
            credential: Some(Arc::clone(credential)),
            permission: PhantomData,
        })
    }
}

impl Caller<Operate> {
    /// A program that has shown who it is, about what is its own: its tokens. `line` is what holds its rights.
    pub fn client(line: &Arc<Credential>) -> Caller<Operate> {
        Caller {
            actor: Actor::Key(line.id),
            scope: line.scope,
            rule: "oauth:client".to_owned(),
            credential: Some(Arc::clone(line)),
            permission: PhantomData,
        }
    }

    /// The server on behalf of somebody who is not let in yet: what he says is proven by the command itself.
    pub fn entering(user: UserId, scope: Scope) -> Caller<Operate> {
        Caller {
            actor: Actor::Entrant(user),
            scope,
            rule: SystemActor::Login.as_str().to_owned(),
            credential: None,
            permission: PhantomData,
        }
    }
}

/// One organization in one mode, as proven by a caller: the only key to stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantScope {
    scope: Scope,
}

impl TenantScope {
    pub fn scope(self) -> Scope {
        self.scope
    }
}
