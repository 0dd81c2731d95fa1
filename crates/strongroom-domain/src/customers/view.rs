//! How customers look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{AuditId, CustomerId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::customers::Customer;

/// A customer.
#[derive(Serialize)]
pub struct CustomerView<'a> {
    pub id: CustomerId,
    pub object: &'static str,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub reference_id: Option<&'a ReferenceId>,
    pub metadata: &'a Metadata,
    pub totals: Vec<TotalView>,
    pub erased_at: Option<Timestamp>,
    /// The receipt of the erasure, and where its proof is.
    pub erasure: Option<ErasureView>,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
pub struct TotalView {
    pub currency: Currency,
    pub transactions: u32,
    pub amount: i64,
    pub amount_decimal: String,
}

#[derive(Serialize)]
pub struct ErasureView {
    pub audit_log_id: AuditId,
    pub proof: String,
}

impl<'a> CustomerView<'a> {
    pub fn new(customer: &'a Customer) -> CustomerView<'a> {
        let (body, person) = (&customer.body, customer.person.as_ref());
        let totals = body.totals.iter().map(|total| TotalView {
            currency: total.currency,
            transactions: total.sales,
            amount: total.amount,
            amount_decimal: Money::new(total.amount, total.currency).decimal(),
        });
        CustomerView {
            id: body.id,
            object: "customer",
            name: person.and_then(|p| p.name.as_deref()),
            email: person.and_then(|p| p.email.as_deref()),
            phone: person.and_then(|p| p.phone.as_deref()),
            reference_id: body.reference_id.as_ref(),
            metadata: &body.metadata,
            totals: totals.collect(),
            erased_at: body.erased_at,
            erasure: body.erasure.map(|id| ErasureView {
                audit_log_id: id,
                proof: proof_of(id),
            }),
            created_at: body.created_at,
        }
    }
}

/// Where the proof that an entry stands in the log is read.
pub(crate) fn proof_of(id: AuditId) -> String {
    format!("/v1/audit-logs/{id}/proof")
}
