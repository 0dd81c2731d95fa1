//! The card numbers of a vault, held against the tokens in the books that commit to them.
//!
//! The books alone cannot say whether a token still has its number. So whatever verifies books asks the vault that is at
//! hand, and where none is it says so, with an exit code of its own, unless somebody accepted that beforehand.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use clap::Args;
use strongroom_channel::message::Place as VaultPlace;
use strongroom_engine::verify::{NumberFound, VerifyReport};
use strongroom_vaultd::{Commitment, Stored, numbers};

use crate::fault::Fault;
use crate::vault_custody::VaultSecrets;
use crate::vault_process;

/// The exit code of a command that found nothing wrong, and had no vault to hold card numbers against.
pub(crate) const UNHELD: u8 = 3;

/// What becomes of card numbers that a vault keeps
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct VaultArguments {
    /// Accept that card numbers are not held against the vault that keeps them
    ///
    /// For books whose vault is not beside them: the vault of another user, or of another machine.
    #[arg(long)]
    pub without_vault: bool,
}

/// What a vault has.
type Numbers = HashMap<VaultPlace, Stored>;

impl VaultArguments {
    /// Holds the numbers that books commit to against the vault in a data directory. What is left in the report's
    /// `vaulted` has no vault there.
    pub fn hold(
        self,
        report: &mut VerifyReport,
        data: &Path,
        secrets: impl FnOnce() -> Result<VaultSecrets, Fault>,
    ) -> Result<(), Fault> {
        self.hold_with(report, None, data, secrets)
    }

    /// The same for books that change meanwhile: `before` is what the vault had before they were read. What their tokens
    /// need was there then or is there now.
    pub fn hold_with(
        self,
        report: &mut VerifyReport,
        before: Option<Numbers>,
        data: &Path,
        secrets: impl FnOnce() -> Result<VaultSecrets, Fault>,
    ) -> Result<(), Fault> {
        if self.without_vault {
            report.accept_unheld();
        } else if let Some(now) = self.look(data, secrets)? {
            hold_against(report, &now, &before.unwrap_or_default());
        }
        Ok(())
    }

    /// Reads the vault in a data directory; nothing where there is none, or it is not asked for.
    pub fn look(
        self,
        data: &Path,
        secrets: impl FnOnce() -> Result<VaultSecrets, Fault>,
    ) -> Result<Option<Numbers>, Fault> {
        let keyring = vault_process::keyring(data);
        if self.without_vault || !keyring.is_file() {
            return Ok(None);
        }
        let root = secrets()?.open(&keyring).map_err(|fault| {
            fault.hint("a vault with a passphrase of its own is held from where it is served; --without-vault goes on without it")
        })?;
        let dir = data.join(vault_process::FOLDER);
        let found = numbers(&dir, root);
        found
            .map(Some)
            .map_err(|error| Fault::new(format!("the vault in `{}`: {error}", dir.display())))
    }
}

fn hold_against(report: &mut VerifyReport, now: &Numbers, before: &Numbers) {
    let mut needed = HashSet::with_capacity(report.vaulted.len());
    report.hold_numbers(|vaulted| {
        let place = VaultPlace {
            scope: vaulted.log,
            token: vaulted.token,
        };
        needed.insert(place);
        let wanted = Commitment {
            digest: vaulted.digest,
            fingerprint: vaulted.fingerprint,
        };
        let stored = now.get(&place).or_else(|| before.get(&place));
        match stored.map(|stored| stored.opened) {
            None => NumberFound::Nothing,
            Some(None) => NumberFound::Closed,
            Some(Some(found)) if found == wanted => NumberFound::Fits,
            Some(Some(_)) => NumberFound::Other,
        }
    });
    let mut beyond: Vec<_> = now
        .iter()
        .filter(|(place, _)| !needed.contains(place))
        .map(|(place, stored)| (place.scope, place.token, stored.time))
        .collect();
    beyond.sort_unstable_by_key(|(scope, token, _)| (*scope, token.0.0));
    for (scope, token, time) in beyond {
        report.beyond_tokens(scope, token, time);
    }
}

/// Why a command that is given only whole installations does not go on.
pub(crate) fn unheld(report: &VerifyReport, data: &Path) -> Fault {
    Fault::new(format!(
        "the numbers of {} tokens are in a vault, and there is none in `{}`",
        report.vaulted.len(),
        data.join(vault_process::FOLDER).display()
    ))
    .hint("put the vault's folder there with its keyring; or, if it is kept elsewhere, say --without-vault")
    .exits(UNHELD)
}
