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
            // A person's line is none of the keys, nor is a client's.
            Some(Record::ApiKey(key)) if key.is_key() => self.shown(key),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// With what its role allows, where it holds one, and the till that it acts for alone, whichever of both says so.
    fn shown(&mut self, mut key: ApiKey) -> Result<ApiKey, ReadFault> {
        if key.till.is_none() {
            key.till = self.till_of(key.id)?.map(|till| till.id);
        }
        if let Some(role) = key.role_id {
            key.permissions = self.allowed(role)?;
        }
        Ok(key)
    }

    /// Keys, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn api_keys(&mut self, page: &PageQuery) -> Result<Listing<ApiKey>, ReadFault> {
        let mut cursor = page.cursor(ApiKeyId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        let mut found = Collector::new(page);
        while !found.is_full() {
            let (after, before) = match backward {
                true => (cursor, None),
                false => (None, cursor),
            };
            let (scope, kind, chunk) = (self.scope.number, Kind::ApiKey.code(), found.chunk());
            let range = IdRange { after, before };
            let rows = self.reader.records(scope, kind, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            cursor = Some(last.id);
            for row in &rows {
                found.looked()?;
                if let (_, Record::ApiKey(key)) = self.open_record(row)?
                    && key.is_key()
                {
                    found.push(self.shown(key)?);
                }
            }
        }
        Ok(found.finish(|key| key.id.to_string()))
    }
}
