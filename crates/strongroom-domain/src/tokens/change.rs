//! What happens to a token after it was made: revealed, deleted, expired.

use strongroom_auth::permission::{ManageTokens, Operate, RevealTokens};
use strongroom_types::id::TokenId;
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::approvals::{Act, Parked};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::tokens::{DeletedTokenView, TokenStatus, existing};
use crate::view::json;

/// `POST /v1/tokens/{id}/reveal`: puts on record that the number is shown, to whom and why. Only what this commits is
/// shown the number.
pub struct RevealToken {
    pub id: TokenId,
    pub reason: String,
}

impl Command for RevealToken {
    type Permission = RevealTokens;

    fn action(&self) -> Action {
        Action::TokenRevealed
    }

    fn act(&self) -> Option<Act> {
        Some(Act::TokenReveal)
    }

    /// Sent again by whoever asked: the number is for nobody else.
    fn parked(&self, _: &Facts, _: Scope) -> Option<Parked> {
        let asked = serde_json::json!({"token_id": self.id, "reason": self.reason});
        Some(Parked::again(Act::TokenReveal, &asked))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let token = existing(facts, self.id)?;
        let gone = |code, how| {
            let text = format!("`{}` {how}: its number is not shown any more", self.id);
            Err(Rejection::new(code, text))
        };
        match token.status_at(moment.now) {
            TokenStatus::Active => {}
            TokenStatus::Used => return gone(Code::TokenUsed, "was used"),
            TokenStatus::Expired | TokenStatus::Deleted => {
                return gone(Code::TokenExpired, "has expired");
            }
        }

        // From here it must succeed.
        Ok(told(
            facts,
            Action::TokenRevealed,
            EventType::TokenRevealed,
            self.id,
        )
        .detail("reason", self.reason.clone())
        .reply(Reply::Secret(Vec::new())))
    }
}

/// `DELETE /v1/tokens/{id}`.
pub struct DeleteToken {
    pub id: TokenId,
}

impl Command for DeleteToken {
    type Permission = ManageTokens;

    fn action(&self) -> Action {
        Action::TokenDeleted
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let token = existing(facts, self.id)?;

        // From here it must succeed.
        let decision = told(
            facts,
            Action::TokenDeleted,
            EventType::TokenDeleted,
            self.id,
        )
        .reply(Reply::Stored(json(&DeletedTokenView::new(self.id))))
        .change(
            self.id.any(),
            Record::Token(token.emptied(TokenStatus::Deleted)),
        );
        let waits = token.body.status == TokenStatus::Active && token.body.expires_at.is_some();
        Ok(match waits {
            true => decision.job(Job::TokenDone(self.id)),
            false => decision,
        })
    }
}

/// The server's own: the token's time is over, its number goes.
pub struct ExpireToken {
    pub id: TokenId,
}

impl Command for ExpireToken {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::TokenExpired
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let token = existing(facts, self.id)?;
        let over = token.body.status == TokenStatus::Active
            && token.status_at(moment.now) == TokenStatus::Expired;
        if !over {
            let text = format!("the time of `{}` is not over", self.id);
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        Ok(told(
            facts,
            Action::TokenExpired,
            EventType::TokenExpired,
            self.id,
        )
        .reply(Reply::Empty)
        .job(Job::TokenDone(self.id))
        .change(
            self.id.any(),
            Record::Token(token.emptied(TokenStatus::Expired)),
        ))
    }
}

/// The server's own: a vault process keeps the number from now on.
pub struct VaultToken {
    pub id: TokenId,
    pub fingerprint: [u8; 16],
    pub digest: [u8; 32],
}

impl Command for VaultToken {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::TokenVaulted
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default().record(self.id.any())
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let token = existing(facts, self.id)?;
        if token.sealed.is_none() {
            let text = format!("the number of `{}` is not stored here", self.id);
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let mut next = token.clone();
        next.body.fingerprint = self.fingerprint;
        next.body.digest = Some(self.digest);
        next.sealed = None;
        let (id, none) = (self.id.any(), Movement::none());
        Ok(
            Decision::new(facts, Action::TokenVaulted, id, none, Vec::new())
                .reply(Reply::Empty)
                .change(id, Record::Token(next)),
        )
    }
}

/// A decision about a token that moves nothing and tells one event.
fn told(facts: &Facts, action: Action, event: EventType, id: TokenId) -> Decision {
    let event = EventFact {
        event,
        about: Some(id.any()),
    };
    Decision::new(facts, action, id.any(), Movement::none(), vec![event])
}
