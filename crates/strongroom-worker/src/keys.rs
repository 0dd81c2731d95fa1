//! Keys whose time or uses are over, and replacements that were cut short.

use std::time::Duration;

use strongroom_channel::Vault;
use strongroom_engine::Engine;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::vault_keys::replace_due;

/// Between two looks at the age of the roots.
const REMINDED: Duration = Duration::from_hours(24);

/// Looks at once and then every `pause`. A stop does not wait for rows to be sealed again: the next start goes on.
pub(crate) async fn run(
    (engine, vault): (Engine, Option<Vault>),
    pause: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let (mut turns, mut days) = (
        tokio::time::interval(pause),
        tokio::time::interval(REMINDED),
    );
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_new_day = tokio::select! {
            // An error means that the sender is gone, which is a stop too.
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = days.tick() => true,
            _ = turns.tick() => false,
        };
        if is_new_day {
            remind(&engine).await;
            continue;
        }
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            done = engine.resume_rotation() => match done {
                Ok(0) => {}
                Ok(books) => tracing::info!(books, "what superseded keys sealed is sealed again"),
                Err(failure) => tracing::warn!(failure = ?failure, "keys were not replaced; tried again later"),
            },
        }
        let Some(vault) = &vault else { continue };
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            done = replace_due(&engine, vault) => if let Err(failure) = done {
                tracing::warn!(failure = ?failure, "the vault's keys were not replaced; tried again later");
            },
        }
    }
}

/// The roots are replaced by who keeps them, who has to be told.
async fn remind(engine: &Engine) {
    match engine.roots_age().await {
        Ok(age) if age.is_due => tracing::warn!(
            since = %age.since,
            "the time of the roots is over: replace them with `strongroom keys ceremony` or `strongroom keys rotate --level root`"
        ),
        // A read that failed is tried again tomorrow.
        _ => {}
    }
}
