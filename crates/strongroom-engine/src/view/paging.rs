//! Pages: a limit, a cursor before or after, and whether there is more.

use crate::view::{MOST_SCANNED, ReadFault};

/// What a page is asked for by; cursors are ids as the client got them.
#[derive(Clone, Debug)]
pub struct PageQuery {
    pub limit: usize,
    pub after: Option<String>,
    pub before: Option<String>,
}

/// One page.
#[derive(Debug)]
pub struct Listing<T> {
    pub items: Vec<T>,
    pub has_more: bool,
    pub next_cursor: Option<String>,
}

impl<T> Default for Listing<T> {
    /// Nothing.
    fn default() -> Listing<T> {
        Listing {
            items: Vec::new(),
            has_more: false,
            next_cursor: None,
        }
    }
}

impl PageQuery {
    /// Whether the list is walked against its own order.
    pub(crate) fn is_backward(&self) -> bool {
        self.before.is_some() && self.after.is_none()
    }

    /// The cursor to start behind, parsed; `Some(Err)` when it is no id of the list.
    pub(crate) fn cursor<T>(
        &self,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ReadFault> {
        match self.after.as_deref().or(self.before.as_deref()) {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or(ReadFault::BadCursor),
        }
    }
}

/// Collects a page's items, one more than asked for so that "more" is known, and counts what was looked at.
pub(crate) struct Collector<T> {
    items: Vec<T>,
    limit: usize,
    scanned: usize,
    backward: bool,
}

impl<T> Collector<T> {
    pub fn new(page: &PageQuery) -> Collector<T> {
        Collector {
            items: Vec::new(),
            limit: page.limit,
            scanned: 0,
            backward: page.is_backward(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.items.len() > self.limit
    }

    /// Rows to read next: few for a bare list, more once the filter turns out to be sharp.
    pub fn chunk(&self) -> usize {
        (self.limit + 1).max(self.scanned.min(1_000))
    }

    /// Counts a row looked at.
    ///
    /// # Errors
    /// [`ReadFault::NarrowTheRange`] beyond the bound.
    pub fn looked(&mut self) -> Result<(), ReadFault> {
        self.scanned += 1;
        if self.scanned > MOST_SCANNED {
            Err(ReadFault::NarrowTheRange)
        } else {
            Ok(())
        }
    }

    pub fn push(&mut self, item: T) {
        if !self.is_full() {
            self.items.push(item);
        }
    }

    pub fn extend(&mut self, item: Option<T>) {
        if let Some(item) = item {
            self.push(item);
        }
    }

    pub fn finish(mut self, cursor: impl Fn(&T) -> String) -> Listing<T> {
        let has_more = self.items.len() > self.limit;
        self.items.truncate(self.limit);
        if self.backward {
            self.items.reverse();
        }
        // The page goes on at the end that the walk has reached.
        let end = if self.backward {
            self.items.first()
        } else {
            self.items.last()
        };
        let next_cursor = end.filter(|_| has_more).map(cursor);
        Listing {
            items: self.items,
            has_more,
            next_cursor,
        }
    }
}
