//! What a person lets a client do for him: given on the consent page, and taken back.

use minicbor::{Decode, Encode};
use serde_json::json;
use strongroom_auth::permission::{Operate, OwnAccount};
use strongroom_auth::{CredentialStatus, MoneyLimits, Scopes};
use strongroom_types::Classified;
use strongroom_types::id::{
    ApiKeyId, OauthClientId, OauthGrantId, OauthTokenId, SessionId, UserId,
};
use strongroom_types::mode::Scope;
use strongroom_types::time::{DAY, SECOND, Timestamp};

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::oauth::own::{MOST_GRANTS, going_on as going_on_of, with_grants};
use crate::oauth::{LONGEST_TOKEN, OauthToken, existing};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sessions::{Session, going_on};
use crate::users::{Mark, active};

/// Milliseconds that a code is good.
pub const CODE_LIFE: i64 = 60 * SECOND;

/// Milliseconds after which a person is asked again, however often a client came back.
pub const GRANT_LIFE: i64 = 90 * DAY;

/// What a person allowed, as stored.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct OauthGrant {
    #[n(0)]
    #[class(operational)]
    pub id: OauthGrantId,
    #[n(1)]
    #[class(operational)]
    pub client: OauthClientId,
    #[n(2)]
    #[class(operational)]
    pub user: UserId,
    /// The line of the keys that holds his rights.
    #[n(3)]
    #[class(operational)]
    pub key: ApiKeyId,
    #[n(4)]
    #[class(operational)]
    pub scopes: Scopes,
    #[n(5)]
    #[class(operational)]
    pub status: CredentialStatus,
    /// None once it was redeemed.
    #[n(6)]
    #[class(highly_sensitive)]
    pub code: Option<AuthorizationCode>,
    /// Keyed hash of the refresh token that is good.
    #[n(7)]
    #[class(highly_sensitive)]
    pub refresh: Option<Mark>,
    /// Thumbprint of the key, or of the certificate, that a client without a secret must show with its refresh token.
    #[n(8)]
    #[class(sensitive)]
    pub proof_key: Option<Mark>,
    /// Its access tokens that may still be good, oldest first.
    #[n(9)]
    #[class(operational)]
    pub tokens: Vec<OauthTokenId>,
    /// The entry of the log that it is counted from, as a session is.
    #[n(10)]
    #[class(operational)]
    pub began_at: u64,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(12)]
    #[class(operational)]
    pub ends_at: Timestamp,
    /// How much money he lets it move, if not all that he may.
    #[n(60)]
    #[class(operational)]
    pub limits: Option<MoneyLimits>,
}

/// A code, and what must be shown with it.
#[derive(Clone, Encode, Decode)]
pub struct AuthorizationCode {
    /// Keyed hash of its text.
    #[n(0)]
    pub hash: Mark,
    #[n(1)]
    pub expires_at: Timestamp,
    /// Where it was sent.
    #[n(2)]
    pub redirect_uri: String,
    /// Whether that stood in the request, so that it must stand in the next, too.
    #[n(3)]
    pub redirect_was_named: bool,
    /// By `S256` (RFC 7636).
    #[n(4)]
    pub challenge: Option<String>,
    /// Thumbprint of the key that it must be redeemed with (RFC 9449, section 10).
    #[n(5)]
    pub proof_key: Option<Mark>,
}

impl OauthGrant {
    pub fn status_code(&self) -> u8 {
        match self.status {
            CredentialStatus::Active => 0,
            CredentialStatus::Revoked => 1,
        }
    }

    pub(super) fn goes_on(&self, now: Timestamp) -> bool {
        self.status == CredentialStatus::Active && now < self.ends_at
    }
}

pub(super) fn no_grant(text: &str) -> Rejection {
    Rejection::new(Code::OauthGrantInvalid, text)
}

/// A decision about a grant, and the event that tells of it.
fn told(facts: &Facts, action: Action, event: EventType, grant: &OauthGrant) -> Decision {
    let about = grant.id.any();
    let event = EventFact {
        event,
        about: Some(about),
    };
    Decision::new(facts, action, about, Movement::none(), vec![event])
        .detail("client", grant.client.to_string())
        .detail("user", grant.user.to_string())
}

/// The consent page's "allow", by somebody who has just signed in.
pub struct GrantAccess {
    pub client: OauthClientId,
    pub user: UserId,
    /// It was begun to ask him, and ends with his answer.
    pub session: SessionId,
    pub scopes: Scopes,
    pub limits: Option<MoneyLimits>,
    pub code: AuthorizationCode,
}

impl Command for GrantAccess {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::OauthGrantCreated
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default()
            .record(self.client.any())
            .record(self.user.any())
            .record(self.session.any());
        with_grants(keys, facts, self.user)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let client = existing(facts, self.client)?;
        let user = active(facts, self.user)?;
        let session = going_on(facts, self.session, &user.body)?;
        if !client.grants.authorization_code {
            let text = "this client does not act for people";
            return Err(Rejection::new(Code::OauthGrantRefused, text));
        }
        if self.scopes.is_empty() || !client.scopes.hold(self.scopes) {
            let text = "the client may not have these scopes";
            return Err(Rejection::new(Code::OauthScopeRefused, text));
        }
        // SECURITY: a token of his will move live money without asking him for a second factor again.
        if moment.scope.mode.is_live() && session.body.second_factor_at.is_none() {
            let text = "with live money this takes a second factor: enrol one first";
            return Err(Rejection::new(Code::StepUpRequired, text));
        }
        let mut allowed = going_on_of(facts, &user.body, moment.now);
        if allowed.len() >= MOST_GRANTS {
            let text =
                format!("{MOST_GRANTS} applications act for you already: take one back first");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let grant = OauthGrant {
            id: OauthGrantId(moment.fresh()),
            client: client.id,
            user: self.user,
            key: user.body.key,
            scopes: self.scopes,
            status: CredentialStatus::Active,
            code: Some(AuthorizationCode {
                expires_at: moment.now.plus(CODE_LIFE),
                ..self.code.clone()
            }),
            refresh: None,
            proof_key: None,
            tokens: Vec::new(),
            began_at: moment.sequence,
            created_at: moment.now,
            ends_at: moment.now.plus(GRANT_LIFE),
            limits: self.limits.clone(),
        };
        allowed.push(grant.id);
        let mut user = user.clone();
        user.body.grants = Some(allowed);
        let (action, event) = (Action::OauthGrantCreated, EventType::OauthGrantCreated);
        let decision = told(facts, action, event, &grant);
        let decision = match &grant.limits {
            Some(limits) => decision.detail("limits", json!(limits).to_string()),
            None => decision,
        };
        Ok(decision
            .detail("scopes", grant.scopes.to_string())
            .reply(Reply::Empty)
            .change(self.session.any(), Record::Session(ended(session)))
            .change(self.user.any(), Record::User(user))
            .change(grant.id.any(), Record::OauthGrant(grant)))
    }
}

fn ended(session: &Session) -> Session {
    let mut session = session.clone();
    session.body.status = CredentialStatus::Revoked;
    session
}

/// Ids begin with their time.
pub(super) fn may_be_good(id: OauthTokenId, now: Timestamp) -> bool {
    let made = i64::try_from(id.0.milliseconds()).unwrap_or(i64::MAX);
    made.saturating_add(LONGEST_TOKEN) > now.0
}

pub(super) fn with_tokens(keys: Keys, grant: &OauthGrant) -> Keys {
    grant
        .tokens
        .iter()
        .fold(keys, |keys, token| keys.record(token.any()))
}

/// The same, with these tokens revoked.
pub(super) fn without(facts: &Facts, decision: Decision, tokens: &[OauthTokenId]) -> Decision {
    let known = tokens.iter().filter_map(|id| facts.oauth_token(*id));
    known.fold(decision, |decision, token| {
        let revoked = OauthToken {
            status: CredentialStatus::Revoked,
            ..token.clone()
        };
        decision.change(token.id.any(), Record::OauthToken(revoked))
    })
}

/// The end of a grant, and of all that came of it.
pub(super) fn revoked(facts: &Facts, grant: &OauthGrant, moment: &Moment) -> Decision {
    let over = OauthGrant {
        status: CredentialStatus::Revoked,
        code: None,
        refresh: None,
        tokens: Vec::new(),
        ..grant.clone()
    };
    let good: Vec<OauthTokenId> = grant
        .tokens
        .iter()
        .copied()
        .filter(|id| may_be_good(*id, moment.now))
        .collect();
    let (action, event) = (Action::OauthGrantRevoked, EventType::OauthGrantRevoked);
    let decision = told(facts, action, event, grant);
    let decision = decision.change(grant.id.any(), Record::OauthGrant(over));
    without(facts, decision, &good)
}

/// `POST /oauth/revoke` of a refresh token (RFC 7009): by the client that it was given to.
pub struct RevokeGrant {
    pub grant: OauthGrantId,
    pub client: OauthClientId,
}

impl Command for RevokeGrant {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OauthGrantRevoked
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.grant.any());
        match facts.oauth_grant(self.grant) {
            Some(grant) => with_tokens(keys, grant),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let own = facts
            .oauth_grant(self.grant)
            .filter(|grant| grant.client == self.client && grant.goes_on(moment.now));
        let grant = own.ok_or_else(|| Rejection::new(Code::NotFound, "there is no such grant"))?;

        // From here it must succeed.
        Ok(revoked(facts, grant, moment).reply(Reply::Empty))
    }
}

/// `POST /oauth/par` (RFC 9126): that a client sent its request ahead.
pub struct NotePushed {
    pub client: OauthClientId,
}

impl Command for NotePushed {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OauthRequestPushed
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.client.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        existing(facts, self.client)?;

        // From here it must succeed.
        let (action, none) = (Action::OauthRequestPushed, Movement::none());
        let about = self.client.any();
        Ok(Decision::new(facts, action, about, none, Vec::new()).reply(Reply::Empty))
    }
}
