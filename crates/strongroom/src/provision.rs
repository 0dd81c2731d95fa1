//! Organizations and their first keys, made by the operator at the command line.

use strongroom_auth::permission::CreateKeys;
use strongroom_auth::{Caller, Dialect, KeyType, Role, SignedBy, SigningPolicy, SystemActor};
use strongroom_domain::api_keys::CreateApiKey;
use strongroom_domain::command::Command;
use strongroom_engine::{Committed, Engine, Envelope, Failure};
use strongroom_types::currency::Currency;
use strongroom_types::id::OrganizationId;
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::secret::SecretText;

use crate::fault::Fault;

/// The texts of a new key: known now and never again.
pub(crate) struct KeyTexts {
    pub key: SecretText,
    pub signing_secret: SecretText,
}

/// Founds an organization with books in both modes.
pub(crate) fn organization(
    engine: &Engine,
    name: &str,
    currency: Currency,
) -> Result<OrganizationId, Fault> {
    engine
        .create_organization(name, currency)
        .map_err(|failure| fault("the organization was not created", &failure))
}

/// The books of an organization in one mode.
pub(crate) fn scope(
    engine: &Engine,
    organization: OrganizationId,
    mode: Mode,
) -> Result<Scope, Fault> {
    let scope = engine.scope_of(organization, mode);
    scope.ok_or_else(|| Fault::new(format!("there is no organization `{organization}` here")))
}

/// Makes an owner's secret key. Live keys must sign what is sensitive; test keys need not.
pub(crate) fn owner_key(engine: &Engine, scope: Scope) -> Result<KeyTexts, Fault> {
    let signing = match scope.mode {
        Mode::Test => SigningPolicy::Never,
        Mode::Live => SigningPolicy::Sensitive,
    };
    key(engine, scope, KeyType::Secret, Role::Owner, signing)
}

/// Makes a publishable key.
pub(crate) fn publishable_key(engine: &Engine, scope: Scope) -> Result<KeyTexts, Fault> {
    key(
        engine,
        scope,
        KeyType::Publishable,
        Role::Publishable,
        SigningPolicy::Never,
    )
}

fn key(
    engine: &Engine,
    scope: Scope,
    key_type: KeyType,
    role: Role,
    signing: SigningPolicy,
) -> Result<KeyTexts, Fault> {
    let minted = engine.mint(key_type, scope.mode);
    let texts = KeyTexts {
        key: SecretText::new(minted.key_text.expose().to_owned()),
        signing_secret: SecretText::new(minted.signing_secret.expose().to_owned()),
    };
    let command = CreateApiKey {
        key_type,
        name: Some(format!("first {} key", role.as_str())),
        role,
        permissions: role.permissions(),
        role_id: None,
        dialect: Dialect::default(),
        signing,
        expires_at: None,
        networks: None,
        certificates: None,
        limits: None,
        signed_by: SignedBy::default(),
        minted,
        held: None,
    };
    let caller: Caller<CreateKeys> = operator(scope);
    execute(engine, &caller, command, "the key was not created")?;
    Ok(texts)
}

/// The operator at the command line, in some organization's books.
pub(crate) fn operator<P: strongroom_auth::Permission>(scope: Scope) -> Caller<P> {
    Caller::system(SystemActor::Operator, scope)
}

/// Carries a command out for the operator.
pub(crate) fn execute<C: Command>(
    engine: &Engine,
    caller: &Caller<C::Permission>,
    command: C,
    otherwise: &str,
) -> Result<Committed, Fault> {
    engine
        .execute_blocking(caller, command, Envelope::internal())
        .map_err(|failure| fault(otherwise, &failure))
}

fn fault(what: &str, failure: &Failure) -> Fault {
    let cause = match failure {
        Failure::Rejected { rejection, .. } => rejection.detail.clone(),
        Failure::StorageFull => "the disk is full".to_owned(),
        Failure::Halted => "the store failed".to_owned(),
        Failure::Stopped => "another server took the books over".to_owned(),
        Failure::Away => "the database was not reached in time".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    Fault::new(format!("{what}: {cause}"))
}
