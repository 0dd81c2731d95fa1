//! Numbers that no token needs: those of requests that were refused after their number was stored, or whose server was
//! killed in between, and those whose token ended while the vault was away.

use std::time::Duration;

use strongroom_channel::message::{FromApi, ToApi};

use crate::serve::Vault;
use crate::walk;

/// How old a number is before it is asked about: by then its token is on record, or will never be.
const GRACE: i64 = 10 * 60 * 1_000;
const EVERY: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_mins(1);

/// Sweeps again and again.
pub(crate) async fn run(vault: &Vault) {
    loop {
        tokio::time::sleep(EVERY).await;
        let swept = sweep(vault).await;
        if swept > 0 {
            tracing::info!(numbers = swept, "numbers that no token needs were removed");
        }
    }
}

/// Removes what is not needed; says how many.
pub(crate) async fn sweep(vault: &Vault) -> usize {
    let Some(api) = vault.api() else { return 0 };
    let before = vault.now().plus(-GRACE);
    let pages = match walk::older_than(vault.cards(), before).await {
        Ok(pages) => pages,
        Err(error) => {
            tracing::warn!(error = %error, "the vault's numbers cannot be listed");
            return 0;
        }
    };
    let mut swept = 0;
    for page in pages {
        let asked = api.ask(&ToApi::Needed(page.clone()), PATIENCE).await;
        let Ok(FromApi::Needed(needed)) = asked else {
            return swept;
        };
        // SECURITY: an answer of another length is none, and removes nothing.
        if needed.len() != page.len() {
            return swept;
        }
        for (place, needed) in page.into_iter().zip(needed) {
            if !needed && vault.cards().remove(place).await.is_ok() {
                swept += 1;
            }
        }
    }
    swept
}
