//! Whether the node that decides still does: it is asked again and again, on a connection apart from the work.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use strongroom_nodes::Holder;
use tokio::time::{sleep, timeout};

use super::{Front, Role, relay};

/// How often the deciding node is asked whether it decides, and how long it may take to say so.
const PING: Duration = Duration::from_millis(500);
const PONG: Duration = Duration::from_secs(4);
/// How often in a row it may fail to before everything under way is given up.
const SILENCES: u32 = 2;

impl Front {
    /// Asks the deciding node again and again whether it is one, for ever.
    pub async fn keep_in_touch(&self) {
        let mut role = self.0.role.subscribe();
        loop {
            let following = match &*role.borrow_and_update() {
                Role::Following(holder) => Some(Arc::clone(holder)),
                _ => None,
            };
            if let Some(holder) = following {
                self.ping(&holder).await;
            }
            tokio::select! {
                _ = role.changed() => {}
                () = sleep(PING) => {}
            }
        }
    }

    async fn ping(&self, holder: &Holder) {
        let mut silent = false;
        match timeout(PONG, holder.ping(relay::ping())).await {
            Ok(Ok(answered)) => {
                if answered.response.status() == StatusCode::NO_CONTENT {
                    self.0.reached.send_replace(Some(Instant::now()));
                }
                holder.keep(answered);
            }
            Ok(Err(missed)) => tracing::debug!(%missed, "the node that decides was not reached"),
            Err(_) => silent = true,
        }
        let mut silences = self
            .0
            .silences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *silences = if silent { *silences + 1 } else { 0 };
        if *silences >= SILENCES {
            *silences = 0;
            tracing::warn!(
                "the node that decides does not answer: what was sent to it is given up"
            );
            holder.break_off();
        }
    }
}
