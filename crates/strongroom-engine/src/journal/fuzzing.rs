//! A door for the fuzz targets. Not for others.

use super::header::Header;

/// The header of a block, wherever it says it is.
pub fn header(bytes: &[u8]) {
    let Some(first) = bytes.first_chunk() else {
        return;
    };
    let at = bytes.last_chunk().copied().map_or(0, u64::from_be_bytes);
    for at in [0, at] {
        if let Some(header) = Header::parse(first, at) {
            assert!(header.end() >= header.body());
            assert_eq!(header.bytes(), first);
        }
    }
}
