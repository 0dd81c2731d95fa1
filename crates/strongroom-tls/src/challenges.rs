//! What proves to an ACME server that a name is served here (RFC 8737): a certificate for the challenge alone, shown to
//! who asks for the protocol `acme-tls/1` and to nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig, version};

/// The protocol of the challenge.
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificates of challenges that are open, by name.
#[derive(Clone, Debug, Default)]
pub struct Challenges(Arc<Mutex<HashMap<String, Arc<CertifiedKey>>>>);

impl Challenges {
    /// Shows a certificate to who validates `name`.
    pub fn show(&self, name: &str, certificate: Arc<CertifiedKey>) {
        self.lock().insert(name.to_ascii_lowercase(), certificate);
    }

    /// Shows none of them any more.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// A configuration that serves challenges and nothing else; it asks no client for a certificate.
    pub(crate) fn config(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<ServerConfig>, Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<CertifiedKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.lock().get(&name).cloned()
    }
}
