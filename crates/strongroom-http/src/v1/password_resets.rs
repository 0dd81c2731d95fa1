//! Forgotten passwords: a reset is started by somebody who may change the person, and ended by whoever has its text.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::ManageUsers;
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::users::{CompleteReset, StartReset};
use strongroom_types::id::UserId;
use strongroom_types::secret::SecretText;

use crate::call::{Answer, Call};
use crate::json::{NOBODY, read_object};
use crate::problem::Problem;
use crate::schema;
use crate::v1::invitations::{in_private, password_schema, password_text, strong};
use crate::v1::users;
use crate::visitor::Visitor;

/// Longer than any token.
const MOST_TOKEN: usize = 255;

/// How long a reset is good, in seconds: an hour unless told otherwise, at most a day.
const LASTS: i64 = 3_600;
const LONGEST: i64 = 86_400;

/// `POST /v1/users/{id}/password-reset`.
pub async fn start(caller: Caller<ManageUsers>, call: Call) -> Result<Answer, Problem> {
    let (id, held) = (call.id(UserId::parse, UserId(NOBODY)), Some(call.held()));
    let lasts = match call.body.is_empty() {
        true => LASTS,
        false => read_object(&call.object()?, |fields| {
            Some(fields.integer("expires_in", 60, LONGEST).unwrap_or(LASTS))
        })?,
    };
    let (token, hash) = call.engine().mint_reset();
    let command = StartReset {
        id,
        hash,
        token,
        lasts: lasts.saturating_mul(1_000),
        held,
    };
    call.execute(&caller, command).await
}

/// `POST /v1/password-resets/accept`. SECURITY: says nothing of whom a text belongs to that is not good.
pub async fn accept(visitor: Visitor) -> Result<Answer, Problem> {
    in_private(&visitor)?;
    let (token, chosen) = read_object(&visitor.object()?, |fields| {
        let token = fields.text("token", MOST_TOKEN).map(SecretText::new);
        let token = fields.required("token", token);
        let chosen = password_text(fields, "password");
        Some((token?, chosen?))
    })?;
    let engine = &visitor.engine;
    let (scope, user, hash) = engine.resetting(token.expose()).ok_or_else(invalid)?;
    let person = engine.person(scope, user).await?;
    let profile = person.profile.as_ref();
    let own = profile.map_or(["", ""], |p| [p.name.as_str(), p.email.as_str()]);
    strong(&chosen, &own)?;
    let command = CompleteReset {
        user,
        hash,
        password: engine.hash_password(chosen).await?,
    };
    let caller = Caller::entering(user, scope);
    let done = engine.execute(&caller, command, visitor.envelope).await?;
    Ok(Answer::of(&done))
}

fn invalid() -> Problem {
    let text = "the reset was used, has expired, or never was";
    Problem::from(Rejection::new(Code::ResetInvalid, text))
}

pub fn start_schema() -> Schema {
    let seconds = json!({"type": "integer", "minimum": 60, "maximum": LONGEST, "default": LASTS});
    schema::object(&[], vec![("expires_in", seconds)])
}

/// The person, with the text that is shown once.
pub fn started_schema() -> Schema {
    let mut fields = users::fields();
    fields.push(("reset_token", schema::text()));
    schema::reply(fields)
}

pub fn accept_schema() -> Schema {
    schema::object(
        &["token", "password"],
        vec![
            ("token", schema::line(MOST_TOKEN)),
            ("password", password_schema()),
        ],
    )
}
