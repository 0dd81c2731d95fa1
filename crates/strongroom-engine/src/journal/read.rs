//! Reading one scope's lines back, newest first, page by page.
//!
//! Lines are ordered by their ids. A day's file is followed along the scope's chain, from its end; a block is
//! opened only if its header says that it may hold a line of the page. Lines of destroyed keys and damaged blocks are
//! left out: a journal proves nothing, the audit log does.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use strongroom_store::StoreError;
use strongroom_types::id::RawId;
use strongroom_types::mode::Scope;
use strongroom_types::time::{DAY, Timestamp};

use crate::journal::folder::Folder;
use crate::journal::header::Header;
use crate::journal::line::{Line, Mark, Span};
use crate::journal::segment::Segment;
use crate::opened::Opener;
use crate::view::{Listing, PageQuery, ReadFault};

/// A line's id is made within this time of it.
const SKEW: i64 = DAY / 24;

/// Most blocks stepped over or opened for one page.
const MOST_BLOCKS: usize = 500_000;

/// Bytes of files walked for the first time after which one reading ends. What was walked stays known, so that asking
/// again goes on from there.
const MOST_WALKED: u64 = 1024 * 1024 * 1024;

/// One reading of one scope's lines.
pub(super) struct Reading<'a, L: Line> {
    folder: &'a Folder,
    opener: &'a Opener,
    scope: &'a Scope,
    filter: &'a L::Filter,
    span: Span,
    page: Page,
    blocks: usize,
    lines: usize,
    walked: u64,
}

impl<'a, L: Line> Reading<'a, L> {
    /// # Errors
    /// [`ReadFault::BadCursor`].
    pub fn new(
        folder: &'a Folder,
        opener: &'a Opener,
        scope: &'a Scope,
        filter: &'a L::Filter,
        query: &PageQuery,
    ) -> Result<Reading<'a, L>, ReadFault> {
        let page = Page {
            limit: query.limit,
            cursor: L::cursor(query)?,
            backward: query.is_backward(),
            lines: BTreeMap::new(),
        };
        Ok(Reading {
            folder,
            opener,
            scope,
            filter,
            span: L::span(filter),
            page,
            blocks: 0,
            lines: 0,
            walked: 0,
        })
    }

    /// # Errors
    /// [`ReadFault::NarrowTheRange`] when too much would be looked at, [`ReadFault::Store`] when files fail.
    pub fn run(mut self, now: Timestamp) -> Result<Listing<Vec<u8>>, ReadFault> {
        let (first, last) = self.days(now);
        let mut days = self.folder.days().map_err(failed)?;
        days.retain(|day| (first..=last).contains(day));
        if !self.page.backward {
            days.reverse();
        }
        for day in days {
            if self.page.is_settled_for_day(day) {
                break;
            }
            let Some(segment) = self.open(day)? else {
                continue;
            };
            match self.page.backward {
                true => self.upward(&segment)?,
                false => self.downward(&segment)?,
            }
        }
        Ok(self.page.finish(L::cursor_text))
    }

    /// The first and last day whose file may hold a line of the page.
    fn days(&self, now: Timestamp) -> (u32, u32) {
        let time = |id: RawId| Timestamp(i64::try_from(id.milliseconds()).unwrap_or(i64::MAX));
        let exact = self.span.id.map(time);
        let (above, below) = match self.page.backward {
            true => (self.page.cursor.map(time), None),
            false => (None, self.page.cursor.map(time)),
        };
        let around = |time: Option<Timestamp>, skew: i64| time.map(|time| time.plus(skew));
        let from = [
            Some(now.plus(-L::KIND.kept)),
            self.span.created_after,
            around(exact, -SKEW),
            around(above, -SKEW),
        ];
        let to = [
            self.span.created_before,
            around(exact, SKEW),
            around(below, SKEW),
        ];
        let first = from.into_iter().flatten().max().map_or(0, Timestamp::day);
        let last = to.into_iter().flatten().min().map_or(u32::MAX, last_day);
        (first, last)
    }

    fn open(&mut self, day: u32) -> Result<Option<Arc<Segment>>, ReadFault> {
        if self.walked > MOST_WALKED {
            return Err(ReadFault::NarrowTheRange);
        }
        self.walked = self.walked.saturating_add(self.folder.unwalked(day));
        self.folder.for_reading(day).map_err(failed)
    }

    /// Takes a day's lines in from the newest block back, until none before can be newer than the page's last.
    fn downward(&mut self, segment: &Segment) -> Result<(), ReadFault> {
        let mut next = segment.last(self.scope.number).map_err(failed)?;
        while let Some(header) = next {
            self.step()?;
            if self.page.is_settled(header.summit) {
                break;
            }
            self.take(segment, &header)?;
            next = segment.before(&header).map_err(failed)?;
        }
        Ok(())
    }

    /// Takes a day's lines in from the oldest block on. The chain leads back only, so it is gathered first.
    fn upward(&mut self, segment: &Segment) -> Result<(), ReadFault> {
        let mut headers = Vec::new();
        let mut next = segment.last(self.scope.number).map_err(failed)?;
        while let Some(header) = next {
            self.step()?;
            if self
                .page
                .cursor
                .is_some_and(|cursor| header.summit <= cursor)
            {
                break;
            }
            next = segment.before(&header).map_err(failed)?;
            headers.push(header);
        }
        headers.sort_by_key(|header| header.lowest);
        for header in &headers {
            if self.page.is_settled(header.lowest) {
                break;
            }
            self.take(segment, header)?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), ReadFault> {
        self.blocks += 1;
        if self.blocks > MOST_BLOCKS {
            Err(ReadFault::NarrowTheRange)
        } else {
            Ok(())
        }
    }

    /// Opens a block if it may hold lines of the page, and takes these.
    fn take(&mut self, segment: &Segment, header: &Header) -> Result<(), ReadFault> {
        if !self.may_hold(header) {
            return Ok(());
        }
        self.lines = self
            .lines
            .saturating_add(usize::try_from(header.lines).unwrap_or(usize::MAX));
        if self.lines > L::KIND.most_scanned {
            return Err(ReadFault::NarrowTheRange);
        }
        let Some(block) = segment
            .block(header, self.scope, &self.opener.hierarchy)
            .map_err(failed)?
        else {
            tracing::warn!(
                journal = L::KIND.name,
                day = segment.day,
                at = header.at,
                "a block does not open"
            );
            return Ok(());
        };
        let (span, page) = (self.span, &mut self.page);
        L::each(&block, self.filter, &mut |(mark, rendered)| {
            if span.holds(mark) && page.wants(mark) {
                page.put(mark.id, rendered());
            }
        });
        Ok(())
    }

    fn may_hold(&self, header: &Header) -> bool {
        let Span {
            id,
            created_after,
            created_before,
        } = self.span;
        let page = &self.page;
        let near = if page.backward {
            header.lowest
        } else {
            header.highest
        };
        let far = if page.backward {
            header.highest
        } else {
            header.lowest
        };
        page.is_behind_cursor(far)
            && !page.is_settled(near)
            && id.is_none_or(|id| (header.lowest..=header.highest).contains(&id))
            && created_after.is_none_or(|time| header.latest >= time)
            && created_before.is_none_or(|time| header.earliest < time)
    }
}

/// The lines nearest to the cursor so far, one more than asked for.
struct Page {
    limit: usize,
    cursor: Option<RawId>,
    /// Whether the page ends at the cursor instead of beginning there.
    backward: bool,
    lines: BTreeMap<RawId, Vec<u8>>,
}

impl Page {
    fn is_behind_cursor(&self, id: RawId) -> bool {
        self.cursor.is_none_or(|cursor| {
            if self.backward {
                id > cursor
            } else {
                id < cursor
            }
        })
    }

    fn wants(&self, mark: Mark) -> bool {
        self.is_behind_cursor(mark.id) && !self.is_settled(mark.id)
    }

    /// The line that gives way to one nearer to the cursor, once the page is full.
    fn edge(&self) -> Option<RawId> {
        let edge = if self.backward {
            self.lines.keys().next_back()
        } else {
            self.lines.keys().next()
        };
        edge.filter(|_| self.lines.len() > self.limit).copied()
    }

    /// Whether a line with this id, or one farther from the cursor, has no place any more.
    fn is_settled(&self, id: RawId) -> bool {
        self.edge()
            .is_some_and(|edge| if self.backward { id > edge } else { id < edge })
    }

    /// Whether no file of this day, or of one farther from the cursor, holds a line that has a place.
    fn is_settled_for_day(&self, day: u32) -> bool {
        let time = |id: RawId| Timestamp(i64::try_from(id.milliseconds()).unwrap_or(i64::MAX));
        self.edge().is_some_and(|edge| match self.backward {
            true => last_day(time(edge).plus(SKEW)) < day,
            false => time(edge).plus(-SKEW).day() > day,
        })
    }

    fn put(&mut self, id: RawId, line: Vec<u8>) {
        self.lines.insert(id, line);
        if self.lines.len() > self.limit.saturating_add(1) {
            drop(if self.backward {
                self.lines.pop_last()
            } else {
                self.lines.pop_first()
            });
        }
    }

    fn finish(self, cursor: fn(RawId) -> String) -> Listing<Vec<u8>> {
        let has_more = self.lines.len() > self.limit;
        let nearest_first: Vec<(RawId, Vec<u8>)> = match self.backward {
            true => self.lines.into_iter().take(self.limit).collect(),
            false => self.lines.into_iter().rev().take(self.limit).collect(),
        };
        let mut lines = nearest_first;
        if self.backward {
            lines.reverse();
        }
        let next_cursor = lines.last().filter(|_| has_more).map(|(id, _)| cursor(*id));
        Listing {
            items: lines.into_iter().map(|(_, line)| line).collect(),
            has_more,
            next_cursor,
        }
    }
}

/// A day as an upper bound; what is beyond the calendar bounds nothing.
fn last_day(time: Timestamp) -> u32 {
    match time.day() {
        0 => u32::MAX,
        day => day,
    }
}

fn failed(error: io::Error) -> ReadFault {
    ReadFault::Store(StoreError::Io(format!("a journal: {error}")))
}
