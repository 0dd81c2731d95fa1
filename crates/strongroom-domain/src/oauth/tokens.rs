//! Access tokens: opened for a client that has shown who it is, and closed before their time.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::Operate;
use strongroom_auth::{CredentialStatus, MoneyLimits, Scopes, Thumbprint};
use strongroom_types::Classified;
use strongroom_types::id::{ApiKeyId, OauthClientId, OauthGrantId, OauthTokenId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::facts::{Facts, Keys};
use crate::oauth::{OauthClient, existing};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::users::Mark;

/// An access token as stored.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct OauthToken {
    #[n(0)]
    #[class(operational)]
    pub id: OauthTokenId,
    #[n(1)]
    #[class(operational)]
    pub client: OauthClientId,
    /// The line of the keys that holds the rights of whoever it acts for.
    #[n(2)]
    #[class(operational)]
    pub key: ApiKeyId,
    /// Keyed hash of its text.
    #[cbor(n(3), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub hash: [u8; 32],
    #[n(4)]
    #[class(operational)]
    pub scopes: Scopes,
    #[n(5)]
    #[class(operational)]
    pub status: CredentialStatus,
    /// Thumbprint of the key that requests are proven with.
    #[n(6)]
    #[class(sensitive)]
    pub proof_key: Option<Mark>,
    /// The certificate that it is bound to.
    #[n(7)]
    #[class(operational)]
    pub certificate: Option<Thumbprint>,
    #[n(8)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(9)]
    #[class(operational)]
    pub expires_at: Timestamp,
    /// Who let the client act for him.
    #[n(10)]
    #[class(operational)]
    pub person: Option<UserId>,
    /// The entry of the log that it is counted from, as of a session.
    #[n(11)]
    #[class(operational)]
    pub began_at: u64,
    /// How much money it may move of what its holder may, if not all.
    #[n(60)]
    #[class(operational)]
    pub limits: Option<MoneyLimits>,
    /// What somebody allowed it by.
    #[n(61)]
    #[class(operational)]
    pub grant: Option<OauthGrantId>,
}

impl OauthToken {
    pub fn status_code(&self) -> u8 {
        match self.status {
            CredentialStatus::Active => 0,
            CredentialStatus::Revoked => 1,
        }
    }

    /// Whether it opens nothing any more, as far as it says itself.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.status == CredentialStatus::Revoked || self.expires_at <= now
    }
}

/// What a token is made of beside its rights.
#[derive(Clone, Copy)]
pub struct NewToken {
    /// Keyed hash of its text.
    pub hash: [u8; 32],
    pub proof_key: Option<[u8; 32]>,
    pub certificate: Option<Thumbprint>,
}

/// `grant_type=client_credentials` at the token endpoint.
pub struct OpenToken {
    pub client: OauthClientId,
    pub scopes: Scopes,
    pub token: NewToken,
}

impl Command for OpenToken {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OauthTokenIssued
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.client.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let client = existing(facts, self.client)?;
        if !client.grants.client_credentials {
            let text = "this client does not act for itself";
            return Err(Rejection::new(Code::OauthGrantRefused, text));
        }
        if self.scopes.is_empty() || !client.scopes.hold(self.scopes) {
            let text = "the client may not have these scopes";
            return Err(Rejection::new(Code::OauthScopeRefused, text));
        }

        // From here it must succeed.
        let token = self
            .token
            .of(client, (client.key, None), self.scopes, moment);
        let none = Movement::none();
        let action = Action::OauthTokenIssued;
        Ok(
            Decision::new(facts, action, token.id.any(), none, Vec::new())
                .detail("client", client.id.to_string())
                .detail("scopes", token.scopes.to_string())
                .reply(Reply::Empty)
                .change(token.id.any(), Record::OauthToken(token)),
        )
    }
}

impl NewToken {
    /// Thumbprint of what whoever asks for it has shown to hold: a key, or a certificate (RFC 8705, section 4).
    pub(super) fn held(&self) -> Option<Mark> {
        let certificate = self.certificate.map(|shown| shown.0);
        self.proof_key.or(certificate).map(Mark)
    }

    /// The token of a client that acts by a line of the keys.
    pub(super) fn of(
        &self,
        client: &OauthClient,
        (line, person): (ApiKeyId, Option<UserId>),
        scopes: Scopes,
        moment: &mut Moment,
    ) -> OauthToken {
        OauthToken {
            id: OauthTokenId(moment.fresh()),
            client: client.id,
            key: line,
            hash: self.hash,
            scopes,
            status: CredentialStatus::Active,
            proof_key: self.proof_key.map(Mark),
            certificate: self.certificate,
            created_at: moment.now,
            expires_at: moment.now.plus(client.profile.token_life()),
            person,
            began_at: moment.sequence,
            limits: None,
            grant: None,
        }
    }
}

/// `POST /oauth/revoke` (RFC 7009): by the client that it was given to.
pub struct RevokeToken {
    pub token: OauthTokenId,
    pub client: OauthClientId,
}

impl Command for RevokeToken {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OauthTokenRevoked
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.token.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let token = facts.oauth_token(self.token);
        let own = token.filter(|token| token.client == self.client && !token.is_over(moment.now));
        let token = own.ok_or_else(|| Rejection::new(Code::NotFound, "there is no such token"))?;

        // From here it must succeed.
        let revoked = OauthToken {
            status: CredentialStatus::Revoked,
            ..token.clone()
        };
        let (action, about) = (Action::OauthTokenRevoked, self.token.any());
        let none = Movement::none();
        Ok(Decision::new(facts, action, about, none, Vec::new())
            .detail("client", self.client.to_string())
            .reply(Reply::Empty)
            .change(about, Record::OauthToken(revoked)))
    }
}

/// `POST /oauth/introspect` (RFC 7662): that a client asked, and of which of its tokens, if it is one.
pub struct NoteIntrospection {
    pub client: OauthClientId,
    pub token: Option<OauthTokenId>,
}

impl Command for NoteIntrospection {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::OauthTokenIntrospected
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.client.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        existing(facts, self.client)?;

        // From here it must succeed.
        let about = self.token.map_or(self.client.any(), OauthTokenId::any);
        let (action, none) = (Action::OauthTokenIntrospected, Movement::none());
        Ok(Decision::new(facts, action, about, none, Vec::new())
            .detail("client", self.client.to_string())
            .reply(Reply::Empty))
    }
}
