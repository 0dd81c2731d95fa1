//! Certificates of clients: which authorities issue them, and which were taken back.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use strongroom_crypto::sha256;

use crate::fault::TlsFault;
use crate::files::read_public;
use crate::pem::{parse_chain, parse_revoked};
use crate::settings::ClientSettings;

/// Who may come in, and a hash that changes when that does.
pub(crate) struct Clients {
    pub verifier: Arc<dyn ClientCertVerifier>,
    pub digest: [u8; 32],
}

impl Clients {
    pub fn read(
        settings: &ClientSettings,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Clients, TlsFault> {
        let path = &settings.authorities;
        let authorities = read_public(path)?;
        let mut roots = RootCertStore::empty();
        for certificate in parse_chain(&authorities).map_err(|what| TlsFault::at(path, what))? {
            let added = roots.add(certificate);
            added.map_err(|_| TlsFault::at(path, "holds a certificate that cannot be read"))?;
        }
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let mut revoked = Vec::new();
        if let Some(path) = &settings.revoked {
            revoked = read_public(path)?;
            let lists = parse_revoked(&revoked).map_err(|what| TlsFault::at(path, what))?;
            // SECURITY: a certificate whose authority has no list here, or a list that is out of date, is refused.
            builder = builder.with_crls(lists).enforce_revocation_expiration();
        }
        if !settings.required {
            builder = builder.allow_unauthenticated();
        }
        let verifier = builder.build().map_err(|error| match error {
            VerifierBuilderError::NoRootAnchors => TlsFault::at(path, "holds no authority"),
            _ => {
                let at = settings.revoked.as_ref().unwrap_or(path);
                TlsFault::at(at, "holds a revocation list that cannot be read")
            }
        })?;
        Ok(Clients {
            verifier,
            digest: sha256(&[&sha256(&[&authorities]), &sha256(&[&revoked])]),
        })
    }
}
