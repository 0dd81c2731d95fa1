//! Modes and scopes: which books a request may see.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::OrganizationId;

/// Sandbox or real money. The two never meet.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[n(0)]
    Test,
    #[n(1)]
    Live,
}

impl Mode {
    pub const fn code(self) -> u8 {
        match self {
            Mode::Test => 0,
            Mode::Live => 1,
        }
    }

    pub const fn from_code(code: u8) -> Option<Mode> {
        match code {
            0 => Some(Mode::Test),
            1 => Some(Mode::Live),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }

    pub const fn is_live(self) -> bool {
        matches!(self, Mode::Live)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One organization in one mode: the unit of books, keys and log. `number` is the installation's short name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub number: u32,
    pub organization: OrganizationId,
    pub mode: Mode,
}

/// The number of the installation's own scope.
pub const INSTALLATION: u32 = 1;
