//! Wakes who waits for a scope's next commit. Costs the commit thread one look while nobody waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use strongroom_store::HeadRow;
use tokio::sync::watch;

/// Who waits, by scope; what they are told is the sequence of the newest entry.
#[derive(Default)]
pub(crate) struct Arrivals {
    waiting: Mutex<HashMap<u32, watch::Sender<u64>>>,
    any: AtomicBool,
}

impl Arrivals {
    pub fn subscribe(&self, scope: u32) -> watch::Receiver<u64> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.any.store(true, Ordering::SeqCst);
        let sender = waiting.entry(scope);
        sender.or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Tells of the logs that a durable batch grew.
    pub fn ring(&self, heads: &[HeadRow]) {
        if !self.any.load(Ordering::SeqCst) {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, sender| sender.receiver_count() > 0);
        for head in heads {
            if let Some(sender) = waiting.get(&head.log) {
                sender.send_replace(head.seq);
            }
        }
        self.any.store(!waiting.is_empty(), Ordering::SeqCst);
    }
}
