//! What people say to a request: agreed, refused, taken back; and what comes of it.

use strongroom_auth::permission::{ApproveApprovals, Operate, WithdrawApprovals};
use strongroom_types::id::{ApiKeyId, ApprovalId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::{ApiKey, allowance_keys, bounded};
use crate::approvals::gate::{changed, expired};
use crate::approvals::{
    Approval, ApprovalBody, ApprovalStatus, ApprovalView, Asked, Parked, Policies, Vote, is_good,
    meet, policies_key,
};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::with_rights;
use crate::view::json;

/// `POST /v1/approvals/{id}/approve`.
pub struct Approve {
    pub id: ApprovalId,
    pub key: ApiKeyId,
    /// SHA-256 of the request that the approver saw.
    pub hash: [u8; 32],
}

/// `POST /v1/approvals/{id}/reject`.
pub struct Reject {
    pub id: ApprovalId,
    pub key: ApiKeyId,
    pub reason: Option<String>,
}

/// `POST /v1/approvals/{id}/withdraw`, by its maker.
pub struct Withdraw {
    pub id: ApprovalId,
    pub key: ApiKeyId,
}

/// The server's own: nobody has ended it in time.
pub struct ExpireApproval {
    pub id: ApprovalId,
}

impl Command for Approve {
    type Permission = ApproveApprovals;

    fn action(&self) -> Action {
        Action::ApprovalApproved
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = Keys::default().record(self.id.any()).record(policies_key());
        let mut keys = with_rights(keys, facts, self.key.any());
        let Some(approval) = facts.approval(self.id) else {
            return keys;
        };
        if let Some(request) = approval.request() {
            keys = request.command.keys(facts, scope);
            keys = with_rights(keys, facts, self.key.any()).record(policies_key());
            let action = request.command.action();
            keys = allowance_keys(action, approval.body.maker, keys);
            if let Some(leave) = &approval.body.leave {
                keys = leave.allowance_keys(action, leave.standing_keys(facts, keys));
            }
        }
        for vote in &approval.body.votes {
            keys = with_rights(keys, facts, vote.key.any());
        }
        with_rights(keys, facts, approval.body.maker.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let approval = existing(facts, self.id)?;
        is_pending(approval, moment.now)?;
        let key = approver(facts, self.key, approval, moment.now)?;
        let own = key.persons(facts);
        let is_his = |vote: &Vote| meet(&own, &voters(vote, facts));
        if approval.body.votes.iter().any(is_his) {
            let text = "the same person has approved it already";
            return Err(Rejection::new(Code::SamePerson, text));
        }
        let request = approval.request().filter(|_| approval.is_whole());
        let request = request.filter(|_| self.hash == approval.body.hash);
        // SECURITY: one byte of it changed, and nobody has agreed to anything.
        let command = request.ok_or_else(other_request)?.command.as_ref();

        // From here it is on record, whatever comes of it.
        let mut voted = approval.clone();
        voted.body.votes.push(Vote {
            key: key.id,
            person: key.person(),
            at: moment.now,
        });
        let over = facts.policies().map(|policies| {
            let over = policies.over(command, approval.body.amount);
            Policies::asked(&over)
        });
        if over.unwrap_or_default() != voted.body.policies {
            return Ok(failed(facts, &voted, changed(), moment.now));
        }
        if !satisfied(&voted.body, facts, moment.now) {
            return Ok(counted(facts, voted, moment.now));
        }
        match command {
            Parked::Again(..) | Parked::Invitation(_) => {
                voted.body.status = ApprovalStatus::Approved;
                Ok(counted(facts, voted, moment.now))
            }
            command => Ok(execute(facts, moment, &voted, command)),
        }
    }
}

impl Command for Reject {
    type Permission = ApproveApprovals;

    fn action(&self) -> Action {
        Action::ApprovalRejected
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = with_rights(Keys::default().record(self.id.any()), facts, self.key.any());
        let maker = facts.approval(self.id).map(|approval| approval.body.maker);
        match maker {
            Some(maker) => with_rights(keys, facts, maker.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let approval = existing(facts, self.id)?;
        is_waiting(approval, moment.now)?;
        approver(facts, self.key, approval, moment.now)?;

        // From here it must succeed.
        let mut ended = approval.ended(ApprovalStatus::Rejected, moment.now);
        ended.body.ended_by = Some(self.key);
        ended.body.reason.clone_from(&self.reason);
        let (action, event) = (Action::ApprovalRejected, EventType::ApprovalRejected);
        Ok(over(facts, action, event, ended, moment.now))
    }
}

impl Command for Withdraw {
    type Permission = WithdrawApprovals;

    fn action(&self) -> Action {
        Action::ApprovalWithdrawn
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any()).record(self.key.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let approval = existing(facts, self.id)?;
        is_waiting(approval, moment.now)?;
        if key_of(facts, self.key)?.person() != approval.body.maker_person {
            let text = "only whoever asked for it withdraws it";
            return Err(Rejection::new(Code::PermissionDenied, text));
        }

        // From here it must succeed.
        let mut ended = approval.ended(ApprovalStatus::Withdrawn, moment.now);
        ended.body.ended_by = Some(self.key);
        let (action, event) = (Action::ApprovalWithdrawn, EventType::ApprovalWithdrawn);
        Ok(over(facts, action, event, ended, moment.now))
    }
}

impl Command for ExpireApproval {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::ApprovalExpired
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let approval = existing(facts, self.id)?;
        let is_over =
            approval.body.is_waiting() && approval.status_at(moment.now) == ApprovalStatus::Expired;
        if !is_over {
            let text = format!("the time of `{}` is not over", self.id);
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let ended = approval.ended(ApprovalStatus::Expired, moment.now);
        let (action, event) = (Action::ApprovalExpired, EventType::ApprovalExpired);
        Ok(over(facts, action, event, ended, moment.now))
    }
}

pub(super) fn existing(facts: &Facts, id: ApprovalId) -> Result<&Approval, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such approval");
    facts.approval(id).ok_or_else(missing)
}

pub(super) fn key_of(facts: &Facts, id: ApiKeyId) -> Result<&ApiKey, Rejection> {
    let missing = || Rejection::new(Code::NotFound, "there is no such key");
    facts.api_key(id.any()).ok_or_else(missing)
}

fn is_pending(approval: &Approval, now: Timestamp) -> Result<(), Rejection> {
    match approval.status_at(now) {
        ApprovalStatus::Pending => Ok(()),
        ApprovalStatus::Expired => Err(expired(approval)),
        other => Err(not_now(approval, other)),
    }
}

fn is_waiting(approval: &Approval, now: Timestamp) -> Result<(), Rejection> {
    match approval.status_at(now) {
        ApprovalStatus::Pending | ApprovalStatus::Approved => Ok(()),
        ApprovalStatus::Expired => Err(expired(approval)),
        other => Err(not_now(approval, other)),
    }
}

fn not_now(approval: &Approval, status: ApprovalStatus) -> Rejection {
    let text = format!("`{}` is {} already", approval.body.id, status.as_str());
    Rejection::new(Code::InvalidState, text)
}

fn other_request() -> Rejection {
    let text = "is not the hash of the request that waits: look at it again";
    Rejection::at(Code::ApprovalHashMismatch, "/hash", text)
}

/// The key of somebody who may say something to it, as it is now.
fn approver<'a>(
    facts: &'a Facts,
    id: ApiKeyId,
    approval: &Approval,
    now: Timestamp,
) -> Result<&'a ApiKey, Rejection> {
    let key = key_of(facts, id)?;
    let body = &approval.body;
    if meet(&key.persons(facts), &makers_persons(body, facts)) {
        let text = "whoever asked for it, made this key or widened its role does not approve it";
        return Err(Rejection::new(Code::SamePerson, text));
    }
    let counts = |asked: &Asked| asked.counts(key, facts, now);
    if !body.policies.iter().any(counts) {
        let text = "the policy asks for approvals of other roles";
        return Err(Rejection::new(Code::NotAnApprover, text));
    }
    Ok(key)
}

/// Whom the maker stands for.
fn makers_persons(body: &ApprovalBody, facts: &Facts) -> Vec<ApiKeyId> {
    let maker = facts.api_key(body.maker.any());
    let mut all = maker.map_or_else(Vec::new, |maker| maker.persons(facts));
    all.push(body.maker_person);
    all
}

/// Whom the giver of a vote stands for, then and now.
fn voters(vote: &Vote, facts: &Facts) -> Vec<ApiKeyId> {
    let key = facts.api_key(vote.key.any());
    let mut all = key.map_or_else(Vec::new, |key| key.persons(facts));
    all.push(vote.person);
    all
}

/// Whether each policy has the approvals that it asks for, by the rights that who gave them has now, each of another person.
pub(super) fn satisfied(body: &ApprovalBody, facts: &Facts, now: Timestamp) -> bool {
    let maker = makers_persons(body, facts);
    body.policies.iter().all(|asked| {
        let (mut seen, mut count) = (maker.clone(), 0_u32);
        for vote in &body.votes {
            let key = facts.api_key(vote.key.any());
            let all = voters(vote, facts);
            let counts = key.is_some_and(|key| asked.counts(key, facts, now));
            if counts && !meet(&all, &seen) {
                count += 1;
                seen.extend(all);
            }
        }
        count >= asked.approvals
    })
}

/// One more has agreed.
fn counted(facts: &Facts, approval: Approval, now: Timestamp) -> Decision {
    let id = approval.body.id.any();
    let none = Movement::none();
    let decision = Decision::new(facts, Action::ApprovalApproved, id, none, Vec::new());
    told(decision, &approval, &[EventType::ApprovalApproved])
        .reply(Reply::Stored(json(&ApprovalView::new(&approval, now))))
        .change(id, Record::Approval(approval))
}

/// The last has agreed: the command is decided again, by its maker's rights and limits, over the facts of now.
fn execute(facts: &Facts, moment: &mut Moment, voted: &Approval, command: &Parked) -> Decision {
    let done = makers(facts, voted, command, moment.now).and_then(|maker| {
        let decision = command.decide(facts, moment)?;
        let decision = bounded(command.action(), maker, decision, facts, moment)?;
        match &voted.body.leave {
            Some(leave) => leave.bounded(command.action(), decision, facts, moment),
            None => Ok(decision),
        }
    });
    let decision = match done {
        Ok(decision) => decision,
        Err(rejection) => return failed(facts, voted, rejection, moment.now),
    };

    // From here it must succeed.
    let mut ended = voted.ended(ApprovalStatus::Executed, moment.now);
    ended.body.resource = Some(decision.resource);
    let (id, events) = (
        ended.body.id,
        [EventType::ApprovalApproved, EventType::ApprovalExecuted],
    );
    let reply = json(&ApprovalView::new(&ended, moment.now));
    told(decision, &ended, &events)
        .reply(Reply::Stored(reply))
        .job(Job::ApprovalDone(id))
        .change(id.any(), Record::Approval(ended))
}

/// The maker's key, if it may still do what it asked for.
fn makers(
    facts: &Facts,
    approval: &Approval,
    command: &Parked,
    now: Timestamp,
) -> Result<ApiKeyId, Rejection> {
    let maker = key_of(facts, approval.body.maker)?;
    let holds = maker.may(facts).allows(command.permission()).is_some();
    let leave = approval.body.leave.as_ref();
    let is_let = leave.is_none_or(|leave| leave.holds(command.permission(), facts, now));
    match is_good(maker, now) && holds && is_let {
        true => Ok(maker.id),
        false => {
            let text = "whoever asked for it may not do it any more";
            Err(Rejection::new(Code::PermissionDenied, text))
        }
    }
}

/// Agreed to, and not to be done: nothing has moved.
fn failed(facts: &Facts, voted: &Approval, why: Rejection, now: Timestamp) -> Decision {
    let mut ended = voted.ended(ApprovalStatus::Failed, now);
    let code = why.code.as_str();
    ended.body.failure = Some(why);
    let (action, event) = (Action::ApprovalFailed, EventType::ApprovalFailed);
    over(facts, action, event, ended, now).detail("failure", code)
}

/// Nothing more comes of it.
fn over(
    facts: &Facts,
    action: Action,
    event: EventType,
    ended: Approval,
    now: Timestamp,
) -> Decision {
    let id = ended.body.id;
    let decision = Decision::new(facts, action, id.any(), Movement::none(), Vec::new());
    told(decision, &ended, &[event])
        .reply(Reply::Stored(json(&ApprovalView::new(&ended, now))))
        .job(Job::ApprovalDone(id))
        .change(id.any(), Record::Approval(ended))
}

/// With what the log says of an approval, and the events that tell of it.
pub(super) fn told(mut decision: Decision, approval: &Approval, events: &[EventType]) -> Decision {
    let body = &approval.body;
    let about = Some(body.id.any());
    let told = events.iter().map(|event| EventFact {
        event: *event,
        about,
    });
    decision.events.extend(told);
    let hash: String = body.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let approvers: Vec<String> = body.votes.iter().map(|v| v.key.to_string()).collect();
    decision
        .detail("approval", body.id.to_string())
        .detail("approval_act", body.act.as_str())
        .detail("approval_status", body.status.as_str())
        .detail("approval_hash", hash)
        .detail("requested_by", body.maker.to_string())
        .detail("approved_by", approvers.join(","))
}
