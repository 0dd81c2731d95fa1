//! Doors for the fuzz targets: what reads an operator's files in this crate, behind functions of bytes. Not for others.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use zeroize::Zeroize;

use crate::pem::{key_pin, parse_chain, parse_key, parse_revoked};
use crate::{Certificate, PinSet, PinSigner, pins};

/// A file of certificates, keys or lists of revoked certificates.
pub fn files(bytes: &[u8]) {
    if let Ok(chain) = parse_chain(bytes)
        && let Ok(certificate) = Certificate::of(chain)
    {
        let _ = certificate.is_for("pay.example");
        let _ = certificate.check_time(1_700_000_000);
    }
    if let Ok(mut key) = parse_key(bytes) {
        key.zeroize();
    }
    let _ = key_pin(bytes);
    let _ = PinSigner::read(bytes);
    if let Ok(lists) = parse_revoked(bytes) {
        let provider = crate::config::provider();
        let roots = Arc::new(RootCertStore::empty());
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let _ = builder.with_crls(lists).build();
    }
}

/// A pin set: the bytes as a whole document, and as the payload of one that is signed as it should be.
pub fn pin_set(bytes: &[u8]) {
    let (document, public) = pins::signed_for_fuzzing(bytes);
    for document in [bytes, document.as_slice()] {
        if let Ok(set) = PinSet::read(document, &public) {
            assert!(set.pins.len() >= 2 && set.issued_at < set.expires_at);
            let _ = set.check_time(set.issued_at);
            assert!(set.pins.iter().all(|pin| set.covers(pin)));
        }
    }
}
