//! Sealing of what stands beside the store for the network's sake, such as the account with an ACME server.

use strongroom_crypto::{Purpose, SealedView, random, write_sealed_header};
use strongroom_types::mode::INSTALLATION;
use zeroize::Zeroizing;

use crate::engine::Engine;

/// What is sealed here is nothing else, and under no other key.
fn aad(key: u32) -> Vec<u8> {
    [&b"strongroom/transport/1"[..], &key.to_be_bytes()].concat()
}

impl Engine {
    /// Seals a file's content under a key of the installation.
    pub fn seal_transport(&self, plain: &[u8]) -> Vec<u8> {
        let hierarchy = &self.shared().hierarchy;
        let key = hierarchy.current(INSTALLATION, Purpose::Transport, 0, self.now().0);
        let nonce = random::<24>();
        let mut sealed = Vec::with_capacity(plain.len() + 64);
        write_sealed_header(key.number, &nonce, &mut sealed);
        key.seal_key()
            .seal(&nonce, &aad(key.number), plain, &mut sealed);
        sealed
    }

    /// Opens it again; `None` when it was not sealed by this installation.
    pub fn open_transport(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let view = SealedView::parse(sealed).ok()?;
        let key = self.shared().hierarchy.find(view.key)?;
        let opened = key
            .seal_key()
            .open(view.nonce, &aad(view.key), view.ciphertext);
        opened.ok().map(Zeroizing::new)
    }
}
