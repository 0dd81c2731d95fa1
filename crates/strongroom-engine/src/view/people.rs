//! People and their sessions.

use strongroom_domain::facts::Field;
use strongroom_domain::record::Record;
use strongroom_domain::sessions::Session;
use strongroom_domain::users::User;
use strongroom_store::IdRange;
use strongroom_types::id::{Kind, SessionId, UserId};

use crate::view::paging::Collector;
use crate::view::{Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One person.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn user(&mut self, id: UserId) -> Result<User, ReadFault> {
        match self.record(id.any())? {
            Some(Record::User(user)) => self.of_role(user),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// With what his role allows, where he holds one.
    fn of_role(&mut self, mut user: User) -> Result<User, ReadFault> {
        if let Some(role) = user.body.role_id {
            user.body.permissions = self.allowed(role)?;
        }
        Ok(user)
    }

    /// One session, whether it goes on or not.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn session(&mut self, id: SessionId) -> Result<Session, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Session(session)) => Ok(session),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// People, newest first; of those who have an address, all but who is deactivated.
    ///
    /// # Errors
    /// As every list.
    pub fn users(
        &mut self,
        email: Option<&str>,
        page: &PageQuery,
    ) -> Result<Listing<User>, ReadFault> {
        let mut cursor = page.cursor(UserId::parse)?.map(|id| id.0.0);
        let mut found = Collector::new(page);
        if let Some(email) = email {
            let holders = self.holders(Field::UserEmail, email, 1)?;
            for id in holders.into_iter().filter(|_| cursor.is_none()) {
                found.push(self.user(UserId(id.raw))?);
            }
            return Ok(found.finish(|user| user.body.id.to_string()));
        }
        let backward = page.is_backward();
        while !found.is_full() {
            let (after, before) = match backward {
                true => (cursor, None),
                false => (None, cursor),
            };
            let (scope, kind, chunk) = (self.scope.number, Kind::User.code(), found.chunk());
            let range = IdRange { after, before };
            let rows = self.reader.records(scope, kind, range, !backward, chunk)?;
            let Some(last) = rows.last() else { break };
            cursor = Some(last.id);
            for row in &rows {
                if let (_, Record::User(user)) = self.open_record(row)? {
                    found.push(self.of_role(user)?);
                }
            }
        }
        Ok(found.finish(|user| user.body.id.to_string()))
    }
}
