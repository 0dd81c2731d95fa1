//! The vault's own keys, as this installation's policy and log see them: the vault knows no clock's end and keeps no log.

use std::time::Duration;

use strongroom_channel::Vault;
use strongroom_channel::keys::{Replaced, VaultKey};
use strongroom_channel::message::{FromVault, ToVault};
use strongroom_engine::{Engine, Failure, KeyLine, StoredKey};

/// Between two looks at how far the vault is.
const LOOK: Duration = Duration::from_millis(100);
/// Looks at a vault that is away, one after another, before it is given up: two minutes. What was begun goes on once it is
/// back.
const MOST_AWAY: u32 = 1_200;

/// Every key of the vault; with `scan`, and what is under each. `None` while the vault is away.
pub async fn vault_keys(engine: &Engine, vault: &Vault, scan: bool) -> Option<Vec<KeyLine>> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let Ok(FromVault::Keys(page)) = vault.ask(&ToVault::Keys { scan, after }).await else {
            return None;
        };
        let Some(last) = page.last() else { break };
        after = Some(last.number);
        keys.extend(page);
    }
    let line = |key: VaultKey| {
        let VaultKey {
            number,
            scope,
            purpose,
            period,
            version,
            parent,
            created,
            newest,
            uses,
            sealed,
        } = key;
        engine.key_line(StoredKey {
            number,
            scope,
            purpose,
            period,
            version,
            parent,
            created,
            newest,
            uses,
            sealed,
        })
    };
    Some(keys.into_iter().filter_map(line).collect())
}

/// Has the vault replace its keys, and waits until it has; a vault that was killed meanwhile goes on when it is back.
///
/// # Errors
/// [`Failure::Overloaded`] while the vault is away for long; else [`Failure`] of the log.
pub async fn replace_vault_keys(
    engine: &Engine,
    vault: &Vault,
    told: &(dyn Fn(Replaced) + Send + Sync),
) -> Result<Replaced, Failure> {
    engine.note_vault_keys(None).await?;
    let (mut begin, mut away) = (true, 0);
    loop {
        match vault.ask(&ToVault::ReplaceKeys { begin }).await {
            Ok(FromVault::Replaced(so_far)) => {
                (begin, away) = (false, 0);
                told(so_far);
                if !so_far.running {
                    ended(engine, so_far).await?;
                    return Ok(so_far);
                }
            }
            Ok(_) => return Err(Failure::Internal),
            Err(_) if away >= MOST_AWAY => return Err(Failure::Overloaded),
            Err(_) => away += 1,
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn ended(engine: &Engine, done: Replaced) -> Result<(), Failure> {
    if done.left > 0 {
        tracing::error!(
            left = done.left,
            "rows of the vault could not be sealed again: the old keys that they are under are kept"
        );
    }
    engine
        .note_vault_keys(Some((done.resealed, done.left)))
        .await
}

/// Replaces the vault's keys if the time or the uses of one are over.
pub(crate) async fn replace_due(engine: &Engine, vault: &Vault) -> Result<(), Failure> {
    let keys = vault_keys(engine, vault, false).await.unwrap_or_default();
    if !keys.iter().any(|line| line.is_due) {
        return Ok(());
    }
    tracing::info!("the time or uses of a key of the vault are over: its keys are replaced");
    replace_vault_keys(engine, vault, &|_| {}).await.map(drop)
}
