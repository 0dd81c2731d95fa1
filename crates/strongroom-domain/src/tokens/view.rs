//! How tokens look on the wire: masked, but for the one reply that reveals.

use serde::Serialize;
use strongroom_types::card::Brand;
use strongroom_types::id::{AuditId, TokenId};
use strongroom_types::time::Timestamp;

use crate::tokens::{Token, TokenBody, TokenStatus, TokenUse};

/// A token.
#[derive(Serialize)]
pub struct TokenView<'a> {
    pub id: TokenId,
    pub object: &'static str,
    pub status: TokenStatus,
    #[serde(rename = "use")]
    pub usage: TokenUse,
    pub card: CardView<'a>,
    pub cardholder_name: Option<&'a str>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// What may be shown of a card.
#[derive(Serialize)]
pub struct CardView<'a> {
    pub brand: Brand,
    pub bin: &'a str,
    pub last4: &'a str,
    pub exp_month: i8,
    pub exp_year: i16,
    /// SECURITY: with the first and last digits beside it, whoever may also make tokens can try the numbers between them.
    /// It is for those who may see the number anyway.
    pub fingerprint: Option<String>,
}

impl<'a> CardView<'a> {
    pub fn new(body: &'a TokenBody, reveals: bool) -> CardView<'a> {
        CardView {
            brand: body.brand,
            bin: &body.bin,
            last4: &body.last4,
            exp_month: body.expiry.month(),
            exp_year: body.expiry.year(),
            fingerprint: reveals.then(|| hex(&body.fingerprint)),
        }
    }
}

impl<'a> TokenView<'a> {
    /// As it looks at some time, to a caller that may reveal numbers or one that may not.
    pub fn at(token: &'a Token, now: Timestamp, reveals: bool) -> TokenView<'a> {
        let body = &token.body;
        TokenView {
            id: body.id,
            object: "token",
            status: token.status_at(now),
            usage: body.usage,
            card: CardView::new(body, reveals),
            cardholder_name: token.holder.as_ref().map(|holder| holder.name.as_str()),
            expires_at: body.expires_at,
            created_at: body.created_at,
        }
    }
}

/// A token that is gone.
#[derive(Serialize)]
pub struct DeletedTokenView {
    pub id: TokenId,
    pub object: &'static str,
    pub deleted: bool,
}

impl DeletedTokenView {
    pub fn new(id: TokenId) -> DeletedTokenView {
        DeletedTokenView {
            id,
            object: "token",
            deleted: true,
        }
    }
}

/// A card with its number, and where the log says that it was shown.
#[derive(Serialize)]
pub struct RevealView<'a> {
    pub object: &'static str,
    pub token_id: TokenId,
    pub card: RevealedCard<'a>,
    pub reason: &'a str,
    pub receipt: Receipt,
    pub created_at: Timestamp,
}

#[derive(Serialize)]
pub struct RevealedCard<'a> {
    pub number: &'a str,
    pub brand: Brand,
    pub exp_month: i8,
    pub exp_year: i16,
    pub name: Option<&'a str>,
}

/// The audit record of a reveal.
#[derive(Serialize)]
pub struct Receipt {
    pub audit_log_id: AuditId,
    pub sequence: u64,
}

impl<'a> RevealView<'a> {
    pub fn new(
        token: &'a Token,
        number: &'a str,
        reason: &'a str,
        receipt: Receipt,
        time: Timestamp,
    ) -> RevealView<'a> {
        RevealView {
            object: "card_reveal",
            token_id: token.body.id,
            card: RevealedCard {
                number,
                brand: token.body.brand,
                exp_month: token.body.expiry.month(),
                exp_year: token.body.expiry.year(),
                name: token.holder.as_ref().map(|holder| holder.name.as_str()),
            },
            reason,
            receipt,
            created_at: time,
        }
    }
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
