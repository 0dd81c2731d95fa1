//! Argon2id (RFC 9106): from a passphrase to the key that seals a keyring file.
//!
//! The cost is stored in the file. What is read from a file is bounded, so a forged file cannot exhaust the machine.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// What one guess at a passphrase costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PassphraseCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Parallel lanes.
    pub lanes: u32,
}

impl PassphraseCost {
    /// Memory above this (1 GiB) is refused.
    pub const MOST_MEMORY_KIB: u32 = 1024 * 1024;
    /// Passes above this are refused.
    pub const MOST_PASSES: u32 = 64;
    /// Lanes above this are refused.
    pub const MOST_LANES: u32 = 16;

    /// 64 MiB and 3 passes: about 0.2 s a guess.
    pub const STANDARD: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// 8 MiB and 1 pass: too cheap for anything but a test.
    pub const fn for_tests() -> Self {
        Self {
            memory_kib: 8 * 1024,
            passes: 1,
            lanes: 1,
        }
    }

    /// Whether these parameters are within what Argon2 defines and this program accepts.
    pub fn is_acceptable(&self) -> bool {
        (1..=Self::MOST_LANES).contains(&self.lanes)
            && (1..=Self::MOST_PASSES).contains(&self.passes)
            && (8 * self.lanes..=Self::MOST_MEMORY_KIB).contains(&self.memory_kib)
    }

    /// The key of `passphrase` under this cost, or none where the parameters are not acceptable.
    pub(crate) fn stretch(&self, passphrase: &[u8], salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        if !self.is_acceptable() {
            return None;
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password_into(passphrase, salt, &mut key[..])
            .ok()?;
        Some(key)
    }
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self::STANDARD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argon2id_vectors_of_the_reference_program() {
        // `argon2 somesalt -id -t 2 -m 16 -p 1` and `-t 2 -m 8 -p 2`, passphrase `password`.
        let cases = [
            (
                64 * 1024,
                1,
                [0x09, 0x31, 0x61, 0x15, 0xd5, 0xcf, 0x24, 0xed],
            ),
            (256, 2, [0x6d, 0x09, 0x3c, 0x50, 0x1f, 0xd5, 0x99, 0x96]),
        ];
        for (memory_kib, lanes, beginning) in cases {
            let cost = PassphraseCost {
                memory_kib,
                passes: 2,
                lanes,
            };
            assert_eq!(
                cost.stretch(b"password", b"somesalt").unwrap()[..8],
                beginning
            );
        }
    }

    #[test]
    fn costs_outside_the_range_are_refused_before_any_memory_is_taken() {
        let standard = PassphraseCost::STANDARD;
        let refused = [
            PassphraseCost {
                memory_kib: PassphraseCost::MOST_MEMORY_KIB + 1,
                ..standard
            },
            PassphraseCost {
                memory_kib: 7,
                ..standard
            },
            PassphraseCost {
                memory_kib: 31,
                lanes: 4,
                ..standard
            },
            PassphraseCost {
                passes: 0,
                ..standard
            },
            PassphraseCost {
                passes: PassphraseCost::MOST_PASSES + 1,
                ..standard
            },
            PassphraseCost {
                lanes: 0,
                ..standard
            },
            PassphraseCost {
                lanes: PassphraseCost::MOST_LANES + 1,
                ..standard
            },
            PassphraseCost {
                lanes: u32::MAX,
                ..standard
            },
        ];
        for cost in refused {
            assert!(cost.stretch(b"password", b"somesalt").is_none(), "{cost:?}");
        }
        assert!(standard.is_acceptable() && PassphraseCost::for_tests().is_acceptable());
    }
}
