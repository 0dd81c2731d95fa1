//! How payments and refunds look on the wire, and what events say of them.

use serde_json::{Value, json};

use super::cards::{CARDS, is_open};
use super::shapes::{decimal, payment_id, refund_id, time, token_id, wallet_id};
use super::{Names, Reference};

impl Reference {
    /// `GET /v1/payments/{id}`.
    pub fn payment(&self, n: usize) -> Value {
        let Some(payment) = self.payments.get(n) else {
            return Value::Null;
        };
        let card = self.tokens.get(payment.token).map_or(0, |token| token.card);
        let (number, _) = CARDS.get(card).copied().unwrap_or_default();
        let open = is_open(payment);
        let approved = payment.authorized.map(|_| Names::anything());
        json!({
            "id": payment_id(n),
            "object": "payment",
            "status": payment.status,
            "amount": payment.amount,
            "amount_decimal": decimal(payment.amount, payment.currency),
            "currency": payment.currency,
            "amount_captured": payment.captured,
            "amount_capturable": if open { payment.amount - payment.captured } else { 0 },
            "amount_settled": payment.settled,
            "amount_refunded": payment.refunded,
            "amount_refundable": payment.captured - payment.refunded - payment.refunding,
            "fee": payment.fee,
            "fee_decimal": decimal(payment.fee, payment.currency),
            "net": payment.settled - payment.fee,
            "net_decimal": decimal(payment.settled - payment.fee, payment.currency),
            "wallet_id": wallet_id(payment.wallet),
            "payment_token": token_id(payment.token),
            "card": { "brand": "visa", "last4": number.get(12..) },
            "capture": payment.capture,
            "next_action": null,
            "return_url": null,
            "payment_link_id": null,
            "customer_id": null,
            "reference_id": payment.reference,
            "description": null,
            "metadata": {},
            "failure_code": payment.failure,
            "approval_code": approved,
            "authorized_at": payment.authorized.map(|at| time(Some(at))),
            "expires_at": payment.expires.map(|at| time(Some(at))),
            "created_at": time(payment.created),
        })
    }

    /// `GET /v1/refunds/{id}`.
    pub fn refund(&self, n: usize) -> Value {
        let Some(refund) = self.refunds.get(n) else {
            return Value::Null;
        };
        let Some(paid) = self.payments.get(refund.payment) else {
            return Value::Null;
        };
        json!({
            "id": refund_id(n),
            "object": "refund",
            "status": refund.status,
            "amount": refund.amount,
            "amount_decimal": decimal(refund.amount, paid.currency),
            "currency": paid.currency,
            "payment_id": payment_id(refund.payment),
            "payment_token": token_id(paid.token),
            "wallet_id": wallet_id(paid.wallet),
            "fee": refund.fee,
            "fee_decimal": decimal(refund.fee, paid.currency),
            "net": refund.amount - refund.fee,
            "net_decimal": decimal(refund.amount - refund.fee, paid.currency),
            "reason": "model",
            "reference_id": refund.reference,
            "metadata": {},
            "failure_code": refund.failure,
            "processed_at": refund.processed.map(|at| time(Some(at))),
            "created_at": time(refund.created),
        })
    }

    pub(super) fn payment_data(&self, n: usize) -> Value {
        let Some(payment) = self.payments.get(n) else {
            return Value::Null;
        };
        let mut data = json!({
            "payment_id": payment_id(n),
            "amount": payment.amount,
            "currency": payment.currency,
            "status": payment.status,
            "amount_captured": payment.captured,
            "amount_refunded": payment.refunded,
            "payment_token": token_id(payment.token),
        });
        if let (Some(failure), Some(fields)) = (payment.failure, data.as_object_mut()) {
            fields.insert("failure_code".to_owned(), json!(failure));
        }
        data
    }

    pub(super) fn refund_data(&self, n: usize) -> Value {
        let Some(refund) = self.refunds.get(n) else {
            return Value::Null;
        };
        let currency = self.payments.get(refund.payment).map(|paid| paid.currency);
        let mut data = json!({
            "refund_id": refund_id(n),
            "payment_id": payment_id(refund.payment),
            "amount": refund.amount,
            "currency": currency,
            "status": refund.status,
        });
        if let (Some(failure), Some(fields)) = (refund.failure, data.as_object_mut()) {
            fields.insert("failure_code".to_owned(), json!(failure));
        }
        data
    }
}
