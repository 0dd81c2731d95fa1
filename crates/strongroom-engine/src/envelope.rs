//! What travels around a command: where it came from, and how it ended.

use strongroom_domain::action::Action;
use strongroom_domain::entry::EntryFacts;
use strongroom_domain::rejection::Rejection;
use strongroom_domain::view;
use strongroom_types::id::{AnyId, ApprovalId, RawId, RequestId};
use strongroom_types::time::Timestamp;

/// Where a command came from and what protects it.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub request: RequestId,
    pub address: String,
    pub user_agent: String,
    pub idempotency: Option<Idempotency>,
    /// Keyed hash of the request's signature, spent by the commit.
    pub signature: Option<[u8; 16]>,
    /// The approval that a request says it has been given.
    pub approval: Option<ApprovalId>,
}

impl Envelope {
    /// For acts of the server itself.
    pub fn internal() -> Envelope {
        Envelope {
            request: RequestId(RawId::ZERO),
            address: String::new(),
            user_agent: String::new(),
            idempotency: None,
            signature: None,
            approval: None,
        }
    }

    /// Whether it came from nowhere outside.
    pub(crate) fn is_internal(&self) -> bool {
        self.address.is_empty() && self.request.0 == RawId::ZERO
    }
}

/// Keyed hashes of an idempotency key (with its endpoint) and of the request sent under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: [u8; 16],
    pub request: [u8; 16],
}

/// A durable success. Only the commit thread makes one.
pub struct Committed {
    pub(crate) facts: Box<EntryFacts>,
    pub(crate) time: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) kept: Option<Vec<u8>>,
    pub(crate) replayed: bool,
}

impl Committed {
    /// The JSON reply, the same bytes at every retry; empty when there is nothing to say.
    pub fn body(&self) -> Vec<u8> {
        match &self.kept {
            Some(kept) => kept.clone(),
            None => view::rendered_reply(&self.facts, self.time).unwrap_or_default(),
        }
    }

    /// Whether it is the answer of an earlier request under the same key.
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// What the act was about.
    pub fn resource(&self) -> Option<AnyId> {
        self.facts.resource
    }

    /// Whether it was not done: it waits for others to agree to it.
    pub fn waits(&self) -> bool {
        self.facts.action == Action::ApprovalRequested
    }

    /// The sequence of its entry.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The time of its entry.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// What the entry says.
    pub fn facts(&self) -> &EntryFacts {
        &self.facts
    }
}

/// Why there is no success.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Refused; `request` is the id to show: that of the first request when replayed.
    Rejected {
        rejection: Rejection,
        replayed: bool,
        request: RequestId,
    },
    /// A request under the same idempotency key is still running.
    KeyInUse,
    /// The idempotency key was used for another request.
    KeyReused,
    /// It was done before, but its reply is not kept.
    ReplyNotKept {
        resource: Option<AnyId>,
    },
    /// The signature was spent by another request.
    SignatureReplayed,
    /// The key behind it was revoked while it was on its way; nothing was done.
    KeyRevoked,
    /// The queue is full.
    Overloaded,
    /// The store cannot be shown to be ours now; nothing was done.
    Away,
    /// This engine decides no more, by its own will or because another one does; nothing was done.
    Stopped,
    /// The disk is full; nothing was changed.
    StorageFull,
    /// The store failed and nothing more is acknowledged.
    Halted,
    /// The decision panicked; nothing was changed.
    Internal,
    /// The filter would read too much.
    NarrowTheRange,
    NotFound,
    /// The cursor is none of this list's.
    BadCursor,
}
