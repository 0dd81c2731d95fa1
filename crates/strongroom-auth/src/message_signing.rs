//! What this server demands of HTTP message signatures (RFC 9421): whose key, what is covered, and when.
//!
//! A signature binds method, address, content and whatever else decides what is done. Its `keyid` is the API key's own id,
//! for the signing secret, or the id of a public key that is registered with it. What is spent is the hash of the signed
//! text: of one ECDSA signature anybody makes a second one.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use strongroom_crypto::sha256;
use strongroom_httpsig::digest::Digests;
use strongroom_httpsig::{Fault, Fields, Message, PublicKey, Signed, Verifier, base, read};
use strongroom_types::time::Timestamp;

use crate::credential::Credential;
use crate::signing::WINDOW;

/// The ways of signing that a key's requests may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum SigningScheme {
    #[default]
    #[n(0)]
    Any,
    /// `X-Signature` and `X-Timestamp`.
    #[n(1)]
    V1,
    #[n(2)]
    Rfc9421,
}

impl SigningScheme {
    pub const ALL: [SigningScheme; 3] = [
        SigningScheme::Any,
        SigningScheme::V1,
        SigningScheme::Rfc9421,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            SigningScheme::Any => "any",
            SigningScheme::V1 => "v1",
            SigningScheme::Rfc9421 => "rfc9421",
        }
    }
}

/// A public key that signs for an API key, under an id of its owner's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredKey {
    pub id: String,
    pub key: PublicKey,
}

impl RegisteredKey {
    /// Whether a text may be such an id: it cannot be taken for one of ours.
    pub fn is_id(text: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with("key_")
    }
}

impl Serialize for RegisteredKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("RegisteredKey", 3)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("algorithm", self.key.algorithm().as_str())?;
        fields.serialize_field("public_key", &self.key.to_pem())?;
        fields.end()
    }
}

impl<C> Encode<C> for RegisteredKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.str(&self.id)?.str(&self.key.to_pem())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for RegisteredKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let odd = || minicbor::decode::Error::message("no registered key");
        if d.array()? != Some(2) {
            return Err(odd());
        }
        let id = d.str()?.to_owned();
        let key = PublicKey::from_pem(d.str()?).ok_or_else(odd)?;
        Ok(RegisteredKey { id, key })
    }
}

/// How a key's requests are signed, where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SignedBy {
    #[n(0)]
    pub scheme: SigningScheme,
    /// What signs for the key beside its signing secret.
    #[n(1)]
    pub keys: Vec<RegisteredKey>,
}

/// A request as received, for signatures over its message.
#[derive(Clone, Copy)]
pub struct SignedMessage<'a> {
    pub method: &'a str,
    /// Path and query exactly as received.
    pub target: &'a str,
    /// The configured origins of this server. SECURITY: never what a client says in `Host`.
    pub origins: &'a [String],
    pub fields: &'a dyn Fields,
    pub has_content: bool,
}

/// A signature that fits, but for the content: whoever has that holds it against the digests.
#[derive(Debug)]
pub struct Proof {
    /// What the commit spends.
    pub spent: [u8; 32],
    /// What the signature says of the content; nothing where it covers none.
    pub digests: Option<Digests>,
}

/// Why a message's signature is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageFault {
    Unreadable(Fault),
    /// None of the signatures is by a key of the credential.
    UnknownKey,
    /// More than one is.
    Several,
    /// `alg` is another than the key's.
    Algorithm(&'static str),
    /// There is no `created`.
    Undated,
    /// Outside the window, or past its own end.
    Expired,
    /// What it ought to cover as well.
    Uncovered(Vec<&'static str>),
    /// Over another text than this.
    Mismatch(String),
    /// `Content-Digest` holds nothing that can be checked.
    NoDigest,
    /// The content is another.
    OtherContent,
}

impl fmt::Display for MessageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageFault::Unreadable(fault) => fault.fmt(f),
            MessageFault::UnknownKey => f.write_str(
                "`keyid` must be this API key's id, or the id of a public key that is registered with it",
            ),
            MessageFault::Several => f.write_str("a request is signed by one key of its API key"),
            MessageFault::Algorithm(alg) => write!(f, "`alg` must be left out, or be `{alg}` for this key"),
            MessageFault::Undated => f.write_str("the signature needs the parameter `created`"),
            MessageFault::Expired => f.write_str(
                "`created` is more than 300 seconds from the server's clock, or `expires` has passed",
            ),
            MessageFault::Uncovered(names) => {
                write!(f, "the signature must also cover {}", names.join(", "))
            }
            MessageFault::Mismatch(_) => f.write_str(
                "the signature does not match what it covers, under the key that `keyid` names",
            ),
            MessageFault::NoDigest => {
                f.write_str("`Content-Digest` must hold `sha-256` or `sha-512`")
            }
            MessageFault::OtherContent => {
                f.write_str("`Content-Digest` is not of the content that was received")
            }
        }
    }
}

impl From<Fault> for MessageFault {
    fn from(fault: Fault) -> MessageFault {
        MessageFault::Unreadable(fault)
    }
}

/// Headers that decide what is done: where they are sent, they are covered.
const DECISIVE: [&str; 3] = ["idempotency-key", "x-idempotency-key", "approval-id"];

/// The least that must be covered of where a request goes.
const PLACE: &str = "`@target-uri` (or `@authority`, `@path` and `@query`)";

impl SignedMessage<'_> {
    /// Whether the request carries any part of such a signature.
    pub fn is_signed(&self) -> bool {
        ["signature", "signature-input"]
            .iter()
            .any(|name| !self.fields.lines(name).is_empty())
    }

    /// Checks everything but the content, by the keys of a credential.
    ///
    /// # Errors
    /// The first [`MessageFault`], in the order of the checks.
    pub fn prove(&self, credential: &Credential, now: Timestamp) -> Result<Proof, MessageFault> {
        self.prove_by(|keyid| verifier(credential, keyid), now)
    }

    /// The same, by whatever key stands behind a `keyid`.
    ///
    /// # Errors
    /// The first [`MessageFault`], in the order of the checks.
    pub fn prove_by<'k>(
        &self,
        keys: impl Fn(&str) -> Option<Verifier<'k>>,
        now: Timestamp,
    ) -> Result<Proof, MessageFault> {
        let mut own = read(self.fields)?.into_iter().filter_map(|signed| {
            let verifier = keys(signed.parameters.keyid.as_deref()?)?;
            Some((signed, verifier))
        });
        let (signed, verifier) = match (own.next(), own.next()) {
            (Some(one), None) => one,
            (Some(_), Some(_)) => return Err(MessageFault::Several),
            (None, _) => return Err(MessageFault::UnknownKey),
        };
        let algorithm = verifier.algorithm().as_str();
        let named = signed.parameters.alg.as_deref();
        if named.is_some_and(|alg| alg != algorithm) {
            return Err(MessageFault::Algorithm(algorithm));
        }
        in_time(&signed, now)?;
        let missing = self.uncovered(&signed);
        if !missing.is_empty() {
            return Err(MessageFault::Uncovered(missing));
        }
        let digests = self.digests(&signed)?;
        let text = self.accepted(&signed, verifier)?;
        Ok(Proof {
            spent: sha256(&[b"strongroom/rfc9421/1\n", text.as_bytes()]),
            digests,
        })
    }

    fn uncovered(&self, signed: &Signed) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if !signed.covers("@method") {
            missing.push("`@method`");
        }
        let split = signed.covers("@path") && signed.covers("@query");
        let is_ours = self.origins.is_empty() || signed.covers("@authority");
        let whole = (split || signed.covers("@request-target")) && is_ours;
        if !signed.covers("@target-uri") && !whole {
            missing.push(PLACE);
        }
        if self.has_content {
            let of_content = ["content-digest", "content-type"];
            missing.extend(of_content.into_iter().filter(|name| !signed.covers(name)));
        }
        let is_bare =
            |name: &&'static str| !self.fields.lines(name).is_empty() && !signed.covers(name);
        missing.extend(DECISIVE.into_iter().filter(is_bare));
        missing
    }

    fn digests(&self, signed: &Signed) -> Result<Option<Digests>, MessageFault> {
        if !signed.covers("content-digest") {
            return Ok(None);
        }
        let digests = Digests::read(&self.fields.lines("content-digest"))?;
        match digests.is_any() {
            true => Ok(Some(digests)),
            false => Err(MessageFault::NoDigest),
        }
    }

    /// The text that the signature is over, at whichever of our origins.
    fn accepted(&self, signed: &Signed, verifier: Verifier<'_>) -> Result<String, MessageFault> {
        let mut first = None;
        let configured = self.origins.iter().map(|origin| Some(origin.as_str()));
        let none = self.origins.is_empty().then_some(None);
        for origin in configured.chain(none) {
            let message = Message {
                method: self.method,
                target: self.target,
                origin,
                fields: self.fields,
            };
            let text = base(signed, &message)?;
            if verifier.accepts(&text, &signed.signature) {
                return Ok(text);
            }
            first.get_or_insert(text);
        }
        Err(MessageFault::Mismatch(first.unwrap_or_default()))
    }
}

fn verifier<'k>(credential: &'k Credential, keyid: &str) -> Option<Verifier<'k>> {
    if keyid == credential.id.to_string() {
        return Some(Verifier::Shared(&credential.signing_key));
    }
    let mut registered = credential.signed_by.keys.iter();
    let found = registered.find(|registered| registered.id == keyid)?;
    Some(Verifier::Public(&found.key))
}

fn in_time(signed: &Signed, now: Timestamp) -> Result<(), MessageFault> {
    let created = signed.parameters.created.ok_or(MessageFault::Undated)?;
    let is_near = created.abs_diff(now.seconds()) <= WINDOW.unsigned_abs();
    let is_over = signed
        .parameters
        .expires
        .is_some_and(|end| end <= now.seconds());
    match is_near && !is_over {
        true => Ok(()),
        false => Err(MessageFault::Expired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
";

    #[test]
    fn a_registered_key_round_trips_and_its_id_is_not_one_of_ours() {
        let key = RegisteredKey {
            id: "till-1".into(),
            key: PublicKey::from_pem(PEM).unwrap(),
        };
        let bytes = minicbor::to_vec(&key).unwrap();
        assert_eq!(minicbor::decode::<RegisteredKey>(&bytes).unwrap(), key);
        let json = serde_json::to_value(&key).unwrap();
        assert_eq!(
            (json["algorithm"].as_str(), json["public_key"].as_str()),
            (Some("ed25519"), Some(PEM))
        );
        for (id, good) in [
            ("till-1", true),
            ("a.b:c_d", true),
            ("", false),
            ("key_0123", false),
            ("with space", false),
            ("ü", false),
        ] {
            assert_eq!(RegisteredKey::is_id(id), good, "{id}");
        }
    }
}
