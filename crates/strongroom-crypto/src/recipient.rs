//! Sealing for somebody who is not here: a public key that seals, and the key in custody that opens.
//!
//! X25519 with a fresh key per message (RFC 7748), HKDF-SHA-256 over what both agree on, XAES-256-GCM around the 32 bytes
//! of a file key. Whoever holds a recipient can seal and cannot open: the sender is not proven, what is inside must prove
//! itself.

use std::fmt;

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

use crate::aead::{OpenError, SealKey, TAG};
use crate::derive::hkdf_sha256;
use crate::fatal::fatal;
use crate::hash::sha256;
use crate::random::random;

/// What a recipient's text begins with.
const PREFIX: &str = "strongroom-recipient-1-";

/// The first bytes of a hash over the key stand behind it, so that a mistyped text is refused.
const CHECK: usize = 4;

/// Used once: every message has a wrapping key of its own.
const NONCE: [u8; 24] = [0; 24];

/// Bytes of a wrapped file key: the sender's public key, ciphertext and tag.
pub const WRAPPED: usize = 32 + 32 + TAG;

/// A public key that file keys are sealed to. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recipient([u8; 32]);

/// The private half: opens what was sealed to its recipient. No `Debug`, no `Clone`, wiped on drop.
pub struct Identity {
    private: Zeroizing<[u8; 32]>,
    public: Recipient,
}

impl Recipient {
    /// The recipient of a text, if it is one.
    pub fn parse(text: &str) -> Option<Recipient> {
        let bytes = BASE64.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        let (key, check) = bytes.split_first_chunk::<32>()?;
        // A key of small order would be sealed to for nobody.
        let usable = x25519(&random(), key).is_some();
        (check == checksum(key) && usable).then_some(Recipient(*key))
    }

    /// By which it is told from others in clear.
    pub fn id(&self) -> [u8; 8] {
        let hash = sha256(&[b"strongroom/recipient/1", &self.0]);
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// Seals a file key to it; `context` must be given again to open.
    pub fn wrap(&self, file_key: &[u8; 32], context: &[u8]) -> Vec<u8> {
        self.wrap_with(file_key, context, &Identity::new(Zeroizing::new(random())))
    }

    fn wrap_with(&self, file_key: &[u8; 32], context: &[u8], sender: &Identity) -> Vec<u8> {
        let mut wrapped = sender.public.0.to_vec();
        let Some(key) = sender.shared(&sender.public, self) else {
            fatal("X25519 refused a recipient that was checked")
        };
        key.seal(&NONCE, context, file_key, &mut wrapped);
        wrapped
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.to_vec();
        bytes.extend_from_slice(&checksum(&self.0));
        write!(f, "{PREFIX}{}", BASE64.encode(bytes))
    }
}

fn checksum(key: &[u8; 32]) -> [u8; CHECK] {
    let hash = sha256(&[b"strongroom/recipient/check/1", key]);
    hash.first_chunk().copied().unwrap_or_default()
}

impl Identity {
    /// The identity that belongs to a key in custody.
    pub fn from_seed(seed: &[u8; 32]) -> Identity {
        Identity::new(Zeroizing::new(hkdf_sha256(
            seed,
            &[],
            b"strongroom/backup/identity/1",
        )))
    }

    fn new(private: Zeroizing<[u8; 32]>) -> Identity {
        let public = match parsed(&private).compute_public_key() {
            Ok(public) => <[u8; 32]>::try_from(public.as_ref()),
            Err(_) => fatal("X25519 has no public key for a private one"),
        };
        match public {
            Ok(public) => Identity {
                private,
                public: Recipient(public),
            },
            Err(_) => fatal("an X25519 public key was not 32 bytes"),
        }
    }

    /// The public half.
    pub fn recipient(&self) -> Recipient {
        self.public
    }

    /// The file key of a wrapped one.
    ///
    /// # Errors
    /// [`OpenError`] when it was sealed to another recipient, in another context, or altered.
    pub fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        let (sender, sealed) = wrapped
            .split_first_chunk::<32>()
            .ok_or(OpenError::Truncated)?;
        let sender = Recipient(*sender);
        let key = self
            .shared(&sender, &sender)
            .ok_or(OpenError::NotAuthentic)?;
        let opened = Zeroizing::new(key.open(&NONCE, context, sealed)?);
        let key = <[u8; 32]>::try_from(opened.as_slice());
        key.map(Zeroizing::new).map_err(|_| OpenError::NotAuthentic)
    }

    /// The key that both sides agree on. Both public keys take part, so that no other pair yields it.
    fn shared(&self, sender: &Recipient, peer: &Recipient) -> Option<SealKey> {
        let receiver = match sender == &self.public {
            true => peer,
            false => &self.public,
        };
        let salt = [sender.0, receiver.0].concat();
        let peer = UnparsedPublicKey::new(&X25519, peer.0);
        agree(&parsed(&self.private), peer, (), |secret| {
            Ok(hkdf_sha256(secret, &salt, b"strongroom/recipient/wrap/1"))
        })
        .ok()
        .map(SealKey::new)
    }
}

fn parsed(private: &[u8; 32]) -> PrivateKey {
    match PrivateKey::from_private_key(&X25519, private) {
        Ok(key) => key,
        Err(_) => fatal("X25519 refused a 32-byte key"),
    }
}

/// The shared secret of X25519 (RFC 7748, section 5), for vectors; none for a peer of small order.
#[doc(hidden)]
pub fn x25519(private: &[u8; 32], peer: &[u8; 32]) -> Option<[u8; 32]> {
    let peer = UnparsedPublicKey::new(&X25519, peer);
    agree(&parsed(private), peer, (), |secret| {
        <[u8; 32]>::try_from(secret).map_err(drop)
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_key_is_opened_by_its_recipient_alone_and_as_it_was_sealed() {
        let (ours, theirs) = (Identity::from_seed(&[1; 32]), Identity::from_seed(&[2; 32]));
        let wrapped = ours.recipient().wrap(&[7; 32], b"here");
        assert_eq!(wrapped.len(), WRAPPED);
        assert_eq!(*ours.unwrap(&wrapped, b"here").unwrap(), [7; 32]);
        assert!(theirs.unwrap(&wrapped, b"here").is_err());
        assert!(ours.unwrap(&wrapped, b"there").is_err());
        assert_ne!(wrapped, ours.recipient().wrap(&[7; 32], b"here"));
        for bit in 0..8 * WRAPPED {
            let mut altered = wrapped.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            // The top bit of a public key is not part of it (RFC 7748), but of the salt.
            assert!(ours.unwrap(&altered, b"here").is_err(), "bit {bit}");
        }
        for length in 0..WRAPPED {
            assert!(ours.unwrap(&wrapped[..length], b"here").is_err());
        }
    }

    #[test]
    fn a_mistyped_recipient_is_refused() {
        let recipient = Identity::from_seed(&[3; 32]).recipient();
        let text = recipient.to_string();
        assert_eq!(Recipient::parse(&format!(" {text}\n")), Some(recipient));
        let digits = PREFIX.len()..text.len();
        for place in digits {
            let other = if &text[place..=place] == "A" {
                "B"
            } else {
                "A"
            };
            let mut altered = text.clone();
            altered.replace_range(place..=place, other);
            assert_eq!(Recipient::parse(&altered), None, "{altered}");
        }
        for odd in ["", PREFIX, "strongroom-recipient-2-AAAA", &text[1..]] {
            assert_eq!(Recipient::parse(odd), None);
        }
    }
}
