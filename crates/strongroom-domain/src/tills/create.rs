//! Enrolling a till.

use strongroom_auth::permission::CreateTills;
use strongroom_types::id::{ApiKeyId, StoreId, TillId};
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
use crate::tills::bound::held;
use crate::tills::{Digest, TillBody, TillView};
use crate::view::json;

/// `POST /v1/tills`.
pub struct CreateTill {
    pub store: StoreId,
    pub name: String,
    /// A key of the organization that is to act for this till alone.
    pub key: Option<ApiKeyId>,
    pub public_key: Option<Digest>,
    pub metadata: Metadata,
}

impl Command for CreateTill {
    type Permission = CreateTills;

    fn action(&self) -> Action {
        Action::TillCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        new_key_facts(Keys::default().record(self.store.any()), self.key)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let missing = || Rejection::at(Code::StoreNotFound, "/store_id", "there is no such store");
        let store = facts.store(self.store).ok_or_else(missing)?;
        free_key(facts, self.key, None)?;

        // From here it must succeed.
        let body = TillBody {
            id: TillId(moment.fresh()),
            store: self.store,
            name: self.name.clone(),
            currency: store.currency,
            wallet: store.wallet,
            key: self.key,
            public_key: self.public_key,
            retired: false,
            open_shift: None,
            closed_shifts: 0,
            leases: Vec::new(),
            sequence: 0,
            head: Digest::default(),
            metadata: self.metadata.clone(),
            created_at: moment.now,
        };
        let id = body.id.any();
        let key = self.key.map(|key| key.to_string());
        let events = vec![EventFact::new(EventType::TillCreated, id)];
        let none = Movement::none();
        let decision = Decision::new(facts, Action::TillCreated, id, none, events);
        Ok(held_to(decision, facts, self.key, Some(body.id))
            .claim(Field::TillKey, key.as_deref(), id)
            .reply(Reply::Stored(json(&TillView::new(&body, moment.now))))
            .change(id, Record::Till(body)))
    }
}

/// What is asked of a key that is to act for a till.
pub(super) fn new_key_facts(keys: Keys, key: Option<ApiKeyId>) -> Keys {
    match key {
        Some(key) => keys
            .record(key.any())
            .holder(Field::TillKey, &key.to_string()),
        None => keys,
    }
}

/// The key is held to a till from now on, or to none.
pub(super) fn held_to(
    decision: Decision,
    facts: &Facts,
    key: Option<ApiKeyId>,
    till: Option<TillId>,
) -> Decision {
    match key.and_then(|key| Some((key, held(facts, key, till)?))) {
        Some((key, record)) => decision.change(key.any(), record),
        None => decision,
    }
}

/// Refuses a key that is not there, works no more, or acts for another till.
pub(super) fn free_key(
    facts: &Facts,
    key: Option<ApiKeyId>,
    own: Option<TillId>,
) -> Result<(), Rejection> {
    let Some(key) = key else { return Ok(()) };
    let at = |code, text: String| Err(Rejection::at(code, "/api_key_id", text));
    let Some(found) = facts.api_key(key.any()) else {
        return at(Code::NotFound, "there is no such key".into());
    };
    if found.status != strongroom_auth::CredentialStatus::Active {
        return at(Code::KeyRevoked, format!("`{key}` works no more"));
    }
    match facts.holder(Field::TillKey, &key.to_string()) {
        Some(holder) if Some(holder) != own.map(TillId::any) => {
            at(Code::AlreadyExists, format!("`{key}` acts for `{holder}`"))
        }
        _ => Ok(()),
    }
}
