//! The key that all nodes of an installation have, and nobody else.

use strongroom_crypto::{MacKey, RootKeys, hkdf_sha256};
use zeroize::Zeroizing;

/// Derived from the installation's root key; no `Debug`.
pub struct NodeKey(MacKey);

impl NodeKey {
    /// The key below a root.
    pub fn of(root: &RootKeys) -> NodeKey {
        let (_, key) = root.root();
        let derived = Zeroizing::new(hkdf_sha256(key, b"", b"strongroom/nodes/1"));
        NodeKey(MacKey::new(&derived[..]))
    }

    /// Authenticates a notice.
    pub(crate) fn notice_tag(&self, epoch: i64, body: &[u8]) -> [u8; 32] {
        let epoch = epoch.to_be_bytes();
        self.0.tag_fields(&[b"notice", &epoch, body])
    }

    /// Proves to the node of a notice, in one session of TLS, that this one belongs to the same installation.
    /// SECURITY: `session` is exported from the handshake, so the proof is worth nothing anywhere else.
    pub(crate) fn membership(
        &self,
        epoch: i64,
        instance: &[u8; 16],
        session: &[u8; 32],
    ) -> [u8; 32] {
        let epoch = epoch.to_be_bytes();
        self.0.tag_fields(&[b"member", &epoch, instance, session])
    }
}
