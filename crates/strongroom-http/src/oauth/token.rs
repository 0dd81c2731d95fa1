//! The token endpoint.

use std::sync::Arc;

use hyper::http::request::Parts;
use serde_json::json;
use strongroom_auth::{MoneyLimits, Scopes, Thumbprint};
use strongroom_crypto::random;
use strongroom_domain::oauth::{
    Constraint, NewToken, OauthClient, OpenToken, RedeemGrant, Redeemed, ShownGrant,
};
use strongroom_engine::GrantKind;
use strongroom_oauth::challenge;
use strongroom_types::id::OauthGrantId;

use crate::app::App;
use crate::oauth::client::Asked;
use crate::oauth::details;
use crate::oauth::fault::OauthFault;
use crate::oauth::proof::ProofFault;
use crate::oauth::{Answered, json};
use crate::visit::Visit;

/// What a token will be bound to.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub proof_key: Option<[u8; 32]>,
    pub certificate: Option<Thumbprint>,
}

impl Bound {
    fn token(self, hash: [u8; 32]) -> NewToken {
        NewToken {
            hash,
            proof_key: self.proof_key,
            certificate: self.certificate,
        }
    }

    fn kind(self) -> &'static str {
        match self.proof_key {
            Some(_) => "DPoP",
            None => "Bearer",
        }
    }
}

impl App {
    pub(super) async fn token(&self, visit: &mut Visit, head: &Parts, asked: Asked) -> Answered {
        match asked.form.required("grant_type")? {
            "client_credentials" => self.client_credentials(visit, head, asked).await,
            "authorization_code" => {
                let shown = self.shown_code(&asked)?;
                self.redeem(visit, head, asked, shown).await
            }
            "refresh_token" => {
                let shown = self.shown_refresh(&asked)?;
                self.redeem(visit, head, asked, shown).await
            }
            _ => Err(OauthFault::grant_type(
                "`grant_type` is `authorization_code`, `client_credentials` or `refresh_token`",
            )),
        }
    }

    async fn client_credentials(&self, visit: &mut Visit, head: &Parts, asked: Asked) -> Answered {
        let client = Arc::clone(&asked.client.client);
        // What nobody allowed nobody bounds: a client that acts for itself has the limits of no person.
        if limits(&asked)?.is_some() {
            return Err(OauthFault::details());
        }
        let scopes = scopes(&asked, &client)?;
        let bound = self.bound(visit, head, &asked)?;
        let (text, hash) = self.engine().mint_access_token(asked.client.scope.mode);
        let command = OpenToken {
            client: client.id,
            scopes,
            token: bound.token(hash),
        };
        asked.execute(self, command).await?;
        Ok(json(
            200,
            json!({
                "access_token": text.expose(),
                "token_type": bound.kind(),
                "expires_in": client.profile.token_life() / 1_000,
                "scope": scopes.to_string(),
            }),
        ))
    }

    fn shown_code(&self, asked: &Asked) -> Result<(OauthGrantId, ShownGrant), OauthFault> {
        let code = asked.form.required("code")?;
        let scope = asked.client.scope;
        let known = self.engine().shown_grant(GrantKind::Code, scope, code);
        let (grant, hash) = known.ok_or_else(|| OauthFault::grant("the code is none"))?;
        let challenge = match asked.form.get("code_verifier") {
            None => None,
            Some(verifier) => Some(challenge(verifier).ok_or_else(|| {
                OauthFault::grant("`code_verifier` has 43 to 128 characters that need no escape")
            })?),
        };
        let shown = ShownGrant::Code {
            hash,
            redirect_uri: asked.form.get("redirect_uri").map(str::to_owned),
            challenge,
        };
        Ok((grant, shown))
    }

    fn shown_refresh(&self, asked: &Asked) -> Result<(OauthGrantId, ShownGrant), OauthFault> {
        let text = asked.form.required("refresh_token")?;
        let scope = asked.client.scope;
        let known = self.engine().shown_grant(GrantKind::Refresh, scope, text);
        let none = || OauthFault::grant("the refresh token is none");
        let (grant, hash) = known.ok_or_else(none)?;
        let scopes = match asked.form.get("scope") {
            None => None,
            Some(text) => {
                Some(Scopes::parse(text).ok_or_else(|| OauthFault::scope("these are no scopes"))?)
            }
        };
        Ok((grant, ShownGrant::Refresh { hash, scopes }))
    }

    /// Gives a token for what a person allowed.
    async fn redeem(
        &self,
        visit: &mut Visit,
        head: &Parts,
        asked: Asked,
        (grant, shown): (OauthGrantId, ShownGrant),
    ) -> Answered {
        let bound = self.bound(visit, head, &asked)?;
        let (client, scope) = (Arc::clone(&asked.client.client), asked.client.scope);
        let limits = limits(&asked)?;
        let (text, hash) = self.engine().mint_access_token(scope.mode);
        let secret = random();
        let command = RedeemGrant {
            limits,
            client: client.id,
            grant,
            shown,
            token: bound.token(hash),
            refresh: self.engine().grant_secret_hash(&secret),
        };
        let done = asked.execute(self, command).await?;
        let (scopes, refreshed, limits) = match Redeemed::read(&done.body()) {
            Some(Redeemed::Given {
                scopes,
                refreshed,
                limits,
            }) => (scopes, refreshed, limits),
            Some(Redeemed::Revoked) | None => {
                let text = "it was used before: what came of it is revoked";
                return Err(OauthFault::grant(text));
            }
        };
        let mut told = json!({
            "access_token": text.expose(),
            "token_type": bound.kind(),
            "expires_in": client.profile.token_life() / 1_000,
            "scope": scopes.to_string(),
        });
        if let (true, Some(members)) = (refreshed, told.as_object_mut()) {
            let refresh = self
                .engine()
                .grant_text(GrantKind::Refresh, scope, grant, &secret);
            members.insert("refresh_token".to_owned(), json!(refresh.expose()));
        }
        if let (Some(limits), Some(members)) = (&limits, told.as_object_mut()) {
            let details = details::told(limits);
            members.insert("authorization_details".to_owned(), details);
        }
        Ok(json(200, told))
    }

    /// What the request lets its token be bound to. SECURITY: asked before anything is spent, so that a challenge for a nonce costs a
    /// client nothing that it cannot send again.
    pub(super) fn bound(
        &self,
        visit: &mut Visit,
        head: &Parts,
        asked: &Asked,
    ) -> Result<Bound, OauthFault> {
        let constraint = asked.client.client.constraint;
        let proof_key = self
            .proven_key(visit, head, None)
            .map_err(|fault| match fault {
                ProofFault::Nonce => OauthFault::nonce(),
                ProofFault::Invalid(text) => OauthFault::proof(text),
            })?;
        let certificate = asked
            .certificate
            .filter(|_| constraint == Some(Constraint::Mtls));
        match constraint {
            Some(Constraint::Dpop) if proof_key.is_none() => {
                visit.proof_nonce = Some(self.inner().nonces.current(visit.time));
                let text = "tokens of this client are bound to a key: send a proof as `DPoP`";
                Err(OauthFault::proof(text))
            }
            Some(Constraint::Mtls) if certificate.is_none() => Err(OauthFault::request(
                "tokens of this client are bound to its certificate, and the connection showed none",
            )),
            _ => Ok(Bound {
                proof_key,
                certificate,
            }),
        }
    }
}

/// The limits that a token is to have, if the request names any.
fn limits(asked: &Asked) -> Result<Option<MoneyLimits>, OauthFault> {
    details::read(&asked.form).map_err(|_| OauthFault::details())
}

/// What is asked for, or all that the client may have.
fn scopes(asked: &Asked, client: &OauthClient) -> Result<Scopes, OauthFault> {
    match asked.form.get("scope") {
        None => Ok(client.scopes),
        Some(text) => Scopes::parse(text)
            .filter(|scopes| client.scopes.hold(*scopes))
            .ok_or_else(|| OauthFault::scope("the client may not have these scopes")),
    }
}
