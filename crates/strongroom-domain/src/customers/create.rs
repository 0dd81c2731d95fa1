//! Taking a customer in.

use strongroom_auth::permission::CreateCustomers;
use strongroom_types::id::{CustomerId, SubjectId};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Scope;
use strongroom_types::reference::ReferenceId;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::customers::{Customer, CustomerBody, CustomerView, Person, claimed};
use crate::decision::{Decision, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::record::Record;
use crate::rejection::Rejection;
use crate::view::json;

/// `POST /v1/customers`.
pub struct CreateCustomer {
    pub person: Person,
    pub reference_id: Option<ReferenceId>,
    pub metadata: Metadata,
}

impl Command for CreateCustomer {
    type Permission = CreateCustomers;

    fn action(&self) -> Action {
        Action::CustomerCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        match &self.reference_id {
            Some(reference) => Keys::default().holder(Field::CustomerReference, reference.as_str()),
            None => Keys::default(),
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let reference = self.reference_id.as_ref().map(ReferenceId::as_str);
        facts.free(Field::CustomerReference, reference)?;

        // From here it must succeed.
        let id = CustomerId(moment.fresh());
        let customer = Customer {
            body: CustomerBody {
                id,
                subject: SubjectId(id.0),
                reference_id: self.reference_id.clone(),
                metadata: self.metadata.clone(),
                totals: Vec::new(),
                created_at: moment.now,
                erased_at: None,
                erasure: None,
            },
            person: Some(self.person.clone()),
        };
        let events = vec![EventFact::new(EventType::CustomerCreated, id.any())];
        let (action, none) = (Action::CustomerCreated, Movement::none());
        let decision = Decision::new(facts, action, id.any(), none, events)
            .claim(Field::CustomerReference, reference, id.any())
            .reply(Reply::Stored(json(&CustomerView::new(&customer))));
        Ok(claimed(decision, &customer).change(id.any(), Record::Customer(customer)))
    }
}
