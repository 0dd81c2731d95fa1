//! Changing a customer, and forgetting who they are.

use strongroom_auth::permission::{EraseCustomers, ManageCustomers};
use strongroom_types::id::{AuditId, CustomerId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::customers::{Customer, CustomerView, claimed, existing, released};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

/// `PATCH /v1/customers/{id}`: what is `None` stays as it is, `Some(None)` removes it.
pub struct UpdateCustomer {
    pub id: CustomerId,
    pub name: Option<Option<String>>,
    pub email: Option<Option<String>>,
    pub phone: Option<Option<String>>,
    pub metadata: Option<Metadata>,
}

impl Command for UpdateCustomer {
    type Permission = ManageCustomers;

    fn action(&self) -> Action {
        Action::CustomerUpdated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        not_erased(old)?;

        // From here it must succeed.
        let (next, changed) = self.applied(old);
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::CustomerUpdated, id)];
        let (action, none) = (Action::CustomerUpdated, Movement::none());
        let decision = Decision::new(facts, action, id, none, events)
            .detail("changed", changed.join(","))
            .reply(Reply::Stored(json(&CustomerView::new(&next))));
        let decision = claimed(released(decision, old), &next);
        Ok(decision.change(id, Record::Customer(next)))
    }
}

impl UpdateCustomer {
    fn applied(&self, old: &Customer) -> (Customer, Vec<&'static str>) {
        let mut next = old.clone();
        let mut person = old.person.clone().unwrap_or_default();
        let mut changed = Vec::new();
        let fields = [
            ("name", &self.name, &mut person.name),
            ("email", &self.email, &mut person.email),
            ("phone", &self.phone, &mut person.phone),
        ];
        for (field, wish, value) in fields {
            if let Some(wish) = wish {
                value.clone_from(wish);
                changed.push(field);
            }
        }
        if let Some(metadata) = &self.metadata {
            next.body.metadata = metadata.clone();
            changed.push("metadata");
        }
        next.person = Some(person);
        (next, changed)
    }
}

/// `POST /v1/customers/{id}/erase`: what is personal goes with its key, for good.
pub struct EraseCustomer {
    pub id: CustomerId,
}

impl Command for EraseCustomer {
    type Permission = EraseCustomers;

    fn action(&self) -> Action {
        Action::CustomerErased
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let old = existing(facts, self.id)?;
        not_erased(old)?;

        // From here it must succeed.
        let mut next = old.clone();
        next.person = None;
        // What the client wrote beside a person may tell who it is.
        next.body.metadata = Metadata::default();
        next.body.erased_at = Some(moment.now);
        next.body.erasure = Some(AuditId(moment.ids.last()));
        let id = self.id.any();
        let events = vec![EventFact::new(EventType::CustomerErased, id)];
        let (action, none) = (Action::CustomerErased, Movement::none());
        let decision = Decision::new(facts, action, id, none, events)
            .detail("erased", "name,email,phone,metadata")
            .reply(Reply::Stored(json(&CustomerView::new(&next))))
            .erase(old.body.subject);
        Ok(released(decision, old).change(id, Record::Customer(next)))
    }
}

fn not_erased(customer: &Customer) -> Result<(), Rejection> {
    match customer.body.erased_at {
        Some(_) => {
            let text = format!("`{}` is erased", customer.body.id);
            Err(Rejection::new(Code::CustomerErased, text))
        }
        None => Ok(()),
    }
}
