//! Making a token.

use strongroom_auth::permission::CreateTokens;
use strongroom_types::card::Expiry;
use strongroom_types::id::SubjectId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::tokens::{Cardholder, SealedCard, Token, TokenBody, TokenStatus, TokenUse, TokenView};
use crate::view::json;

/// `POST /v1/tokens`.
pub struct CreateToken {
    pub card: SealedCard,
    pub expiry: Expiry,
    /// The name on the card.
    pub name: Option<String>,
    pub usage: TokenUse,
    /// Milliseconds until it expires.
    pub lifetime: Option<i64>,
    /// Whether the caller holds `reveal:tokens`.
    pub reveals: bool,
}

impl Command for CreateToken {
    type Permission = CreateTokens;

    fn action(&self) -> Action {
        Action::TokenCreated
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        if self.expiry.is_past(moment.now) {
            let text = "the card's last month is over";
            return Err(Rejection::at(Code::CardExpired, "/card/exp_month", text));
        }

        // From here it must succeed.
        let token = self.token(moment);
        let id = token.body.id.any();
        let event = EventFact {
            event: EventType::TokenCreated,
            about: Some(id),
        };
        let order = token.body.order;
        let reply = json(&TokenView::at(&token, moment.now, self.reveals));
        let expires_at = token.body.expires_at;
        let none = Movement::none();
        let decision = Decision::new(facts, Action::TokenCreated, id, none, vec![event])
            .detail("brand", token.body.brand.as_str())
            .detail("last4", token.body.last4.clone())
            .reply(Reply::Stored(reply))
            .create(strongroom_types::id::AnyId { raw: order, ..id })
            .change(id, Record::Token(token));
        Ok(match expires_at {
            Some(end) => decision.job(Job::Token(self.card.id, end)),
            None => decision,
        })
    }
}

impl CreateToken {
    fn token(&self, moment: &mut Moment) -> Token {
        let SealedCard {
            id,
            brand,
            bin,
            last4,
            fingerprint,
            digest,
            sealed,
        } = &self.card;
        // INVARIANT(token-order): the first id after the entry's base, which is how `verify` derives it again.
        let order = moment.fresh();
        let holder = self.name.clone().map(|name| Cardholder { name });
        let body = TokenBody {
            id: *id,
            status: TokenStatus::Active,
            usage: self.usage,
            brand: *brand,
            bin: bin.clone(),
            last4: last4.clone(),
            expiry: self.expiry,
            fingerprint: *fingerprint,
            digest: Some(*digest),
            order,
            subject: holder.is_some().then(|| SubjectId(moment.fresh())),
            created_at: moment.now,
            expires_at: self.lifetime.map(|lifetime| moment.now.plus(lifetime)),
        };
        Token {
            body,
            holder,
            sealed: sealed.clone(),
        }
    }
}
