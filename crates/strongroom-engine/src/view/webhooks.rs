//! Endpoints.

use strongroom_domain::record::Record;
use strongroom_domain::webhooks::Webhook;
use strongroom_store::IdRange;
use strongroom_types::id::{Kind, WebhookId};

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One endpoint that is not deleted.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn webhook(&mut self, id: WebhookId) -> Result<Webhook, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Webhook(webhook)) if !webhook.is_deleted() => Ok(webhook),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Endpoints, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn webhooks(&mut self, page: &PageQuery) -> Result<Listing<Webhook>, ReadFault> {
        let cursor = page.cursor(WebhookId::parse)?.map(|id| id.0.0);
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
            let (scope, kind, chunk) = (self.scope.number, Kind::Webhook.code(), found.chunk());
            let rows = self.reader.records(scope, kind, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            match backward {
                true => range.after = Some(last.id),
                false => range.before = Some(last.id),
            }
            for row in &rows {
                found.looked()?;
                match self.open_record(row)? {
                    (_, Record::Webhook(webhook)) if !webhook.is_deleted() => found.push(webhook),
                    _ => {}
                }
            }
        }
        Ok(found.finish(|webhook| webhook.id.to_string()))
    }
}
