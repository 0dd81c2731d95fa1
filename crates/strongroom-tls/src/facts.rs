//! What a handshake proved.

use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConnection};
use strongroom_crypto::sha256;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What is known of a connection once its handshake is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The certificate that the client proved to hold; `None` when it showed none.
    pub client: Option<ClientCertificate>,
}

/// A client's certificate, issued by an authority of the operator's and not revoked when the handshake was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 over the certificate.
    pub thumbprint: [u8; 32],
    /// Seconds since 1970.
    pub not_after: i64,
}

impl Facts {
    pub(crate) fn of(connection: &ServerConnection) -> Facts {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let chain = connection.peer_certificates();
        Facts {
            version,
            client: chain.and_then(|chain| ClientCertificate::of(chain.first()?)),
        }
    }
}

impl ClientCertificate {
    fn of(der: &CertificateDer<'_>) -> Option<ClientCertificate> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        Some(ClientCertificate {
            thumbprint: sha256(&[der]),
            not_after: read.validity().not_after.timestamp(),
        })
    }
}
