//! What a client is given for what a person allowed: by the code, once, and by refresh tokens after it.
//!
//! INVARIANT(one-redemption): a code is good once. Whoever shows one again, or a refresh token that another took the place of, has it
//! from somewhere it should not be: then the grant is over, and with it all that came of it. The same holds of two at once: they are
//! decided one after another.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::Operate;
use strongroom_auth::{MoneyLimits, Scopes};
use strongroom_types::id::{OauthClientId, OauthGrantId, OauthTokenId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::facts::{Facts, Keys};
use crate::oauth::grants::{may_be_good, no_grant, revoked, with_tokens, without};
use crate::oauth::{
    AuthorizationCode, ClientProof, NewToken, OauthClient, OauthGrant, OauthToken, existing,
};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::users::{Mark, active};

/// Access tokens of one grant that are good at a time: one more takes the place of the oldest.
const MOST_TOKENS: usize = 10;

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
    /// Less than what was allowed, if anything.
    pub limits: Option<MoneyLimits>,
    /// Keyed hash of the refresh token that it would be given.
    pub refresh: [u8; 32],
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Redeemed {
    /// There is an access token of these scopes, within these limits; whether there is a new refresh token, too.
    #[n(0)]
    Given {
        #[n(0)]
        scopes: Scopes,
        #[n(1)]
        refreshed: bool,
        #[n(2)]
        limits: Option<MoneyLimits>,
    },
    /// Something was shown that was used before: all is over.
    #[n(1)]
    Revoked,
}

impl Redeemed {
    /// Reads what the decision left in its reply.
    pub fn read(reply: &[u8]) -> Option<Redeemed> {
        minicbor::decode(reply).ok()
    }

    fn reply(&self) -> Reply {
        Reply::Secret(minicbor::to_vec(self).unwrap_or_default())
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

        let limits = self.narrowed(grant)?;

        // From here it must succeed.
        Ok(self.given(facts, (client, grant), (scopes, limits), moment))
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
                Ok(Some(left(client, grant)?))
            }
            ShownGrant::Refresh { hash, scopes } => {
                // A code that nobody redeemed has no refresh token: whoever shows one made it up.
                let current = grant.refresh.ok_or_else(|| no_grant("there is none"))?;
                if current.0 != *hash {
                    return Ok(None);
                }
                let shown = asked.token.held();
                if client.proof == ClientProof::None
                    && grant.proof_key.is_some()
                    && grant.proof_key != shown
                {
                    let text = "the refresh token is bound to another key or certificate";
                    return Err(no_grant(text));
                }
                let left = left(client, grant)?;
                match scopes {
                    Some(scopes) if !left.hold(*scopes) => {
                        let text = "more was asked for than was allowed";
                        Err(Rejection::new(Code::OauthScopeRefused, text))
                    }
                    Some(scopes) => Ok(Some(*scopes)),
                    None => Ok(Some(left)),
                }
            }
        }
    }
}

/// What was allowed, as far as the client may still have it.
fn left(client: &OauthClient, grant: &OauthGrant) -> Result<Scopes, Rejection> {
    let scopes = grant.scopes.and(client.scopes);
    if scopes.is_empty() {
        let text = "the client may have nothing any more of what was allowed";
        return Err(Rejection::new(Code::OauthScopeRefused, text));
    }
    Ok(scopes)
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
    /// What was allowed, or the less that is asked for.
    fn narrowed(&self, grant: &OauthGrant) -> Result<Option<MoneyLimits>, Rejection> {
        match (&self.limits, &grant.limits) {
            (None, allowed) => Ok(allowed.clone()),
            (Some(asked), Some(allowed)) if !asked.within(allowed) => {
                let text = "more was asked for than was allowed";
                Err(Rejection::new(Code::OauthDetailsRefused, text))
            }
            (Some(asked), _) => Ok(Some(asked.clone())),
        }
    }

    fn given(
        &self,
        facts: &Facts,
        (client, old): (&OauthClient, &OauthGrant),
        (scopes, limits): (Scopes, Option<MoneyLimits>),
        moment: &mut Moment,
    ) -> Decision {
        let token = OauthToken {
            began_at: old.began_at,
            limits: limits.clone(),
            grant: Some(old.id),
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
                true => self.token.held(),
                false => old.proof_key,
            },
            tokens,
            ..old.clone()
        };
        let given = Redeemed::Given {
            scopes,
            refreshed,
            limits,
        };
        let about = token.id.any();
        let (action, none) = (Action::OauthTokenIssued, Movement::none());
        let decision = Decision::new(facts, action, about, none, Vec::new())
            .detail("client", client.id.to_string())
            .detail("user", grant.user.to_string())
            .detail("grant", grant.id.to_string())
            .detail("scopes", scopes.to_string())
            .reply(given.reply())
            .change(about, Record::OauthToken(token))
            .change(grant.id.any(), Record::OauthGrant(grant));
        without(facts, decision, &oldest)
    }
}
