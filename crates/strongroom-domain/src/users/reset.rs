//! A forgotten password: somebody who may change the person starts a reset and hands its text over; whoever has the text chooses
//! a password, once and in time. There is no mail that the server would send.

use minicbor::{Decode, Encode};
use strongroom_auth::permission::{ManageUsers, Operate};
use strongroom_types::id::{ApiKeyId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::api_keys::{ApiKey, Held, makers, with_maker};
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::holding::role_key;
use crate::users::change::{changeable, keys_of};
use crate::users::{Password, User, UserBody, UserStatus, UserView, existing, line_of, told};
use crate::view;

/// What lets a person choose another password.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Reset {
    /// Keyed hash of its text.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    #[n(1)]
    pub expires_at: Timestamp,
    /// Who has seen the text: nobody for the operator at the command line.
    #[n(2)]
    pub by: Option<ApiKeyId>,
    /// For whom his key stands besides.
    #[n(60)]
    pub others: Option<Vec<ApiKeyId>>,
}

/// `POST /v1/users/{id}/password-reset`. One that was started before is over.
pub struct StartReset {
    pub id: UserId,
    /// Keyed hash of the text.
    pub hash: [u8; 32],
    pub token: SecretText,
    /// Milliseconds that it is good.
    pub lasts: i64,
    pub held: Option<Held>,
}

impl Command for StartReset {
    type Permission = ManageUsers;

    fn action(&self) -> Action {
        Action::UserPasswordResetStarted
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let Keys { records, indexes } = keys_of(facts, self.id);
        let mut keys = with_maker(facts, self.held.as_ref());
        keys.records.extend(records);
        keys.indexes.extend(indexes);
        keys
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = changeable(facts, self.id, self.held.as_ref())?;
        if user.body.status != UserStatus::Active {
            let text = format!("`{}` has no password yet: invite anew", self.id);
            return Err(Rejection::new(Code::InvalidState, text));
        }

        // From here it must succeed.
        let expires_at = moment.now.plus(self.lasts);
        let mut makers = makers(facts, self.held.as_ref()).into_iter();
        let mut begun = user.clone();
        begun.body.reset = Some(Reset {
            hash: self.hash,
            expires_at,
            by: makers.next(),
            others: Some(makers.collect()).filter(|others: &Vec<_>| !others.is_empty()),
        });
        let shown = begun.shown(facts);
        let reply = view::json(&UserView::resetting(&shown, &self.token));
        let (action, event) = (
            Action::UserPasswordResetStarted,
            EventType::UserPasswordResetStarted,
        );
        Ok(told(facts, action, event, self.id)
            .detail("expires_at", expires_at.to_string())
            .reply(Reply::Secret(reply))
            .change(self.id.any(), Record::User(begun)))
    }
}

/// `POST /v1/password-resets/accept`, by whoever has the text: all sessions end, second factors stay.
pub struct CompleteReset {
    pub user: UserId,
    /// Keyed hash of the text that was shown.
    pub hash: [u8; 32],
    pub password: Password,
}

impl Command for CompleteReset {
    type Permission = Operate;

    fn action(&self) -> Action {
        Action::UserPasswordReset
    }

    fn keys(&self, facts: &Facts, _: Scope) -> Keys {
        let keys = Keys::default().record(self.user.any());
        match facts.user(self.user) {
            Some(user) => role_key(keys.record(user.body.key.any()), user.body.role_id),
            None => keys,
        }
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = existing(facts, self.user)?;
        let reset = user.body.reset.as_ref();
        let is_good = |reset: &&Reset| reset.hash == self.hash && moment.now < reset.expires_at;
        let is_active = user.body.status == UserStatus::Active;
        let Some(reset) = reset.filter(is_good).filter(|_| is_active) else {
            let text = "the reset was used, has expired, or never was";
            return Err(Rejection::new(Code::ResetInvalid, text));
        };
        let line = line_of(facts, user)?;

        // From here it must succeed.
        // SECURITY: who has seen the text could be he who used it; where no second factor stands in the way, he is no second pair
        // of eyes from now on. Whoever let him in knows nothing of the new password; who widened his rights answers for them all the same.
        let line = match user.body.has_factor() {
            true => line.clone(),
            false => {
                let of_who_reset = ApiKey {
                    person: reset.by,
                    ..line.clone()
                };
                of_who_reset.known_to(reset.others.iter().flatten().copied())
            }
        };
        let body = UserBody {
            password: Some(self.password.clone()),
            password_changed_at: Some(moment.now),
            reset: None,
            sessions_from: moment.sequence,
            ..user.body.clone()
        };
        let profile = user.profile.clone();
        let changed = User { body, profile };
        let reply = view::json(&UserView::new(&changed.shown(facts)));
        let (action, event) = (Action::UserPasswordReset, EventType::UserPasswordReset);
        Ok(told(facts, action, event, self.user)
            .reply(Reply::Stored(reply))
            .change(line.id.any(), Record::ApiKey(line))
            .change(self.user.any(), Record::User(changed)))
    }
}
