//! Roles that an organization made.

use strongroom_auth::PermissionSet;
use strongroom_domain::record::Record;
use strongroom_domain::roles::RoleBody;
use strongroom_store::IdRange;
use strongroom_types::id::{Kind, RoleId};

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One role that is not deleted.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn role(&mut self, id: RoleId) -> Result<RoleBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Role(role)) if role.is_active() => Ok(role),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// What a role allows; nothing once it is deleted.
    pub(super) fn allowed(&mut self, id: RoleId) -> Result<PermissionSet, ReadFault> {
        match self.role(id) {
            Ok(role) => Ok(role.permissions),
            Err(ReadFault::NotFound) => Ok(PermissionSet::NONE.clone()),
            Err(fault) => Err(fault),
        }
    }

    /// Roles that are not deleted, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn roles(&mut self, page: &PageQuery) -> Result<Listing<RoleBody>, ReadFault> {
        let mut cursor = page.cursor(RoleId::parse)?.map(|id| id.0.0);
        let backward = page.is_backward();
        let mut found = Collector::new(page);
        while !found.is_full() {
            let (after, before) = match backward {
                true => (cursor, None),
                false => (None, cursor),
            };
            let (scope, kind, chunk) = (self.scope.number, Kind::Role.code(), found.chunk());
            let range = IdRange { after, before };
            let rows = self.reader.records(scope, kind, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            cursor = Some(last.id);
            for row in &rows {
                found.looked()?;
                if let (_, Record::Role(role)) = self.open_record(row)? {
                    found.extend(Some(role).filter(RoleBody::is_active));
                }
            }
        }
        Ok(found.finish(|role| role.id.to_string()))
    }
}
