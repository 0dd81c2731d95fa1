//! Approvals: an act that a policy holds up waits as the exact request, until people other than its maker agree.
//!
//! [`Gated`] stands around every command of a key. It decides the command first, so what would be refused is refused at
//! once; what a policy holds up is then kept as a [`Parked`] command instead of done. Who approves signs the hash of the
//! request's text. The last approval decides the same command again, over the facts of that moment, and is one entry
//! with what it does: there is no time in which it is approved and not done. INVARIANT(four-eyes): what is done is what the
//! text says, agreed to by so many people as the policies in force ask for, none of whom is its maker.

mod canonical;
mod gate;
mod parked;
mod policies;
mod view;
mod votes;

use minicbor::{Decode, Encode};
use strongroom_auth::permission::{ApproveApprovals, Permission};
use strongroom_auth::{CredentialStatus, Role, sha256};
use strongroom_types::Classified;
use strongroom_types::id::{AnyId, ApiKeyId, ApprovalId, ApprovalPolicyId, SubjectId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::api_keys::ApiKey;
use crate::facts::Facts;
use crate::oauth::Leave;
use crate::rejection::Rejection;

pub use gate::Gated;
pub use parked::Parked;
pub use policies::{
    ApprovalPolicy, ChangePolicies, LONGEST_WAIT, MOST_APPROVALS, NewPolicy, Policies,
    PolicyChange, PolicyPatch, SHORTEST_WAIT, policies_key,
};
pub use view::{ApprovalView, PolicyView};
pub use votes::{Approve, ExpireApproval, Reject, Withdraw};

macro_rules! named {
    ($(#[$doc:meta])* $set:ident: $($(#[$about:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
        #[cbor(index_only)]
        pub enum $set { $($(#[$about])* #[n($code)] $name,)* }

        impl $set {
            pub const ALL: &'static [$set] = &[$($set::$name,)*];

            pub const fn code(self) -> u8 {
                match self { $($set::$name => $code,)* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $($set::$name => $text,)* }
            }

            pub fn parse(text: &str) -> Option<$set> {
                match text { $($text => Some($set::$name),)* _ => None }
            }
        }
    };
}

named! {
    /// What a policy can hold up. The number is the one stored, never reused.
    Act:
    Payout = 0, "payout";
    Debit = 1, "debit";
    Refund = 2, "refund";
    TokenReveal = 3, "token_reveal";
    ApiKeyCreate = 4, "api_key_create";
    ApiKeyUpdate = 5, "api_key_update";
    ApiKeyRoll = 6, "api_key_roll";
    /// Changes of policies themselves.
    ApprovalPolicy = 7, "approval_policy";
    /// Another role for a person, and other rights for a role.
    RoleChange = 20, "role_change";
    /// Where beneficiaries have their money, and how long an account of one cools off.
    BeneficiaryChange = 79, "beneficiary_change";
}

named! {
    /// Where an approval stands.
    ApprovalStatus:
    Pending = 0, "pending";
    /// Agreed to; its maker sends the request again, since the reply is for him alone.
    Approved = 1, "approved";
    Executed = 2, "executed";
    /// Agreed to, and refused when it was to be done, or held up by policies that have changed.
    Failed = 3, "failed";
    Rejected = 4, "rejected";
    Withdrawn = 5, "withdrawn";
    Expired = 6, "expired";
}

impl Act {
    /// Whether it moves an amount that a threshold can be compared with.
    pub const fn is_money(self) -> bool {
        matches!(self, Act::Payout | Act::Debit | Act::Refund)
    }
}

/// An approval as stored.
#[derive(Clone)]
pub struct Approval {
    pub body: ApprovalBody,
    /// The request, where it tells of a person; erased with him.
    pub personal: Option<PersonalRequest>,
}

#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct ApprovalBody {
    #[n(0)]
    #[class(operational)]
    pub id: ApprovalId,
    #[n(1)]
    #[class(operational)]
    pub act: Act,
    #[n(2)]
    #[class(operational)]
    pub status: ApprovalStatus,
    #[n(3)]
    #[class(operational)]
    pub maker: ApiKeyId,
    /// Whose key that is.
    #[n(4)]
    #[class(operational)]
    pub maker_person: ApiKeyId,
    /// What is asked for, of each policy that holds it up.
    #[n(5)]
    #[class(operational)]
    pub policies: Vec<Asked>,
    #[n(6)]
    #[class(sensitive)]
    pub amount: Option<Money>,
    /// SHA-256 of the request's text.
    #[cbor(n(7), with = "minicbor::bytes")]
    #[class(operational)]
    pub hash: [u8; 32],
    /// The request, where it tells of no person.
    #[n(8)]
    #[class(sensitive)]
    pub request: Option<Request>,
    #[n(9)]
    #[class(operational)]
    pub subject: Option<SubjectId>,
    #[n(10)]
    #[class(operational)]
    pub votes: Vec<Vote>,
    /// What came of it.
    #[n(11)]
    #[class(operational)]
    pub resource: Option<AnyId>,
    #[n(12)]
    #[class(sensitive)]
    pub failure: Option<Rejection>,
    #[n(13)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(14)]
    #[class(operational)]
    pub expires_at: Timestamp,
    #[n(15)]
    #[class(operational)]
    pub ended_at: Option<Timestamp>,
    /// Who rejected or withdrew it.
    #[n(16)]
    #[class(operational)]
    pub ended_by: Option<ApiKeyId>,
    #[n(17)]
    #[class(sensitive)]
    pub reason: Option<String>,
    /// By whose leave it was asked for, where a client asked for a person.
    #[n(60)]
    #[class(operational)]
    pub leave: Option<Leave>,
}

/// The request as its approvers see it, and as it is done.
#[derive(Clone, Encode, Decode)]
pub struct Request {
    /// Canonical JSON; its hash is what is signed.
    #[n(0)]
    pub text: String,
    #[n(1)]
    pub command: Box<Parked>,
}

/// The same, sealed under the key of the person it tells of.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct PersonalRequest {
    #[n(0)]
    #[class(personal)]
    pub request: Request,
}

/// What a policy asked for when the request was made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asked {
    #[n(0)]
    pub policy: ApprovalPolicyId,
    #[n(1)]
    pub version: u32,
    #[n(2)]
    pub approvals: u32,
    /// Empty for whoever may approve.
    #[n(3)]
    pub roles: Vec<Role>,
}

/// One agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Vote {
    #[n(0)]
    pub key: ApiKeyId,
    /// Whose key that is.
    #[n(1)]
    pub person: ApiKeyId,
    #[n(2)]
    pub at: Timestamp,
}

impl Approval {
    pub fn request(&self) -> Option<&Request> {
        let personal = self.personal.as_ref().map(|part| &part.request);
        self.body.request.as_ref().or(personal)
    }

    /// As it stands at a time: what nobody has ended in time is expired, written down or not.
    pub fn status_at(&self, now: Timestamp) -> ApprovalStatus {
        match self.body.is_waiting() && now >= self.body.expires_at {
            true => ApprovalStatus::Expired,
            false => self.body.status,
        }
    }

    /// Whether the text is the one that the hash is of, and says what would be done.
    fn is_whole(&self) -> bool {
        self.request().is_some_and(|request| {
            sha256(request.text.as_bytes()) == self.body.hash
                && canonical::text(&self.body, &request.command).as_deref()
                    == Some(request.text.as_str())
        })
    }

    fn ended(&self, status: ApprovalStatus, at: Timestamp) -> Approval {
        let mut ended = self.clone();
        ended.body.status = status;
        ended.body.ended_at = Some(at);
        ended
    }
}

impl ApprovalBody {
    /// Whether something can still come of it.
    pub fn is_waiting(&self) -> bool {
        matches!(
            self.status,
            ApprovalStatus::Pending | ApprovalStatus::Approved
        )
    }
}

impl Asked {
    /// Whether a key counts for this policy now.
    fn counts(&self, key: &ApiKey, facts: &Facts, now: Timestamp) -> bool {
        may_approve(key, facts, now) && (self.roles.is_empty() || self.roles.contains(&key.role))
    }
}

fn is_good(key: &ApiKey, now: Timestamp) -> bool {
    key.status == CredentialStatus::Active && key.expires_at.is_none_or(|end| now < end)
}

fn may_approve(key: &ApiKey, facts: &Facts, now: Timestamp) -> bool {
    is_good(key, now) && key.may(facts).allows(ApproveApprovals::NAME).is_some()
}

fn meet(some: &[ApiKeyId], others: &[ApiKeyId]) -> bool {
    some.iter().any(|person| others.contains(person))
}
