//! Clients of OAuth.

use strongroom_domain::oauth::{OauthClient, OauthGrant};
use strongroom_domain::record::Record;
use strongroom_domain::users::UserBody;
use strongroom_store::IdRange;
use strongroom_types::id::{Kind, OauthClientId};
use strongroom_types::time::Timestamp;

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One client that was not deleted.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn oauth_client(&mut self, id: OauthClientId) -> Result<OauthClient, ReadFault> {
        match self.record(id.any())? {
            Some(Record::OauthClient(client)) if client.is_active() => Ok(client),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// What a person lets clients do that go on, newest first, each with its client.
    ///
    /// # Errors
    /// As every read.
    pub fn grants_of(
        &mut self,
        user: &UserBody,
        now: Timestamp,
    ) -> Result<Vec<(OauthGrant, OauthClient)>, ReadFault> {
        let mut found = Vec::new();
        for id in user.grants.iter().flatten().rev() {
            let Some(Record::OauthGrant(grant)) = self.record(id.any())? else {
                continue;
            };
            let Some(Record::OauthClient(client)) = self.record(grant.client.any())? else {
                continue;
            };
            if grant.is_on(user, now) && client.is_active() {
                found.push((grant, client));
            }
        }
        Ok(found)
    }

    /// Clients that were not deleted, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn oauth_clients(&mut self, page: &PageQuery) -> Result<Listing<OauthClient>, ReadFault> {
        let mut cursor = page.cursor(OauthClientId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        let mut found = Collector::new(page);
        while !found.is_full() {
            let (after, before) = match backward {
                true => (cursor, None),
                false => (None, cursor),
            };
            let (scope, kind, chunk) = (self.scope.number, Kind::OauthClient.code(), found.chunk());
            let range = IdRange { after, before };
            let rows = self.reader.records(scope, kind, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            cursor = Some(last.id);
            for row in &rows {
                found.looked()?;
                if let (_, Record::OauthClient(client)) = self.open_record(row)? {
                    found.extend(Some(client).filter(OauthClient::is_active));
                }
            }
        }
        Ok(found.finish(|client| client.id.to_string()))
    }
}
