//! TLS to an acquirer: its authorities alone are trusted, and this server may show a certificate of its own.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How sessions to one acquirer are begun.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// From the text of files: the authorities, and where the acquirer wants one the chain and the key of a certificate.
    ///
    /// # Errors
    /// What is wrong, by the setting's name.
    pub fn new(
        name: &str,
        authorities: &[u8],
        identity: Option<(&[u8], &[u8])>,
    ) -> Result<Tls, String> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("`tls.server_name`: `{name}` is no name of a host"))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authorities, "tls.authorities")? {
            roots
                .add(certificate)
                .map_err(|error| format!("`tls.authorities`: {error}"))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| "`tls.key` holds no key in PEM".to_owned())?;
                builder
                    .with_client_auth_cert(certificates(chain, "tls.certificate")?, key)
                    .map_err(|error| format!("`tls.certificate`: {error}"))?
            }
        };
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }

    pub(crate) async fn begin(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn certificates(pem: &[u8], setting: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("`{setting}` holds no certificate in PEM")),
    }
}
