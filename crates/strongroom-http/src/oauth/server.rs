//! What the server says of itself, and what it does with tokens that are shown to it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_auth::{Access, Credential, Scopes};
use strongroom_domain::oauth::{NoteIntrospection, RevokeGrant, RevokeToken};
use strongroom_domain::rejection::Code;
use strongroom_engine::{Committed, Failure, GrantKind};
use strongroom_oauth::Algorithm;
use strongroom_types::id::OauthTokenId;

use crate::app::App;
use crate::json::NOBODY;
use crate::oauth::client::Asked;
use crate::oauth::details;
use crate::oauth::fault::OauthFault;
use crate::oauth::{Answered, json};
use crate::visit::Visit;

/// How a client that keeps something shows who it is.
const PROOFS: [&str; 4] = [
    "private_key_jwt",
    "tls_client_auth",
    "client_secret_basic",
    "client_secret_post",
];

impl App {
    /// RFC 8414.
    pub(super) fn metadata(&self) -> Value {
        let issuer = self.issuer();
        let algorithms = Algorithm::ALL.map(Algorithm::as_str);
        let with_none = ["none"].into_iter().chain(PROOFS).collect::<Vec<_>>();
        let proofs = PROOFS;
        let scopes: Vec<&str> = Scopes::all().collect();
        json!({
            "issuer": issuer,
            "token_endpoint": format!("{issuer}/oauth/token"),
            "revocation_endpoint": format!("{issuer}/oauth/revoke"),
            "introspection_endpoint": format!("{issuer}/oauth/introspect"),
            "authorization_endpoint": format!("{issuer}/oauth/authorize"),
            "pushed_authorization_request_endpoint": format!("{issuer}/oauth/par"),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "request_parameter_supported": false,
            "grant_types_supported": [
                "authorization_code",
                "client_credentials",
                "refresh_token",
            ],
            "scopes_supported": scopes,
            "authorization_details_types_supported": details::TYPES,
            "token_endpoint_auth_methods_supported": with_none,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint_auth_methods_supported": with_none,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint_auth_methods_supported": proofs,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "dpop_signing_alg_values_supported": algorithms,
            "tls_client_certificate_bound_access_tokens": true,
        })
    }

    /// RFC 7009: what is over, unknown, or another's is answered like what was revoked.
    pub(super) async fn revoke(&self, _: &mut Visit, asked: Asked) -> Answered {
        let client = asked.client.client.id;
        let text = asked.form.required("token")?;
        let scope = asked.client.scope;
        let grant = self.engine().shown_grant(GrantKind::Refresh, scope, text);
        if let Some((grant, _)) = grant {
            let command = RevokeGrant { grant, client };
            return revoked(asked.execute(self, command).await);
        }
        let token = self.own_token(&asked)?.map(|(_, access)| access.token);
        let command = RevokeToken {
            token: token.unwrap_or(OauthTokenId(NOBODY)),
            client,
        };
        revoked(asked.execute(self, command).await)
    }

    /// RFC 7662. SECURITY: a client is told of its own tokens alone.
    pub(super) async fn introspect(&self, _: &mut Visit, asked: Asked) -> Answered {
        let client = asked.client.client.id;
        if !asked.client.client.is_confidential() {
            return Err(OauthFault::client("the client did not show who it is"));
        }
        let found = self.own_token(&asked)?;
        let command = NoteIntrospection {
            client,
            token: found.as_ref().map(|(_, access)| access.token),
        };
        asked.execute(self, command).await?;
        let told = found.map(|(token, access)| self.told(&token, access));
        Ok(json(200, told.unwrap_or(json!({"active": false}))))
    }

    fn own_token(
        &self,
        asked: &Asked,
    ) -> Result<Option<(std::sync::Arc<Credential>, Access)>, OauthFault> {
        let text = asked.form.required("token")?;
        let client = asked.client.client.id;
        let found = self.engine().access_token(text);
        let found = found.and_then(|token| token.access.clone().map(|access| (token, access)));
        Ok(found.filter(|(_, access)| access.client == client))
    }

    fn told(&self, token: &Credential, access: Access) -> Value {
        let kind = match access.proof_key {
            Some(_) => "DPoP",
            None => "Bearer",
        };
        let subject = match access.person {
            Some(person) => person.to_string(),
            None => access.client.to_string(),
        };
        let mut told = json!({
            "active": true,
            "scope": access.scopes.to_string(),
            "client_id": access.client,
            "token_type": kind,
            "exp": token.expires_at.map(|end| end.seconds()),
            "sub": subject,
            "iss": self.issuer(),
        });
        let certificate = token.certificates.as_deref().and_then(<[_]>::first);
        let bound = match (access.proof_key, certificate) {
            (Some(key), _) => Some(json!({"jkt": URL_SAFE_NO_PAD.encode(key)})),
            (None, Some(shown)) => Some(json!({"x5t#S256": URL_SAFE_NO_PAD.encode(shown.0)})),
            (None, None) => None,
        };
        if let (Some(bound), Some(members)) = (bound, told.as_object_mut()) {
            members.insert("cnf".to_owned(), bound);
        }
        if let (Some(limits), Some(members)) = (&access.limits, told.as_object_mut()) {
            let details = details::told(limits);
            members.insert("authorization_details".to_owned(), details);
        }
        told
    }
}

/// What is over is over, whoever ended it.
fn revoked(done: Result<Committed, Failure>) -> Answered {
    match done {
        Ok(_) => Ok(json(200, json!({}))),
        Err(Failure::Rejected { rejection, .. }) if rejection.code == Code::NotFound => {
            Ok(json(200, json!({})))
        }
        Err(failure) => Err(failure.into()),
    }
}
