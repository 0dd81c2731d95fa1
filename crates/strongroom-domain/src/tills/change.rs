//! Changing a till, and taking it out of use.

use strongroom_auth::permission::ManageTills;
use strongroom_types::id::{ApiKeyId, TillId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::tills::create::{free_key, held_to, new_key_facts};
use crate::tills::{Digest, TillBody, TillView, existing, not_retired};
use crate::view::json;

/// `PATCH /v1/tills/{id}`: what is `None` stays as it is, `Some(None)` removes it.
pub struct UpdateTill {
    pub id: TillId,
    pub name: Option<String>,
    pub key: Option<Option<ApiKeyId>>,
    pub public_key: Option<Option<Digest>>,
    /// For good: its key acts for no till any more, and sees no other store.
    pub retire: bool,
    pub metadata: Option<Metadata>,
}

impl Command for UpdateTill {
    type Permission = ManageTills;

    fn action(&self) -> Action {
        Action::TillUpdated
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = new_key_facts(Keys::default().record(self.id.any()), self.key.flatten());
        match facts.till(self.id).and_then(|till| till.key) {
            Some(key) => keys.record(key.any()),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        not_retired(old)?;
        free_key(facts, self.key.flatten(), Some(self.id))?;
        if let Some(shift) = old.open_shift.filter(|_| self.retire) {
            let text = format!("close `{shift}` first");
            return Err(Rejection::new(Code::ShiftOpen, text));
        }

        // From here it must succeed.
        let (next, changed) = self.applied(old);
        let id = self.id.any();
        let (was, is) = (old.key.map(key_text), next.key.map(key_text));
        let events = vec![EventFact::new(EventType::TillUpdated, id)];
        let none = Movement::none();
        let mut decision = Decision::new(facts, Action::TillUpdated, id, none, events);
        if old.key != next.key {
            // SECURITY: one that is replaced, or whose till is retired, is held to it all the same. Who takes it away frees it.
            let is_freed = self.key == Some(None) && !self.retire;
            let to = (!is_freed).then_some(self.id);
            decision = held_to(decision, facts, old.key, to);
        }
        Ok(held_to(decision, facts, next.key, Some(self.id))
            .release(Field::TillKey, was.as_deref(), id)
            .claim(Field::TillKey, is.as_deref(), id)
            .detail("changed", changed.join(","))
            .reply(Reply::Stored(json(&TillView::new(&next, moment.now))))
            .change(id, Record::Till(next)))
    }
}

fn key_text(key: ApiKeyId) -> String {
    key.to_string()
}

impl UpdateTill {
    fn applied(&self, old: &TillBody) -> (TillBody, Vec<&'static str>) {
        let mut next = old.clone();
        let mut changed = Vec::new();
        if let Some(name) = &self.name {
            next.name.clone_from(name);
            changed.push("name");
        }
        if let Some(key) = self.key {
            next.key = key;
            changed.push("api_key_id");
        }
        if let Some(public_key) = self.public_key {
            next.public_key = public_key;
            changed.push("public_key");
        }
        if let Some(metadata) = &self.metadata {
            next.metadata = metadata.clone();
            changed.push("metadata");
        }
        if self.retire {
            next.retired = true;
            next.key = None;
            next.leases = Vec::new();
            changed.push("status");
        }
        (next, changed)
    }
}
