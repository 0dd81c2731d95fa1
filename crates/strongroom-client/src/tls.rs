//! Whom the client believes to be the server: roots, and the keys of a pin set.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use strongroom_crypto::sha256;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::ClientError;
use crate::pins::PinSet;

/// What a refusal of a key begins with.
const NOT_PINNED: &str = "the server has a key that no pin covers";
const PINS_EXPIRED: &str = "the pin set has expired: get the new one";

/// Whose certificates are believed. The default is the public authorities.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: RootCertStore,
    pins: Option<PinSet>,
}

impl Default for Trust {
    fn default() -> Trust {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Trust { roots, pins: None }
    }
}

impl Trust {
    /// Only the authorities of a PEM file.
    ///
    /// # Errors
    /// [`ClientError::Untrusted`] when it holds none, or one that cannot be read.
    pub fn only(pem: &[u8]) -> Result<Trust, ClientError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.ok().and_then(|it| roots.add(it).ok());
            added.ok_or_else(|| untrusted("an authority cannot be read"))?;
        }
        match roots.is_empty() {
            true => Err(untrusted("there is no authority in PEM")),
            false => Ok(Trust { roots, pins: None }),
        }
    }

    /// The same, and the server's key must be in the set. A certificate must be valid as ever beside that.
    #[must_use]
    pub fn pinned(self, pins: PinSet) -> Trust {
        Trust {
            pins: Some(pins),
            ..self
        }
    }
}

/// Makes sessions of TLS 1.2 and 1.3.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    pub fn new(trust: Trust) -> Result<Tls, ClientError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(trust.roots);
        let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let inner = builder.build();
        let verifier = Verifier {
            inner: inner.map_err(|error| untrusted(&error.to_string()))?,
            pins: trust.pins,
        };
        let mut config =
            ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| untrusted(&error.to_string()))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // SECURITY: a resumed session shows no certificate, and so would outlive a pin set.
        config.resumption = Resumption::disabled();
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }

    /// A session whose certificate is for `host`.
    pub async fn begin(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ClientError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned());
        let name = name.map_err(|_| untrusted("the host cannot stand in a certificate"))?;
        let connected = self.0.connect(name, stream).await;
        connected.map_err(|error| fault(&error))
    }
}

/// A certificate that cannot be believed is one at the next try too; a connection that broke need not be.
fn fault(error: &std::io::Error) -> ClientError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(error @ (Error::InvalidCertificate(_) | Error::General(_))) => {
            untrusted(&error.to_string())
        }
        Some(error) => ClientError::Unreachable(error.to_string()),
        None => ClientError::Unreachable(error.to_string().to_lowercase()),
    }
}

fn untrusted(what: &str) -> ClientError {
    ClientError::Untrusted(what.to_owned())
}

/// The library's own checks, then the pins.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    pins: Option<PinSet>,
}

impl Verifier {
    fn check_pins(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let Some(pins) = &self.pins else {
            return Ok(());
        };
        if i64::try_from(now.as_secs()).is_ok_and(|now| now < pins.expires_at) {
            let parsed = ParsedCertificate::try_from(certificate)?;
            let key = sha256(&[&parsed.subject_public_key_info()]);
            match pins.covers(&key) {
                true => Ok(()),
                false => Err(Error::General(NOT_PINNED.to_owned())),
            }
        } else {
            Err(Error::General(PINS_EXPIRED.to_owned()))
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner
                .verify_server_cert(certificate, intermediates, name, ocsp, now)?;
        self.check_pins(certificate, now)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
