//! What is told of the vault's keys, and of their replacement: numbers and times, never a key.

use minicbor::{Decode, Encode};
use strongroom_types::time::Timestamp;

/// A key of the vault, as far as it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VaultKey {
    #[n(0)]
    pub number: u32,
    #[n(1)]
    pub scope: u32,
    /// As it is stored.
    #[n(2)]
    pub purpose: u8,
    #[n(3)]
    pub period: u32,
    #[n(4)]
    pub version: u32,
    #[n(5)]
    pub parent: u32,
    #[n(6)]
    pub created: Timestamp,
    /// Whether there is no newer version.
    #[n(7)]
    pub newest: bool,
    /// Messages sealed with it, never fewer than there were.
    #[n(8)]
    pub uses: u64,
    /// Rows sealed under it, or keys wrapped by it, if they were counted.
    #[n(9)]
    pub sealed: Option<u64>,
}

/// How far a replacement of the vault's keys is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Replaced {
    #[n(0)]
    pub running: bool,
    #[n(1)]
    pub made: u32,
    #[n(2)]
    pub wrapped: u32,
    #[n(3)]
    pub resealed: u64,
    /// Rows under an old version, by the last scan.
    #[n(4)]
    pub left: u64,
    #[n(5)]
    pub destroyed: u32,
}
