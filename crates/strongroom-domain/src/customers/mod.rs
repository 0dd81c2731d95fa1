//! Customers: whoever buys, by name, e-mail address and phone number.
//!
//! What is personal is one part under the customer's own subject key. Erasing drops the part, frees the indexes and
//! destroys the key in the same commit; sales and payments keep the id, which then leads to nobody.

mod change;
mod create;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AuditId, CustomerId, SubjectId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::decision::Decision;
use crate::facts::{Facts, Field};
use crate::rejection::{Code, Rejection};

pub use change::{EraseCustomer, UpdateCustomer};
pub use create::CreateCustomer;
pub use view::CustomerView;
pub(crate) use view::proof_of;

/// A customer without what is personal.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct CustomerBody {
    #[n(0)]
    #[class(operational)]
    pub id: CustomerId,
    #[n(1)]
    #[class(operational)]
    pub subject: SubjectId,
    #[n(2)]
    #[class(sensitive)]
    pub reference_id: Option<ReferenceId>,
    #[n(3)]
    #[class(sensitive)]
    pub metadata: Metadata,
    /// What was sold to them, per currency; voided and failed transactions do not count.
    #[n(4)]
    #[class(sensitive)]
    pub totals: Vec<CustomerTotal>,
    #[n(5)]
    #[class(operational)]
    pub created_at: Timestamp,
    #[n(6)]
    #[class(operational)]
    pub erased_at: Option<Timestamp>,
    /// The entry that erased them.
    #[n(7)]
    #[class(operational)]
    pub erasure: Option<AuditId>,
}

/// What was sold to a customer in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CustomerTotal {
    #[n(0)]
    pub currency: Currency,
    #[n(1)]
    pub sales: u32,
    /// Minor units.
    #[n(2)]
    pub amount: i64,
}

/// Who a customer is.
#[derive(Clone, Default, Encode, Decode, Serialize, Classified)]
#[part(personal)]
pub struct Person {
    #[n(0)]
    #[class(personal)]
    pub name: Option<String>,
    #[n(1)]
    #[class(personal)]
    pub email: Option<String>,
    #[n(2)]
    #[class(personal)]
    pub phone: Option<String>,
}

/// A customer as stored.
#[derive(Clone)]
pub struct Customer {
    pub body: CustomerBody,
    pub person: Option<Person>,
}

impl Customer {
    /// The customer once a sale counts, or does not count any more.
    pub(crate) fn sold(&self, amount: Money, counts: bool) -> Customer {
        let mut next = self.clone();
        let totals = &mut next.body.totals;
        let known = totals.iter().position(|t| t.currency == amount.currency);
        let place = known.unwrap_or_else(|| {
            totals.push(CustomerTotal {
                currency: amount.currency,
                sales: 0,
                amount: 0,
            });
            totals.len().saturating_sub(1)
        });
        if let Some(total) = totals.get_mut(place) {
            let (sales, minor) = match counts {
                true => (total.sales.saturating_add(1), amount.minor),
                false => (total.sales.saturating_sub(1), -amount.minor),
            };
            total.sales = sales;
            total.amount = total.amount.saturating_add(minor);
        }
        next
    }
}

fn existing(facts: &Facts, id: CustomerId) -> Result<&Customer, Rejection> {
    facts
        .customer(id)
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such customer"))
}

/// Refuses a customer who is not there, or not any more.
///
/// # Errors
/// [`Code::CustomerNotFound`] or [`Code::CustomerErased`].
pub(crate) fn present(facts: &Facts, id: CustomerId) -> Result<&Customer, Rejection> {
    let at = "/customer_id";
    let missing = || Rejection::at(Code::CustomerNotFound, at, "there is no such customer");
    let customer = facts.customer(id).ok_or_else(missing)?;
    match customer.body.erased_at {
        Some(_) => {
            let text = format!("`{id}` is erased");
            Err(Rejection::at(Code::CustomerErased, at, text))
        }
        None => Ok(customer),
    }
}

fn claimed(decision: Decision, customer: &Customer) -> Decision {
    let (id, person) = (customer.body.id.any(), customer.person.as_ref());
    decision
        .claim(
            Field::CustomerEmail,
            person.and_then(|p| p.email.as_deref()),
            id,
        )
        .claim(
            Field::CustomerPhone,
            person.and_then(|p| p.phone.as_deref()),
            id,
        )
}

fn released(decision: Decision, customer: &Customer) -> Decision {
    let (id, person) = (customer.body.id.any(), customer.person.as_ref());
    decision
        .release(
            Field::CustomerEmail,
            person.and_then(|p| p.email.as_deref()),
            id,
        )
        .release(
            Field::CustomerPhone,
            person.and_then(|p| p.phone.as_deref()),
            id,
        )
}
