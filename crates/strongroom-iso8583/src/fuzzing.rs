//! What fuzz targets ask of the reader.

use crate::{Framing, Header, LAST_FIELD, Message, Profile, definition};

/// A message in every way it may be written: what is read is written and read again as the same, and no secret is shown.
pub fn message(bytes: &[u8]) {
    for profile in Profile::all() {
        let Ok(message) = Message::read(bytes, profile) else {
            continue;
        };
        let shown = format!("{message:?}");
        for field in 2..=LAST_FIELD {
            let is_secret = definition(field).is_some_and(|definition| definition.is_secret);
            assert!(!is_secret || message.text(field).is_none());
        }
        assert!(shown.len() < 700, "a value is shown");
        for other in Profile::all() {
            let written = message.write(other);
            let Ok(written) = written else { continue };
            let again = Message::read(&written, other);
            assert!(again.is_ok_and(|again| again == message));
        }
    }
    for header in [Header::Binary2, Header::Binary4, Header::Ascii4] {
        for counts_itself in [false, true] {
            let framing = Framing {
                header,
                counts_itself,
            };
            let Some(before) = bytes.get(..framing.size()) else {
                continue;
            };
            if let Some(length) = framing.length(before) {
                assert_eq!(framing.before(length).as_deref(), Some(before));
            }
        }
    }
}
