//! Clients of OAuth: registered, listed, changed, rolled, deleted. A secret is in the reply that makes it and nowhere else.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{ManageOauthClients, ReadOauthClients};
use strongroom_auth::{Caller, Scopes};
use strongroom_domain::oauth::{
    ClientProof, Constraint, CreateOauthClient, DeleteOauthClient, Grants, OauthClientView,
    Profile, RotateOauthSecret, UpdateOauthClient, Wanted,
};
use strongroom_domain::view;
use strongroom_oauth::{Redirect, check_redirect, read_keys};
use strongroom_types::id::OauthClientId;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, Value, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::schema;
use crate::v1::account::mode;
use crate::v1::restrictions::{certificates, certificates_schema};
use crate::v1::wallets::expected;

/// How long an old secret works on, in seconds: 24 hours, at most 7 days.
const OVERLAP: i64 = 86_400;
const MAX_OVERLAP: i64 = 7 * OVERLAP;

/// `POST /v1/oauth/clients`.
pub async fn create(caller: Caller<ManageOauthClients>, call: Call) -> Result<Answer, Problem> {
    let wanted = read_object(&call.object()?, wanted)?;
    let command = CreateOauthClient {
        minted: call
            .engine()
            .mint_client(call.mode(), wanted.proof.is_secret()),
        held: call.held(),
        wanted,
    };
    call.execute(&caller, command).await
}

/// `PATCH /v1/oauth/clients/{id}`.
pub async fn update(caller: Caller<ManageOauthClients>, call: Call) -> Result<Answer, Problem> {
    let (id, held) = (client_id(&call), call.held());
    let command = read_object(&call.object()?, |fields| {
        Some(UpdateOauthClient {
            id,
            name: fields.text("name", 100),
            redirect_uris: redirects(fields, Redirect::Native),
            keys: keys(fields),
            certificates: certificates(fields),
            scopes: scopes(fields),
            held,
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/oauth/clients/{id}/rotate-secret`.
pub async fn rotate(caller: Caller<ManageOauthClients>, call: Call) -> Result<Answer, Problem> {
    let id = client_id(&call);
    let overlap = match call.body.is_empty() {
        true => OVERLAP,
        false => read_object(&call.object()?, |fields| {
            let seconds = fields.integer("overlap_seconds", 0, MAX_OVERLAP);
            Some(seconds.unwrap_or(OVERLAP))
        })?,
    };
    let command = RotateOauthSecret {
        id,
        overlap: overlap.saturating_mul(1_000),
        minted: call.engine().mint_client_secret(call.mode()),
        held: call.held(),
    };
    call.execute(&caller, command).await
}

/// `DELETE /v1/oauth/clients/{id}`.
pub async fn delete(caller: Caller<ManageOauthClients>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (id, held) = (client_id(&call), call.held());
    call.execute(&caller, DeleteOauthClient { id, held }).await
}

/// `GET /v1/oauth/clients/{id}`.
pub async fn read(caller: Caller<ReadOauthClients>, call: Call) -> Result<Answer, Problem> {
    let (id, mode) = (client_id(&call), call.mode());
    call.read(&caller, move |view| {
        let client = view.oauth_client(id)?;
        Ok(view::json(&OauthClientView::new(&client, mode)))
    })
    .await
}

/// `GET /v1/oauth/clients`.
pub async fn list(caller: Caller<ReadOauthClients>, call: Call) -> Result<Answer, Problem> {
    let (page, mode) = (call.query().page()?, call.mode());
    call.read(&caller, move |view| {
        let listing = view.oauth_clients(&page)?;
        Ok(pages::render(&listing, |client| {
            view::json(&OauthClientView::new(client, mode))
        }))
    })
    .await
}

fn client_id(call: &Call) -> OauthClientId {
    call.id(OauthClientId::parse, OauthClientId(NOBODY))
}

fn wanted(fields: &mut Fields<'_, '_>) -> Option<Wanted> {
    let name = fields.text("name", 100);
    let name = fields.required("name", name);
    let profile = fields.parsed("profile", &expected(Profile::NAMES), Profile::parse);
    let proof = fields.parsed("token_endpoint_auth_method", &expected(PROOFS), |text| {
        ClientProof::parse(text).filter(|_| PROOFS.contains(&text))
    });
    let constraint = fields.parsed("sender_constraint", &expected(Constraint::NAMES), |text| {
        Constraint::parse(text)
    });
    let keys = keys(fields);
    let certificates = certificates(fields).unwrap_or_default();
    let scopes = scopes(fields);
    let scopes = fields.required("scopes", scopes);
    let profile = profile.unwrap_or(Profile::Fapi2);
    let redirect_uris = redirects(fields, allowed(profile)).unwrap_or_default();
    let grants = grants(fields, &redirect_uris);
    let wanted = Wanted {
        name: name?,
        profile,
        proof: proof.unwrap_or(usual_proof(profile)),
        grants: grants?,
        redirect_uris,
        keys: keys.unwrap_or_default(),
        certificates,
        scopes: scopes?,
        constraint: constraint.or((profile == Profile::Fapi2).then_some(Constraint::Dpop)),
    };
    fits(fields, &wanted).then_some(wanted)
}

/// FAPI 2.0, 5.3.2.2: clients of it are sent back by `https` alone.
fn allowed(profile: Profile) -> Redirect {
    match profile {
        Profile::Fapi2 => Redirect::Secure,
        Profile::Oauth21 | Profile::Classic => Redirect::Native,
    }
}

/// Where the client may be sent back to.
fn redirects(fields: &mut Fields<'_, '_>, kind: Redirect) -> Option<Vec<String>> {
    let addresses = fields.texts("redirect_uris", MOST_REDIRECTS)?;
    for address in &addresses {
        if let Err(text) = check_redirect(address, kind) {
            let shown: String = address.chars().take(100).collect();
            fields.invalid("redirect_uris", format!("hold `{shown}`, which {text}"));
            return None;
        }
    }
    Some(addresses)
}

/// How it comes by tokens: for people where it has an address to be sent back to, else for itself.
fn grants(fields: &mut Fields<'_, '_>, redirect_uris: &[String]) -> Option<Grants> {
    let named = fields.texts("grant_types", GRANTS.len());
    let Some(named) = named else {
        let for_people = !redirect_uris.is_empty();
        return Some(Grants {
            client_credentials: !for_people,
            authorization_code: for_people,
            refresh_token: for_people,
        });
    };
    let has = |name: &str| named.iter().any(|one| one == name);
    let grants = Grants {
        client_credentials: has("client_credentials"),
        authorization_code: has("authorization_code"),
        refresh_token: has("refresh_token"),
    };
    let is_known = named.iter().all(|name| GRANTS.contains(&name.as_str()));
    let is_some = grants.client_credentials || grants.authorization_code;
    if !is_known || !is_some || (grants.refresh_token && !grants.authorization_code) {
        let text =
            "must be `client_credentials`, `authorization_code`, or that with `refresh_token`";
        fields.invalid("grant_types", text);
        return None;
    }
    Some(grants)
}

/// How a client of a profile shows who it is, if nothing is said.
fn usual_proof(profile: Profile) -> ClientProof {
    match profile {
        Profile::Fapi2 => ClientProof::PrivateKeyJwt,
        Profile::Oauth21 | Profile::Classic => ClientProof::ClientSecretBasic,
    }
}

/// Whether the parts of a client fit together.
fn fits(fields: &Fields<'_, '_>, wanted: &Wanted) -> bool {
    // SECURITY: FAPI 2.0, 5.3.2.1: no secret that both sides know.
    if wanted.profile == Profile::Fapi2 && wanted.proof.is_secret() {
        let text = "of a client of `fapi2` is `private_key_jwt` or `tls_client_auth`";
        fields.invalid("token_endpoint_auth_method", text);
        return false;
    }
    if wanted.proof == ClientProof::None {
        if wanted.profile == Profile::Fapi2 {
            let text = "of a client of `fapi2` is `private_key_jwt` or `tls_client_auth`";
            fields.invalid("token_endpoint_auth_method", text);
            return false;
        }
        if wanted.grants.client_credentials {
            let text = "cannot be `client_credentials` where the client shows nothing";
            fields.invalid("grant_types", text);
            return false;
        }
    }
    if wanted.grants.authorization_code == wanted.redirect_uris.is_empty() {
        let text = match wanted.grants.authorization_code {
            true => "are where the client is sent back to",
            false => "are for `authorization_code` alone",
        };
        fields.invalid("redirect_uris", text);
        return false;
    }
    let by_key = wanted.proof == ClientProof::PrivateKeyJwt;
    if by_key == wanted.keys.is_empty() {
        let text = match by_key {
            true => "is what a client shows who it is by with `private_key_jwt`",
            false => "is for `private_key_jwt` alone",
        };
        fields.invalid("jwks", text);
        return false;
    }
    let by_certificate = wanted.proof == ClientProof::TlsClientAuth;
    if by_certificate == wanted.certificates.is_empty() {
        let text = match by_certificate {
            true => "is what a client shows who it is by with `tls_client_auth`",
            false => "is for `tls_client_auth` alone",
        };
        fields.invalid("client_certificates", text);
        return false;
    }
    true
}

/// The client's public keys, each as it is kept.
fn keys(fields: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    let Value::Object(set) = fields.value("jwks")? else {
        fields.invalid("jwks", "must be a set of keys: `{\"keys\": […]}`");
        return None;
    };
    match read_keys(set) {
        Ok(keys) => Some(keys.iter().map(|key| key.to_json()).collect()),
        Err(fault) => {
            fields.invalid("jwks", format!("is not taken: {fault}"));
            None
        }
    }
}

fn scopes(fields: &mut Fields<'_, '_>) -> Option<Scopes> {
    let names = fields.texts("scopes", 10)?;
    let scopes = Scopes::of(names.iter().map(String::as_str)).filter(|all| !all.is_empty());
    if scopes.is_none() {
        let all: Vec<&str> = Scopes::all().collect();
        fields.invalid("scopes", format!("must be some of {}", expected(&all)));
    }
    scopes
}

/// Addresses of one client.
const MOST_REDIRECTS: usize = 10;

const GRANTS: &[&str] = &["client_credentials", "authorization_code", "refresh_token"];

const PROOFS: &[&str] = &[
    "none",
    "private_key_jwt",
    "tls_client_auth",
    "client_secret_basic",
    "client_secret_post",
];

fn scopes_schema() -> Schema {
    let all: Vec<&str> = Scopes::all().collect();
    schema::list(schema::one_of(&all))
}

fn jwks_schema() -> Schema {
    let keys = schema::list(json!({"type": "object"}));
    schema::object(&["keys"], vec![("keys", keys)])
}

pub fn create_schema() -> Schema {
    schema::object(
        &["name", "scopes"],
        vec![
            ("name", schema::line(100)),
            ("profile", schema::one_of(Profile::NAMES)),
            ("token_endpoint_auth_method", schema::one_of(PROOFS)),
            ("sender_constraint", schema::one_of(Constraint::NAMES)),
            ("grant_types", schema::list(schema::one_of(GRANTS))),
            ("redirect_uris", redirects_schema()),
            ("jwks", jwks_schema()),
            ("client_certificates", certificates_schema()),
            ("scopes", scopes_schema()),
        ],
    )
}

fn redirects_schema() -> Schema {
    schema::list(schema::line(512))
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(100)),
            ("redirect_uris", redirects_schema()),
            ("jwks", jwks_schema()),
            ("client_certificates", certificates_schema()),
            ("scopes", scopes_schema()),
        ],
    )
}

pub fn rotate_schema() -> Schema {
    let seconds =
        json!({"type": "integer", "minimum": 0, "maximum": MAX_OVERLAP, "default": OVERLAP});
    schema::object(&[], vec![("overlap_seconds", seconds)])
}

fn fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("id", schema::id("client")),
        ("object", schema::constant("oauth_client")),
        ("mode", mode()),
        ("name", schema::text()),
        ("profile", schema::one_of(Profile::NAMES)),
        ("token_endpoint_auth_method", schema::text()),
        ("grant_types", schema::list(schema::text())),
        ("redirect_uris", schema::list(schema::text())),
        ("jwks", jwks_schema()),
        ("client_certificates", certificates_schema()),
        ("scopes", scopes_schema()),
        (
            "sender_constraint",
            schema::nullable(schema::one_of(Constraint::NAMES)),
        ),
        ("key_id", schema::id("key")),
        ("status", schema::one_of(&["active", "deleted"])),
        ("old_secret_expires_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ]
}

pub fn schema() -> Schema {
    schema::named("oauth_client", schema::reply(fields()))
}

/// With the secret that is shown once, where there is one.
pub fn secret_schema() -> Schema {
    schema::optional(schema::reply(fields()), "client_secret", schema::text())
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
