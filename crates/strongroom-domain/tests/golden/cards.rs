//! Samples of what there is of cards: a token, a payment, a refund, and an entry about them.

use strongroom_domain::action::Action;
use strongroom_domain::entry::{EntryFacts, EventFact, Transaction, TransactionKind};
use strongroom_domain::event::EventType;
use strongroom_domain::payments::{
    Challenge, Exchange, Outcome, PaymentBody, PaymentFailure, PaymentStatus, RefusedCaptures,
};
use strongroom_domain::refunds::{RefundBody, RefundFailure, RefundStatus};
use strongroom_domain::tokens::{Cardholder, Token, TokenBody, TokenStatus, TokenUse};
use strongroom_types::card::{Brand, Expiry};
use strongroom_types::id::{PaymentId, PaymentLinkId, RefundId, SubjectId, TokenId, WalletId};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::{facts, metadata, php, raw};

pub fn payment() -> PaymentBody {
    PaymentBody {
        id: PaymentId(raw(14)),
        status: PaymentStatus::PartiallyCaptured,
        amount: Money::new(10_000, php()),
        wallet: WalletId(raw(2)),
        token: TokenId(raw(11)),
        brand: Brand::Jcb,
        last4: "0505".into(),
        capture: true,
        captured: 9_000,
        settled: 8_000,
        refunded: 700,
        refunding: 60,
        exchange: Exchange::Done,
        unanswered: 2,
        failure: Some(PaymentFailure::LostCard),
        approval: Some("123456".into()),
        reference_id: ReferenceId::parse("order-8"),
        customer_id: Some("cus-7".into()),
        description: Some("coffee".into()),
        metadata: metadata(),
        created_at: Timestamp(5),
        authorized_at: Some(Timestamp(6)),
        expires_at: Some(Timestamp(9)),
        link: None,
        sale: None,
        challenge: None,
        return_url: None,
        fees: None,
        refused: None,
        maker: None,
    }
}

/// A payment of a link.
pub fn linked_payment() -> PaymentBody {
    PaymentBody {
        link: Some(PaymentLinkId(raw(16))),
        challenge: Some(Challenge {
            key: raw(19),
            until: Timestamp(9),
            outcome: Some(Outcome::Refused),
        }),
        return_url: Some("https://shop.example/back".into()),
        ..payment()
    }
}

/// A payment of which the acquirer did not take everything.
pub fn refused_payment() -> PaymentBody {
    PaymentBody {
        failure: None,
        refused: Some(RefusedCaptures {
            minor: 300,
            failure: PaymentFailure::ExpiredCard,
        }),
        ..payment()
    }
}

/// An entry that takes a capture back.
pub fn taken_back() -> EntryFacts {
    let payment = refused_payment();
    EntryFacts {
        action: Action::PaymentCaptureRefused,
        resource: Some(payment.id.any()),
        transactions: vec![Transaction {
            kind: TransactionKind::PaymentReversal,
            cause: Some(payment.id.any()),
            ..facts().transactions.remove(0)
        }],
        payout: None,
        events: vec![EventFact {
            event: EventType::PaymentCaptureRefused,
            about: None,
        }],
        payment: Some(payment),
        ..facts()
    }
}

pub fn refund() -> RefundBody {
    RefundBody {
        id: RefundId(raw(15)),
        status: RefundStatus::Failed,
        amount: Money::new(60, php()),
        payment: Some(PaymentId(raw(14))),
        token: Some(TokenId(raw(11))),
        wallet: Some(WalletId(raw(2))),
        reason: "cold".into(),
        exchange: Exchange::Done,
        failure: Some(RefundFailure::RefundDeclined),
        reference_id: ReferenceId::parse("back-8"),
        metadata: metadata(),
        created_at: Timestamp(5),
        processed_at: Some(Timestamp(6)),
        sale: None,
        shift: None,
        fee: None,
        maker: None,
    }
}

/// An entry about a card payment.
pub fn paid() -> EntryFacts {
    let told = |event, about| EventFact { event, about };
    let (payment, refund) = (payment(), refund());
    EntryFacts {
        action: Action::RefundFailed,
        resource: Some(refund.id.any()),
        transactions: vec![Transaction {
            kind: TransactionKind::RefundRelease,
            cause: Some(refund.id.any()),
            ..facts().transactions.remove(0)
        }],
        payout: None,
        events: vec![
            told(EventType::PaymentFailed, Some(payment.id.any())),
            told(EventType::RefundFailed, None),
            told(EventType::TokenExpired, Some(payment.token.any())),
        ],
        payment: Some(payment),
        refund: Some(refund),
        ..facts()
    }
}

pub fn token() -> Token {
    Token {
        body: TokenBody {
            id: TokenId(raw(11)),
            status: TokenStatus::Active,
            usage: TokenUse::MultiUse,
            brand: Brand::Jcb,
            bin: "356600".into(),
            last4: "0505".into(),
            expiry: Expiry::new(2031, 7).unwrap(),
            fingerprint: [6; 16],
            digest: Some([7; 32]),
            order: raw(12),
            subject: Some(SubjectId(raw(13))),
            created_at: Timestamp(5),
            expires_at: Some(Timestamp(9)),
        },
        holder: Some(Cardholder {
            name: "Peña".into(),
        }),
        sealed: None,
    }
}
