//! A door for the fuzz targets. Not for others.

use super::header::Header;
use super::{Contents, rows};

/// A backup's header, the row of a kind that the first byte names, and what a backup says it holds.
pub fn backup(bytes: &[u8]) {
    if let Ok(header) = Header::read(&mut &*bytes) {
        let (written, _) = header.encode();
        assert_eq!(Some(written.as_slice()), bytes.get(..written.len()));
    }
    if let Some((kind, row)) = bytes.split_first()
        && let Some(read) = rows::decode(*kind, row)
    {
        let mut written = Vec::new();
        assert_eq!((rows::encode(&read, &mut written), &*written), (*kind, row));
    }
    if let Some(contents) = Contents::decode(bytes) {
        assert_eq!(contents.encode(), bytes);
    }
}
