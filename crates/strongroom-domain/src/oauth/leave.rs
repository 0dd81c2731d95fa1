//! By whose leave a client asks for something: the grant that a person gave it, and how much money that lets it move for him (RFC 9396).
//! It goes with each command, and with what of it waits for others: what a person has taken back by then is not done any more.

use minicbor::{Decode, Encode};
use strongroom_auth::{Beyond, MoneyLimits};
use strongroom_types::id::{AnyId, Kind, OauthClientId, OauthGrantId};
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::{admitted, direction};
use crate::command::Moment;
use crate::decision::Decision;
use crate::facts::{Facts, Keys};
use crate::oauth::existing;
use crate::rejection::{Code, Rejection};
use crate::users::active;

/// What a request by an access token of a person's adds to who makes it.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Leave {
    #[n(0)]
    pub client: OauthClientId,
    #[n(1)]
    pub grant: OauthGrantId,
    /// Of the token, which may be less than the grant's.
    #[n(2)]
    pub limits: Option<MoneyLimits>,
}

impl Leave {
    /// What is counted: all that was moved by one grant, by whichever of its tokens.
    fn allowance(&self) -> AnyId {
        AnyId {
            kind: Kind::Allowance,
            raw: self.grant.0,
        }
    }

    /// With what its limits are asked of, where an act moves money.
    pub(crate) fn allowance_keys(&self, action: Action, keys: Keys) -> Keys {
        match (direction(action), &self.limits) {
            (Some(_), Some(_)) => keys.record(self.allowance()),
            _ => keys,
        }
    }

    /// A decision within what the person allowed, and counted against it.
    pub(crate) fn bounded(
        &self,
        action: Action,
        decision: Decision,
        facts: &Facts,
        moment: &Moment,
    ) -> Result<Decision, Rejection> {
        match &self.limits {
            Some(limits) => {
                let counted = (limits, self.allowance());
                admitted(action, counted, decision, facts, moment).map_err(refusal)
            }
            None => Ok(decision),
        }
    }

    /// With what tells whether it still is one.
    pub(crate) fn standing_keys(&self, facts: &Facts, keys: Keys) -> Keys {
        let keys = keys.record(self.client.any()).record(self.grant.any());
        match facts.oauth_grant(self.grant) {
            Some(grant) => keys.record(grant.user.any()),
            None => keys,
        }
    }

    /// Whether the client may still do this for the person. SECURITY: a request that waits outlives the token that made it, by days. It must
    /// not outlive what lets the client ask for it.
    pub(crate) fn holds(&self, permission: &str, facts: &Facts, now: Timestamp) -> bool {
        let client = existing(facts, self.client).ok();
        let grant = facts.oauth_grant(self.grant);
        let (Some(client), Some(grant)) = (client, grant) else {
            return false;
        };
        let is_on = active(facts, grant.user)
            .is_ok_and(|user| grant.goes_on(now) && grant.began_at >= user.body.sessions_from);
        let scopes = grant.scopes.and(client.scopes);
        is_on && scopes.permissions().allows(permission).is_some()
    }
}

fn refusal(beyond: Beyond) -> Rejection {
    let at = |pointer, text: &str| Rejection::at(Code::ConsentExceeded, pointer, text);
    match beyond {
        Beyond::Transaction => at(
            "/amount",
            "is more than the person lets this application move at once",
        ),
        Beyond::Day => at(
            "/amount",
            "is more than the person lets this application move today",
        ),
        Beyond::Currency => at(
            "/currency",
            "is not among those that the person lets this application move",
        ),
        Beyond::Direction => {
            let text = "the person does not let this application move money in this direction";
            Rejection::new(Code::ConsentExceeded, text)
        }
    }
}
