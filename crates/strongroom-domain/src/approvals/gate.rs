//! What stands around every command of a key: where a policy holds the act up, it waits instead of being done.

use strongroom_auth::sha256;
use strongroom_types::id::{ApiKeyId, ApprovalId, SubjectId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::api_keys::{ApiKey, moved};
use crate::approvals::votes::{existing, key_of, satisfied, told};
use crate::approvals::{
    Act, Approval, ApprovalBody, ApprovalPolicy, ApprovalStatus, ApprovalView, Asked, Parked,
    PersonalRequest, Policies, Request, canonical, policies_key,
};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::oauth::Leave;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::{RoleBody, with_rights};
use crate::view::json;

/// A command of a key, and the approval that it says it has.
pub struct Gated<C> {
    pub command: C,
    pub maker: ApiKeyId,
    pub approval: Option<ApprovalId>,
    /// By whose leave it is asked for, where a client asks for a person.
    pub leave: Option<Leave>,
}

impl<C: Command> Command for Gated<C> {
    type Permission = C::Permission;

    fn action(&self) -> Action {
        self.command.action()
    }

    fn keys(&self, facts: &Facts, scope: Scope) -> Keys {
        let keys = self.command.keys(facts, scope).record(policies_key());
        let mut keys = with_rights(keys, facts, self.maker.any());
        let Some(id) = self.approval else {
            return keys;
        };
        keys = keys.record(id.any());
        let votes = facts.approval(id).map(|approval| &approval.body.votes);
        for vote in votes.into_iter().flatten() {
            keys = with_rights(keys, facts, vote.key.any());
        }
        keys
    }

    /// What would be refused now is refused now; what a policy holds up waits.
    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let decision = self.command.decide(facts, moment)?;
        let held = facts.policies().filter(|policies| !policies.all.is_empty());
        let (Some(policies), Some(command)) = (held, self.command.parked(facts, moment.scope))
        else {
            return Ok(decision);
        };
        let amount = moved(self.action(), &decision);
        let over = policies.over(&command, amount);
        if over.is_empty() {
            return Ok(decision);
        }
        match self.approval {
            Some(id) => self.approved(
                id,
                decision,
                &command,
                &Policies::asked(&over),
                facts,
                moment,
            ),
            None => self.waits(&over, command, &decision, facts, moment),
        }
    }
}

impl<C: Command> Gated<C> {
    /// The request, kept for others to agree to.
    fn waits(
        &self,
        over: &[&ApprovalPolicy],
        command: Parked,
        decision: &Decision,
        facts: &Facts,
        moment: &mut Moment,
    ) -> Result<Decision, Rejection> {
        let maker = key_of(facts, self.maker)?;
        let wait = over.iter().map(|policy| policy.expires_in).min();
        let mut body = ApprovalBody {
            id: ApprovalId(moment.fresh()),
            act: command.act(),
            status: ApprovalStatus::Pending,
            maker: maker.id,
            maker_person: maker.person(),
            policies: Policies::asked(over),
            amount: moved(self.action(), decision),
            hash: [0; 32],
            request: None,
            subject: None,
            votes: Vec::new(),
            resource: None,
            failure: None,
            created_at: moment.now,
            expires_at: moment.now.plus(wait.unwrap_or(0)),
            ended_at: None,
            ended_by: None,
            reason: None,
            leave: self.leave.clone(),
        };
        let text = canonical::text(&body, &command).unwrap_or_default();
        body.hash = sha256(text.as_bytes());
        let subject = command.subject(facts);
        let command = Box::new(command);
        let request = Request { text, command };

        // From here it must succeed.
        let approval = match subject {
            Some(known) => {
                body.subject = Some(known.unwrap_or_else(|| SubjectId(moment.fresh())));
                let personal = Some(PersonalRequest { request });
                Approval { body, personal }
            }
            None => {
                body.request = Some(request);
                Approval {
                    body,
                    personal: None,
                }
            }
        };
        let id = approval.body.id;
        let due = approval.body.expires_at;
        let reply = json(&ApprovalView::new(&approval, moment.now));
        let none = Movement::none();
        let decision = Decision::new(facts, Action::ApprovalRequested, id.any(), none, Vec::new());
        Ok(told(decision, &approval, &[EventType::ApprovalRequested])
            .reply(Reply::Stored(reply))
            .job(Job::Approval(id, due))
            .change(id.any(), Record::Approval(approval)))
    }

    /// The same request again, now that it is agreed to; its reply is shown to whoever asked for it.
    fn approved(
        &self,
        id: ApprovalId,
        mut decision: Decision,
        command: &Parked,
        asked: &[Asked],
        facts: &Facts,
        moment: &Moment,
    ) -> Result<Decision, Rejection> {
        let approval = existing(facts, id)?;
        let maker = key_of(facts, self.maker)?;
        if maker.person() != approval.body.maker_person {
            let text = "it is another's: each has his own requests approved";
            return Err(Rejection::new(Code::ApprovalMismatch, text));
        }
        match approval.status_at(moment.now) {
            ApprovalStatus::Approved => {}
            ApprovalStatus::Expired => return Err(expired(approval)),
            other => {
                let text = format!("`{id}` is {}", other.as_str());
                return Err(Rejection::new(Code::InvalidState, text));
            }
        }
        // SECURITY: what is done is what was agreed to, to the last byte.
        let same = canonical::text(&approval.body, command).map(|text| sha256(text.as_bytes()));
        if same != Some(approval.body.hash) || command.act() != approval.body.act {
            let text = "it was given for a request that says something else";
            return Err(Rejection::new(Code::ApprovalMismatch, text));
        }
        if asked != approval.body.policies || !satisfied(&approval.body, facts, moment.now) {
            return Err(changed());
        }

        // From here it must succeed.
        let mut ended = approval.ended(ApprovalStatus::Executed, moment.now);
        ended.body.resource = Some(decision.resource);
        decision = match ended.body.act {
            Act::ApiKeyCreate => vouched(decision),
            Act::RoleChange => answered(decision, facts),
            _ => decision,
        };
        let decision = told(decision, &ended, &[EventType::ApprovalExecuted]);
        Ok(decision
            .job(Job::ApprovalDone(id))
            .change(id.any(), Record::Approval(ended)))
    }
}

/// A key that others agreed to is a person of its own; one that somebody made alone is its maker's.
fn vouched(mut decision: Decision) -> Decision {
    for (_, record) in &mut decision.changes {
        if let Record::ApiKey(key) = record.as_ref() {
            let key = ApiKey {
                person: None,
                others: None,
                ..key.clone()
            };
            *record = std::sync::Arc::new(Record::ApiKey(key));
        }
    }
    decision
}

/// What others agreed to widen makes nobody answer for it who did not before.
fn answered(mut decision: Decision, facts: &Facts) -> Decision {
    for (id, record) in &mut decision.changes {
        let agreed = match (record.as_ref(), facts.record(*id).map(AsRef::as_ref)) {
            (Record::ApiKey(key), Some(Record::ApiKey(old))) => Record::ApiKey(ApiKey {
                person: old.person,
                others: old.others.clone(),
                ..key.clone()
            }),
            (Record::Role(role), Some(Record::Role(old))) => Record::Role(RoleBody {
                widened_by: old.widened_by.clone(),
                ..role.clone()
            }),
            _ => continue,
        };
        *record = std::sync::Arc::new(agreed);
    }
    decision
}

pub(super) fn expired(approval: &Approval) -> Rejection {
    let text = format!("`{}` has waited too long: ask again", approval.body.id);
    Rejection::new(Code::ApprovalExpired, text)
}

pub(super) fn changed() -> Rejection {
    let text = "the policies, or the rights of who approved it, have changed: ask again";
    Rejection::new(Code::ApprovalPolicyChanged, text)
}
