//! Which acts wait, for whose approval: one list per organization and mode, itself changed under its own rules only.

use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use strongroom_auth::Role;
use strongroom_auth::permission::ManagePolicies;
use strongroom_types::Classified;
use strongroom_types::id::{AnyId, ApprovalPolicyId, Kind, RawId};
use strongroom_types::mode::Scope;
use strongroom_types::money::Money;
use strongroom_types::time::{DAY, Timestamp};

use crate::action::Action;
use crate::approvals::{Act, Asked, Parked, PolicyView};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json as bytes;

/// Policies of one organization and mode.
const MOST_POLICIES: usize = 50;
/// Approvals that one policy may ask for.
pub const MOST_APPROVALS: u32 = 10;
/// Milliseconds that a request may wait.
pub const SHORTEST_WAIT: i64 = 60_000;
pub const LONGEST_WAIT: i64 = 30 * DAY;

/// The key of the list of policies: there is one per scope.
pub fn policies_key() -> AnyId {
    AnyId {
        kind: Kind::ApprovalPolicy,
        raw: RawId::ZERO,
    }
}

/// All policies of an organization in one mode.
#[derive(Clone, Default, Encode, Decode, Classified)]
#[part(business)]
pub struct Policies {
    #[n(0)]
    #[class(sensitive)]
    pub all: Vec<ApprovalPolicy>,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ApprovalPolicy {
    #[n(0)]
    pub id: ApprovalPolicyId,
    #[n(1)]
    pub act: Act,
    /// Amounts over it wait; all do without one. Of its own currency alone.
    #[n(2)]
    pub threshold: Option<Money>,
    #[n(3)]
    pub approvals: u32,
    /// Empty for whoever may approve.
    #[n(4)]
    pub roles: Vec<Role>,
    /// Milliseconds that a request waits.
    #[n(5)]
    pub expires_in: i64,
    /// Counts its changes: what was asked for under another one is void.
    #[n(6)]
    pub version: u32,
    #[n(7)]
    pub created_at: Timestamp,
    #[n(8)]
    pub updated_at: Timestamp,
}

impl ApprovalPolicy {
    fn holds(&self, act: Act, amount: Option<Money>) -> bool {
        let over = |threshold: Money| {
            let comparable = amount.filter(|amount| amount.currency == threshold.currency);
            comparable.is_some_and(|amount| amount.minor > threshold.minor)
        };
        self.act == act && self.threshold.is_none_or(over)
    }

    fn asked(&self) -> Asked {
        Asked {
            policy: self.id,
            version: self.version,
            approvals: self.approvals,
            roles: self.roles.clone(),
        }
    }
}

impl Policies {
    pub fn find(&self, id: ApprovalPolicyId) -> Option<&ApprovalPolicy> {
        self.all.iter().find(|policy| policy.id == id)
    }

    /// The policies that hold a command up. Each asks for its own: one more never makes it easier.
    ///
    /// SECURITY: who changes a policy needs what the policy asks for, else one person could switch it off.
    pub(super) fn over(&self, command: &Parked, amount: Option<Money>) -> Vec<&ApprovalPolicy> {
        let changed = command.changed_policy();
        let holds = |policy: &&ApprovalPolicy| {
            policy.holds(command.act(), amount) || Some(policy.id) == changed
        };
        self.all.iter().filter(holds).collect()
    }

    pub(super) fn asked(over: &[&ApprovalPolicy]) -> Vec<Asked> {
        over.iter().map(|policy| policy.asked()).collect()
    }
}

/// A policy as a request describes it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NewPolicy {
    #[n(0)]
    pub act: Act,
    #[n(1)]
    pub threshold: Option<Money>,
    #[n(2)]
    pub approvals: u32,
    #[n(3)]
    pub roles: Vec<Role>,
    #[n(4)]
    pub expires_in: i64,
}

/// What changes of a policy; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct PolicyPatch {
    #[n(0)]
    pub threshold: Option<Money>,
    /// Whether it has no threshold any more.
    #[n(1)]
    pub without_threshold: bool,
    #[n(2)]
    pub approvals: Option<u32>,
    #[n(3)]
    pub roles: Option<Vec<Role>>,
    #[n(4)]
    pub expires_in: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PolicyChange {
    #[n(0)]
    Create(#[n(0)] NewPolicy),
    #[n(1)]
    Update(#[n(0)] ApprovalPolicyId, #[n(1)] PolicyPatch),
    #[n(2)]
    Delete(#[n(0)] ApprovalPolicyId),
}

/// `POST /v1/approval-policies`, `PATCH` and `DELETE /v1/approval-policies/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ChangePolicies(#[n(0)] pub PolicyChange);

impl Command for ChangePolicies {
    type Permission = ManagePolicies;

    fn action(&self) -> Action {
        match self.0 {
            PolicyChange::Create(_) => Action::ApprovalPolicyCreated,
            PolicyChange::Update(..) => Action::ApprovalPolicyUpdated,
            PolicyChange::Delete(_) => Action::ApprovalPolicyDeleted,
        }
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(policies_key())
    }

    fn act(&self) -> Option<Act> {
        Some(Act::ApprovalPolicy)
    }

    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        Some(Parked::Policies(self.clone()))
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let mut policies = facts.policies().cloned().unwrap_or_default();
        let (policy, event) = match &self.0 {
            PolicyChange::Create(wanted) => {
                let policy = created(&policies, wanted, moment)?;
                policies.all.push(policy.clone());
                (policy, EventType::ApprovalPolicyCreated)
            }
            PolicyChange::Update(id, patch) => {
                let policy = patched(&policies, *id, patch, moment.now)?;
                let same = policies.all.iter_mut().filter(|known| known.id == *id);
                same.for_each(|known| known.clone_from(&policy));
                (policy, EventType::ApprovalPolicyUpdated)
            }
            PolicyChange::Delete(id) => {
                let policy = policies.find(*id).ok_or_else(missing)?.clone();
                policies.all.retain(|known| known.id != *id);
                (policy, EventType::ApprovalPolicyDeleted)
            }
        };

        // From here it must succeed.
        let about = policy.id.any();
        let event = EventFact {
            event,
            about: Some(about),
        };
        Ok(
            Decision::new(facts, self.action(), about, Movement::none(), vec![event])
                .detail("act", policy.act.as_str())
                .detail("version", policy.version.to_string())
                .reply(Reply::Stored(bytes(&PolicyView::new(&policy))))
                .change(policies_key(), Record::Policies(policies)),
        )
    }
}

impl ChangePolicies {
    pub(super) fn changed(&self) -> Option<ApprovalPolicyId> {
        match &self.0 {
            PolicyChange::Create(_) => None,
            PolicyChange::Update(id, _) | PolicyChange::Delete(id) => Some(*id),
        }
    }

    /// What is asked for, as approvers see it.
    pub(super) fn asked(&self) -> Value {
        let money = |money: Money| json!({"amount": money.minor, "currency": money.currency});
        let names = |roles: &[Role]| -> Vec<&str> { roles.iter().map(|r| r.as_str()).collect() };
        match &self.0 {
            PolicyChange::Create(new) => json!({
                "change": "create",
                "act": new.act.as_str(),
                "threshold": new.threshold.map(money),
                "approvals": new.approvals,
                "roles": names(&new.roles),
                "expires_in": new.expires_in / 1_000,
            }),
            PolicyChange::Update(id, patch) => json!({
                "change": "update",
                "policy_id": id,
                "threshold": patch.threshold.map(money),
                "without_threshold": patch.without_threshold,
                "approvals": patch.approvals,
                "roles": patch.roles.as_deref().map(names),
                "expires_in": patch.expires_in.map(|wait| wait / 1_000),
            }),
            PolicyChange::Delete(id) => json!({"change": "delete", "policy_id": id}),
        }
    }
}

fn missing() -> Rejection {
    Rejection::new(Code::NotFound, "there is no such policy")
}

fn created(
    policies: &Policies,
    wanted: &NewPolicy,
    moment: &mut Moment,
) -> Result<ApprovalPolicy, Rejection> {
    if policies.all.len() >= MOST_POLICIES {
        let text = format!("there are {MOST_POLICIES} policies already");
        return Err(Rejection::new(Code::LimitReached, text));
    }
    let policy = ApprovalPolicy {
        id: ApprovalPolicyId(moment.fresh()),
        act: wanted.act,
        threshold: wanted.threshold,
        approvals: wanted.approvals,
        roles: wanted.roles.clone(),
        expires_in: wanted.expires_in,
        version: 1,
        created_at: moment.now,
        updated_at: moment.now,
    };
    comparable(policy)
}

fn patched(
    policies: &Policies,
    id: ApprovalPolicyId,
    patch: &PolicyPatch,
    now: Timestamp,
) -> Result<ApprovalPolicy, Rejection> {
    let old = policies.find(id).ok_or_else(missing)?;
    let kept = old.threshold.filter(|_| !patch.without_threshold);
    comparable(ApprovalPolicy {
        threshold: patch.threshold.or(kept),
        approvals: patch.approvals.unwrap_or(old.approvals),
        roles: patch.roles.clone().unwrap_or_else(|| old.roles.clone()),
        expires_in: patch.expires_in.unwrap_or(old.expires_in),
        version: old.version.saturating_add(1),
        updated_at: now,
        ..old.clone()
    })
}

/// SECURITY: a threshold that nothing is compared with would hold nothing up.
fn comparable(policy: ApprovalPolicy) -> Result<ApprovalPolicy, Rejection> {
    match policy.threshold.is_some() && !policy.act.is_money() {
        true => {
            let text = format!("`{}` has no amount to compare", policy.act.as_str());
            Err(Rejection::at(Code::InvalidField, "/threshold", text))
        }
        false => Ok(policy),
    }
}
