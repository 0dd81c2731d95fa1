//! API keys.

use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::record::Record;
use strongroom_store::IdRange;
use strongroom_types::id::{ApiKeyId, Kind};

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One key, without its texts.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn api_key(&mut self, id: ApiKeyId) -> Result<ApiKey, ReadFault> {
        match self.record(id.any())? {
            Some(Record::ApiKey(key)) => Ok(key),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Keys, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn api_keys(&mut self, page: &PageQuery) -> Result<Listing<ApiKey>, ReadFault> {
        let cursor = page.cursor(ApiKeyId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        let range = match backward {
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
        let rows = self.reader.records(
            self.scope.number,
            Kind::ApiKey.code(),
            range,
            !backward,
            page.limit + 1,
        )?;
        for row in &rows {
            if let (_, Record::ApiKey(key)) = self.open_record(row)? {
                found.push(key);
            }
        }
        Ok(found.finish(|key| key.id.to_string()))
    }
}
