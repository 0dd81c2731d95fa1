//! Retention: keys whose period has passed are destroyed, and with them what they sealed.

use strongroom_engine::{Engine, Failure};

/// Destroys the keys of stored replies older than their 25 hours and of request logs older than 90 days, and of
/// delivery attempts older than 30.
///
/// # Errors
/// [`Failure`] of the engine.
pub async fn purge(engine: &Engine) -> Result<(), Failure> {
    engine.purge_replies().await?;
    engine.purge_journals().await.map(drop)
}
