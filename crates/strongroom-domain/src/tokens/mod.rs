//! Tokens: cards that may be paid with, known by everything but their number.
//!
//! The number reaches no decision and no entry: it is sealed before a command is made, and a decision carries the
//! ciphertext as it is. What commits to it is the hash of the salted number, inside the token's sealed body.
//! `active` ends as `used` (its one payment was answered), `expired` (its time is over) or `deleted`; each drops the
//! number for good.

mod change;
mod create;
mod view;

use minicbor::{Decode, Encode};
use serde::Serialize;
use strongroom_types::Classified;
use strongroom_types::card::{Brand, Expiry};
use strongroom_types::id::{RawId, SubjectId, TokenId};
use strongroom_types::time::Timestamp;

use crate::facts::Facts;
use crate::rejection::{Code, Rejection};

pub use change::{DeleteToken, ExpireToken, RevealToken, VaultToken};
pub use create::CreateToken;
pub use view::{DeletedTokenView, Receipt, RevealView, TokenView};

/// What becomes of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    #[n(0)]
    Active,
    /// Its one payment was made.
    #[n(1)]
    Used,
    #[n(2)]
    Expired,
    #[n(3)]
    Deleted,
}

impl TokenStatus {
    /// The number that stands in clear beside the record.
    pub const fn code(self) -> u8 {
        match self {
            TokenStatus::Active => 0,
            TokenStatus::Used => 1,
            TokenStatus::Expired => 2,
            TokenStatus::Deleted => 3,
        }
    }
}

/// How often a token may be paid with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum TokenUse {
    #[n(0)]
    SingleUse,
    #[n(1)]
    MultiUse,
}

impl TokenUse {
    pub fn parse(text: &str) -> Option<TokenUse> {
        match text {
            "single_use" => Some(TokenUse::SingleUse),
            "multi_use" => Some(TokenUse::MultiUse),
            _ => None,
        }
    }
}

/// A token without its number and its holder's name.
#[derive(Clone, Encode, Decode, Classified)]
#[part(business)]
pub struct TokenBody {
    #[n(0)]
    #[class(operational)]
    pub id: TokenId,
    #[n(1)]
    #[class(operational)]
    pub status: TokenStatus,
    #[n(2)]
    #[class(operational)]
    pub usage: TokenUse,
    #[n(3)]
    #[class(sensitive)]
    pub brand: Brand,
    /// The issuer's six digits.
    #[n(4)]
    #[class(sensitive)]
    pub bin: String,
    #[n(5)]
    #[class(sensitive)]
    pub last4: String,
    #[n(6)]
    #[class(sensitive)]
    pub expiry: Expiry,
    /// The same for the same number in the same books; keyed.
    #[cbor(n(7), with = "minicbor::bytes")]
    #[class(sensitive)]
    pub fingerprint: [u8; 16],
    /// SHA-256 of the salted number; the salt is sealed with the number. Nothing once the number is gone.
    #[cbor(n(8), with = "minicbor::bytes")]
    #[class(highly_sensitive)]
    pub digest: Option<[u8; 32]>,
    /// Where it stands among the others: its own id says nothing of that.
    #[n(9)]
    #[class(operational)]
    pub order: RawId,
    /// Whose name stands in the personal part.
    #[n(10)]
    #[class(operational)]
    pub subject: Option<SubjectId>,
    #[n(11)]
    #[class(operational)]
    pub created_at: Timestamp,
    /// When it can no longer be used and its number is dropped.
    #[n(12)]
    #[class(operational)]
    pub expires_at: Option<Timestamp>,
}

/// Who holds the card.
#[derive(Clone, Encode, Decode, Classified)]
#[part(personal)]
pub struct Cardholder {
    #[n(0)]
    #[class(personal)]
    pub name: String,
}

/// A token as stored.
#[derive(Clone)]
pub struct Token {
    pub body: TokenBody,
    pub holder: Option<Cardholder>,
    /// The sealed number; nothing when it is gone, or a vault process keeps it (then there is a digest).
    pub sealed: Option<Vec<u8>>,
}

/// A card whose number was sealed under the id that its token will have.
pub struct SealedCard {
    pub id: TokenId,
    pub brand: Brand,
    pub bin: String,
    pub last4: String,
    pub fingerprint: [u8; 16],
    pub digest: [u8; 32],
    /// Nothing when a vault process keeps it.
    pub sealed: Option<Vec<u8>>,
}

impl Token {
    /// How it stands at a time: one whose time is over is expired, also before the server has dropped its number.
    pub fn status_at(&self, now: Timestamp) -> TokenStatus {
        match self.body.status {
            TokenStatus::Active if self.body.expires_at.is_some_and(|end| end <= now) => {
                TokenStatus::Expired
            }
            status => status,
        }
    }

    /// Whether it is gone for good; its record stays, as every record that the log tells of.
    pub fn is_deleted(&self) -> bool {
        self.body.status == TokenStatus::Deleted
    }

    /// The same, without number and name.
    pub(crate) fn emptied(&self, status: TokenStatus) -> Token {
        let mut body = self.body.clone();
        body.status = status;
        body.digest = None;
        Token {
            body,
            holder: None,
            sealed: None,
        }
    }
}

fn existing(facts: &Facts, id: TokenId) -> Result<&Token, Rejection> {
    facts
        .token(id)
        .filter(|token| !token.is_deleted())
        .ok_or_else(|| Rejection::new(Code::NotFound, "there is no such token"))
}
