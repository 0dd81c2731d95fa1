//! What a person finds when he looks at what he lets clients do, and takes back one by one.

use serde::Serialize;
use strongroom_auth::permission::OwnAccount;
use strongroom_auth::{MoneyLimits, Scopes};
use strongroom_types::id::{OauthClientId, OauthGrantId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::facts::{Facts, Keys};
use crate::oauth::grants::{revoked, with_tokens};
use crate::oauth::{OauthClient, OauthGrant};
use crate::rejection::{Code, Rejection};
use crate::users::{UserBody, active};
use crate::view;

/// What one person lets clients do at a time: one more is refused, and none of them forgotten.
pub(super) const MOST_GRANTS: usize = 100;

/// A grant as its person sees it.
#[derive(Serialize)]
pub struct OauthGrantView<'a> {
    pub id: OauthGrantId,
    pub object: &'static str,
    pub client_id: OauthClientId,
    pub client_name: Option<&'a str>,
    pub scopes: Scopes,
    pub limits: Option<&'a MoneyLimits>,
    pub status: &'static str,
    pub created_at: Timestamp,
    pub ends_at: Timestamp,
}

impl<'a> OauthGrantView<'a> {
    pub fn new(grant: &'a OauthGrant, client: Option<&'a OauthClient>) -> OauthGrantView<'a> {
        OauthGrantView {
            id: grant.id,
            object: "oauth_grant",
            client_id: grant.client,
            client_name: client.map(|client| client.name.as_str()),
            scopes: grant.scopes,
            limits: grant.limits.as_ref(),
            status: "active",
            created_at: grant.created_at,
            ends_at: grant.ends_at,
        }
    }

    fn ended(self) -> OauthGrantView<'a> {
        OauthGrantView {
            status: "revoked",
            ..self
        }
    }
}

impl OauthGrant {
    /// Whether its person still lets the client do anything by it.
    pub fn is_on(&self, user: &UserBody, now: Timestamp) -> bool {
        self.goes_on(now) && self.user == user.id && self.began_at >= user.sessions_from
    }
}

/// With all that somebody is known to have allowed.
pub(super) fn with_grants(keys: Keys, facts: &Facts, user: UserId) -> Keys {
    let allowed = facts.user(user).and_then(|user| user.body.grants.as_ref());
    let allowed = allowed.into_iter().flatten();
    allowed.fold(keys, |keys, grant| keys.record(grant.any()))
}

/// What of it goes on.
pub(super) fn going_on(facts: &Facts, user: &UserBody, now: Timestamp) -> Vec<OauthGrantId> {
    let allowed = user.grants.iter().flatten().copied();
    let is_on = |id: &OauthGrantId| {
        let grant = facts.oauth_grant(*id);
        grant.is_some_and(|grant| grant.is_on(user, now))
    };
    allowed.filter(is_on).collect()
}

/// `DELETE /v1/me/grants/{id}`.
pub struct TakeBackGrant {
    pub grant: OauthGrantId,
    pub user: UserId,
}

impl Command for TakeBackGrant {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::OauthGrantRevoked
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.grant.any());
        let keys = keys.record(self.user.any());
        match facts.oauth_grant(self.grant) {
            Some(grant) => with_tokens(keys.record(grant.client.any()), grant),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        let own = facts.oauth_grant(self.grant);
        let own = own.filter(|grant| grant.is_on(&user.body, moment.now));
        let grant = own.ok_or_else(|| Rejection::new(Code::NotFound, "there is no such grant"))?;

        // From here it must succeed.
        let client = facts.oauth_client(grant.client);
        let shown = OauthGrantView::new(grant, client).ended();
        let reply = Reply::Stored(view::json(&shown));
        Ok(revoked(facts, grant, moment).reply(reply))
    }
}
