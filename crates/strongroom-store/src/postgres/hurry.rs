//! The end of all waiting: a server that stops and cannot reach its database does not wait for it.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether nothing is waited for any more; all clones are one.
#[derive(Clone)]
pub(super) struct Hurry(Arc<watch::Sender<bool>>);

impl Default for Hurry {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Hurry {
    /// Ends all waiting.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it has begun.
    pub async fn begun(&self) {
        let mut told = self.0.subscribe();
        // The sender lives as long as this.
        let _ = told.wait_for(|on| *on).await;
    }
}
