//! What is a person's own: his profile, his password, his second factors.

use std::sync::Arc;

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::OwnAccount;
use strongroom_auth::{Caller, totp};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::sessions::StepUp;
use strongroom_domain::users::{
    BeginTotp, ChangePassword, ConfirmTotp, NewRecoveryCodes, RemoveTotp, User, UserView,
};
use strongroom_domain::view;
use strongroom_types::secret::SecretText;

use crate::address::network;
use crate::browsing::step_up as stepping_up;
use crate::call::{Answer, Call};
use crate::json::{FaultKind, read_object};
use crate::problem::Problem;
use crate::schema;
use crate::v1::invitations::{password_schema, password_text, strong};
use crate::v1::sessions::{self, explain, factor, locked_out, shown};

/// What authenticators show as the name of this account's keeper.
const ISSUER: &str = "Strongroom";

/// `GET /v1/me`.
pub async fn read(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let (user, _) = call.own();
    call.read(&caller, move |view| {
        Ok(view::json(&UserView::new(&view.user(user)?)))
    })
    .await
}

pub async fn myself(call: &Call) -> Result<User, Problem> {
    let (user, _) = call.own();
    let scope = call.credential().scope;
    Ok(call.engine().person(scope, user).await?)
}

/// Refuses who has not shown a second factor lately, or, where he has none, the password.
pub fn freshly(call: &Call, has_factor: bool) -> Result<(), Problem> {
    let now = call.engine().now();
    let presence = call.credential().presence.as_ref();
    let is_fresh = presence.is_some_and(|presence| match has_factor {
        true => presence.is_stepped_up(now),
        false => presence.is_fresh(now),
    });
    match is_fresh {
        true => Ok(()),
        false => Err(Problem::from(stepping_up())),
    }
}

/// Counts a guess at what somebody knows who has this session already.
fn guess(call: &Call, user: &User) -> Result<(), Problem> {
    let (login, place) = (user.body.login, network(call.address));
    let now = call.engine().now();
    let begun = call.entrance.lockout.begin(login, place, true, now);
    begun.map_err(locked_out)
}

/// `POST /v1/me/password`.
pub async fn change_password(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let (shown, chosen) = read_object(&call.object()?, |fields| {
        let shown = password_text(fields, "current_password");
        let chosen = password_text(fields, "password");
        Some((shown?, chosen?))
    })?;
    let me = myself(&call).await?;
    let profile = me.profile.as_ref();
    let own = profile.map_or(["", ""], |p| [p.name.as_str(), p.email.as_str()]);
    strong(&chosen, &own)?;
    guess(&call, &me)?;
    let engine = call.engine().clone();
    let known = me.body.password.as_ref();
    if !engine.check_password(known, shown).await? {
        let text = "is not your password";
        let rejection = Rejection::at(Code::LoginRefused, "/current_password", text);
        return Err(Problem::from(rejection));
    }
    call.entrance
        .lockout
        .passed(me.body.login, network(call.address));
    let (user, session) = call.own();
    let command = ChangePassword {
        user,
        session,
        verified: known.map_or([0; 32], |password| password.tag),
        password: engine.hash_password(chosen).await?,
    };
    call.execute(&caller, command).await
}

/// `POST /v1/me/step-up`.
pub async fn step_up(caller: Caller<OwnAccount>, mut call: Call) -> Result<Answer, Problem> {
    let shown = read_object(&call.object()?, |fields| {
        let shown = shown(fields);
        let named = ["totp", "recovery_code", "passkey"].map(|name| fields.raw(name).is_some());
        if !named.contains(&true) {
            let text = "or another factor is required";
            fields.fault(FaultKind::FieldRequired, "totp", text);
        }
        shown
    })?;
    let me = myself(&call).await?;
    guess(&call, &me)?;
    let (user, session) = call.own();
    let scope = call.credential().scope;
    let (factor, spent) = factor(call.engine(), &call.entrance, (&scope, &me), shown)?;
    call.envelope.signature = spent.or(call.envelope.signature);
    let (entrance, place) = (Arc::clone(&call.entrance), network(call.address));
    let command = StepUp {
        user,
        session,
        factor,
    };
    let engine = call.engine().clone();
    match engine.execute(&caller, command, call.envelope).await {
        Ok(committed) => {
            entrance.lockout.passed(me.body.login, place);
            Ok(Answer::of(&committed))
        }
        Err(failure) => Err(explain(failure, Some(&me.body))),
    }
}

/// `POST /v1/me/totp`.
pub async fn begin_totp(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let me = myself(&call).await?;
    freshly(&call, me.body.has_factor())?;
    let account = me
        .profile
        .as_ref()
        .map_or("", |profile| profile.email.as_str());
    let secret = call.engine().mint_totp();
    let uri = totp::provisioning_uri(&secret, ISSUER, account);
    let (user, session) = call.own();
    let reply = json!({"user_id": user, "secret": totp::secret_text(&secret), "otpauth_uri": uri});
    let command = BeginTotp {
        user,
        session,
        secret: secret.to_vec(),
        reply: view::json(&reply),
    };
    call.execute(&caller, command).await
}

/// `POST /v1/me/totp/confirm`.
pub async fn confirm_totp(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let code = read_object(&call.object()?, |fields| {
        let code = fields.text("code", 6);
        fields.required("code", code)
    })?;
    freshly(&call, myself(&call).await?.body.has_factor())?;
    let (user, session) = call.own();
    let (codes, recovery) = recovery_codes(&call);
    let command = ConfirmTotp {
        user,
        session,
        code,
        recovery,
        replies: (shown_once(&call, &codes), shown_once(&call, &[])),
    };
    call.execute(&caller, command).await
}

/// `DELETE /v1/me/totp`.
pub async fn remove_totp(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (user, session) = call.own();
    call.execute(&caller, RemoveTotp { user, session }).await
}

/// `POST /v1/me/recovery-codes`.
pub async fn new_recovery_codes(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (user, session) = call.own();
    let (codes, recovery) = recovery_codes(&call);
    let command = NewRecoveryCodes {
        user,
        session,
        recovery,
        reply: shown_once(&call, &codes),
    };
    call.execute(&caller, command).await
}

/// New codes, and their hashes.
pub fn recovery_codes(call: &Call) -> (Vec<SecretText>, Vec<[u8; 32]>) {
    let scope = call.credential().scope;
    let codes = call.engine().mint_recovery_codes(&scope, call.own().0);
    codes.into_iter().unzip()
}

/// The reply that shows recovery codes; none where those that there are stay.
pub fn shown_once(call: &Call, codes: &[SecretText]) -> Vec<u8> {
    let texts: Vec<&str> = codes.iter().map(SecretText::expose).collect();
    view::json(&json!({"user_id": call.own().0, "recovery_codes": texts}))
}

pub fn password_change_schema() -> Schema {
    schema::object(
        &["current_password", "password"],
        vec![
            ("current_password", schema::line(128)),
            ("password", password_schema()),
        ],
    )
}

pub fn step_up_schema() -> Schema {
    sessions::factor_schema()
}

pub fn offered_schema() -> Schema {
    schema::reply(vec![
        ("user_id", schema::id("user")),
        ("secret", schema::text()),
        ("otpauth_uri", schema::text()),
    ])
}

pub fn confirm_schema() -> Schema {
    let code = json!({"type": "string", "minLength": 6, "maxLength": 6});
    schema::object(&["code"], vec![("code", code)])
}

/// Recovery codes, where new ones were made.
pub fn codes_schema() -> Schema {
    schema::reply(vec![
        ("user_id", schema::id("user")),
        ("recovery_codes", schema::list(schema::text())),
    ])
}

pub fn removed_schema() -> Schema {
    schema::reply(vec![("removed", json!({"const": true}))])
}
