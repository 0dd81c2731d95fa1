//! Checkpoints: C2SP tlog-checkpoint inside a C2SP signed note, signed with Ed25519.
//!
//! ```text
//! strongroom.example/org/live
//! 1742
//! <root hash in base64>
//!
//! — strongroom.example/org/live <base64 of key id and signature>
//! ```
//! Signature lines of unknown keys (witnesses, other algorithms) are ignored; one of the known key that does not verify
//! refuses the note. Text is never believed before its signature.

use std::fmt;

use strongroom_crypto::{SigningKey, sha256, verify_ed25519};

use crate::encoding::{from_base64, from_hex, to_base64, to_hex};

/// Longest note that is looked at, in bytes.
const MOST_NOTE: usize = 1 << 20;

/// The signature type of plain Ed25519 in a signed note.
const ED25519: u8 = 1;

/// A tree head: what the signer commits to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The log's unique name; one line.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Root over them.
    pub root: [u8; 32],
    /// Further lines, none of them empty.
    pub extension: Vec<String>,
}

/// Why a note was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteError {
    /// Above 1 MiB.
    TooLarge,
    /// Not text, blank line and signature lines.
    Malformed,
    /// The text is not origin, size, root and extension lines.
    NotACheckpoint,
    /// No signature line of the expected key.
    Unsigned,
    /// The expected key's signature does not verify: the text was altered.
    BadSignature,
    /// A verifier key is not `name+hash+base64`, or its hash is not its own.
    BadVerifierKey,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "note is larger than 1 MiB",
            Self::Malformed => "note is not a text, a blank line and signature lines",
            Self::NotACheckpoint => "note is signed, but its text is not a checkpoint",
            Self::Unsigned => "note has no signature of the expected key",
            Self::BadSignature => "note was altered: its signature does not verify",
            Self::BadVerifierKey => "verifier key is malformed",
        })
    }
}

impl std::error::Error for NoteError {}

impl Checkpoint {
    /// The signed note. `name` should be the origin; both must be one line, `name` without spaces and `+`.
    pub fn sign(&self, name: &str, key: &SigningKey) -> String {
        let text = self.text();
        let line = signature_line(name, &key.public(), &key.sign(text.as_bytes()));
        format!("{text}\n{line}")
    }

    /// The checkpoint of a note that `public` signed under `name`.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn open(note: &str, name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        let (text, signatures) = take_apart(note)?;
        let id = key_id(name, public);
        let mut signed = false;
        for line in signatures.lines() {
            let (signer, signature) = parse_signature_line(line).ok_or(NoteError::Malformed)?;
            let Some((found, signature)) = signature.split_first_chunk::<4>() else {
                return Err(NoteError::Malformed);
            };
            if signer != name || *found != id {
                continue;
            }
            let signature = signature.try_into().map_err(|_| NoteError::BadSignature)?;
            if !verify_ed25519(public, text.as_bytes(), signature) {
                return Err(NoteError::BadSignature);
            }
            signed = true;
        }
        if signed {
            Self::parse(text).ok_or(NoteError::NotACheckpoint)
        } else {
            Err(NoteError::Unsigned)
        }
    }

    fn text(&self) -> String {
        let Self {
            origin,
            size,
            root,
            extension,
        } = self;
        let mut text = format!("{origin}\n{size}\n{}\n", to_base64(root));
        for line in extension {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let canonical = size.bytes().all(|byte| byte.is_ascii_digit())
            && (size == "0" || !size.starts_with('0'));
        let extension: Vec<String> = lines.map(str::to_owned).collect();
        if origin.is_empty() || !canonical || extension.iter().any(String::is_empty) {
            return None;
        }
        let root = from_base64(root)?.try_into().ok()?;
        Some(Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root,
            extension,
        })
    }
}

/// A public key with the name it signs under; its text is `name+hash+base64`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifierKey {
    /// The name in signature lines.
    pub name: String,
    /// The Ed25519 public key.
    pub public: [u8; 32],
}

impl VerifierKey {
    /// The key of its text form.
    ///
    /// # Errors
    /// [`NoteError::BadVerifierKey`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        Self::parse_parts(text).ok_or(NoteError::BadVerifierKey)
    }

    fn parse_parts(text: &str) -> Option<Self> {
        // Base64 may hold `+`, names may not: so from the left.
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let key = from_base64(key)?;
        let (&ED25519, public) = key.split_first()? else {
            return None;
        };
        let public = public.try_into().ok()?;
        let own = is_key_name(name) && from_hex(id)?.as_slice() == key_id(name, &public).as_slice();
        own.then(|| Self {
            name: name.to_owned(),
            public,
        })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, public } = self;
        let key = [&[ED25519], public.as_slice()].concat();
        write!(
            f,
            "{name}+{}+{}",
            to_hex(&key_id(name, public)),
            to_base64(&key)
        )
    }
}

/// Text with its final newline, and signature lines; split at the last blank line.
fn take_apart(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > MOST_NOTE {
        return Err(NoteError::TooLarge);
    }
    if note.bytes().any(|byte| byte < b' ' && byte != b'\n') || !note.ends_with('\n') {
        return Err(NoteError::Malformed);
    }
    let blank = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    match (note.get(..=blank), note.get(blank + 2..)) {
        (Some(text), Some(signatures)) if !signatures.is_empty() => Ok((text, signatures)),
        _ => Err(NoteError::Malformed),
    }
}

fn signature_line(name: &str, public: &[u8; 32], signature: &[u8; 64]) -> String {
    let bytes = [key_id(name, public).as_slice(), signature.as_slice()].concat();
    format!("— {name} {}\n", to_base64(&bytes))
}

fn parse_signature_line(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    is_key_name(name).then_some((name, from_base64(signature)?))
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// `SHA-256(name ‖ newline ‖ signature type ‖ public key)[:4]`.
fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &[ED25519], public]);
    [a, b, c, d]
}
