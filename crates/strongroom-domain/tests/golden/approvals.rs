//! An approval in both of its forms, the policies, and a key with the person it belongs to.

use strongroom_auth::Role;
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::approvals::{
    Act, Approval, ApprovalBody, ApprovalPolicy, ApprovalStatus, Asked, ChangePolicies, Parked,
    PersonalRequest, Policies, PolicyChange, Request, Vote,
};
use strongroom_domain::oauth::Leave;
use strongroom_domain::payouts::{CreatePayout, NewRecipient};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_types::id::{
    ApiKeyId, ApprovalId, ApprovalPolicyId, OauthClientId, OauthGrantId, SubjectId, WalletId,
};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::{account, api_key, metadata, php, raw};

/// A payout to a bank that failed once it was agreed to.
pub fn approval() -> Approval {
    let command = Parked::Payout(CreatePayout {
        amount: Money::new(1_050, php()),
        source: Some(WalletId(raw(2))),
        recipient: NewRecipient::Bank {
            bank_code: Some("BDO".into()),
            account: account(),
        },
        reference_id: ReferenceId::parse("p-7"),
        description: None,
        metadata: metadata(),
        later: None,
    });
    let text = "{}".into();
    Approval {
        body: ApprovalBody {
            failure: Some(Rejection::new(Code::InsufficientFunds, "gone")),
            subject: Some(SubjectId(raw(6))),
            request: None,
            ..plain_approval().body
        },
        personal: Some(PersonalRequest {
            request: Request {
                text,
                command: Box::new(command),
            },
        }),
    }
}

/// One that tells of no person.
pub fn plain_approval() -> Approval {
    let change = ChangePolicies(PolicyChange::Delete(ApprovalPolicyId(raw(31))));
    let body = ApprovalBody {
        id: ApprovalId(raw(30)),
        act: Act::Payout,
        status: ApprovalStatus::Failed,
        maker: ApiKeyId(raw(9)),
        maker_person: ApiKeyId(raw(8)),
        policies: vec![Asked {
            policy: ApprovalPolicyId(raw(31)),
            version: 2,
            approvals: 2,
            roles: vec![Role::Owner],
        }],
        amount: Some(Money::new(1_050, php())),
        hash: [7; 32],
        request: Some(Request {
            text: "{}".into(),
            command: Box::new(Parked::Policies(change)),
        }),
        subject: None,
        votes: vec![Vote {
            key: ApiKeyId(raw(10)),
            person: ApiKeyId(raw(11)),
            at: Timestamp(6),
        }],
        resource: None,
        failure: None,
        created_at: Timestamp(5),
        expires_at: Timestamp(50),
        ended_at: Some(Timestamp(7)),
        ended_by: None,
        leave: None,
        reason: None,
    };
    Approval {
        body,
        personal: None,
    }
}

pub fn policies() -> Policies {
    let policy = ApprovalPolicy {
        id: ApprovalPolicyId(raw(31)),
        act: Act::Payout,
        threshold: Some(Money::new(1_000, php())),
        approvals: 2,
        roles: vec![Role::Owner, Role::Custom],
        expires_in: 60_000,
        version: 2,
        created_at: Timestamp(5),
        updated_at: Timestamp(6),
    };
    Policies { all: vec![policy] }
}

pub fn owned_key() -> ApiKey {
    ApiKey {
        person: Some(ApiKeyId(raw(8))),
        ..api_key()
    }
}

/// One that several people have had in their hands.
pub fn shared_key() -> ApiKey {
    ApiKey {
        others: Some(vec![ApiKeyId(raw(6)), ApiKeyId(raw(7))]),
        ..owned_key()
    }
}

/// One that a client asked for in a person's name.
pub fn delegated_approval() -> Approval {
    let leave = Leave {
        client: OauthClientId(raw(40)),
        grant: OauthGrantId(raw(41)),
        limits: None,
    };
    Approval {
        body: ApprovalBody {
            leave: Some(leave),
            ..plain_approval().body
        },
        personal: None,
    }
}
