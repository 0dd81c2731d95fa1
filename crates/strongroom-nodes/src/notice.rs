//! What the deciding node tells of itself, beside its lease.
//!
//! `0x01 ‖ instance₁₆ ‖ SHA-256 of its certificate₃₂ ‖ address ‖ HMAC₃₂`; the tag also covers the lease's epoch, so an
//! older notice is none for a newer lease.

use std::fmt;
use std::net::SocketAddr;

use strongroom_crypto::equal;

use crate::key::NodeKey;

const FORMAT: u8 = 1;

/// Where the node of an epoch is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub epoch: i64,
    /// Differs between two times that one program decides.
    pub instance: [u8; 16],
    /// SHA-256 of the certificate that it shows.
    pub fingerprint: [u8; 32],
    pub address: SocketAddr,
}

/// Why a notice is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeFault {
    /// A newer program wrote it.
    Format,
    /// Not made under this installation's key, or not for this lease.
    NotOurs,
}

impl fmt::Display for NoticeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoticeFault::Format => "the node that decides is of a version that this one does not understand",
            NoticeFault::NotOurs => {
                "the notice of the node that decides was not made under this keyring's root key: another keyring, or somebody changed the database"
            }
        })
    }
}

impl std::error::Error for NoticeFault {}

impl Notice {
    /// The bytes for the database.
    pub fn encode(&self, key: &NodeKey) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.extend_from_slice(&self.instance);
        out.extend_from_slice(&self.fingerprint);
        out.extend_from_slice(self.address.to_string().as_bytes());
        let tag = key.notice_tag(self.epoch, &out);
        out.extend_from_slice(&tag);
        out
    }

    /// What a notice says, if it is one of the lease of this epoch.
    ///
    /// # Errors
    /// [`NoticeFault`]. SECURITY: nothing of it is looked at before its tag was found to be ours.
    pub fn decode(bytes: &[u8], epoch: i64, key: &NodeKey) -> Result<Notice, NoticeFault> {
        let (body, tag) = bytes.split_last_chunk::<32>().ok_or(NoticeFault::NotOurs)?;
        if !equal(&key.notice_tag(epoch, body), tag) {
            return Err(NoticeFault::NotOurs);
        }
        let parsed = body.split_first().and_then(|(format, rest)| {
            let (instance, rest) = rest.split_first_chunk::<16>()?;
            let (fingerprint, address) = rest.split_first_chunk::<32>()?;
            let address = std::str::from_utf8(address).ok()?.parse().ok()?;
            (*format == FORMAT).then_some(Notice {
                epoch,
                instance: *instance,
                fingerprint: *fingerprint,
                address,
            })
        });
        parsed.ok_or(NoticeFault::Format)
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::RootKeys;

    use super::*;

    #[test]
    fn a_notice_is_read_under_its_key_and_epoch_alone() {
        let (key, other) = (
            NodeKey::of(&RootKeys::generate()),
            NodeKey::of(&RootKeys::generate()),
        );
        let notice = Notice {
            epoch: 7,
            instance: [1; 16],
            fingerprint: [2; 32],
            address: "[::1]:7072".parse().unwrap(),
        };
        let bytes = notice.encode(&key);
        assert_eq!(Notice::decode(&bytes, 7, &key), Ok(notice.clone()));
        let refused = Err(NoticeFault::NotOurs);
        assert_eq!(Notice::decode(&bytes, 7, &other), refused);
        assert_eq!(Notice::decode(&bytes, 8, &key), refused);
        assert_eq!(Notice::decode(b"", 7, &key), refused);
        for place in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[place] ^= 1;
            assert_eq!(Notice::decode(&forged, 7, &key), refused, "byte {place}");
        }
        let mut newer = bytes[..bytes.len() - 32].to_vec();
        newer[0] = 2;
        let tag = key.notice_tag(7, &newer);
        newer.extend_from_slice(&tag);
        assert_eq!(Notice::decode(&newer, 7, &key), Err(NoticeFault::Format));
    }
}
