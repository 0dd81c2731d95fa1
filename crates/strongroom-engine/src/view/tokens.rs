//! Tokens, without their numbers. Their ids are random, so the list goes by the locators that their making left.

use std::collections::HashMap;

use strongroom_domain::record::Record;
use strongroom_domain::tokens::Token;
use strongroom_store::{IdRange, LocatorRow, Wanted};
use strongroom_types::id::{AnyId, Kind, RawId, TokenId};

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

/// Records that are looked at together.
const SEARCHED: usize = 200;

impl View<'_> {
    /// One token that is not deleted.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn token(&mut self, id: TokenId) -> Result<Token, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Token(token)) if !token.is_deleted() => Ok(token),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Tokens, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn tokens(&mut self, page: &PageQuery) -> Result<Listing<Token>, ReadFault> {
        let cursor = self.token_place(page)?;
        let pick = |record| match record {
            Record::Token(token) => Some((token.body.order, token)),
            _ => None,
        };
        let looked_for = ByOrder {
            kind: Kind::Token,
            cursor,
        };
        let found = self.by_order(&looked_for, page, pick, |token: &Token| !token.is_deleted())?;
        Ok(found.finish(|token| token.body.id.to_string()))
    }

    /// A page of records whose own ids are random, by the locators that their making left.
    pub(super) fn by_order<T>(
        &mut self,
        looked_for: &ByOrder,
        page: &PageQuery,
        pick: impl Fn(Record) -> Option<(RawId, T)>,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Collector<T>, ReadFault> {
        let cursor = looked_for.cursor;
        let backward = page.is_backward();
        let mut range = match backward {
            true => IdRange {
                after: cursor,
                before: None,
            },
            false => IdRange {
                after: None,
                before: cursor,
            },
        };
        let mut found = Collector::new(page);
        while !found.is_full() {
            let kinds = [looked_for.kind.code()];
            let (scope, chunk) = (self.scope.number, found.chunk());
            let rows = self
                .reader
                .locators(scope, &kinds, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            match backward {
                true => range.after = Some(last.id),
                false => range.before = Some(last.id),
            }
            for item in self.located(&rows, &pick)? {
                found.looked()?;
                if wanted(&item) {
                    found.push(item);
                }
            }
        }
        Ok(found)
    }

    /// Tokens with a sealed number, by id, from behind `after`; none when there are no more.
    pub(crate) fn tokens_with_numbers(
        &mut self,
        mut after: Option<TokenId>,
    ) -> Result<Vec<Token>, ReadFault> {
        let (scope, kind) = (self.scope, Kind::Token.code());
        loop {
            let range = IdRange {
                after: after.map(|id| id.0.0),
                before: None,
            };
            let rows = self
                .reader
                .records(scope.number, kind, range, false, SEARCHED)?;
            let Some(last) = rows.last() else {
                return Ok(Vec::new());
            };
            after = Some(TokenId(RawId(last.id)));
            let mut found = Vec::new();
            for row in &rows {
                match self.opener.record(&scope, row, &mut |_| None)? {
                    Record::Token(token) if token.sealed.is_some() => found.push(token),
                    _ => {}
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Where the cursor's token stands; a deleted one still marks its place.
    fn token_place(&mut self, page: &PageQuery) -> Result<Option<[u8; 12]>, ReadFault> {
        let Some(id) = page.cursor(TokenId::parse)? else {
            return Ok(None);
        };
        match self.record(id.any())? {
            Some(Record::Token(token)) => Ok(Some(token.body.order.0)),
            _ => Err(ReadFault::BadCursor),
        }
    }

    /// What locators lead to, in their order.
    fn located<T>(
        &mut self,
        rows: &[LocatorRow],
        pick: &impl Fn(Record) -> Option<(RawId, T)>,
    ) -> Result<Vec<T>, ReadFault> {
        let scope = self.scope.number;
        let wanted = Wanted {
            entries: rows.iter().map(|row| (scope, row.seq)).collect(),
            ..Wanted::default()
        };
        let mut ids: Vec<AnyId> = Vec::with_capacity(rows.len());
        for entry in &self.reader.load(&wanted)?.entries {
            let facts = self.open_entry(entry)?.facts;
            ids.extend(facts.and_then(|facts| facts.resource));
        }
        let records = self.records(&ids)?;
        let picked = records.into_iter().filter_map(|(_, record)| pick(record));
        let mut found: HashMap<RawId, T> = picked.collect();
        Ok(rows
            .iter()
            .filter_map(|row| found.remove(&RawId(row.id)))
            .collect())
    }
}

/// What such a list looks for, and the order of the one that it goes on after.
pub(super) struct ByOrder {
    pub kind: Kind,
    pub cursor: Option<[u8; 12]>,
}
