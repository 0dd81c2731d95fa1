//! A certificate with its chain: when it holds, for which names, and what pins it.

use std::path::Path;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use strongroom_crypto::sha256;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroize;

use crate::fault::TlsFault;
use crate::files::{read_private, read_public};
use crate::pem::{UNSUPPORTED, parse_chain, parse_key};

/// What is known of a certificate that could be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    /// Seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    /// SHA-256 over the SubjectPublicKeyInfo.
    pub pin: [u8; 32],
    /// SHA-256 over the certificate.
    pub thumbprint: [u8; 32],
}

/// Reads a certificate's chain.
///
/// # Errors
/// When the file is unreadable, or its certificates are not one chain that begins with the server's.
pub fn read_certificate(path: &Path) -> Result<Certificate, TlsFault> {
    let bytes = read_public(path)?;
    let chain = parse_chain(&bytes).map_err(|what| TlsFault::at(path, what))?;
    Certificate::of(chain).map_err(|what| TlsFault::at(path, what))
}

impl Certificate {
    /// # Errors
    /// What is wrong, in words that go on "`file` …".
    pub fn of(chain: Vec<CertificateDer<'static>>) -> Result<Certificate, &'static str> {
        const MALFORMED: &str = "holds a certificate that cannot be read";
        let mut read = Vec::new();
        for certificate in &chain {
            let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| MALFORMED)?;
            if !rest.is_empty() {
                return Err(MALFORMED);
            }
            read.push(parsed);
        }
        for pair in read.windows(2) {
            if let [issued, issuer] = pair
                && issued.issuer().as_raw() != issuer.subject().as_raw()
            {
                return Err(
                    "holds its certificates in another order than: the server's, the one that issued it, and so on",
                );
            }
        }
        let (leaf, der) = read.first().zip(chain.first()).ok_or(MALFORMED)?;
        // What rustls reads is what is pinned.
        let parsed = ParsedCertificate::try_from(der).map_err(|_| MALFORMED)?;
        let public = parsed.subject_public_key_info();
        Ok(Certificate {
            not_before: leaf.validity().not_before.timestamp(),
            not_after: leaf.validity().not_after.timestamp(),
            pin: sha256(&[&public]),
            thumbprint: sha256(&[der]),
            chain,
        })
    }

    /// Whether it is for a host, a name or an address.
    pub fn is_for(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host) else {
            return false;
        };
        let leaf = self.chain.first();
        let parsed = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        parsed.is_some_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }

    /// Whether it holds at a time.
    ///
    /// # Errors
    /// What is wrong, in words that go on "`file` …".
    pub fn check_time(&self, now: i64) -> Result<(), &'static str> {
        if now < self.not_before {
            return Err("holds a certificate that is not yet valid; is the clock right?");
        }
        match now > self.not_after {
            true => Err("holds a certificate that has expired"),
            false => Ok(()),
        }
    }

    /// The certificate with its key from a file that must be its owner's alone.
    pub(crate) fn with_key(&self, path: &Path) -> Result<Arc<CertifiedKey>, TlsFault> {
        let bytes = read_private(path)?;
        let mut key = parse_key(&bytes).map_err(|what| TlsFault::at(path, what))?;
        drop(bytes);
        let signing = any_supported_type(&key);
        key.zeroize();
        let signing = signing.map_err(|_| TlsFault::at(path, UNSUPPORTED))?;
        let whole = CertifiedKey::new(self.chain.clone(), signing);
        match whole.keys_match() {
            Ok(()) => Ok(Arc::new(whole)),
            Err(_) => Err(TlsFault::at(
                path,
                "holds a key that does not belong to the certificate",
            )),
        }
    }
}
