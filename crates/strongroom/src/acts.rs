//! What operators ask of an engine and a vault about their keys, whoever carries the question.

use serde_json::{Value, json};
use strongroom_channel::Vault;
use strongroom_channel::keys::Replaced;
use strongroom_channel::message::{FromVault, PublishedKey, ToVault};
use strongroom_crypto::{Purpose, RootKeys};
use strongroom_engine::{
    Engine, Failure, KeyLevel, KeyLine, KeyStatus, RootsAge, Rotated, SignedCeremony,
};
use strongroom_types::id::OrganizationId;
use strongroom_types::mode::{INSTALLATION, Mode, Scope};
use strongroom_worker::{replace_vault_keys, vault_keys};

use crate::control::Request;
use crate::place::Place;

type Told<'a> = &'a (dyn Fn(Value) + Send + Sync);

/// Whose keys they are.
#[derive(Clone)]
pub(crate) struct Keys {
    pub engine: Engine,
    /// Where a server with a vault process runs.
    pub vault: Option<Vault>,
}

/// Does what was asked.
pub(crate) async fn act(
    place: &Place,
    keys: &Keys,
    request: Request,
    told: Told<'_>,
) -> Result<Value, String> {
    let engine = &keys.engine;
    match request {
        Request::Status { scan } => status(keys, scan).await,
        Request::Rotate {
            level,
            organization,
            mode,
            purpose,
            at_once,
        } if level == "encryption" => {
            if organization.is_some() || mode.is_some() || purpose.is_some() {
                return Err(
                    "the key that card fields are encrypted to is one for all books".to_owned(),
                );
            }
            rotate_encryption(keys, at_once).await
        }
        Request::Rotate { at_once: true, .. } => {
            Err("only keys of the level `encryption` can end at once".to_owned())
        }
        Request::Rotate {
            level,
            organization,
            mode,
            purpose,
            at_once: false,
        } => {
            let books = (organization.as_deref(), mode.as_deref());
            replace(keys, &level, books, purpose.as_deref(), told).await
        }
        Request::Roots { keys } => {
            let keys = zeroize::Zeroizing::new(keys);
            let roots = RootKeys::from_recovery_text(&keys).map_err(|error| error.to_string())?;
            let done = engine.replace_roots(roots.copy()).await;
            let done = done.map_err(|failure| words(&failure))?;
            // The vault's keyring is sealed anew next.
            let kept = place.keep_vault_secrets(&roots);
            kept.map_err(|fault| fault.text().to_owned())?;
            Ok(counts(done))
        }
        Request::Ceremony { hash, details } => {
            let signed = engine.sign_ceremony(&hash, details).await;
            signed.map(ceremony_json).map_err(|failure| words(&failure))
        }
    }
}

fn ceremony_json(signed: SignedCeremony) -> Value {
    let SignedCeremony {
        sequence,
        public_key,
        signature,
        entry_signature,
    } = signed;
    json!({
        "sequence": sequence,
        "public_key": hex(&public_key),
        "signature": hex(&signature),
        "entry_signature": hex(&entry_signature),
    })
}

async fn status(keys: &Keys, scan: bool) -> Result<Value, String> {
    let engine = &keys.engine;
    let status = engine.key_status(scan).await;
    let status = status.map_err(|failure| words(&failure))?;
    let age = engine.roots_age().await;
    let age = age.map_err(|failure| words(&failure))?;
    let mut told = status_json(engine, &status, age);
    if let (Some(vault), Some(members)) = (&keys.vault, told.as_object_mut()) {
        let published = ask(vault, &ToVault::EncryptionKeys).await?;
        let published = published.iter().map(encryption_json).collect();
        members.insert("encryption_keys".to_owned(), published);
        let own = vault_keys(engine, vault, scan).await;
        let own = own.ok_or("the vault does not answer now; try again")?;
        members.insert("vault_keys".to_owned(), lines_json(engine, &own));
        let left = on_old(&own).into();
        members.insert("vault_rows_on_old_versions".to_owned(), left);
    }
    Ok(told)
}

/// New keys on a level, of some books or of all.
async fn replace(
    keys: &Keys,
    level: &str,
    (organization, mode): (Option<&str>, Option<&str>),
    purpose: Option<&str>,
    told: Told<'_>,
) -> Result<Value, String> {
    let narrowed = organization.is_some() || mode.is_some();
    if level == "vault" {
        if narrowed || purpose.is_some() {
            return Err("the vault's keys are replaced for all books at once".to_owned());
        }
        return rotate_vault(keys, told).await.map(counts);
    }
    if purpose.is_some() && level != "data" {
        return Err(format!(
            "keys of the level `{level}` have no purpose to choose"
        ));
    }
    let scopes = scopes(&keys.engine, organization, mode)?;
    let done = rotate(&keys.engine, level, &scopes, purpose, told).await?;
    // The vault's keys are not some books' alone.
    match keys.vault.is_some() && level == "all" && !narrowed {
        true => Ok(counts(sum(done, rotate_vault(keys, told).await?))),
        false => Ok(counts(done)),
    }
}

/// A new key that card fields may be encrypted to.
async fn rotate_encryption(keys: &Keys, at_once: bool) -> Result<Value, String> {
    let Some(vault) = &keys.vault else {
        return Err("no vault process runs here: start the server, and ask again".to_owned());
    };
    let published = ask(vault, &ToVault::RotateEncryption { at_once }).await?;
    let newest = published.first().map_or("", |key| key.id.as_str());
    let noted = keys.engine.note_encryption_key(newest, at_once).await;
    noted.map_err(|failure| words(&failure))?;
    Ok(json!({
        "keys_made": 1,
        "parts_on_old_versions": 0,
        "encryption_keys": published.iter().map(encryption_json).collect::<Value>(),
    }))
}

/// New keys of the vault's own, and its numbers sealed again under them.
async fn rotate_vault(keys: &Keys, told: Told<'_>) -> Result<Rotated, String> {
    let Some(vault) = &keys.vault else {
        return Err("no vault process runs here: start the server, and ask again".to_owned());
    };
    let progress = |so_far| told(counts(of_vault(so_far)));
    match replace_vault_keys(&keys.engine, vault, &progress).await {
        Ok(done) => Ok(of_vault(done)),
        Err(Failure::Overloaded) => {
            Err("the vault does not answer now; it goes on by itself once it does".to_owned())
        }
        Err(failure) => Err(words(&failure)),
    }
}

fn of_vault(replaced: Replaced) -> Rotated {
    let count = |n| usize::try_from(n).unwrap_or(usize::MAX);
    Rotated {
        made: count(replaced.made),
        wrapped: count(replaced.wrapped),
        resealed: replaced.resealed,
        left: replaced.left,
        destroyed: count(replaced.destroyed),
    }
}

async fn ask(vault: &Vault, question: &ToVault) -> Result<Vec<PublishedKey>, String> {
    match vault.ask(question).await {
        Ok(FromVault::EncryptionKeys(keys)) => Ok(keys),
        Ok(_) => Err(
            "too many keys are in force: wait until the oldest has ended, or end them `--at-once`"
                .to_owned(),
        ),
        Err(_) => Err("the vault does not answer now; try again".to_owned()),
    }
}

fn encryption_json(key: &PublishedKey) -> Value {
    json!({
        "kid": key.id,
        "algorithm": "ECDH-ES on P-256, A256GCM",
        "created": key.created.to_string(),
        "expires": key.expires.map(|time| time.to_string()),
    })
}

async fn rotate(
    engine: &Engine,
    level: &str,
    scopes: &[Scope],
    purpose: Option<&str>,
    told: Told<'_>,
) -> Result<Rotated, String> {
    let purpose = purpose.map(purpose_of).transpose()?;
    let mut levels = Vec::new();
    if ["installation", "all"].contains(&level) {
        levels.push(KeyLevel::Installation);
    }
    if ["scope", "all"].contains(&level) {
        levels.extend(scopes.iter().map(|scope| KeyLevel::Scope(*scope)));
    }
    if ["data", "all"].contains(&level) {
        levels.extend(scopes.iter().map(|scope| KeyLevel::Data(*scope, purpose)));
    }
    if ["index", "all"].contains(&level) {
        levels.extend(scopes.iter().map(|scope| KeyLevel::Index(*scope)));
    }
    if ["subject", "all"].contains(&level) {
        levels.extend(scopes.iter().map(|scope| KeyLevel::Subjects(*scope)));
    }
    if levels.is_empty() {
        return Err(format!("there is no level `{level}`"));
    }
    let mut total = Rotated::default();
    for level in levels {
        let before = total;
        let watch = |so_far| told(counts(sum(before, so_far)));
        let done = engine
            .rotate(level, &watch)
            .await
            .map_err(|failure| words(&failure))?;
        total = sum(before, done);
    }
    Ok(total)
}

fn sum(one: Rotated, other: Rotated) -> Rotated {
    Rotated {
        made: one.made + other.made,
        wrapped: one.wrapped + other.wrapped,
        resealed: one.resealed + other.resealed,
        left: one.left + other.left,
        destroyed: one.destroyed + other.destroyed,
    }
}

fn counts(done: Rotated) -> Value {
    json!({
        "keys_made": done.made,
        "keys_wrapped": done.wrapped,
        "rows_resealed": done.resealed,
        "parts_on_old_versions": done.left,
        "versions_destroyed": done.destroyed,
    })
}

fn purpose_of(name: &str) -> Result<Purpose, String> {
    let all = [
        ("facts", Purpose::Facts),
        ("actor", Purpose::Actor),
        ("changes", Purpose::Changes),
        ("record", Purpose::Record),
        ("stored_reply", Purpose::StoredReply),
        ("card", Purpose::Card),
    ];
    let found = all.into_iter().find(|(known, _)| *known == name);
    let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
    let none = || {
        format!(
            "keys of purpose `{name}` are not replaced; {} are",
            known.join(", ")
        )
    };
    found.map(|(_, purpose)| purpose).ok_or_else(none)
}

fn scopes(
    engine: &Engine,
    organization: Option<&str>,
    mode: Option<&str>,
) -> Result<Vec<Scope>, String> {
    let organization = organization
        .map(|text| {
            OrganizationId::parse(text).ok_or_else(|| format!("`{text}` is no organization's id"))
        })
        .transpose()?;
    let fits = |scope: &Scope| {
        organization.is_none_or(|id| scope.organization == id)
            && mode.is_none_or(|mode| mode_name(scope.mode) == mode)
    };
    let found: Vec<Scope> = engine.scopes().into_iter().filter(fits).collect();
    match found.is_empty() {
        true => Err("there are no such books here".to_owned()),
        false => Ok(found),
    }
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Test => "test",
        Mode::Live => "live",
    }
}

fn status_json(engine: &Engine, status: &KeyStatus, age: RootsAge) -> Value {
    let (root, shred) = status.roots;
    json!({
        "root_version": root,
        "shred_root_version": shred,
        "roots_since": age.since.to_string(),
        "roots_age_days": (engine.now().0 - age.since.0) / 86_400_000,
        "roots_next_rotation": age.due.to_string(),
        "roots_due": age.is_due,
        "keys": lines_json(engine, &status.keys),
        "subject_keys": status.subjects,
        "parts_on_old_versions": on_old(&status.keys),
        "parts_under_missing_keys": status.orphans,
    })
}

/// What is sealed under superseded keys, or wrapped, or hashed.
fn on_old(keys: &[KeyLine]) -> u64 {
    let old = keys.iter().filter(|key| !key.newest);
    old.filter_map(|key| key.sealed).sum()
}

fn lines_json(engine: &Engine, keys: &[KeyLine]) -> Value {
    let now = engine.now();
    let scopes = engine.scopes();
    let line = |line: &KeyLine| {
        let scope = scopes.iter().find(|scope| scope.number == line.scope);
        let owner = scope.filter(|scope| scope.number != INSTALLATION);
        json!({
            "number": line.number,
            "level": line.level(),
            "purpose": line.name(),
            "organization": owner.map(|scope| scope.organization.to_string()),
            "mode": owner.map(|scope| mode_name(scope.mode)),
            "algorithm": line.algorithm(),
            "period": (line.period != 0).then_some(line.period),
            "version": line.version,
            "newest": line.newest,
            "parent": line.parent,
            "created": line.created.to_string(),
            "age_days": (now.0 - line.created.0) / 86_400_000,
            "uses": line.uses,
            "sealed_parts": line.sealed,
            "next_rotation": line.due.map(|due| due.to_string()),
            "due": line.is_due,
        })
    };
    keys.iter().map(line).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::Overloaded => "the store cannot be reached now; try again".to_owned(),
        Failure::StorageFull => "the disk is full; nothing was lost".to_owned(),
        Failure::KeyReused => {
            "the roots were replaced by somebody else meanwhile; nothing was done: read the keyring again"
                .to_owned()
        }
        Failure::Halted => "the server's store has failed, or it is stopping".to_owned(),
        other => format!("it was not done: {}", format!("{other:?}").to_lowercase()),
    }
}
