//! Doors for the fuzz targets: what reads stored bytes and backups in this crate. Not for others.

pub use crate::backup::fuzzing::backup;
use crate::journal;
use crate::seal::{read_body, read_framed};
use crate::spent::read_filter;

/// Bodies and parts of rows, filters of spent hashes, the header of a journal's block.
pub fn stored(bytes: &[u8]) {
    let parts = read_body(bytes);
    let inside: usize = parts.iter().flatten().map(|part| part.blob.len()).sum();
    assert!(inside <= bytes.len());
    let mut rest = bytes;
    while let Some((framed, after)) = read_framed(rest) {
        assert!(framed.len() + after.len() < rest.len());
        rest = after;
    }
    let _ = read_filter(bytes);
    journal::fuzzing::header(bytes);
}
