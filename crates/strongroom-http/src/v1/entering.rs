//! How somebody signs in on a page: first the password, then the second factor of whoever has one, so that nothing is typed twice.
//!
//! Both steps are what `POST /v1/sessions` does; between them the page holds what says that the password was right.

use serde_json::Value;
use strongroom_auth::password;
use strongroom_domain::users::User;
use strongroom_engine::{Engine, Failure};
use strongroom_types::mode::Scope;
use strongroom_types::secret::SecretText;

use crate::json::{parse_object, read_object};
use crate::lockout::Entrance;
use crate::problem::Problem;
use crate::v1::invitations::in_private;
use crate::v1::passkeys;
use crate::v1::sessions::{self, Meant, Proven, Shown};
use crate::visitor::Visitor;

/// What somebody types first.
pub(crate) struct Entry {
    pub email: String,
    pub password: SecretText,
    /// In which books.
    pub meant: Meant,
    pub by_cookie: bool,
}

/// How far that leads him.
pub(crate) enum Step {
    Inside(Inside),
    /// A second factor is enrolled.
    Halfway(Box<Halfway>),
}

/// A session that was opened.
pub(crate) struct Inside {
    /// The reply, which holds its text unless that is in the cookie.
    pub reply: Vec<u8>,
    pub cookie: Option<String>,
}

/// Somebody whose password was right.
pub(crate) struct Halfway {
    pub scope: Scope,
    person: User,
    /// What the page sends along with the second factor.
    pub text: SecretText,
}

/// What he may show then.
pub(crate) struct Methods {
    /// A code of an authenticator, or a recovery code.
    pub code: bool,
    /// The question to his passkeys.
    pub passkey: Option<Value>,
}

/// The first step.
///
/// # Errors
/// As `POST /v1/sessions`, but for a missing second factor.
pub(crate) async fn first(visitor: Visitor, entry: Entry) -> Result<Step, Problem> {
    in_private(&visitor)?;
    // Longer than any password, and not worth hashing.
    if entry.password.expose().chars().count() > password::LONGEST {
        return Err(sessions::refused());
    }
    let engine = visitor.engine.clone();
    let account = sessions::account(&engine, &entry.email, &entry.meant);
    let proven = sessions::by_password(&visitor, &entry.email, account, entry.password).await?;
    match sessions::by_factor(visitor, &proven, (None, entry.by_cookie)).await {
        Ok((committed, cookie)) => Ok(Step::Inside(Inside {
            reply: committed.body(),
            cookie,
        })),
        Err(problem) if sessions::is_asked_for_more(&problem) => {
            let (scope, body) = (proven.scope, &proven.person.body);
            let password = body.password.as_ref().ok_or_else(sessions::refused)?;
            let text = engine.halfway(&scope, body.id, password);
            Ok(Step::Halfway(Box::new(Halfway {
                scope,
                person: proven.person,
                text,
            })))
        }
        Err(problem) => Err(problem),
    }
}

impl Halfway {
    /// Who it is that shows this text; nobody where it is not good any more.
    ///
    /// # Errors
    /// As every read.
    pub async fn of(engine: &Engine, unverified: &str) -> Result<Option<Halfway>, Failure> {
        let found = engine.went_halfway(unverified).await?;
        Ok(found.map(|(scope, person)| Halfway {
            scope,
            person,
            text: SecretText::new(unverified.to_owned()),
        }))
    }

    /// The second step. SECURITY: a guess at a code is counted as one at a password is.
    ///
    /// # Errors
    /// As `POST /v1/sessions`.
    pub async fn second(
        &self,
        visitor: Visitor,
        shown: Shown,
        by_cookie: bool,
    ) -> Result<Inside, Problem> {
        in_private(&visitor)?;
        let (person, engine) = (&self.person, &visitor.engine);
        let account = Some((self.scope, person.body.id));
        let network = sessions::network_mark(engine, account, &visitor);
        let (name, is_known) = (person.body.login, Engine::knows_network(person, &network));
        let lockout = &visitor.entrance.lockout;
        let begun = lockout.begin(name, visitor.network, is_known, visitor.time);
        begun.map_err(sessions::locked_out)?;
        let password = person.body.password.as_ref();
        let proven = Proven {
            scope: self.scope,
            person: person.clone(),
            verified: password.map_or([0; 32], |password| password.tag),
            network,
            name,
        };
        let entered = sessions::by_factor(visitor, &proven, (Some(shown), by_cookie)).await;
        let (committed, cookie) = entered?;
        Ok(Inside {
            reply: committed.body(),
            cookie,
        })
    }

    pub fn methods(&self, engine: &Engine, entrance: &Entrance) -> Methods {
        methods(engine, entrance, &self.scope, &self.person)
    }

    /// What he signs in by.
    pub fn email(&self) -> &str {
        let profile = self.person.profile.as_ref();
        profile.map_or("", |profile| profile.email.as_str())
    }
}

/// What a person has to show.
pub(crate) fn methods(
    engine: &Engine,
    entrance: &Entrance,
    scope: &Scope,
    person: &User,
) -> Methods {
    let body = &person.body;
    let party = entrance.party.as_ref();
    let party = party.filter(|_| !body.passkeys.is_empty());
    Methods {
        code: body.totp.is_some() || !body.recovery.is_empty(),
        passkey: party.map(|party| passkeys::request_options(engine, party, scope, body)),
    }
}

/// A second factor as a form holds it: what a passkey answered, or a code of whatever kind.
///
/// # Errors
/// 401 where what a passkey answered cannot be read.
pub(crate) fn shown(passkey: Option<&str>, code: Option<&str>) -> Result<Shown, Problem> {
    let Some(text) = passkey else {
        let code = code.unwrap_or_default().trim();
        let is_totp = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
        return Ok(match is_totp {
            true => Shown::Totp(code.to_owned()),
            false => Shown::Recovery(SecretText::new(code.to_owned())),
        });
    };
    let object = parse_object(text.as_bytes()).ok();
    let answer = object.and_then(|object| read_object(&object, passkeys::answer).ok());
    let answer = answer.ok_or_else(sessions::wrong_factor)?;
    Ok(Shown::Passkey(Box::new(answer)))
}
