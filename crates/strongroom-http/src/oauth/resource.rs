//! What is asked of access tokens beyond what is asked of keys: that whoever sends one holds what it is bound to, and that it is strong
//! enough for what it does.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::http::request::Parts;
use strongroom_auth::Credential;
use strongroom_domain::action::Action;
use strongroom_domain::rejection::{Code, Rejection};

use crate::app::App;
use crate::oauth::proof::ProofFault;
use crate::presented::{self, Scheme};
use crate::problem::{EdgeCode, Problem};
use crate::route::{Route, SignatureClass};
use crate::visit::Visit;

/// The algorithms that proofs may have, as challenges name them.
const CHALLENGE: &str = "DPoP algs=\"ES256 EdDSA PS256\"";

/// What a client is told that sent a token in vain (RFC 6750, section 3; RFC 9449, section 7.1).
pub(crate) fn challenge(scheme: Scheme, error: &str) -> String {
    match scheme {
        Scheme::Bearer => format!("Bearer error=\"{error}\""),
        Scheme::Dpop => format!("{CHALLENGE}, error=\"{error}\""),
    }
}

/// What whoever sends an access token is told that is none, or none any more. SECURITY: by the form alone of what was sent, so that
/// nothing is learned from it.
pub(crate) fn no_token(headers: &HeaderMap) -> Option<String> {
    let is_token = presented::unverified_key(headers)?.starts_with("at_");
    is_token.then(|| challenge(presented::scheme(headers), "invalid_token"))
}

/// What a client is told whose token does not hold what it asks for.
pub(crate) fn too_little(credential: &Credential, rejection: &Rejection) -> Option<String> {
    let access = credential
        .access
        .as_ref()
        .filter(|_| rejection.code == Code::PermissionDenied)?;
    let scheme = match access.proof_key {
        Some(_) => Scheme::Dpop,
        None => Scheme::Bearer,
    };
    Some(challenge(scheme, "insufficient_scope"))
}

impl App {
    /// Refuses a token that is bound to a key, unless the request is proven with that key (RFC 9449, section 7).
    pub(crate) async fn refuse_unproven(
        &self,
        visit: &mut Visit,
        head: &Parts,
        credential: &Arc<Credential>,
    ) -> Result<(), Problem> {
        let bound = credential
            .access
            .as_ref()
            .and_then(|access| access.proof_key);
        let scheme = presented::scheme(&head.headers);
        let fault = match (bound, scheme) {
            (None, Scheme::Bearer) => return Ok(()),
            (None, Scheme::Dpop) => ProofFault::Invalid("this token is sent as `Bearer`"),
            // SECURITY: a bound token that is taken without its proof is bound to nothing.
            (Some(_), Scheme::Bearer) => {
                ProofFault::Invalid("this token is sent as `DPoP`, with a proof")
            }
            (Some(bound), Scheme::Dpop) => {
                let token = presented::unverified_key(&head.headers);
                match self.proven_key(visit, head, token) {
                    Ok(Some(key)) if key == bound => return Ok(()),
                    Ok(Some(_)) => ProofFault::Invalid("the token is bound to another key"),
                    Ok(None) => ProofFault::Invalid("the proof is missing"),
                    Err(fault) => fault,
                }
            }
        };
        match fault {
            ProofFault::Nonce => {
                visit.challenge = Some(challenge(Scheme::Dpop, "use_dpop_nonce"));
                let text = "repeat the request with the nonce of `DPoP-Nonce` in the proof";
                Err(Problem::new(EdgeCode::ProofNonceRequired, text))
            }
            ProofFault::Invalid(text) => {
                visit.challenge = Some(challenge(Scheme::Dpop, "invalid_dpop_proof"));
                let rejection = Rejection::new(Code::OauthProofInvalid, text);
                self.refuse(visit, credential, Action::OauthProofRefused, rejection)
                    .await;
                Err(Problem::new(EdgeCode::ProofInvalid, text))
            }
        }
    }
}

/// Refuses what a token is too weak for. SECURITY: it has no secret to sign with. With live money one that is bound to nothing does
/// nothing that a key would have to sign; and none does for a person what he would have to show a second factor for.
///
/// # Errors
/// [`Code::OauthTokenTooWeak`].
pub(crate) fn strong_enough(credential: &Credential, route: &Route) -> Result<(), Rejection> {
    let Some(access) = &credential.access else {
        return Ok(());
    };
    let is_live = credential.scope.mode.is_live();
    let signed = route.signature == SignatureClass::Sensitive && is_live;
    let text = match access.person {
        _ if signed && !access.is_bound => {
            "with live money this takes a token that is bound to a key or a certificate"
        }
        Some(_) if route.recent || route.step_up => {
            "a person does this himself, with a second factor"
        }
        _ => return Ok(()),
    };
    Err(Rejection::new(Code::OauthTokenTooWeak, text))
}
