//! The log as audit records.

use strongroom_domain::entry::{EntryActor, EntryFacts};
use strongroom_domain::view::{AuditView, json};
use strongroom_store::MAX_SEQ;
use strongroom_types::id::AuditId;
use strongroom_types::time::Timestamp;

use crate::opened::OpenedEntry;
use crate::view::filters::within;
use crate::view::movements::step;
use crate::view::paging::Collector;
use crate::view::{AuditFilter, Listing, PageQuery, ReadFault, View};

/// A rendered audit record with the id it is listed under.
struct Line {
    id: AuditId,
    body: Vec<u8>,
}

impl View<'_> {
    /// One audit record, as JSON.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn audit_log(&mut self, id: AuditId) -> Result<Vec<u8>, ReadFault> {
        let (_, mut entry, facts) = self.entry_of(id.0)?;
        if facts.base != id.0 {
            return Err(ReadFault::NotFound);
        }
        let actor = entry.actor.take();
        Ok(self.line(&entry, &facts, actor.as_ref()).body)
    }

    /// Audit records as JSON, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn audit_logs(
        &mut self,
        filter: &AuditFilter,
        page: &PageQuery,
    ) -> Result<Listing<Vec<u8>>, ReadFault> {
        let backward = page.is_backward();
        let mut at = match page.cursor(AuditId::parse)? {
            None => Some(if backward { 1 } else { MAX_SEQ }),
            Some(id) => {
                Some(self.cursor_entry(Some(id.0))?.0.seq).and_then(|seq| step(seq, backward))
            }
        };
        let mut found: Collector<Line> = Collector::new(page);
        while let Some(from) = at {
            let rows = self.chunk(from, backward, found.chunk())?;
            let Some(last) = rows.last() else { break };
            at = step(last.seq, backward);
            for row in &rows {
                found.looked()?;
                let entry = self.open_entry(row)?;
                if let Some(facts) = entry
                    .facts
                    .as_ref()
                    .filter(|f| matches_entry(filter, &entry, f))
                {
                    let line = self.line(&entry, facts, entry.actor.as_ref());
                    found.push(line);
                }
            }
            if found.is_full() {
                break;
            }
        }
        let listing = found.finish(|line| line.id.to_string());
        Ok(Listing {
            items: listing.items.into_iter().map(|line| line.body).collect(),
            has_more: listing.has_more,
            next_cursor: listing.next_cursor,
        })
    }

    fn line(&self, entry: &OpenedEntry, facts: &EntryFacts, actor: Option<&EntryActor>) -> Line {
        let purged = EntryActor {
            credential: None,
            system: None,
            request: strongroom_types::id::RawId::ZERO,
            address: String::new(),
            user_agent: String::new(),
            rule: String::new(),
            signed: false,
            user: None,
        };
        let actor = actor.unwrap_or(&purged);
        let view = AuditView::new(
            facts,
            actor,
            &entry.place,
            self.scope.organization,
            self.scope.mode,
        );
        Line {
            id: facts.audit_id(),
            body: json(&view),
        }
    }
}

fn matches_entry(filter: &AuditFilter, entry: &OpenedEntry, facts: &EntryFacts) -> bool {
    let credential = entry.actor.as_ref().and_then(|actor| actor.credential);
    filter.action.is_none_or(|action| action == facts.action)
        && filter
            .resource
            .is_none_or(|resource| facts.resource == Some(resource))
        && filter
            .credential
            .is_none_or(|id| credential == Some(id.any()))
        && filter
            .outcome
            .is_none_or(|success| success == facts.refusal.is_none())
        && within(
            Timestamp(entry.place.time.0),
            filter.created_after,
            filter.created_before,
        )
}
