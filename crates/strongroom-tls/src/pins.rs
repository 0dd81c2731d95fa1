//! The pin set: a signed list of the keys that a server may be known by, for clients that hold it to them.
//!
//! A JSON Web Signature (RFC 7515, flattened) of type `strongroom-pins+json`, with Ed25519 (RFC 8037). The signer's private
//! key need not be where the server is: who breaks into the server then pins nothing. Clients get the public part with
//! the app, the document from the server, and keep the highest sequence they saw, so that no older one is put before them.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{SigningKey, equal, sha256, verify_ed25519};
use zeroize::Zeroizing;

const TYPE: &str = "strongroom-pins+json";
/// The largest document that is looked at.
const MOST_BYTES: usize = 64 * 1024;
const MOST_PINS: usize = 16;

/// A verified pin set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinSet {
    /// Grows with every document of one signer.
    pub sequence: u64,
    /// Seconds since 1970.
    pub issued_at: i64,
    pub expires_at: i64,
    /// The hosts it speaks for; empty for whichever it was read from.
    pub hosts: Vec<String>,
    /// SHA-256 over the SubjectPublicKeyInfo of each key; the first is in use when the document is made.
    pub pins: Vec<[u8; 32]>,
    document: Vec<u8>,
}

/// Why a document is no pin set to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinFault {
    Malformed,
    Signature,
    TooFew,
    NotYet,
    Expired,
}

impl fmt::Display for PinFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PinFault::Malformed => "is no pin set",
            PinFault::Signature => "is not signed by the key that was named for it",
            PinFault::TooFew => "holds no backup pin: a lost key would lock clients out",
            PinFault::NotYet => "is a pin set of the future; is the clock right?",
            PinFault::Expired => "is a pin set that has expired: sign a new one",
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    protected: String,
    payload: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    sequence: u64,
    issued_at: i64,
    expires_at: i64,
    #[serde(default)]
    hosts: Vec<String>,
    pins: Vec<Pin>,
}

#[derive(Serialize, Deserialize)]
struct Pin {
    /// `current` or `backup`: for people.
    r#use: String,
    spki_sha256: String,
}

impl PinSet {
    /// Verifies a document, whatever the time is.
    ///
    /// # Errors
    /// [`PinFault`].
    pub fn read(bytes: &[u8], signer: &[u8; 32]) -> Result<PinSet, PinFault> {
        let malformed = |_| PinFault::Malformed;
        if bytes.len() > MOST_BYTES {
            return Err(PinFault::Malformed);
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| PinFault::Malformed)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(malformed);
        let signature = decode(&envelope.signature)?;
        let signature: [u8; 64] = signature.try_into().map_err(|_| PinFault::Malformed)?;
        let signed = format!("{}.{}", envelope.protected, envelope.payload);
        // SECURITY: the signature comes first; nothing of a document that is not the signer's is understood.
        if !verify_ed25519(signer, signed.as_bytes(), &signature) {
            return Err(PinFault::Signature);
        }
        let header: Header = serde_json::from_slice(&decode(&envelope.protected)?)
            .map_err(|_| PinFault::Malformed)?;
        if header.alg != "EdDSA" || header.typ != TYPE {
            return Err(PinFault::Malformed);
        }
        let payload: Payload =
            serde_json::from_slice(&decode(&envelope.payload)?).map_err(|_| PinFault::Malformed)?;
        PinSet::of(payload, bytes)
    }

    fn of(payload: Payload, document: &[u8]) -> Result<PinSet, PinFault> {
        if payload.pins.len() > MOST_PINS || payload.issued_at >= payload.expires_at {
            return Err(PinFault::Malformed);
        }
        let mut pins = Vec::new();
        for pin in &payload.pins {
            let bytes = STANDARD
                .decode(&pin.spki_sha256)
                .map_err(|_| PinFault::Malformed)?;
            pins.push(<[u8; 32]>::try_from(bytes).map_err(|_| PinFault::Malformed)?);
        }
        let different: BTreeSet<&[u8; 32]> = pins.iter().collect();
        if different.len() < 2 {
            return Err(PinFault::TooFew);
        }
        Ok(PinSet {
            sequence: payload.sequence,
            issued_at: payload.issued_at,
            expires_at: payload.expires_at,
            hosts: payload.hosts,
            pins,
            document: document.to_vec(),
        })
    }

    /// Whether it is in force at a time. A clock may be five minutes behind the signer's.
    ///
    /// # Errors
    /// [`PinFault::NotYet`] and [`PinFault::Expired`].
    pub fn check_time(&self, now: i64) -> Result<(), PinFault> {
        if self.issued_at > now.saturating_add(300) {
            return Err(PinFault::NotYet);
        }
        match now >= self.expires_at {
            true => Err(PinFault::Expired),
            false => Ok(()),
        }
    }

    /// Whether a key is one of the pinned.
    pub fn covers(&self, pin: &[u8; 32]) -> bool {
        self.pins.iter().any(|known| equal(known, pin))
    }

    /// The document as it was signed.
    pub fn document(&self) -> &[u8] {
        &self.document
    }
}

/// Signs pin sets.
pub struct PinSigner {
    key: SigningKey,
    seed: Zeroizing<[u8; 32]>,
}

/// What a pin set is to say.
pub struct PinRequest {
    pub sequence: u64,
    pub issued_at: i64,
    pub expires_at: i64,
    pub hosts: Vec<String>,
    pub current: [u8; 32],
    pub backups: Vec<[u8; 32]>,
}

/// PKCS #8 of an Ed25519 seed, before the seed (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

impl PinSigner {
    /// A new key.
    pub fn generate() -> PinSigner {
        PinSigner::from_seed(Zeroizing::new(strongroom_crypto::random()))
    }

    fn from_seed(seed: Zeroizing<[u8; 32]>) -> PinSigner {
        PinSigner {
            key: SigningKey::from_seed(&seed),
            seed,
        }
    }

    /// The key in a PEM file (PKCS #8).
    ///
    /// # Errors
    /// What is wrong, in words that go on "`file` …".
    pub fn read(pem: &[u8]) -> Result<PinSigner, &'static str> {
        const OTHER: &str = "holds no Ed25519 key that `strongroom pins key` made";
        let key = Zeroizing::new(crate::pem::parse_key(pem)?);
        let der = key.secret_der();
        let seed = der.strip_prefix(&PKCS8).ok_or(OTHER)?;
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| OTHER)?);
        Ok(PinSigner::from_seed(seed))
    }

    /// The key as PEM, for a file that is its owner's alone.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([&PKCS8[..], &self.seed[..]].concat());
        let body = Zeroizing::new(STANDARD.encode(&*der));
        let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
        Zeroizing::new(format!("{begin}\n{}\n{end}\n", *body))
    }

    /// What clients are given.
    pub fn public(&self) -> [u8; 32] {
        self.key.public()
    }

    /// A signed document.
    ///
    /// # Errors
    /// When it would be one that clients refuse.
    pub fn sign(&self, request: &PinRequest) -> Result<PinSet, PinFault> {
        let public = self.public();
        let pin = |r#use: &str, pin: &[u8; 32]| Pin {
            r#use: r#use.to_owned(),
            spki_sha256: STANDARD.encode(pin),
        };
        let backups = request.backups.iter().map(|backup| pin("backup", backup));
        let payload = Payload {
            sequence: request.sequence,
            issued_at: request.issued_at,
            expires_at: request.expires_at,
            hosts: request.hosts.clone(),
            pins: std::iter::once(pin("current", &request.current))
                .chain(backups)
                .collect(),
        };
        let header = Header {
            alg: "EdDSA".to_owned(),
            kid: key_id(&public),
            typ: TYPE.to_owned(),
        };
        let protected = encode(&header)?;
        let payload = encode(&payload)?;
        let signature = self.key.sign(format!("{protected}.{payload}").as_bytes());
        let envelope = Envelope {
            signature: URL_SAFE_NO_PAD.encode(signature),
            protected,
            payload,
        };
        let document = serde_json::to_vec(&envelope).map_err(|_| PinFault::Malformed)?;
        PinSet::read(&document, &public)
    }
}

/// A document whose payload is these bytes, and the key that it is signed by.
pub(crate) fn signed_for_fuzzing(payload: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let signer = PinSigner::from_seed(Zeroizing::new([7; 32]));
    let header = Header {
        alg: "EdDSA".to_owned(),
        kid: String::new(),
        typ: TYPE.to_owned(),
    };
    let protected = encode(&header).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = signer.key.sign(format!("{protected}.{payload}").as_bytes());
    let envelope = Envelope {
        signature: URL_SAFE_NO_PAD.encode(signature),
        protected,
        payload,
    };
    let document = serde_json::to_vec(&envelope).unwrap_or_default();
    (document, signer.public())
}

/// A name for a signer, to tell several apart.
fn key_id(public: &[u8; 32]) -> String {
    let hash = sha256(&[public]);
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn encode<T: Serialize>(value: &T) -> Result<String, PinFault> {
    let bytes = serde_json::to_vec(value).map_err(|_| PinFault::Malformed)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A pin, or a signer's public key, as text.
pub fn to_text(bytes: &[u8; 32]) -> String {
    STANDARD.encode(bytes)
}

/// Reads such a text.
pub fn from_text(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> PinRequest {
        PinRequest {
            sequence: 7,
            issued_at: 1_000,
            expires_at: 9_000,
            hosts: vec!["pay.example".to_owned()],
            current: [1; 32],
            backups: vec![[2; 32]],
        }
    }

    #[test]
    fn a_signed_set_is_read_and_held_to_its_time() {
        let signer = PinSigner::generate();
        let set = signer.sign(&request()).unwrap();
        assert_eq!(PinSet::read(set.document(), &signer.public()).unwrap(), set);
        assert!(set.covers(&[1; 32]) && set.covers(&[2; 32]) && !set.covers(&[3; 32]));
        for (now, expected) in [
            (699, Err(PinFault::NotYet)),
            (700, Ok(())),
            (8_999, Ok(())),
            (9_000, Err(PinFault::Expired)),
        ] {
            assert_eq!(set.check_time(now), expected, "{now}");
        }
        let lone = PinRequest {
            backups: vec![[1; 32]],
            ..request()
        };
        assert_eq!(signer.sign(&lone), Err(PinFault::TooFew));
        let again = PinSigner::read(signer.to_pem().as_bytes()).unwrap();
        assert_eq!(again.public(), signer.public());
    }

    #[test]
    fn another_signer_or_type_is_refused() {
        let signer = PinSigner::generate();
        let set = signer.sign(&request()).unwrap();
        let other = PinSigner::generate().public();
        assert_eq!(
            PinSet::read(set.document(), &other),
            Err(PinFault::Signature)
        );
        for (alg, typ) in [("none", TYPE), ("EdDSA", "JWT")] {
            let header = Header {
                alg: alg.into(),
                kid: String::new(),
                typ: typ.into(),
            };
            let protected = encode(&header).unwrap();
            let whole: Envelope = serde_json::from_slice(set.document()).unwrap();
            let signature = signer
                .key
                .sign(format!("{protected}.{}", whole.payload).as_bytes());
            let forged = Envelope {
                protected,
                signature: URL_SAFE_NO_PAD.encode(signature),
                ..whole
            };
            let forged = serde_json::to_vec(&forged).unwrap();
            assert_eq!(
                PinSet::read(&forged, &signer.public()),
                Err(PinFault::Malformed)
            );
        }
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_refused(place in any::<prop::sample::Index>(), change in 1..=255u8) {
            let signer = PinSigner::from_seed(Zeroizing::new([9; 32]));
            let set = signer.sign(&request()).unwrap();
            let mut bytes = set.document().to_vec();
            let place = place.index(bytes.len());
            bytes[place] ^= change;
            // A change may leave the JSON the same, never what it says.
            if let Ok(read) = PinSet::read(&bytes, &signer.public()) {
                prop_assert_eq!((read.sequence, read.pins, read.hosts), (set.sequence, set.pins, set.hosts));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(PinSet::read(&bytes, &[7; 32]).is_err());
        }
    }
}
