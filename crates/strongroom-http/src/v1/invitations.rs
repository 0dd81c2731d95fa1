//! Invitations: whoever has the text of one chooses a password, and is a member from then on.

use serde_json::Value as Schema;
use strongroom_auth::{Caller, password};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::users::AcceptInvitation;
use strongroom_types::secret::SecretText;

use crate::call::Answer;
use crate::json::{Fields, read_object};
use crate::problem::{EdgeCode, Problem};
use crate::schema;
use crate::visitor::Visitor;

/// Longer than any token.
const MOST_TOKEN: usize = 255;

/// `POST /v1/invitations/accept`.
pub async fn accept(visitor: Visitor) -> Result<Answer, Problem> {
    in_private(&visitor)?;
    let (token, chosen) = read_object(&visitor.object()?, |fields| {
        let token = fields.text("token", MOST_TOKEN).map(SecretText::new);
        let token = fields.required("token", token);
        let chosen = password_text(fields, "password");
        Some((token?, chosen?))
    })?;
    let engine = &visitor.engine;
    let invited = engine.invited(token.expose());
    let (scope, user, hash) = invited.ok_or_else(|| {
        let text = "the invitation was accepted, has expired, or never was";
        Problem::from(Rejection::new(Code::InvitationInvalid, text))
    })?;
    let person = engine.person(scope, user).await?;
    let profile = person.profile.as_ref();
    let own = profile.map_or(["", ""], |p| [p.name.as_str(), p.email.as_str()]);
    strong(&chosen, &own)?;
    let command = AcceptInvitation {
        user,
        hash,
        password: engine.hash_password(chosen).await?,
    };
    let caller = Caller::entering(user, scope);
    let done = engine.execute(&caller, command, visitor.envelope).await?;
    Ok(Answer::of(&done))
}

/// SECURITY: no password travels in clear beyond this machine.
pub fn in_private(visitor: &Visitor) -> Result<(), Problem> {
    match visitor.is_private {
        true => Ok(()),
        false => {
            let text = "people sign in over TLS or from this machine only";
            Err(Problem::new(EdgeCode::LiveModeRefused, text))
        }
    }
}

/// A password as it was typed: whatever characters, and none taken away.
pub fn password_text(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<SecretText> {
    let text = fields
        .string(name)
        .map(|text| SecretText::new(text.to_owned()));
    let text = fields.required(name, text)?;
    // Bounded before anything is done with it.
    if text.expose().chars().count() > password::LONGEST {
        fields.invalid(name, password::Weak::Long.detail());
        return None;
    }
    Some(text)
}

/// Refuses a password that would be guessed.
pub fn strong(chosen: &SecretText, own: &[&str]) -> Result<(), Problem> {
    password::check(chosen.expose(), own).map_err(|weak| {
        let rejection = Rejection::at(Code::InvalidField, "/password", weak.detail());
        Problem::from(rejection)
    })
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

pub fn password_schema() -> Schema {
    serde_json::json!({"type": "string", "minLength": password::SHORTEST, "maxLength": password::LONGEST})
}
