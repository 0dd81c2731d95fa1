//! A door for the fuzz targets. Not for others.

use crate::server_sent::{Message, Reader};

/// A stream of server-sent events: the same messages however the bytes are cut.
pub fn event_stream(bytes: &[u8]) {
    let cut = usize::from(bytes.first().copied().unwrap_or(0)) + 1;
    let read = |size: usize| {
        let mut reader = Reader::default();
        let pieces = bytes.chunks(size);
        let read: Result<Vec<Vec<Message>>, _> = pieces.map(|piece| reader.read(piece)).collect();
        read.map(|messages| messages.concat())
    };
    let whole = read(bytes.len().max(1));
    assert_eq!(read(cut), whole);
}
