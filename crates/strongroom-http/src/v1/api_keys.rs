//! API keys: made, listed, rolled, revoked. A key's text is in the reply that makes it and nowhere else.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateKeys, ManageKeys, ReadKeys};
use strongroom_auth::{
    Caller, Dialect, KeyType, MoneyLimits, Networks, PermissionSet, Role, SignedBy, SigningPolicy,
    Thumbprint,
};
use strongroom_domain::api_keys::{CreateApiKey, RevokeApiKey, RollApiKey, UpdateApiKey};
use strongroom_domain::roles::Grant;
use strongroom_domain::view::{self, ApiKeyView};
use strongroom_engine::ReadFault;
use strongroom_types::id::{ApiKeyId, RoleId};
use strongroom_types::mode::Mode;
use strongroom_types::time::Timestamp;

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::schema;
use crate::v1::account::mode;
use crate::v1::restrictions::{
    MODES, certificates, certificates_schema, limits, limits_schema, networks, networks_schema,
    ranges, report_only,
};
use crate::v1::roles::{Named, alone, named_role, role_schema};
use crate::v1::signing_keys;
use crate::v1::wallets::expected;

/// How long a rolled key works on, in seconds: 24 hours, at most 7 days.
const OVERLAP: i64 = 86_400;
const MAX_OVERLAP: i64 = 7 * OVERLAP;

/// `POST /v1/api-keys`.
pub async fn create(caller: Caller<CreateKeys>, call: Call) -> Result<Answer, Problem> {
    let mode = call.mode();
    let wanted = read_object(&call.object()?, |fields| wanted(fields, mode))?;
    let command = CreateApiKey {
        minted: call.engine().mint(wanted.key_type, mode),
        held: Some(call.held()),
        key_type: wanted.key_type,
        name: wanted.name,
        role: wanted.role,
        permissions: wanted.permissions,
        role_id: wanted.role_id,
        dialect: wanted.dialect,
        signing: wanted.signing,
        expires_at: wanted.expires_at,
        networks: wanted.networks,
        limits: wanted.limits,
        certificates: wanted.certificates,
        signed_by: wanted.signed_by,
    };
    call.execute(&caller, command).await
}

/// `PATCH /v1/api-keys/{id}`.
pub async fn update(caller: Caller<ManageKeys>, call: Call) -> Result<Answer, Problem> {
    let (id, held) = (key_id(&call), call.held());
    let command = read_object(&call.object()?, |fields| {
        let named = fields.raw("name").is_some();
        let name = fields.text("name", 100);
        let networks = ranges(fields);
        let report_only = report_only(fields);
        let bounded = fields.raw("limits").is_some();
        let limits = fields.object("limits").and_then(limits);
        Some(UpdateApiKey {
            id,
            name: named.then_some(name),
            networks,
            report_only,
            limits: bounded.then_some(limits),
            certificates: certificates(fields),
            scheme: signing_keys::scheme(fields),
            public_keys: signing_keys::public_keys(fields),
            expires_at: fields.time("expires_at"),
            held: Some(held),
        })
    })?;
    call.execute(&caller, command).await
}

/// `POST /v1/api-keys/{id}/roll`.
pub async fn roll(caller: Caller<ManageKeys>, call: Call) -> Result<Answer, Problem> {
    let id = key_id(&call);
    let overlap = match call.body.is_empty() {
        true => OVERLAP,
        false => read_object(&call.object()?, overlap)?,
    };
    let key_type = key_type(&caller, &call, id).await?;
    let command = RollApiKey {
        id,
        overlap: overlap.saturating_mul(1_000),
        minted: call.engine().mint(key_type, call.mode()),
        held: Some(call.held()),
    };
    call.execute(&caller, command).await
}

/// The type a new key must have to stand in for `id`. A key that is not there is refused by the decision.
async fn key_type(
    caller: &Caller<ManageKeys>,
    call: &Call,
    id: ApiKeyId,
) -> Result<KeyType, Problem> {
    let read = move |view: &mut strongroom_engine::View<'_>| match view.api_key(id) {
        Ok(key) => Ok(key.key_type),
        Err(ReadFault::NotFound) => Ok(KeyType::Secret),
        Err(fault) => Err(fault),
    };
    Ok(call.engine().read(caller, read).await?)
}

/// `POST /v1/api-keys/{id}/revoke`.
pub async fn revoke(caller: Caller<ManageKeys>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = key_id(&call);
    let held = Some(call.held());
    call.execute(&caller, RevokeApiKey { id, held }).await
}

/// `GET /v1/api-keys/{id}`.
pub async fn read(caller: Caller<ReadKeys>, call: Call) -> Result<Answer, Problem> {
    let (id, mode) = (key_id(&call), call.mode());
    call.read(&caller, move |view| {
        Ok(view::json(&ApiKeyView::new(&view.api_key(id)?, mode)))
    })
    .await
}

/// `GET /v1/api-keys`.
pub async fn list(caller: Caller<ReadKeys>, call: Call) -> Result<Answer, Problem> {
    let (page, mode) = (call.query().page()?, call.mode());
    call.read(&caller, move |view| {
        let listing = view.api_keys(&page)?;
        Ok(pages::render(&listing, |key| {
            view::json(&ApiKeyView::new(key, mode))
        }))
    })
    .await
}

fn key_id(call: &Call) -> ApiKeyId {
    call.id(ApiKeyId::parse, ApiKeyId(NOBODY))
}

/// A key as the request describes it.
struct Wanted {
    key_type: KeyType,
    name: Option<String>,
    role: Role,
    permissions: PermissionSet,
    role_id: Option<RoleId>,
    dialect: Dialect,
    signing: SigningPolicy,
    expires_at: Option<Timestamp>,
    networks: Option<Networks>,
    limits: Option<MoneyLimits>,
    certificates: Option<Vec<Thumbprint>>,
    signed_by: SignedBy,
}

fn wanted(fields: &mut Fields<'_, '_>, mode: Mode) -> Option<Wanted> {
    let key_type = fields.parsed("type", &expected(TYPES), |text| match text {
        "secret" => Some(KeyType::Secret),
        "publishable" => Some(KeyType::Publishable),
        _ => None,
    });
    let key_type = key_type.unwrap_or(KeyType::Secret);
    let name = fields.text("name", 100);
    let rights = rights(fields, key_type);
    let dialect = fields.parsed("dialect", &expected(DIALECTS), |text| match text {
        "nextapi" => Some(Dialect::Nextapi),
        "nopos" => Some(Dialect::Nopos),
        _ => None,
    });
    let signing = fields.parsed("signing", &expected(SIGNING), signing);
    let expires_at = fields.time("expires_at");
    let networks = networks(fields);
    let limits = fields.object("limits").and_then(limits);
    let certificates = certificates(fields).filter(|named| !named.is_empty());
    let signed_by = SignedBy {
        scheme: signing_keys::scheme(fields).unwrap_or_default(),
        keys: signing_keys::public_keys(fields).unwrap_or_default(),
    };
    let Grant {
        role,
        permissions,
        role_id,
    } = rights?;
    Some(Wanted {
        signed_by,
        key_type,
        name,
        role,
        permissions,
        role_id,
        dialect: dialect.unwrap_or_default(),
        signing: signing.unwrap_or(default_signing(key_type, mode)),
        expires_at,
        networks,
        limits,
        certificates,
    })
}

/// Secret live keys sign what is sensitive unless told otherwise; a publishable key has no secret to sign with.
fn default_signing(key_type: KeyType, mode: Mode) -> SigningPolicy {
    match (key_type, mode) {
        (KeyType::Secret, Mode::Live) => SigningPolicy::Sensitive,
        _ => SigningPolicy::Never,
    }
}

fn signing(text: &str) -> Option<SigningPolicy> {
    match text {
        "never" => Some(SigningPolicy::Never),
        "sensitive" => Some(SigningPolicy::Sensitive),
        "always" => Some(SigningPolicy::Always),
        _ => None,
    }
}

/// The role, and what it may do: a built-in role, one by its id, or `custom` with permissions of its own.
fn rights(fields: &mut Fields<'_, '_>, key_type: KeyType) -> Option<Grant> {
    let named = named_role(fields);
    let role = match named {
        Some(Named::BuiltIn(role)) => Some(role),
        Some(Named::Made(id)) => return made(fields, id, key_type),
        None => None,
    };
    let permissions = permissions(fields);
    let given = fields.value("permissions").is_some();
    if key_type == KeyType::Publishable {
        if given || role.is_some_and(|role| role != Role::Publishable) {
            fields.invalid(
                "role",
                "of a publishable key is `publishable`, without permissions",
            );
        }
        return Some(Grant::of(Role::Publishable));
    }
    match (role, given) {
        (Some(Role::Publishable), _) => {
            fields.invalid("role", "`publishable` is for keys of type `publishable`");
            None
        }
        (Some(Role::Custom) | None, true) => Some(Grant::custom(permissions?)),
        (Some(Role::Custom), false) => {
            fields.fault(
                FaultKind::FieldRequired,
                "permissions",
                "is required for the role `custom`",
            );
            None
        }
        (Some(_), true) => {
            fields.invalid("permissions", "are for the role `custom` only");
            None
        }
        (Some(role), false) => Some(Grant::of(role)),
        (None, false) => fields.required("role", None),
    }
}

/// A role by its id, for a secret key.
fn made(fields: &mut Fields<'_, '_>, id: RoleId, key_type: KeyType) -> Option<Grant> {
    if key_type == KeyType::Publishable {
        let text = "of a publishable key is `publishable`, without permissions";
        fields.invalid("role", text);
        return None;
    }
    alone(fields).then(|| Grant::named(id))
}

pub fn permissions(fields: &mut Fields<'_, '_>) -> Option<PermissionSet> {
    match PermissionSet::new(fields.texts("permissions", 50)?) {
        Ok(set) => Some(set),
        Err(unknown) => {
            let shown: String = unknown.chars().take(64).collect();
            fields.invalid(
                "permissions",
                format!("hold `{shown}`, which matches no permission"),
            );
            None
        }
    }
}

fn overlap(fields: &mut Fields<'_, '_>) -> Option<i64> {
    let seconds = fields.integer("overlap_seconds", 0, MAX_OVERLAP);
    Some(seconds.unwrap_or(OVERLAP))
}

const TYPES: &[&str] = &["secret", "publishable"];
const DIALECTS: &[&str] = &["nextapi", "nopos"];
const SIGNING: &[&str] = &["never", "sensitive", "always"];
const ROLES: &[&str] = &[
    "owner",
    "admin",
    "operator",
    "viewer",
    "manager",
    "cashier",
    "publishable",
    "custom",
];

pub fn create_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("type", schema::one_of(TYPES)),
            ("name", schema::line(100)),
            ("role", role_schema(ROLES)),
            ("permissions", schema::list(schema::text())),
            ("dialect", schema::one_of(DIALECTS)),
            ("signing", schema::one_of(SIGNING)),
            ("signing_scheme", signing_keys::scheme_schema()),
            ("public_keys", signing_keys::wanted_schema()),
            ("expires_at", schema::time()),
            ("networks", networks_schema()),
            ("networks_mode", schema::one_of(MODES)),
            ("limits", schema::nullable(limits_schema())),
            ("client_certificates", certificates_schema()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::nullable(schema::line(100))),
            ("signing_scheme", signing_keys::scheme_schema()),
            ("public_keys", signing_keys::wanted_schema()),
            ("expires_at", schema::time()),
            ("networks", networks_schema()),
            ("networks_mode", schema::one_of(MODES)),
            ("limits", schema::nullable(limits_schema())),
            ("client_certificates", certificates_schema()),
        ],
    )
}

pub fn roll_schema() -> Schema {
    let seconds =
        json!({"type": "integer", "minimum": 0, "maximum": MAX_OVERLAP, "default": OVERLAP});
    schema::object(&[], vec![("overlap_seconds", seconds)])
}

fn fields() -> Vec<(&'static str, Schema)> {
    vec![
        ("id", schema::id("key")),
        ("object", schema::constant("api_key")),
        ("type", schema::one_of(TYPES)),
        ("mode", mode()),
        ("name", schema::nullable(schema::text())),
        ("hint", schema::text()),
        ("role", schema::one_of(ROLES)),
        ("role_id", schema::nullable(schema::id("role"))),
        ("permissions", schema::list(schema::text())),
        ("dialect", schema::one_of(DIALECTS)),
        ("signing", schema::one_of(SIGNING)),
        ("signing_scheme", signing_keys::scheme_schema()),
        ("public_keys", signing_keys::schema()),
        ("status", schema::one_of(&["active", "revoked"])),
        ("rolled_from", schema::nullable(schema::id("key"))),
        ("till_id", schema::nullable(schema::id("till"))),
        ("networks", networks_schema()),
        ("networks_mode", schema::nullable(schema::one_of(MODES))),
        ("limits", schema::nullable(limits_schema())),
        ("client_certificates", certificates_schema()),
        ("expires_at", schema::nullable(schema::time())),
        ("last_used_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ]
}

pub fn schema() -> Schema {
    schema::named("api_key", schema::reply(fields()))
}

/// With the texts that are shown once.
pub fn secret_schema() -> Schema {
    let mut fields = fields();
    fields.push(("key", schema::text()));
    fields.push(("signing_secret", schema::text()));
    schema::reply(fields)
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;

    fn read(body: &str, mode: Mode) -> Result<Wanted, String> {
        let object = parse_object(body.as_bytes()).unwrap();
        read_object(&object, |fields| wanted(fields, mode))
            .map_err(|faults| format!("{} {}", faults[0].kind.code(), faults[0].pointer))
    }

    fn fault(body: &str) -> String {
        read(body, Mode::Test).err().unwrap_or_default()
    }

    #[test]
    fn defaults_follow_the_type_and_the_mode() {
        let live =
            read(r#"{"role":"admin"}"#, Mode::Live).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(
            (live.signing, live.key_type),
            (SigningPolicy::Sensitive, KeyType::Secret)
        );
        let test =
            read(r#"{"role":"admin"}"#, Mode::Test).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(
            (test.signing, test.dialect),
            (SigningPolicy::Never, Dialect::Nextapi)
        );
        let open =
            read(r#"{"type":"publishable"}"#, Mode::Live).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(
            (open.role, open.signing),
            (Role::Publishable, SigningPolicy::Never)
        );
        let custom = r#"{"permissions":["read:wallets"],"dialect":"nopos","signing":"always"}"#;
        let custom = read(custom, Mode::Test).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(
            (custom.role, custom.dialect),
            (Role::Custom, Dialect::Nopos)
        );
        assert_eq!(custom.permissions.patterns(), ["read:wallets"]);
    }

    #[test]
    fn rights_that_do_not_fit_are_refused() {
        assert_eq!(fault("{}"), "field_required /role");
        assert_eq!(fault(r#"{"role":"king"}"#), "invalid_field /role");
        assert_eq!(fault(r#"{"role":"custom"}"#), "field_required /permissions");
        assert_eq!(
            fault(r#"{"role":"viewer","permissions":["*"]}"#),
            "invalid_field /permissions"
        );
        assert_eq!(
            fault(r#"{"permissions":["fly:moon"]}"#),
            "invalid_field /permissions"
        );
        assert_eq!(
            fault(r#"{"permissions":"*"}"#),
            "invalid_field /permissions"
        );
        assert_eq!(fault(r#"{"role":"publishable"}"#), "invalid_field /role");
        assert_eq!(
            fault(r#"{"type":"publishable","role":"owner"}"#),
            "invalid_field /role"
        );
        assert_eq!(
            fault(r#"{"type":"publishable","permissions":["*"]}"#),
            "invalid_field /role"
        );
    }
}
