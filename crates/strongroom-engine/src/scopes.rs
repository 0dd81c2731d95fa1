//! Which scopes there are: one per organization and mode, and the installation's own.

use std::collections::HashMap;

use strongroom_types::id::{OrganizationId, RawId};
use strongroom_types::mode::{INSTALLATION, Mode, Scope};

/// The installation's own scope.
pub(crate) const fn installation() -> Scope {
    Scope {
        number: INSTALLATION,
        organization: OrganizationId(RawId::ZERO),
        mode: Mode::Live,
    }
}

/// All scopes by number.
#[derive(Default)]
pub(crate) struct Scopes {
    scopes: HashMap<u32, Scope>,
}

impl Scopes {
    pub fn insert(&mut self, scope: Scope) {
        self.scopes.insert(scope.number, scope);
    }

    pub fn get(&self, number: u32) -> Option<Scope> {
        self.scopes.get(&number).copied()
    }

    pub fn of(&self, organization: OrganizationId, mode: Mode) -> Option<Scope> {
        self.scopes
            .values()
            .find(|s| s.organization == organization && s.mode == mode)
            .copied()
    }

    /// By number, the installation first.
    pub fn all(&self) -> Vec<Scope> {
        let mut all: Vec<Scope> = self.scopes.values().copied().collect();
        all.sort_by_key(|scope| scope.number);
        all
    }

    pub fn next_number(&self) -> u32 {
        self.scopes.keys().copied().max().unwrap_or(INSTALLATION) + 1
    }
}
