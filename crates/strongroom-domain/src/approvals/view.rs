//! Approvals and policies as the API shows them.

use serde::Serialize;
use serde_json::Value;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AnyId, ApiKeyId, ApprovalId, ApprovalPolicyId};
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;

use crate::approvals::{Approval, ApprovalBody, ApprovalPolicy, Asked};

/// An approval; its request stands there as an object to read and as the text whose hash is signed.
#[derive(Serialize)]
pub struct ApprovalView<'a> {
    pub id: ApprovalId,
    pub object: &'static str,
    pub act: &'static str,
    pub status: &'static str,
    pub requested_by: ApiKeyId,
    pub policies: Vec<AskedView<'a>>,
    /// `null` once the person it tells of is erased.
    pub request: Value,
    pub canonical: Option<&'a str>,
    pub hash: String,
    pub approvals: Vec<VoteView>,
    pub resource_id: Option<AnyId>,
    pub failure_code: Option<&'static str>,
    pub ended_by: Option<ApiKeyId>,
    pub reason: Option<&'a str>,
    pub ended_at: Option<Timestamp>,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
pub struct AskedView<'a> {
    pub id: ApprovalPolicyId,
    pub version: u32,
    pub approvals: u32,
    pub roles: &'a [strongroom_auth::Role],
}

#[derive(Serialize)]
pub struct VoteView {
    pub key_id: ApiKeyId,
    pub approved_at: Timestamp,
}

impl<'a> ApprovalView<'a> {
    pub fn new(approval: &'a Approval, now: Timestamp) -> ApprovalView<'a> {
        let ApprovalBody {
            id,
            act,
            status: _,
            maker,
            maker_person: _,
            policies,
            amount: _,
            hash,
            request: _,
            subject: _,
            votes,
            resource,
            failure,
            created_at,
            expires_at,
            ended_at,
            ended_by,
            reason,
            leave: _,
        } = &approval.body;
        let request = approval.request();
        let vote = |vote: &super::Vote| VoteView {
            key_id: vote.key,
            approved_at: vote.at,
        };
        ApprovalView {
            id: *id,
            object: "approval",
            act: act.as_str(),
            status: approval.status_at(now).as_str(),
            requested_by: *maker,
            policies: policies.iter().map(AskedView::new).collect(),
            request: request.map_or(Value::Null, |request| request.command.asked()),
            canonical: request.map(|request| request.text.as_str()),
            hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            approvals: votes.iter().map(vote).collect(),
            resource_id: *resource,
            failure_code: failure.as_ref().map(|failure| failure.code.as_str()),
            ended_by: *ended_by,
            reason: reason.as_deref(),
            ended_at: *ended_at,
            expires_at: *expires_at,
            created_at: *created_at,
        }
    }
}

impl<'a> AskedView<'a> {
    fn new(asked: &'a Asked) -> AskedView<'a> {
        AskedView {
            id: asked.policy,
            version: asked.version,
            approvals: asked.approvals,
            roles: &asked.roles,
        }
    }
}

/// A policy.
#[derive(Serialize)]
pub struct PolicyView<'a> {
    pub id: ApprovalPolicyId,
    pub object: &'static str,
    pub act: &'static str,
    pub threshold: Option<ThresholdView>,
    pub approvals: u32,
    pub roles: &'a [strongroom_auth::Role],
    /// Seconds.
    pub expires_in: i64,
    pub version: u32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Serialize)]
pub struct ThresholdView {
    pub amount: i64,
    pub currency: Currency,
}

impl<'a> PolicyView<'a> {
    pub fn new(policy: &'a ApprovalPolicy) -> PolicyView<'a> {
        let threshold = |money: Money| ThresholdView {
            amount: money.minor,
            currency: money.currency,
        };
        PolicyView {
            id: policy.id,
            object: "approval_policy",
            act: policy.act.as_str(),
            threshold: policy.threshold.map(threshold),
            approvals: policy.approvals,
            roles: &policy.roles,
            expires_in: policy.expires_in / 1_000,
            version: policy.version,
            created_at: policy.created_at,
            updated_at: policy.updated_at,
        }
    }
}
