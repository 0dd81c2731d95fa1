//! Reading PEM: bytes that an operator, or somebody who wrote to the wrong file, put there.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use strongroom_crypto::sha256;
use zeroize::Zeroize;

/// Certificates of one file; more is no chain and no list of authorities that a server needs.
const MOST_CERTIFICATES: usize = 200;

/// The certificates in a file, in their order.
///
/// # Errors
/// What is wrong, in words that go on "`file` …".
pub fn parse_chain(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        found.push(certificate.map_err(|_| "holds a certificate that is no valid PEM")?);
        if found.len() > MOST_CERTIFICATES {
            return Err("holds more than 200 certificates");
        }
    }
    match found.is_empty() {
        true if holds(bytes, b"PRIVATE KEY-----") => Err("holds a private key and no certificate"),
        true => Err("holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"),
        false => Ok(found),
    }
}

/// The lists of revoked certificates in a file.
pub(crate) fn parse_revoked(
    bytes: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, &'static str> {
    let mut found = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(bytes) {
        found.push(list.map_err(|_| "holds a revocation list that is no valid PEM")?);
    }
    match found.is_empty() {
        true => Err("holds no revocation list in PEM (`-----BEGIN X509 CRL-----`)"),
        false => Ok(found),
    }
}

/// The one private key in a file. Wipe it.
///
/// # Errors
/// As [`parse_chain`].
pub fn parse_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    if holds(bytes, b"BEGIN ENCRYPTED PRIVATE KEY") || holds(bytes, b"Proc-Type: 4,ENCRYPTED") {
        return Err(
            "holds an encrypted key: decrypt it into a file that only the server's user can read",
        );
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(bytes);
    let key = match keys.next() {
        Some(Ok(key)) => key,
        Some(Err(_)) => return Err("holds a private key that is no valid PEM"),
        None if holds(bytes, b"BEGIN CERTIFICATE-----") => {
            return Err("holds a certificate and no private key");
        }
        None => return Err("holds no private key in PEM (`-----BEGIN PRIVATE KEY-----`)"),
    };
    match keys.next() {
        None => Ok(key),
        Some(second) => {
            for mut key in second.into_iter().chain(Some(key)) {
                key.zeroize();
            }
            Err("holds more than one private key")
        }
    }
}

/// The pin of a private key: SHA-256 over its SubjectPublicKeyInfo.
///
/// # Errors
/// As [`parse_chain`].
pub fn key_pin(bytes: &[u8]) -> Result<[u8; 32], &'static str> {
    let mut key = parse_key(bytes)?;
    let signing = any_supported_type(&key);
    key.zeroize();
    let signing = signing.map_err(|_| UNSUPPORTED)?;
    let public = signing.public_key().ok_or(UNSUPPORTED)?;
    Ok(sha256(&[&public]))
}

pub(crate) const UNSUPPORTED: &str = "holds a key that is not supported: use ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more";

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_in_the_wrong_file_is_named() {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".into()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        assert_eq!(parse_chain(certificate.as_bytes()).unwrap().len(), 1);
        assert!(parse_key(key.as_bytes()).is_ok() && key_pin(key.as_bytes()).is_ok());
        for (text, words) in [
            (key.as_str(), "a private key and no certificate"),
            ("", "no certificate in PEM"),
            ("-----BEGIN CERTIFICATE-----\nMIIB\n", "no valid PEM"),
        ] {
            let fault = parse_chain(text.as_bytes()).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
        let sealed = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        for (text, words) in [
            (sealed.as_str(), "encrypted key"),
            (legacy, "encrypted key"),
            (certificate.as_str(), "a certificate and no private key"),
            (&format!("{key}{key}"), "more than one"),
            ("", "no private key in PEM"),
        ] {
            let fault = parse_key(text.as_bytes()).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), label in 0..4usize) {
            let label = ["CERTIFICATE", "PRIVATE KEY", "X509 CRL", "EC PRIVATE KEY"][label];
            let body: String = bytes.iter().map(|byte| char::from(byte % 94 + 33)).collect();
            let framed = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            for input in [bytes.as_slice(), framed.as_bytes()] {
                let _ = parse_chain(input);
                let _ = parse_key(input).map(|_| ());
                let _ = parse_revoked(input);
                let _ = key_pin(input);
            }
        }
    }
}
