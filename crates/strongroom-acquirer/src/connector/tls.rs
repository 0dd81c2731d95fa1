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

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls::server::WebPkiClientVerifier;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const HOST: &str = "bank.example";

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Authority {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            Authority(CertifiedIssuer::self_signed(params, key).unwrap())
        }

        /// A certificate for a host and its key, in PEM.
        fn issue(&self, host: &str) -> (String, String) {
            let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &self.0).unwrap();
            (certificate.pem(), key.serialize_pem())
        }

        fn pem(&self) -> String {
            self.0.pem()
        }
    }

    /// An acquirer that wants its own authority's certificates of its clients, and sends one byte back.
    async fn serve(authority: &Authority) -> std::net::SocketAddr {
        let (chain, key) = authority.issue(HOST);
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authority.pem().as_bytes(), "a").unwrap() {
            roots.add(certificate).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                certificates(chain.as_bytes(), "b").unwrap(),
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut session) = acceptor.accept(stream).await {
                    let byte = session.read_u8().await.unwrap_or(0);
                    drop(session.write_u8(byte).await);
                }
            }
        });
        address
    }

    async fn reaches(tls: &Tls, address: std::net::SocketAddr) -> bool {
        let stream = TcpStream::connect(address).await.unwrap();
        let Ok(mut session) = tls.begin(stream).await else {
            return false;
        };
        // Of version 1.3 a refused certificate shows with the first bytes alone.
        session.write_u8(7).await.is_ok() && matches!(session.read_u8().await, Ok(7))
    }

    #[tokio::test]
    async fn only_the_named_acquirer_is_spoken_to_and_it_knows_us() {
        let (ours, other) = (Authority::new(), Authority::new());
        let address = serve(&ours).await;
        let (chain, key) = ours.issue("merchant.example");
        let (foreign, foreign_key) = other.issue("merchant.example");
        let good = Some((chain.as_bytes(), key.as_bytes()));
        let bad = Some((foreign.as_bytes(), foreign_key.as_bytes()));
        for (name, authority, identity, is_reached) in [
            (HOST, &ours, good, true),
            ("other.example", &ours, good, false),
            (HOST, &other, good, false),
            (HOST, &ours, bad, false),
            (HOST, &ours, None, false),
        ] {
            let tls = Tls::new(name, authority.pem().as_bytes(), identity).unwrap();
            assert_eq!(reaches(&tls, address).await, is_reached, "{name}");
        }
    }

    #[test]
    fn files_that_hold_something_else_are_named() {
        let ours = Authority::new();
        let (chain, key) = ours.issue(HOST);
        let (authority, other) = (ours.pem(), ours.issue(HOST).1);
        let (authority, chain, key, other) = (
            authority.as_bytes(),
            chain.as_bytes(),
            key.as_bytes(),
            other.as_bytes(),
        );
        for (name, authorities, identity, words) in [
            ("no host", authority, None, "`tls.server_name`"),
            (HOST, &b"nothing"[..], None, "`tls.authorities`"),
            (HOST, key, None, "`tls.authorities`"),
            (HOST, authority, Some((chain, &b"x"[..])), "`tls.key`"),
            (HOST, authority, Some((key, key)), "`tls.certificate`"),
            (HOST, authority, Some((chain, other)), "`tls.certificate`"),
        ] {
            let told = Tls::new(name, authorities, identity).err().unwrap();
            assert!(told.contains(words), "{told}");
        }
    }
}
