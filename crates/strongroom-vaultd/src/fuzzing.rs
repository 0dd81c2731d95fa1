//! Doors for the fuzz targets: what reads a client's bytes in the vault, behind functions of bytes. Not for others.

use std::sync::Arc;

use strongroom_crypto::EncryptionKey;
use strongroom_vault::find;

use crate::jwe;
use crate::redact::{self, DECOY, Means};

/// What opens encrypted fields here.
pub fn key() -> Arc<EncryptionKey> {
    Arc::new(EncryptionKey::from_seed(&[1; 32]))
}

/// A request whose card is taken out of it: no number is left in what goes on.
pub fn redacted(bytes: &[u8]) {
    let keys = [key()];
    let means = Means {
        mark: &|_| [0x1f; 16],
        keys: &keys,
    };
    holds_decoys_alone(&redact::body(bytes, &means).body);
    let header = redact::header("x-note", bytes);
    holds_decoys_alone(&header.value);
    if let Ok(text) = std::str::from_utf8(bytes) {
        holds_decoys_alone(redact::target(text).as_bytes());
    }
}

fn holds_decoys_alone(clean: &[u8]) {
    let mut rest = clean;
    while let Some(found) = find(rest) {
        let end = found.end;
        let number = rest.get(found).unwrap_or_default();
        let digits: Vec<u8> = number.iter().copied().filter(u8::is_ascii_digit).collect();
        assert!(
            digits
                .windows(DECOY.len())
                .any(|window| window == DECOY.as_bytes()),
            "a card number is left: {}",
            String::from_utf8_lossy(clean)
        );
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// An encrypted field.
pub fn encrypted(text: &str) {
    if let Err(why) = jwe::opened(&[key()], text) {
        assert!(!why.text.is_empty() && why.text.len() < 300);
    }
}
