//! Sessions: begun with an address, a password and whatever second factor is enrolled; listed and ended.

use std::sync::Arc;

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::OwnAccount;
use strongroom_domain::rejection::Code;
use strongroom_domain::sessions::{EndSession, LONGEST, OpenSession, Session, SessionView, Trace};
use strongroom_domain::users::{Factor, User, UserBody};
use strongroom_domain::view;
use strongroom_engine::{Committed, Engine, Envelope, Failure};
use strongroom_types::id::{OrganizationId, SessionId, UserId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::secret::SecretText;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::lockout::Entrance;
use crate::presented::SESSION_COOKIE;
use crate::problem::{EdgeCode, Problem};
use crate::schema;
use crate::v1::account::mode;
use crate::v1::contact::email;
use crate::v1::invitations::{in_private, password_text};
use crate::v1::passkeys::{self, Assertion};
use crate::v1::wallets::expected;
use crate::visitor::Visitor;

/// What somebody says who wants to be let in.
struct Login {
    email: String,
    password: SecretText,
    meant: Meant,
    factor: Option<Shown>,
    by_cookie: bool,
}

/// Which of the accounts of one address.
pub(crate) struct Meant {
    pub organization: Option<OrganizationId>,
    pub mode: Option<Mode>,
}

/// A second factor as it was typed.
pub enum Shown {
    Totp(String),
    Recovery(SecretText),
    Passkey(Box<Assertion>),
}

/// Somebody whose password was right.
pub(super) struct Proven {
    pub scope: Scope,
    pub person: User,
    /// The tag of his password, as it was read.
    pub verified: [u8; 32],
    pub network: [u8; 32],
    /// What his tries are counted for.
    pub name: [u8; 16],
}

/// `POST /v1/sessions`. SECURITY: what is asked of an account that does not exist takes the same steps and the same time.
pub async fn create(visitor: Visitor) -> Result<Answer, Problem> {
    in_private(&visitor)?;
    let login = read_object(&visitor.object()?, login)?;
    let (committed, cookie) = enter(visitor, login).await?;
    Ok(Answer {
        cookie,
        ..Answer::of(&committed)
    })
}

/// Opens a session, and the cookie that holds it if it goes into one.
async fn enter(visitor: Visitor, login: Login) -> Result<(Committed, Option<String>), Problem> {
    let (engine, entrance) = (visitor.engine.clone(), Arc::clone(&visitor.entrance));
    let account = account(&engine, &login.email, &login.meant);
    let proven = by_password(&visitor, &login.email, account, login.password).await?;
    let shown = (login.factor, login.by_cookie);
    let entered = by_factor(visitor, &proven, shown).await;
    entered.map_err(|problem| match is_asked_for_more(&problem) {
        true => asking(&engine, &entrance, &proven, problem),
        false => problem,
    })
}

/// Lets in who has shown the password, if he shows a second factor, too, or has none.
pub(super) async fn by_factor(
    visitor: Visitor,
    proven: &Proven,
    (factor, by_cookie): (Option<Shown>, bool),
) -> Result<(Committed, Option<String>), Problem> {
    let engine = visitor.engine.clone();
    let (scope, user) = (proven.scope, proven.person.body.id);
    let mut envelope = visitor.envelope;
    let shown = factor.map(|shown| {
        let person = (&scope, &proven.person);
        self::factor(&engine, &visitor.entrance, person, shown)
    });
    let factor = match shown.transpose() {
        Ok(shown) => shown.map(|(factor, spent)| {
            envelope.signature = spent;
            factor
        }),
        Err(problem) => {
            engine.refuse_login(scope, user, envelope)?;
            return Err(problem);
        }
    };
    let (command, cookie) = opening(&engine, proven, factor, (by_cookie, &envelope));
    let caller = Caller::entering(user, scope);
    let lockout = &visitor.entrance.lockout;
    match engine.execute(&caller, command, envelope).await {
        Ok(committed) => {
            lockout.passed(proven.name, visitor.network);
            Ok((committed, cookie))
        }
        Err(failure) => {
            let problem = explain(failure, Some(&proven.person.body));
            if is_asked_for_more(&problem) {
                lockout.was_no_guess(proven.name, visitor.network);
            }
            Err(problem)
        }
    }
}

/// Whether the password was right and a second factor is missing.
pub(super) fn is_asked_for_more(problem: &Problem) -> bool {
    problem.code() == EdgeCode::SecondFactorRequired.code()
}

/// Counts the try and checks the password; what does not fit is put on record where there is an account.
pub(super) async fn by_password(
    visitor: &Visitor,
    email: &str,
    account: Option<(Scope, UserId)>,
    password: SecretText,
) -> Result<Proven, Problem> {
    let engine = &visitor.engine;
    let name = engine.login_name(email);
    let person = find(engine, account).await?;
    let network = network_mark(engine, account, visitor);
    let is_known = person
        .as_ref()
        .is_some_and(|user| Engine::knows_network(user, &network));
    let lockout = &visitor.entrance.lockout;
    let begun = lockout.begin(name, visitor.network, is_known, visitor.time);
    begun.map_err(locked_out)?;
    let known = person.as_ref().and_then(|user| user.body.password.clone());
    let fits = engine.check_password(known.as_ref(), password).await?;
    match (account, person, known.filter(|_| fits)) {
        (Some((scope, _)), Some(person), Some(known)) => Ok(Proven {
            scope,
            person,
            verified: known.tag,
            network,
            name,
        }),
        _ => {
            if let Some((scope, user)) = account {
                engine.refuse_login(scope, user, visitor.envelope.clone())?;
            }
            Err(refused())
        }
    }
}

/// The command that opens a session, and the cookie that holds it if it goes into one.
fn opening(
    engine: &Engine,
    proven: &Proven,
    factor: Option<Factor>,
    (by_cookie, envelope): (bool, &Envelope),
) -> (OpenSession, Option<String>) {
    let texts = engine.mint_session(proven.scope.mode);
    let cookie = by_cookie.then(|| set_cookie(texts.token.expose(), LONGEST / 1_000));
    let command = OpenSession {
        user: proven.person.body.id,
        verified: proven.verified,
        factor,
        token: texts.token,
        hash: texts.hash,
        csrf: texts.csrf,
        by_cookie,
        network: proven.network,
        trace: Trace {
            address: envelope.address.clone(),
            user_agent: envelope.user_agent.clone(),
        },
    };
    (command, cookie)
}

/// With the question to a passkey, where there is one.
fn asking(engine: &Engine, entrance: &Entrance, proven: &Proven, problem: Problem) -> Problem {
    let body = &proven.person.body;
    let party = entrance
        .party
        .as_ref()
        .filter(|_| !body.passkeys.is_empty());
    match party {
        Some(party) => {
            let options = passkeys::request_options(engine, party, &proven.scope, body);
            problem.detail("passkey", json!({ "publicKey": options }))
        }
        None => problem,
    }
}

fn login(fields: &mut Fields<'_, '_>) -> Option<Login> {
    let email = email(fields);
    let email = fields.required("email", email);
    let password = password_text(fields, "password");
    let organization = fields.parsed("organization_id", "an organization's id", |text| {
        (text.len() <= 64).then(|| OrganizationId::parse(text).unwrap_or(OrganizationId(NOBODY)))
    });
    let mode = fields.parsed("mode", &expected(&["test", "live"]), |text| match text {
        "test" => Some(Mode::Test),
        "live" => Some(Mode::Live),
        _ => None,
    });
    let factor = shown(fields);
    let by_cookie = fields.boolean("cookie").unwrap_or(false);
    Some(Login {
        email: email?,
        password: password?,
        meant: Meant { organization, mode },
        factor,
        by_cookie,
    })
}

/// A second factor, if one is shown.
pub fn shown(fields: &mut Fields<'_, '_>) -> Option<Shown> {
    let totp = fields.parsed("totp", "six digits", |text| {
        let is_code = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then(|| Shown::Totp(text.to_owned()))
    });
    let recovery = fields.text("recovery_code", 64);
    let passkey = passkeys::read(fields);
    let count = [totp.is_some(), recovery.is_some(), passkey.is_some()];
    if count.iter().filter(|shown| **shown).count() > 1 {
        fields.invalid("totp", "or another factor: send one");
    }
    totp.or_else(|| recovery.map(|text| Shown::Recovery(SecretText::new(text))))
        .or_else(|| passkey.map(|shown| Shown::Passkey(Box::new(shown))))
}

/// The same as the decision takes it, and what the commit spends of it besides.
///
/// # Errors
/// 401 where a passkey does not verify.
pub fn factor(
    engine: &Engine,
    entrance: &Entrance,
    user: (&Scope, &User),
    shown: Shown,
) -> Result<(Factor, Option<[u8; 16]>), Problem> {
    let (scope, person) = user;
    match shown {
        Shown::Totp(code) => Ok((Factor::Totp(code), None)),
        Shown::Recovery(code) => {
            let mark = engine.recovery_mark(scope, person.body.id, code.expose());
            Ok((Factor::Recovery(mark), None))
        }
        Shown::Passkey(shown) => {
            let party = entrance.party.as_ref();
            let verified =
                party.and_then(|party| passkeys::verified(engine, party, scope, person, &shown));
            let (factor, spent) = verified.ok_or_else(wrong_factor)?;
            Ok((factor, Some(spent)))
        }
    }
}

pub(super) fn wrong_factor() -> Problem {
    let text = "the second factor does not fit, or was used before";
    Problem::new(EdgeCode::SecondFactorInvalid, text)
}

/// The one account that is meant; nobody's where several could be.
pub(super) fn account(engine: &Engine, email: &str, meant: &Meant) -> Option<(Scope, UserId)> {
    let all = engine.accounts(&engine.login_name(email));
    let is_meant = |(scope, _): &&(Scope, UserId)| {
        meant.organization.is_none_or(|id| id == scope.organization)
            && meant.mode.is_none_or(|mode| mode == scope.mode)
    };
    let mut fitting = all.iter().filter(is_meant);
    let first = fitting.next().copied();
    first.filter(|_| fitting.next().is_none())
}

/// The person as stored. Where there is none, nobody is looked for, which takes as long.
async fn find(engine: &Engine, account: Option<(Scope, UserId)>) -> Result<Option<User>, Problem> {
    let installation = engine.scopes().first().copied();
    let nobody = installation.map(|scope| (scope, UserId(NOBODY)));
    let Some((scope, user)) = account.or(nobody) else {
        return Ok(None);
    };
    match engine.person(scope, user).await {
        Ok(person) => Ok(Some(person)),
        Err(Failure::NotFound) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

pub(super) fn network_mark(
    engine: &Engine,
    account: Option<(Scope, UserId)>,
    visitor: &Visitor,
) -> [u8; 32] {
    let network = visitor.network.to_string();
    account.map_or([0; 32], |(scope, _)| engine.network_mark(&scope, &network))
}

/// The one answer to every login that is not let in.
pub(super) fn refused() -> Problem {
    let text = "the e-mail address or the password is not right, or several accounts fit: then name `organization_id` and `mode`";
    Problem::new(EdgeCode::LoginRefused, text)
}

pub fn locked_out(seconds: u64) -> Problem {
    let text = "too many logins failed from here; try again later";
    Problem::new(EdgeCode::LockedOut, text).retry_after(seconds)
}

/// Why there is no session, to somebody who knows the password.
pub fn explain(failure: Failure, user: Option<&UserBody>) -> Problem {
    let code = match &failure {
        Failure::Rejected { rejection, .. } => rejection.code,
        // The question to the passkey was answered before.
        Failure::SignatureReplayed => return wrong_factor(),
        _ => return failure.into(),
    };
    match code {
        Code::LoginRefused => refused(),
        Code::SecondFactorInvalid => wrong_factor(),
        Code::SecondFactorRequired => {
            let mut methods = Vec::new();
            if user.is_some_and(|user| user.totp.is_some()) {
                methods.push("totp");
            }
            if user.is_some_and(|user| !user.recovery.is_empty()) {
                methods.push("recovery_code");
            }
            if user.is_some_and(|user| !user.passkeys.is_empty()) {
                methods.push("passkey");
            }
            let text = "the password is right; send it again with a second factor";
            Problem::new(EdgeCode::SecondFactorRequired, text).detail("methods", methods)
        }
        _ => failure.into(),
    }
}

/// A value of `Set-Cookie` that pages cannot read and other sites cannot use.
fn set_cookie(value: &str, seconds: i64) -> String {
    format!(
        "{SESSION_COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}"
    )
}

/// `GET /v1/sessions`: one's own that go on.
pub async fn list(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let engine = call.engine().clone();
    let (line, current) = (call.credential().id, call.own().1);
    call.read(&caller, move |view| {
        let ids = engine.live_sessions(&view.scope(), line);
        let found: Result<Vec<_>, _> = ids.iter().map(|id| view.session(*id)).collect();
        Ok(render(&found?, current))
    })
    .await
}

/// `POST /v1/sessions/{id}/end`: one of one's own; `current` is the one that asks.
pub async fn end(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (user, current) = call.own();
    let id = match call.id.as_str() {
        "current" => current,
        _ => call.id(SessionId::parse, SessionId(NOBODY)),
    };
    let answer = call.execute(&caller, EndSession { id, user }).await?;
    Ok(Answer {
        cookie: (id == current).then(|| set_cookie("", 0)),
        ..answer
    })
}

/// A list of sessions, all of them: a person has few.
pub fn render(sessions: &[Session], current: SessionId) -> Vec<u8> {
    let shown: Vec<SessionView<'_>> = sessions
        .iter()
        .map(|session| SessionView::new(session, Some(current)))
        .collect();
    view::json(&json!({"data": shown, "has_more": false, "next_cursor": null}))
}

fn factor_fields() -> Vec<(&'static str, Schema)> {
    vec![
        (
            "totp",
            json!({"type": "string", "minLength": 6, "maxLength": 6}),
        ),
        ("recovery_code", schema::line(64)),
        ("passkey", passkeys::assertion_field()),
    ]
}

pub fn create_schema() -> Schema {
    let mut fields = vec![
        ("email", schema::line(254)),
        ("password", schema::line(128)),
        ("organization_id", schema::line(64)),
        ("mode", mode()),
        ("cookie", json!({"type": "boolean", "default": false})),
    ];
    fields.extend(factor_fields());
    schema::object(&["email", "password"], fields)
}

/// A second factor alone.
pub fn factor_schema() -> Schema {
    schema::object(&[], factor_fields())
}

fn fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("id", schema::id("sess")),
        ("object", schema::constant("session")),
        ("user_id", schema::id("user")),
        ("current", json!({"type": "boolean"})),
        ("ip_address", schema::nullable(schema::text())),
        ("user_agent", schema::nullable(schema::text())),
        ("second_factor_at", schema::nullable(schema::time())),
        ("last_used_at", schema::time()),
        ("idle_seconds", json!({"type": "integer", "minimum": 1})),
        ("expires_at", schema::time()),
        ("created_at", schema::time()),
    ]
}

pub fn schema() -> Schema {
    schema::named("session", schema::reply(fields()))
}

/// With what is shown once.
pub fn begun_schema() -> Schema {
    let mut fields = fields();
    fields.push(("mode", mode()));
    fields.push(("csrf_token", schema::text()));
    schema::optional(schema::reply(fields), "token", schema::text())
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

pub fn ended_schema() -> Schema {
    schema::reply(vec![("ended", json!({"const": true}))])
}
