//! What a person lets a client do for him: given on the consent page, redeemed once by its code, gone on with by refresh tokens.
//!
//! INVARIANT(one-redemption): a code is good once. Whoever shows one again, or a refresh token that another took the place of, has it
//! from somewhere it should not be: then the grant is over, and with it all that came of it. The same holds of two at once: they are
//! decided one after another.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::{Operate, OwnAccount};
use strongroom_auth::{CredentialStatus, Scopes};
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
use crate::oauth::{ClientProof, LONGEST_TOKEN, NewToken, OauthClient, OauthToken, existing};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sessions::{Session, going_on};
use crate::users::{Mark, active};

/// Milliseconds that a code is good.
pub const CODE_LIFE: i64 = 60 * SECOND;

/// Milliseconds after which a person is asked again, however often a client came back.
pub const GRANT_LIFE: i64 = 90 * DAY;

/// Access tokens of one grant that are good at a time: one more takes the place of the oldest.
const MOST_TOKENS: usize = 10;

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
    /// Thumbprint of the key that a client without a secret must show with its refresh token.
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

    fn goes_on(&self, now: Timestamp) -> bool {
        self.status == CredentialStatus::Active && now < self.ends_at
    }
}

fn no_grant(text: &str) -> Rejection {
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
    pub code: AuthorizationCode,
}

impl Command for GrantAccess {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::OauthGrantCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
            .record(self.client.any())
            .record(self.user.any())
            .record(self.session.any())
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
        };
        let (action, event) = (Action::OauthGrantCreated, EventType::OauthGrantCreated);
        Ok(told(facts, action, event, &grant)
            .detail("scopes", grant.scopes.to_string())
            .reply(Reply::Empty)
            .change(self.session.any(), Record::Session(ended(session)))
            .change(grant.id.any(), Record::OauthGrant(grant)))
    }
}

fn ended(session: &Session) -> Session {
    let mut session = session.clone();
    session.body.status = CredentialStatus::Revoked;
    session
}

/// What a client shows of a grant.
pub enum ShownGrant {
    /// A code; the challenge is made of the verifier that came with it.
    Code {
        hash: [u8; 32],
        redirect_uri: Option<String>,
        challenge: Option<String>,
    },
    Refresh {
        hash: [u8; 32],
        /// Some of what was allowed, if not all.
        scopes: Option<Scopes>,
    },
}

/// `grant_type=authorization_code` and `grant_type=refresh_token` at the token endpoint. The texts that are shown were found to be of
/// the server's own making, so that one that is not good any more was good once.
pub struct RedeemGrant {
    pub client: OauthClientId,
    pub grant: OauthGrantId,
    pub shown: ShownGrant,
    pub token: NewToken,
    /// Keyed hash of the refresh token that it would be given.
    pub refresh: [u8; 32],
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// There is an access token of these scopes; whether there is a new refresh token, too.
    Given { scopes: Scopes, refreshed: bool },
    /// Something was shown that was used before: all is over.
    Revoked,
}

impl Redeemed {
    /// Reads what the decision left in its reply.
    pub fn read(reply: &[u8]) -> Option<Redeemed> {
        let (scopes, refreshed) = std::str::from_utf8(reply).ok()?.split_once('|')?;
        match scopes {
            "" => Some(Redeemed::Revoked),
            scopes => Some(Redeemed::Given {
                scopes: Scopes::parse(scopes)?,
                refreshed: refreshed == "refreshed",
            }),
        }
    }

    fn reply(self) -> Reply {
        let text = match self {
            Redeemed::Given { scopes, refreshed } => {
                format!("{scopes}|{}", if refreshed { "refreshed" } else { "" })
            }
            Redeemed::Revoked => "|".to_owned(),
        };
        Reply::Secret(text.into_bytes())
    }
}

impl Command for RedeemGrant {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OauthTokenIssued
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default()
            .record(self.client.any())
            .record(self.grant.any());
        match facts.oauth_grant(self.grant) {
            Some(grant) => with_tokens(keys.record(grant.user.any()), grant),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let client = existing(facts, self.client)?;
        let own = facts
            .oauth_grant(self.grant)
            .filter(|grant| grant.client == client.id);
        let grant = own.ok_or_else(|| no_grant("it is of no grant of this client"))?;
        let user = active(facts, grant.user).map_err(|_| no_grant("the person is gone"))?;
        if !grant.goes_on(moment.now) || grant.began_at < user.body.sessions_from {
            return Err(no_grant("the grant is over"));
        }
        let Some(scopes) = self.shown.fits(self, client, grant, moment.now)? else {
            // SECURITY: it was good once and is shown again: nobody can tell who of the two is the client.
            return Ok(revoked(facts, grant, moment).reply(Redeemed::Revoked.reply()));
        };

        // From here it must succeed.
        Ok(self.given(facts, (client, grant), scopes, moment))
    }
}

impl ShownGrant {
    /// The scopes that it is good for; nothing where it was used before.
    fn fits(
        &self,
        asked: &RedeemGrant,
        client: &OauthClient,
        grant: &OauthGrant,
        now: Timestamp,
    ) -> Result<Option<Scopes>, Rejection> {
        match self {
            ShownGrant::Code {
                hash,
                redirect_uri,
                challenge,
            } => {
                let Some(code) = grant.code.as_ref() else {
                    return Ok(None);
                };
                if code.hash.0 != *hash || code.expires_at <= now {
                    return Err(no_grant("the code has expired"));
                }
                code.fits(asked, redirect_uri.as_deref(), challenge.as_deref())?;
                Ok(Some(grant.scopes))
            }
            ShownGrant::Refresh { hash, scopes } => {
                // A code that nobody redeemed has no refresh token: whoever shows one made it up.
                let current = grant.refresh.ok_or_else(|| no_grant("there is none"))?;
                if current.0 != *hash {
                    return Ok(None);
                }
                let shown = asked.token.proof_key.map(Mark);
                if client.proof == ClientProof::None
                    && grant.proof_key.is_some()
                    && grant.proof_key != shown
                {
                    return Err(no_grant("the refresh token is bound to another key"));
                }
                match scopes {
                    Some(scopes) if !grant.scopes.hold(*scopes) => {
                        let text = "more was asked for than was allowed";
                        Err(Rejection::new(Code::OauthScopeRefused, text))
                    }
                    Some(scopes) => Ok(Some(*scopes)),
                    None => Ok(Some(grant.scopes)),
                }
            }
        }
    }
}

impl AuthorizationCode {
    fn fits(
        &self,
        asked: &RedeemGrant,
        redirect_uri: Option<&str>,
        challenge: Option<&str>,
    ) -> Result<(), Rejection> {
        let is_named = redirect_uri == Some(self.redirect_uri.as_str());
        if (self.redirect_was_named || redirect_uri.is_some()) && !is_named {
            return Err(no_grant(
                "`redirect_uri` is not the one that the code was sent to",
            ));
        }
        // SECURITY: RFC 9700, 2.1.1: a verifier for a code that had no challenge is no less wrong than another's.
        if self.challenge.as_deref() != challenge {
            return Err(no_grant("`code_verifier` does not fit the code"));
        }
        if self.proof_key.is_some() && self.proof_key != asked.token.proof_key.map(Mark) {
            return Err(no_grant("the code is bound to another key"));
        }
        Ok(())
    }
}

impl RedeemGrant {
    fn given(
        &self,
        facts: &Facts,
        (client, old): (&OauthClient, &OauthGrant),
        scopes: Scopes,
        moment: &mut Moment,
    ) -> Decision {
        let token = OauthToken {
            began_at: old.began_at,
            ..self
                .token
                .of(client, (old.key, Some(old.user)), scopes, moment)
        };
        let is_first = matches!(self.shown, ShownGrant::Code { .. });
        // RFC 9700, 4.14.2: what is bound to nothing is used once. FAPI 2.0, 5.3.2.1: what is bound to the client is not rotated.
        let refreshed =
            client.grants.refresh_token && (is_first || client.proof == ClientProof::None);
        let refresh = match refreshed {
            true => Some(Mark(self.refresh)),
            false => old.refresh,
        };
        let mut tokens: Vec<OauthTokenId> = old.tokens.clone();
        tokens.retain(|id| may_be_good(*id, moment.now));
        tokens.push(token.id);
        let over = tokens.len().saturating_sub(MOST_TOKENS);
        let oldest: Vec<OauthTokenId> = tokens.drain(..over).collect();
        let grant = OauthGrant {
            code: None,
            refresh,
            proof_key: match is_first {
                true => self.token.proof_key.map(Mark),
                false => old.proof_key,
            },
            tokens,
            ..old.clone()
        };
        let about = token.id.any();
        let (action, none) = (Action::OauthTokenIssued, Movement::none());
        let decision = Decision::new(facts, action, about, none, Vec::new())
            .detail("client", client.id.to_string())
            .detail("user", grant.user.to_string())
            .detail("grant", grant.id.to_string())
            .detail("scopes", scopes.to_string())
            .reply(Redeemed::Given { scopes, refreshed }.reply())
            .change(about, Record::OauthToken(token))
            .change(grant.id.any(), Record::OauthGrant(grant));
        without(facts, decision, &oldest)
    }
}

/// Ids begin with their time.
fn may_be_good(id: OauthTokenId, now: Timestamp) -> bool {
    let made = i64::try_from(id.0.milliseconds()).unwrap_or(i64::MAX);
    made.saturating_add(LONGEST_TOKEN) > now.0
}

fn with_tokens(keys: Keys, grant: &OauthGrant) -> Keys {
    grant
        .tokens
        .iter()
        .fold(keys, |keys, token| keys.record(token.any()))
}

/// The same, with these tokens revoked.
fn without(facts: &Facts, decision: Decision, tokens: &[OauthTokenId]) -> Decision {
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
fn revoked(facts: &Facts, grant: &OauthGrant, moment: &Moment) -> Decision {
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
