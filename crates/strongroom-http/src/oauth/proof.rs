//! The proof of possession that a request brings along.

use hyper::http::request::Parts;
use strongroom_oauth::{Proof, Request};

use crate::app::App;
use crate::oauth::nonces::Freshness;
use crate::visit::Visit;

/// Why a proof was not taken.
pub(super) enum ProofFault {
    /// It needs another nonce.
    Nonce,
    Invalid(&'static str),
}

impl App {
    /// Thumbprint of the key that the request was proven with; nothing where it brings no proof. Whoever brings one learns the nonce
    /// that the next should repeat.
    pub(super) fn proven_key(
        &self,
        visit: &mut Visit,
        head: &Parts,
        token: Option<&str>,
    ) -> Result<Option<[u8; 32]>, ProofFault> {
        let mut values = head.headers.get_all("dpop").iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        visit.proof_nonce = Some(self.inner().nonces.current(visit.time));
        let text = value.to_str().ok().filter(|_| values.next().is_none());
        let text = text.ok_or(ProofFault::Invalid("a request has one proof"))?;
        // SECURITY: the addresses that are configured; what `Host` says is the client's word.
        let path = head.uri.path();
        let addresses: Vec<String> = self
            .origins()
            .iter()
            .map(|origin| format!("{origin}{path}"))
            .collect();
        let request = Request {
            method: head.method.as_str(),
            addresses: &addresses,
            token,
            now: visit.time.seconds(),
        };
        let proof = Proof::parse(text).and_then(|proof| proof.prove(request));
        let proof = proof.map_err(|fault| ProofFault::Invalid(fault.text()))?;
        let nonces = &self.inner().nonces;
        match nonces.take(proof.nonce.as_deref(), proof.id, visit.time) {
            Freshness::Fresh => Ok(Some(proof.key)),
            Freshness::Stale => Err(ProofFault::Nonce),
            Freshness::Replayed => Err(ProofFault::Invalid("the proof was used before")),
        }
    }
}
