//! A door for the fuzz targets. Not for others.

use strongroom_crypto::RootKeys;

use crate::{NodeKey, Notice};

/// A notice: the bytes as they are, and with the tag that they should have, so that what is behind it is reached.
pub fn notice(bytes: &[u8], root: &RootKeys) {
    let key = NodeKey::of(root);
    let _ = Notice::decode(bytes, 7, &key);
    let tagged = [bytes, &key.notice_tag(7, bytes)].concat();
    if let Ok(notice) = Notice::decode(&tagged, 7, &key) {
        assert_eq!(Notice::decode(&notice.encode(&key), 7, &key), Ok(notice));
    }
}
