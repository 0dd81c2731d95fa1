//! Digests of a request's content (RFC 9530). Only `sha-256` and `sha-512` say anything here; others are passed over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::{equal, sha256, sha512};

use crate::fault::Fault;
use crate::field::{Dictionary, joined};

/// What `Content-Digest` says of a content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub sha256: Option<[u8; 32]>,
    pub sha512: Option<[u8; 64]>,
}

const FIELD: &str = "Content-Digest";

impl Digests {
    /// Reads the lines of the field.
    ///
    /// # Errors
    /// [`Fault`] when it is no dictionary, or a digest of a known kind has another length.
    pub fn read(lines: &[&[u8]]) -> Result<Digests, Fault> {
        let line = joined(lines);
        let members = Dictionary::read(FIELD, &line)?;
        Ok(Digests {
            sha256: member(&members, "sha-256")?,
            sha512: member(&members, "sha-512")?,
        })
    }

    /// Whether it holds a digest that can be checked.
    pub fn is_any(&self) -> bool {
        self.sha256.is_some() || self.sha512.is_some()
    }

    /// Whether each digest is the content's. SECURITY: all of them, so that no weaker or older one is taken instead.
    pub fn are_of(&self, content: &[u8]) -> bool {
        let short = self
            .sha256
            .is_none_or(|digest| equal(&digest, &sha256(&[content])));
        let long = self
            .sha512
            .is_none_or(|digest| equal(&digest, &sha512(&[content])));
        self.is_any() && short && long
    }
}

/// The value of `Content-Digest` for a content, by SHA-256.
pub fn of(content: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256(&[content])))
}

fn member<const N: usize>(members: &Dictionary<'_>, name: &str) -> Result<Option<[u8; N]>, Fault> {
    let Some(member) = members.get(name) else {
        return Ok(None);
    };
    let exact = member
        .bytes()
        .and_then(|bytes| <[u8; N]>::try_from(bytes).ok());
    let kind = "a digest of its length, in base64 between colons";
    match (exact, N) {
        (Some(digest), _) => Ok(Some(digest)),
        (None, 32) => Err(Fault::Parameter("sha-256", kind)),
        (None, _) => Err(Fault::Parameter("sha-512", kind)),
    }
}
