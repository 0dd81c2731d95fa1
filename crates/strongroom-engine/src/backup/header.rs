//! The beginning of a backup, in clear: whom it is sealed to, and the wrapped keys by which root custody opens it.
//!
//! ```text
//! "strongroom/backup/1\n" ‖ u32 length ‖ id₁₆ ‖ i64 created ‖ u8 n ‖ n × (recipient id₈ ‖ wrapped file key₈₀)
//!     ‖ u8 n ‖ n × (u32 length ‖ key row)
//! ```
//! Every sealed piece that follows is bound to the hash of all of it.

use std::io::Read;

use strongroom_crypto::recipient::WRAPPED;
use strongroom_crypto::{Hierarchy, Identity, Purpose, Recipient, RootKeys, random, sha256};
use strongroom_store::KeyRow;
use strongroom_types::mode::INSTALLATION;
use strongroom_types::time::Timestamp;
use zeroize::Zeroizing;

use super::error::BackupError;
use super::rows::{self, Bytes};

const NAME: &[u8] = b"strongroom/backup/";
const FORMAT: &str = "1";

/// Longest header that is looked at, in bytes.
const MOST: usize = 1 << 16;

/// What a file key is wrapped in: this and the backup's id.
const CONTEXT: &[u8] = b"strongroom/backup/file-key/1";

/// What stands in clear before the sealed pieces.
pub struct Header {
    /// By which one backup is told from another.
    pub id: [u8; 16],
    pub created: Timestamp,
    wrapped: Vec<([u8; 8], Vec<u8>)>,
    keys: Vec<KeyRow>,
}

/// What seals or opens the pieces: the file key, and the hash of the header.
pub(super) struct Opening {
    pub key: Zeroizing<[u8; 32]>,
    pub context: [u8; 32],
}

impl Header {
    /// A new one, with the file key that is sealed to `recipient`.
    pub(super) fn new(
        recipient: &Recipient,
        keys: Vec<KeyRow>,
        created: Timestamp,
    ) -> (Header, Zeroizing<[u8; 32]>) {
        let (id, key) = (random::<16>(), Zeroizing::new(random::<32>()));
        let wrapped = recipient.wrap(&key, &[CONTEXT, &id].concat());
        let header = Header {
            id,
            created,
            wrapped: vec![(recipient.id(), wrapped)],
            keys,
        };
        (header, key)
    }

    /// Its bytes, and what the pieces are bound to.
    pub(super) fn encode(&self) -> (Vec<u8>, [u8; 32]) {
        let mut body = self.id.to_vec();
        body.extend_from_slice(&self.created.0.to_be_bytes());
        let count = |items: usize| u8::try_from(items).unwrap_or(u8::MAX);
        body.push(count(self.wrapped.len()));
        for (recipient, wrapped) in &self.wrapped {
            body.extend_from_slice(recipient);
            body.extend_from_slice(wrapped);
        }
        body.push(count(self.keys.len()));
        for row in &self.keys {
            let mut bytes = Vec::new();
            rows::key(row, &mut bytes);
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(&bytes);
        }
        let mut all = [NAME, FORMAT.as_bytes(), b"\n"].concat();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        all.extend_from_slice(&length.to_be_bytes());
        all.extend_from_slice(&body);
        let context = sha256(&[b"strongroom/backup/header/1", &all]);
        (all, context)
    }

    /// Reads one, up to the first sealed piece.
    pub(super) fn read(input: &mut dyn Read) -> Result<Header, BackupError> {
        read_format(input)?;
        let mut length = [0; 4];
        read_exact(input, &mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MOST {
            return Err(damaged());
        }
        let mut body = vec![0; length];
        read_exact(input, &mut body)?;
        let header = Header::decode(&mut Bytes(&body)).ok_or_else(damaged)?;
        Ok(header)
    }

    fn decode(from: &mut Bytes<'_>) -> Option<Header> {
        let (id, created) = (from.array()?, Timestamp(from.i64()?));
        let mut wrapped = Vec::new();
        for _ in 0..from.u8()? {
            wrapped.push((from.array()?, from.take(WRAPPED)?.to_vec()));
        }
        let mut keys = Vec::new();
        for _ in 0..from.u8()? {
            keys.push(rows::key_of(&from.body()?)?);
        }
        from.is_empty().then_some(Header {
            id,
            created,
            wrapped,
            keys,
        })
    }

    /// The file key, by the installation's root keys.
    pub(super) fn unlock(&self, root: RootKeys) -> Result<Opening, BackupError> {
        let rows = self.keys.clone();
        let hierarchy = Hierarchy::open(root, rows).map_err(|_| BackupError::OtherKey)?;
        let identity = identity(&hierarchy).ok_or(BackupError::OtherKey)?;
        let ours = identity.recipient().id();
        let context = [CONTEXT, &self.id].concat();
        let opened = self.wrapped.iter().find_map(|(recipient, wrapped)| {
            let wrapped = (*recipient == ours).then_some(wrapped)?;
            identity.unwrap(wrapped, &context).ok()
        });
        Ok(Opening {
            key: opened.ok_or(BackupError::OtherKey)?,
            context: self.encode().1,
        })
    }
}

/// The installation's own identity for backups, if its key was made.
pub(super) fn identity(hierarchy: &Hierarchy) -> Option<Identity> {
    let key = hierarchy.existing(INSTALLATION, Purpose::Backup, 0)?;
    Some(Identity::from_seed(key.seed()))
}

/// The rows by which root custody reaches that key.
pub(super) fn chain(keys: Vec<KeyRow>) -> Vec<KeyRow> {
    let purposes = [Purpose::Scope, Purpose::Backup].map(Purpose::number);
    let own = |row: &KeyRow| {
        row.purpose == Purpose::Installation.number()
            || row.scope == INSTALLATION && purposes.contains(&row.purpose)
    };
    keys.into_iter().filter(own).collect()
}

fn read_format(input: &mut dyn Read) -> Result<(), BackupError> {
    let mut name = vec![0; NAME.len()];
    match input.read_exact(&mut name) {
        Ok(()) if name == NAME => {}
        Ok(()) => return Err(BackupError::NotABackup),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(BackupError::NotABackup);
        }
        Err(error) => return Err(error.into()),
    }
    let mut format = String::new();
    // A format's name is a short number.
    for _ in 0..8 {
        let mut byte = [0];
        read_exact(input, &mut byte)?;
        match byte {
            [b'\n'] if format == FORMAT => return Ok(()),
            [b'\n'] => return Err(BackupError::Format(format)),
            [digit @ b'0'..=b'9'] => format.push(char::from(digit)),
            _ => return Err(BackupError::NotABackup),
        }
    }
    Err(BackupError::NotABackup)
}

fn read_exact(input: &mut dyn Read, into: &mut [u8]) -> Result<(), BackupError> {
    input.read_exact(into).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(),
        _ => error.into(),
    })
}

fn damaged() -> BackupError {
    BackupError::Damaged("in its header".to_owned())
}
