//! TLS to a target: roots, versions, names.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fault::OutboundFault;
use crate::policy::Roots;
use crate::target::Host;

/// Sessions remembered for resumption.
const SESSIONS: usize = 1_024;

/// Makes sessions of TLS 1.2 and 1.3; of 1.2 only suites with authenticated encryption exist here.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    pub fn new(roots: &Roots) -> Result<Tls, OutboundFault> {
        let mut store = RootCertStore::empty();
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for pem in &roots.extra {
            let before = store.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| OutboundFault::Roots)?;
                store.add(certificate).map_err(|_| OutboundFault::Roots)?;
            }
            if store.len() == before {
                return Err(OutboundFault::Roots);
            }
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OutboundFault::Tls(error.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }

    /// A session whose certificate is for `host`.
    pub async fn begin(
        &self,
        host: &Host,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, OutboundFault> {
        let name = match host {
            Host::Address(address) => ServerName::IpAddress((*address).into()),
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| OutboundFault::Tls("the name cannot stand in a certificate".into()))?,
        };
        self.0
            .connect(name, stream)
            .await
            .map_err(|error| fault(&error))
    }
}

/// What the TLS library says; it knows nothing of addresses.
fn fault(error: &std::io::Error) -> OutboundFault {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    OutboundFault::Tls(match inner {
        Some(inner) => inner.to_string(),
        None => "the other end closed the connection".into(),
    })
}
