//! What is asked about a request that is being answered, of whose body and card the vault alone knows.

use minicbor::{Decode, Encode};

use crate::message::{Place, SecretBytes};

/// A signature over a body that only the vault has seen.
#[derive(Encode, Decode)]
pub struct Verify {
    #[n(0)]
    pub visit: u64,
    /// The key's signing secret, as a MAC key.
    #[n(1)]
    pub key: SecretBytes,
    /// What may stand before the body.
    #[n(2)]
    pub prefixes: Vec<String>,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub presented: [u8; 32],
    /// The books to keep the request's number in, should the signature fit: what [`crate::message::ToVault::Keep`] would ask next.
    #[n(40)]
    pub keep: Option<u32>,
}

/// Digests of a body that only the vault has seen.
#[derive(Encode, Decode)]
pub struct Digested {
    #[n(0)]
    pub visit: u64,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: Option<Vec<u8>>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub sha512: Option<Vec<u8>>,
    /// As for [`Verify`].
    #[n(40)]
    pub keep: Option<u32>,
}

/// Whose first authorization the security code of a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Holding {
    #[n(0)]
    pub place: Place,
    /// Whose pool of codes it waits in.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub organization: [u8; 12],
}
