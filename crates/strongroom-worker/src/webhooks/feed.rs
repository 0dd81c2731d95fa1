//! The events of all logs, a page of entries at a time, read once for all endpoints that stand near each other.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_engine::{Engine, Failure, OutEvent};
use strongroom_types::mode::Scope;

/// Entries in a page.
const PAGE: u64 = 64;

/// Pages kept. Their number bounds the memory, however much is queued.
const MOST_PAGES: usize = 128;

struct Page {
    /// The last entry that was read.
    reached: u64,
    events: Vec<Arc<OutEvent>>,
    used: u64,
}

#[derive(Default)]
pub(super) struct Feed {
    pages: HashMap<(u32, u64), Page>,
    turn: u64,
}

impl Feed {
    /// What stands behind `after` within its page, and up to where that was looked at. `end` is the log's last entry.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn behind(
        &mut self,
        engine: &Engine,
        scope: Scope,
        after: u64,
        end: u64,
    ) -> Result<(Vec<Arc<OutEvent>>, u64), Failure> {
        self.turn += 1;
        let number = after / PAGE;
        let last = (number + 1).saturating_mul(PAGE).min(end);
        let key = (scope.number, number);
        let known = self
            .pages
            .get(&key)
            .map_or(number * PAGE, |page| page.reached);
        if known < last {
            self.make_room();
            let most = usize::try_from(last - known).unwrap_or(1);
            let read = engine.outbox(scope, known, most).await?;
            let page = self.pages.entry(key).or_insert(Page {
                reached: known,
                events: Vec::new(),
                used: 0,
            });
            page.reached = read.reached;
            page.events.extend(read.events.into_iter().map(Arc::new));
        }
        let Some(page) = self.pages.get_mut(&key) else {
            return Ok((Vec::new(), after));
        };
        page.used = self.turn;
        let behind = page.events.iter().filter(|event| event.sequence > after);
        Ok((behind.map(Arc::clone).collect(), page.reached.max(after)))
    }

    fn make_room(&mut self) {
        if self.pages.len() < MOST_PAGES {
            return;
        }
        let oldest = self.pages.iter().min_by_key(|(_, page)| page.used);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.pages.remove(&key);
        }
    }
}
