//! Passkeys: registered with a challenge of ours, listed, removed; and how one is shown when somebody signs in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::OwnAccount;
use strongroom_auth::webauthn::{ALGORITHMS, Fault, PublicKey, Registered, RelyingParty};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::users::{
    AddPasskey, Factor, KeyAlgorithm, Passkey, RemovePasskey, User, UserBody,
};
use strongroom_domain::view;
use strongroom_engine::{Engine, Question};
use strongroom_types::id::UserId;
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::call::{Answer, Call};
use crate::json::{Fields, read_object};
use crate::problem::Problem;
use crate::schema;
use crate::v1::me::{codes_schema, freshly, myself, recovery_codes, removed_schema, shown_once};

/// The longest text of bytes in base 64 that a browser sends.
const MOST_TEXT: usize = 16_384;

/// Milliseconds that a browser waits for the person.
const PATIENCE: i64 = 300_000;

/// What an authenticator answered, as it came.
pub struct Assertion {
    credential: Vec<u8>,
    client_data: Vec<u8>,
    data: Vec<u8>,
    signature: Vec<u8>,
}

/// `GET /v1/me/passkeys`.
pub async fn list(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let (user, _) = call.own();
    call.read(&caller, move |view| {
        let user = view.user(user)?;
        let passkeys: Vec<_> = user.body.passkeys.iter().map(shown).collect();
        let page = json!({"data": passkeys, "has_more": false, "next_cursor": null});
        Ok(view::json(&page))
    })
    .await
}

fn shown(passkey: &Passkey) -> serde_json::Value {
    json!({
        "id": URL_SAFE_NO_PAD.encode(&passkey.credential),
        "object": "passkey",
        "name": passkey.name,
        "created_at": passkey.created_at,
    })
}

/// `GET /v1/me/passkeys/registration`: what `navigator.credentials.create` takes.
pub async fn registration(_: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let party = party(&call)?;
    let me = myself(&call).await?;
    let scope = call.credential().scope;
    let options = creation_options(call.engine(), &party, &scope, &me);
    Ok(Answer::json(view::json(&json!({ "publicKey": options }))))
}

/// What an authenticator is told that makes a passkey.
pub fn creation_options(
    engine: &Engine,
    party: &RelyingParty,
    scope: &Scope,
    user: &User,
) -> serde_json::Value {
    let id = user.body.id;
    let profile = user.profile.as_ref();
    let parameters = ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg}));
    json!({
        "rp": {"id": party.id, "name": "Strongroom"},
        "user": {
            "id": URL_SAFE_NO_PAD.encode(id.0.0),
            "name": profile.map_or("", |p| p.email.as_str()),
            "displayName": profile.map_or("", |p| p.name.as_str()),
        },
        "challenge": engine.ask(scope, id, Question::Registration),
        "pubKeyCredParams": parameters,
        "timeout": PATIENCE,
        "excludeCredentials": descriptors(&user.body),
        "authenticatorSelection": {"residentKey": "discouraged", "userVerification": "preferred"},
        "attestation": "none",
    })
}

/// `GET /v1/me/passkeys/assertion`: what `navigator.credentials.get` takes, for stepping up.
pub async fn assertion(_: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    let party = party(&call)?;
    let me = myself(&call).await?;
    let scope = call.credential().scope;
    let options = request_options(call.engine(), &party, &scope, &me.body);
    Ok(Answer::json(view::json(&json!({ "publicKey": options }))))
}

/// The question to an authenticator of somebody whose password was right.
pub fn request_options(
    engine: &Engine,
    party: &RelyingParty,
    scope: &Scope,
    user: &UserBody,
) -> serde_json::Value {
    json!({
        "challenge": engine.ask(scope, user.id, Question::Assertion),
        "timeout": PATIENCE,
        "rpId": party.id,
        "allowCredentials": descriptors(user),
        "userVerification": "preferred",
    })
}

fn descriptors(user: &UserBody) -> Vec<serde_json::Value> {
    let known = user.passkeys.iter();
    known
        .map(|p| json!({"type": "public-key", "id": URL_SAFE_NO_PAD.encode(&p.credential)}))
        .collect()
}

/// `POST /v1/me/passkeys`.
pub async fn add(caller: Caller<OwnAccount>, mut call: Call) -> Result<Answer, Problem> {
    let (name, client_data, attestation) = read_object(&call.object()?, |fields| {
        let name = fields.text("name", 100);
        let name = fields.required("name", name);
        let mut credential = fields.object("credential")?;
        credential.ignore_rest();
        let mut response = credential.object("response")?;
        response.ignore_rest();
        let client_data = bytes(&mut response, "clientDataJSON");
        let attestation = bytes(&mut response, "attestationObject");
        Some((name?, client_data?, attestation?))
    })?;
    let me = myself(&call).await?;
    // Who has a factor shows it; who has none has just shown the password.
    freshly(&call, me.body.has_factor())?;
    let party = party(&call)?;
    let (user, session) = call.own();
    let scope = call.credential().scope;
    let read = party.registered(&client_data, &attestation);
    let (challenge, registered) = read.map_err(refused)?;
    let spent = call
        .engine()
        .answered(&scope, user, Question::Registration, &challenge);
    call.envelope.signature = Some(spent.ok_or_else(stale)?);
    let (codes, recovery) = recovery_codes(&call);
    let command = AddPasskey {
        user,
        session,
        passkey: kept(registered, name),
        recovery,
        replies: (shown_once(&call, &codes), shown_once(&call, &[])),
    };
    call.execute(&caller, command).await
}

fn kept(registered: Registered, name: String) -> Passkey {
    let (algorithm, public_key) = match registered.key {
        PublicKey::Es256(point) => (KeyAlgorithm::Es256, point),
        PublicKey::Ed25519(public) => (KeyAlgorithm::EdDsa, public),
    };
    Passkey {
        credential: registered.credential,
        algorithm,
        public_key,
        counter: registered.counter,
        name,
        created_at: Timestamp(0),
    }
}

/// `DELETE /v1/me/passkeys/{id}`.
pub async fn remove(caller: Caller<OwnAccount>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (user, session) = call.own();
    let credential = URL_SAFE_NO_PAD.decode(&call.id).unwrap_or_default();
    let command = RemovePasskey {
        user,
        session,
        credential,
    };
    call.execute(&caller, command).await
}

/// What somebody shows who signs in or steps up by a passkey: the browser's own `toJSON()`.
pub fn read(fields: &mut Fields<'_, '_>) -> Option<Assertion> {
    answer(&mut fields.object("passkey")?)
}

/// The same where nothing else is shown.
pub fn answer(passkey: &mut Fields<'_, '_>) -> Option<Assertion> {
    passkey.ignore_rest();
    let credential = bytes(passkey, "id");
    let mut response = passkey.object("response")?;
    response.ignore_rest();
    let client_data = bytes(&mut response, "clientDataJSON");
    let data = bytes(&mut response, "authenticatorData");
    let signature = bytes(&mut response, "signature");
    Some(Assertion {
        credential: credential?,
        client_data: client_data?,
        data: data?,
        signature: signature?,
    })
}

fn bytes(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<Vec<u8>> {
    let value = fields.parsed(name, "bytes in base 64 of the URL-safe kind", |text| {
        (text.len() <= MOST_TEXT).then(|| URL_SAFE_NO_PAD.decode(text).ok())?
    });
    fields.required(name, value)
}

/// The factor, and what the commit spends of it. Nothing where it does not verify.
pub fn verified(
    engine: &Engine,
    party: &RelyingParty,
    scope: &Scope,
    user: &User,
    shown: &Assertion,
) -> Option<(Factor, [u8; 16])> {
    let known = user.body.passkeys.iter();
    let mut known = known.filter(|passkey| passkey.credential == shown.credential);
    let passkey = known.next()?;
    let key = match passkey.algorithm {
        KeyAlgorithm::Es256 => PublicKey::Es256(passkey.public_key.clone()),
        KeyAlgorithm::EdDsa => PublicKey::Ed25519(passkey.public_key.clone()),
    };
    let used = party.used(&key, &shown.client_data, &shown.data, &shown.signature);
    let (challenge, counter) = used.ok()?;
    let id: UserId = user.body.id;
    let spent = engine.answered(scope, id, Question::Assertion, &challenge)?;
    let factor = Factor::Passkey {
        credential: shown.credential.clone(),
        counter,
    };
    Some((factor, spent))
}

fn party(call: &Call) -> Result<RelyingParty, Problem> {
    call.entrance.party.clone().ok_or_else(|| {
        let text = "passkeys need an address of this server: `public_origins` in its configuration";
        Problem::from(Rejection::new(Code::PasskeysUnavailable, text))
    })
}

fn stale() -> Problem {
    let text = "it answers no question of ours, or one that is too old";
    let rejection = Rejection::at(Code::SecondFactorInvalid, "/credential", text);
    Problem::from(rejection)
}

fn refused(fault: Fault) -> Problem {
    let text = match fault {
        Fault::Malformed => "is not what an authenticator answers",
        Fault::Type => "answers another question",
        Fault::Origin => "was given to a page that is not ours",
        Fault::RelyingParty => "was made for another domain",
        Fault::Absent => "was made without anybody there",
        Fault::Algorithm => "is a key of a kind that is not taken",
        Fault::Signature => "is not signed by its key",
    };
    Problem::from(Rejection::at(
        Code::SecondFactorInvalid,
        "/credential",
        text,
    ))
}

/// The browser's own `toJSON()`; what else it holds is not looked at.
fn credential_schema(response: &[&str]) -> Schema {
    let words = response
        .iter()
        .map(|name| ((*name).to_owned(), schema::line(MOST_TEXT)));
    let properties: serde_json::Map<String, Schema> = words.collect();
    json!({
        "type": "object",
        "required": ["id", "response"],
        "properties": {
            "id": schema::line(MOST_TEXT),
            "response": {"type": "object", "required": response, "properties": properties},
        },
    })
}

pub fn add_schema() -> Schema {
    let credential = credential_schema(&["clientDataJSON", "attestationObject"]);
    schema::object(
        &["name", "credential"],
        vec![("name", schema::line(100)), ("credential", credential)],
    )
}

pub fn assertion_field() -> Schema {
    credential_schema(&["clientDataJSON", "authenticatorData", "signature"])
}

pub fn added_schema() -> Schema {
    codes_schema()
}

pub fn gone_schema() -> Schema {
    removed_schema()
}

pub fn options_schema() -> Schema {
    schema::reply(vec![("publicKey", json!({"type": "object"}))])
}

pub fn list_schema() -> Schema {
    schema::page(schema::reply(vec![
        ("id", schema::text()),
        ("object", schema::constant("passkey")),
        ("name", schema::text()),
        ("created_at", schema::time()),
    ]))
}
