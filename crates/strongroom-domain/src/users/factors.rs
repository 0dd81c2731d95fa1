//! Second factors: an authenticator's codes, recovery codes, passkeys.

use strongroom_auth::permission::OwnAccount;
use strongroom_auth::totp;
use strongroom_types::id::{SessionId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Reply};
use crate::event::EventType;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::sessions::going_on;
use crate::users::{Mark, Passkey, Totp, User, UserBody, active, told};

/// How many recovery codes there are at a time.
pub const RECOVERY_CODES: usize = 10;

/// Passkeys of one person.
const MOST_PASSKEYS: usize = 10;

/// What was shown beside, or after, the password.
pub enum Factor {
    /// Six digits.
    Totp(String),
    /// The keyed hash of a recovery code.
    Recovery([u8; 32]),
    /// A passkey whose answer was verified with the key that is on record.
    Passkey { credential: Vec<u8>, counter: u32 },
}

impl Factor {
    pub const fn name(&self) -> &'static str {
        match self {
            Factor::Totp(_) => "totp",
            Factor::Recovery(_) => "recovery_code",
            Factor::Passkey { .. } => "passkey",
        }
    }

    /// The person after it was taken, since each is taken once. SECURITY: a step, a code, a count that was taken is spent
    /// in the commit that lets him in, so it is spent after a crash too.
    pub(crate) fn spent(&self, body: &UserBody, now: Timestamp) -> Result<UserBody, Rejection> {
        let mut after = body.clone();
        let taken = match self {
            Factor::Totp(code) => spend_code(&mut after, code, now),
            Factor::Recovery(hash) => {
                let left = after.recovery.len();
                after.recovery.retain(|known| known.0 != *hash);
                after.recovery.len() < left
            }
            Factor::Passkey {
                credential,
                counter,
            } => spend_count(&mut after, credential, *counter),
        };
        match taken {
            true => Ok(after),
            false => {
                let text = "the second factor does not fit, or was used before";
                Err(Rejection::new(Code::SecondFactorInvalid, text))
            }
        }
    }
}

fn spend_code(body: &mut UserBody, code: &str, now: Timestamp) -> bool {
    let Some(known) = &mut body.totp else {
        return false;
    };
    let step = totp::step_of(&known.secret, code, now);
    let Some(step) = step.filter(|step| *step > known.last_step) else {
        return false;
    };
    known.last_step = step;
    true
}

/// A count that does not rise is of a copy (WebAuthn, section 7.2); an authenticator that does not count says zero.
fn spend_count(body: &mut UserBody, credential: &[u8], counter: u32) -> bool {
    let Some(known) = body
        .passkeys
        .iter_mut()
        .find(|p| p.credential == credential)
    else {
        return false;
    };
    let rises = counter > known.counter || (counter == 0 && known.counter == 0);
    known.counter = counter;
    rises
}

/// What each change of one's own factors names.
fn keys_of(user: UserId, session: SessionId) -> Keys {
    Keys::default().record(user.any()).record(session.any())
}

fn changed(
    facts: &Facts,
    action: Action,
    event: EventType,
    user: &User,
    body: UserBody,
) -> Decision {
    let id = body.id;
    let profile = user.profile.clone();
    told(facts, action, event, id).change(id.any(), Record::User(User { body, profile }))
}

/// `POST /v1/me/totp`: a secret is offered; nothing is asked of it before it was confirmed.
pub struct BeginTotp {
    pub user: UserId,
    pub session: SessionId,
    pub secret: Vec<u8>,
    pub reply: Vec<u8>,
}

impl Command for BeginTotp {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserFactorOffered
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        keys_of(self.user, self.session)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        going_on(facts, self.session, &user.body)?;
        if user.body.totp.is_some() {
            let text = "there is an authenticator already: remove it first";
            return Err(Rejection::new(Code::FactorExists, text));
        }

        // From here it must succeed.
        let body = UserBody {
            totp_offered: Some(Totp {
                secret: self.secret.clone(),
                last_step: 0,
                created_at: moment.now,
            }),
            ..user.body.clone()
        };
        let (action, event) = (Action::UserFactorOffered, EventType::UserUpdated);
        Ok(changed(facts, action, event, user, body)
            .detail("factor", "totp")
            .reply(Reply::Secret(self.reply.clone())))
    }
}

/// `POST /v1/me/totp/confirm`: from now on it is asked for.
pub struct ConfirmTotp {
    pub user: UserId,
    pub session: SessionId,
    pub code: String,
    /// Kept where there are none yet.
    pub recovery: Vec<[u8; 32]>,
    /// What is shown where the recovery codes are kept, and where not.
    pub replies: (Vec<u8>, Vec<u8>),
}

impl Command for ConfirmTotp {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserFactorAdded
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        keys_of(self.user, self.session)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        let session = going_on(facts, self.session, &user.body)?;
        let offered = user.body.totp_offered.as_ref().ok_or_else(|| {
            let text = "no authenticator was offered";
            Rejection::new(Code::FactorMissing, text)
        })?;
        let step = totp::step_of(&offered.secret, &self.code, moment.now).ok_or_else(|| {
            let text = "is not the code of now";
            Rejection::at(Code::SecondFactorInvalid, "/code", text)
        })?;

        // From here it must succeed.
        let totp = Totp {
            last_step: step,
            ..offered.clone()
        };
        let mut body = UserBody {
            totp: Some(totp),
            totp_offered: None,
            ..user.body.clone()
        };
        let first = with_recovery(&mut body, &self.recovery);
        let (kept, known) = &self.replies;
        let reply = if first { kept } else { known };
        // Who has just shown a code has stepped up.
        let mut session = session.clone();
        session.body.second_factor_at = Some(moment.now);
        let (action, event) = (Action::UserFactorAdded, EventType::UserFactorAdded);
        Ok(changed(facts, action, event, user, body)
            .detail("factor", "totp")
            .reply(Reply::Secret(reply.clone()))
            .change(self.session.any(), Record::Session(session)))
    }
}

/// Gives recovery codes to who has none; says whether it did.
fn with_recovery(body: &mut UserBody, hashes: &[[u8; 32]]) -> bool {
    let first = body.recovery.is_empty();
    if first {
        body.recovery = hashes.iter().map(|hash| Mark(*hash)).collect();
    }
    first
}

/// Recovery codes stand in for other factors, and go with the last.
fn without_orphans(body: &mut UserBody) {
    if !body.has_factor() {
        body.recovery.clear();
    }
}

/// `DELETE /v1/me/totp`.
pub struct RemoveTotp {
    pub user: UserId,
    pub session: SessionId,
}

impl Command for RemoveTotp {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserFactorRemoved
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        keys_of(self.user, self.session)
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        going_on(facts, self.session, &user.body)?;
        if user.body.totp.is_none() {
            let text = "there is no authenticator";
            return Err(Rejection::new(Code::FactorMissing, text));
        }

        // From here it must succeed.
        let mut body = UserBody {
            totp: None,
            ..user.body.clone()
        };
        without_orphans(&mut body);
        let (action, event) = (Action::UserFactorRemoved, EventType::UserFactorRemoved);
        Ok(changed(facts, action, event, user, body)
            .detail("factor", "totp")
            .reply(Reply::Stored(b"{\"removed\":true}".to_vec())))
    }
}

/// `POST /v1/me/recovery-codes`: new ones in place of those that are left.
pub struct NewRecoveryCodes {
    pub user: UserId,
    pub session: SessionId,
    pub recovery: Vec<[u8; 32]>,
    pub reply: Vec<u8>,
}

impl Command for NewRecoveryCodes {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserRecoveryCodesMade
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        keys_of(self.user, self.session)
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        going_on(facts, self.session, &user.body)?;
        if !user.body.has_factor() {
            let text = "there is no factor that they could stand in for";
            return Err(Rejection::new(Code::FactorMissing, text));
        }

        // From here it must succeed.
        let mut body = user.body.clone();
        body.recovery.clear();
        with_recovery(&mut body, &self.recovery);
        let (action, event) = (Action::UserRecoveryCodesMade, EventType::UserUpdated);
        Ok(changed(facts, action, event, user, body).reply(Reply::Secret(self.reply.clone())))
    }
}

/// `POST /v1/me/passkeys`, once the authenticator's answer was verified.
pub struct AddPasskey {
    pub user: UserId,
    pub session: SessionId,
    pub passkey: Passkey,
    /// Kept where there are none yet.
    pub recovery: Vec<[u8; 32]>,
    pub replies: (Vec<u8>, Vec<u8>),
}

impl Command for AddPasskey {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserFactorAdded
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        keys_of(self.user, self.session)
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        let session = going_on(facts, self.session, &user.body)?;
        let known = &user.body.passkeys;
        if known
            .iter()
            .any(|p| p.credential == self.passkey.credential)
        {
            let text = "this passkey is registered already";
            return Err(Rejection::new(Code::FactorExists, text));
        }
        if known.len() >= MOST_PASSKEYS {
            let text = format!("there are {MOST_PASSKEYS} passkeys already");
            return Err(Rejection::new(Code::LimitReached, text));
        }

        // From here it must succeed.
        let mut body = user.body.clone();
        body.passkeys.push(Passkey {
            created_at: moment.now,
            ..self.passkey.clone()
        });
        let first = with_recovery(&mut body, &self.recovery);
        let (kept, known) = &self.replies;
        let reply = if first { kept } else { known };
        // Who has just touched it has stepped up.
        let mut session = session.clone();
        session.body.second_factor_at = Some(moment.now);
        let (action, event) = (Action::UserFactorAdded, EventType::UserFactorAdded);
        Ok(changed(facts, action, event, user, body)
            .detail("factor", "passkey")
            .reply(Reply::Secret(reply.clone()))
            .change(self.session.any(), Record::Session(session)))
    }
}

/// `DELETE /v1/me/passkeys/{id}`.
pub struct RemovePasskey {
    pub user: UserId,
    pub session: SessionId,
    pub credential: Vec<u8>,
}

impl Command for RemovePasskey {
    type Permission = OwnAccount;

    fn action(&self) -> Action {
        Action::UserFactorRemoved
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        keys_of(self.user, self.session)
    }

    fn decide(&self, facts: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        let user = active(facts, self.user)?;
        going_on(facts, self.session, &user.body)?;
        let mut body = user.body.clone();
        body.passkeys.retain(|p| p.credential != self.credential);
        if body.passkeys.len() == user.body.passkeys.len() {
            return Err(Rejection::new(Code::NotFound, "there is no such passkey"));
        }

        // From here it must succeed.
        without_orphans(&mut body);
        let (action, event) = (Action::UserFactorRemoved, EventType::UserFactorRemoved);
        Ok(changed(facts, action, event, user, body)
            .detail("factor", "passkey")
            .reply(Reply::Stored(b"{\"removed\":true}".to_vec())))
    }
}
