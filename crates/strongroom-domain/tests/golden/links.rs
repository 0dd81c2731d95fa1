//! A sample of a payment link.

use strongroom_domain::payment_links::{
    LinkCustomer, PaymentLink, PaymentLinkBody, PaymentLinkStatus,
};
use strongroom_domain::payments::PaymentFailure;
use strongroom_types::id::{PaymentId, PaymentLinkId, SubjectId, WalletId};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::{metadata, php, raw};

pub fn payment_link() -> PaymentLink {
    PaymentLink {
        body: PaymentLinkBody {
            id: PaymentLinkId(raw(16)),
            status: PaymentLinkStatus::Paid,
            amount: Money::new(10_000, php()),
            wallet: WalletId(raw(2)),
            description: Some("chairs".into()),
            reference_id: ReferenceId::parse("order-9"),
            metadata: metadata(),
            success_url: Some("https://shop.example/thanks".into()),
            cancel_url: Some("https://shop.example/cart".into()),
            order: raw(17),
            subject: Some(SubjectId(raw(18))),
            created_at: Timestamp(5),
            expires_at: Timestamp(9),
            payment: Some(PaymentId(raw(14))),
            attempts: 3,
            failure: Some(PaymentFailure::CardDeclined),
            ended_at: Some(Timestamp(8)),
        },
        customer: Some(LinkCustomer {
            email: Some("p@example.com".into()),
            name: Some("Peña".into()),
        }),
    }
}
