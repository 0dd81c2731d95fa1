//! What TLS knows of a client, held against what its key demands; and the pin set, by which clients know the server.

use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;
use strongroom_auth::{Credential, Thumbprint};
use strongroom_domain::action::Action;
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_tls::ClientCertificate;
use strongroom_types::time::Timestamp;

use crate::app::App;
use crate::call::Answer;
use crate::edge::Passed;
use crate::oauth::resource;
use crate::presented::Scheme;
use crate::problem::{EdgeCode, Problem};
use crate::visit::Visit;

/// The certificate that the request's connection proved. SECURITY: a fact of the handshake alone: no header counts, for
/// anybody may write one. A connection may outlive its certificate, which then is none.
pub(crate) fn shown(head: &Parts, now: Timestamp) -> Option<Thumbprint> {
    let client = head.extensions.get::<ClientCertificate>()?;
    let end = client.not_after.saturating_mul(1_000);
    (now.0 <= end).then_some(Thumbprint(client.thumbprint))
}

impl App {
    /// SECURITY: what a key is held to is asked before anything that it could be told.
    pub(crate) async fn refuse_certificate(
        &self,
        visit: &mut Visit,
        head: &Parts,
        credential: &Arc<Credential>,
    ) -> Result<(), Problem> {
        let shown = shown(head, visit.time);
        if credential.knows(shown) {
            return Ok(());
        }
        let text = match shown {
            Some(_) => "this key is held to client certificates, of which yours is none",
            None => "this key is held to client certificates, and your connection showed none",
        };
        let rejection = Rejection::new(Code::CertificateNotAllowed, text);
        let problem = self
            .refuse(visit, credential, Action::CertificateRefused, rejection)
            .await;
        if credential.access.is_none() {
            return Err(problem);
        }
        // RFC 8705, section 3: a token that another certificate comes with is none.
        visit.challenge = Some(resource::challenge(Scheme::Bearer, "invalid_token"));
        let text = "this token is bound to a client certificate, which the connection did not show";
        Err(Problem::new(EdgeCode::TokenCertificateInvalid, text))
    }

    /// The pin set as it was signed.
    pub(crate) fn pin_set(&self) -> Result<Passed, Problem> {
        let pins = self.settings().tls.as_ref().and_then(|tls| tls.pins());
        let pins = pins.ok_or_else(Problem::not_found)?;
        Ok(Passed {
            status: 200,
            answer: Answer {
                body: Bytes::copy_from_slice(pins.document()),
                ..Answer::default()
            },
        })
    }
}
