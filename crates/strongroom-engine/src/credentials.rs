//! Proven keys, sessions and access tokens in memory, found by the keyed hash of their text.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use strongroom_auth::{
    Access, Credential, CredentialStatus, PermissionSet, Presence, Rights, Role, Scopes, SignedBy,
    SigningPolicy,
};
use strongroom_crypto::MacKey;
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::oauth::OauthToken;
use strongroom_domain::roles::RoleBody;
use strongroom_types::id::{ApiKeyId, RoleId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

/// What a session adds to the rights that it acts by.
pub(crate) struct Attendance {
    pub presence: Presence,
    pub ends_at: Timestamp,
}

/// Every key of the installation. Rebuilt at start, changed by each commit that touches a key.
#[derive(Default)]
pub(crate) struct Credentials {
    by_hash: RwLock<HashMap<[u8; 32], Arc<Credential>>>,
    /// What the roles that organizations made allow; each credential has it resolved.
    roles: RwLock<HashMap<(u32, RoleId), Rights>>,
    /// Counts changes, so that who holds a credential knows when to look again.
    changes: AtomicU64,
    /// Keys that are revoked, for commands that were on their way when theirs was.
    revoked: RwLock<HashSet<(u32, ApiKeyId)>>,
    used: Mutex<HashMap<(u32, ApiKeyId), (Scope, Timestamp)>>,
    /// Keys that a till has or had: what is not among them stands at none.
    at_tills: RwLock<HashSet<(u32, ApiKeyId)>>,
}

impl Credentials {
    pub fn put(&self, scope: Scope, key: &ApiKey) {
        let Rights {
            permissions,
            conditions,
        } = self.rights(scope, key);
        let credential = Credential {
            id: key.id,
            scope,
            key_type: key.key_type,
            role: key.role,
            role_id: key.role_id,
            permissions,
            conditions,
            dialect: key.dialect,
            signing: key.signing,
            signed_by: key.signed_by.clone().unwrap_or_default(),
            signing_key: Arc::new(MacKey::new(key.signing_secret.as_bytes())),
            expires_at: key.expires_at,
            status: key.status,
            networks: key.networks.clone(),
            certificates: key.certificates.clone(),
            is_limited: key.limits.is_some(),
            presence: None,
            access: None,
        };
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        match credential.status {
            CredentialStatus::Revoked => revoked.insert((scope.number, key.id)),
            // A person's line holds again once he is let in again.
            CredentialStatus::Active => revoked.remove(&(scope.number, key.id)),
        };
        drop(revoked);
        self.insert(key.hash, credential);
    }

    /// A person's session, by what his line of the keys holds now.
    pub fn put_session(&self, scope: Scope, hash: [u8; 32], line: &ApiKey, session: Attendance) {
        let Rights {
            permissions,
            conditions,
        } = self.rights(scope, line);
        let credential = Credential {
            id: line.id,
            scope,
            key_type: line.key_type,
            role: line.role,
            role_id: line.role_id,
            permissions,
            conditions,
            dialect: line.dialect,
            signing: line.signing,
            signed_by: line.signed_by.clone().unwrap_or_default(),
            signing_key: Arc::new(MacKey::new(line.signing_secret.as_bytes())),
            expires_at: Some(session.ends_at),
            status: line.status,
            networks: line.networks.clone(),
            certificates: line.certificates.clone(),
            is_limited: line.limits.is_some(),
            presence: Some(session.presence),
            access: None,
        };
        self.insert(hash, credential);
    }

    /// An access token, by what the line of whoever it acts for holds now, and the scopes that its client may still have.
    pub fn put_token(&self, scope: Scope, line: &ApiKey, token: &OauthToken, scopes: Scopes) {
        let Rights {
            permissions,
            conditions,
        } = self.rights(scope, line);
        let access = Access {
            token: token.id,
            client: token.client,
            person: token.person,
            scopes,
            proof_key: token.proof_key.map(|key| key.0),
            is_bound: token.proof_key.is_some() || token.certificate.is_some(),
            grant: token.grant,
            limits: token.limits.clone().map(Arc::new),
        };
        let credential = Credential {
            id: line.id,
            scope,
            key_type: line.key_type,
            role: Role::Custom,
            role_id: line.role_id,
            // SECURITY: never more than its scopes, and never more than whoever it acts for holds now.
            permissions: Arc::new(scopes.within(&permissions)),
            conditions,
            dialect: line.dialect,
            signing: SigningPolicy::Never,
            signed_by: SignedBy::default(),
            signing_key: Arc::new(MacKey::new(line.signing_secret.as_bytes())),
            expires_at: Some(token.expires_at),
            status: line.status,
            networks: line.networks.clone(),
            certificates: token.certificate.map(|certificate| vec![certificate]),
            is_limited: line.limits.is_some() || token.limits.is_some(),
            presence: None,
            access: Some(access),
        };
        self.insert(token.hash, credential);
    }

    /// What a key may do. SECURITY: one whose role is not there may do nothing.
    fn rights(&self, scope: Scope, key: &ApiKey) -> Rights {
        let own = |permissions: &PermissionSet| Rights {
            permissions: Arc::new(permissions.clone()),
            conditions: None,
        };
        let Some(role) = key.role_id else {
            return own(&key.permissions);
        };
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        let known = roles.get(&(scope.number, role)).cloned();
        known.unwrap_or_else(|| own(PermissionSet::NONE))
    }

    /// Takes in a role, and changes every credential that holds it.
    pub fn put_role(&self, scope: Scope, role: &RoleBody) {
        let rights = match role.is_active() {
            true => Rights {
                permissions: Arc::new(role.permissions.clone()),
                conditions: Some(&role.conditions)
                    .filter(|conditions| !conditions.is_empty())
                    .map(|conditions| Arc::new(conditions.clone())),
            },
            false => Rights {
                permissions: Arc::new(PermissionSet::NONE.clone()),
                conditions: None,
            },
        };
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        let before = roles.insert((scope.number, role.id), rights.clone());
        drop(roles);
        // That somebody more holds it changes nothing for the others.
        if before.is_some_and(|before| before == rights) {
            return;
        }
        let mut all = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        let holds =
            |held: &Credential| held.scope.number == scope.number && held.role_id == Some(role.id);
        for credential in all.values_mut().filter(|held| holds(held)) {
            *credential = Arc::new(credential.with(&rights));
        }
        drop(all);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The keys of some books that hold a role and are not revoked.
    pub fn keys_of_role(&self, scope: &Scope, role: RoleId) -> Vec<ApiKeyId> {
        let all = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let holds = |found: &&Arc<Credential>| {
            found.scope.number == scope.number
                && found.role_id == Some(role)
                && found.presence.is_none()
                && found.access.is_none()
                && found.status == CredentialStatus::Active
        };
        all.values().filter(holds).map(|found| found.id).collect()
    }

    fn insert(&self, hash: [u8; 32], credential: Credential) {
        self.by_hash
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(hash, Arc::new(credential));
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Forgets a session or a token that is over.
    pub fn remove(&self, hash: &[u8; 32]) {
        self.by_hash
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(hash);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Remembers the key that stands at a till.
    pub fn note_at_till(&self, scope: Scope, key: ApiKeyId) {
        let mut keys = self
            .at_tills
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        keys.insert((scope.number, key));
    }

    /// Whether a key may stand at a till; nearly none does, and what none may do need not be asked of the others.
    pub fn may_be_at_till(&self, scope: Scope, key: ApiKeyId) -> bool {
        let keys = self.at_tills.read().unwrap_or_else(PoisonError::into_inner);
        keys.contains(&(scope.number, key))
    }

    pub fn is_revoked(&self, number: u32, id: ApiKeyId) -> bool {
        let revoked = self.revoked.read().unwrap_or_else(PoisonError::into_inner);
        revoked.contains(&(number, id))
    }

    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// A credential as it is now, by its id: a walk over all, for those who hold one for long.
    pub fn current(&self, held: &Credential) -> Option<Arc<Credential>> {
        let all = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let session = |of: &Credential| of.presence.as_ref().map(|presence| presence.session);
        let token = |of: &Credential| of.access.as_ref().map(|access| access.token);
        let is_same = |found: &&Arc<Credential>| {
            found.id == held.id
                && found.scope.number == held.scope.number
                && session(found) == session(held)
                && token(found) == token(held)
        };
        all.values().find(is_same).cloned()
    }

    /// A key of some books by its id, whatever its state: a walk over all, for people who ask.
    pub fn holder(&self, scope: &Scope, id: ApiKeyId) -> Option<Arc<Credential>> {
        let all = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        // A token holds less than the line that it acts by, and is none of the keys.
        let is_it = |found: &&Arc<Credential>| {
            found.id == id && found.scope.number == scope.number && found.access.is_none()
        };
        all.values().find(is_it).cloned()
    }

    /// The keys of some books that are good and hold a permission, oldest first.
    pub fn holders(&self, scope: &Scope, permission: &str, now: Timestamp) -> Vec<Arc<Credential>> {
        let all = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let may = |found: &&Arc<Credential>| {
            found.scope.number == scope.number
                && found.access.is_none()
                && found.is_usable(now)
                && found.permissions.allows(permission).is_some()
        };
        let mut holders: Vec<Arc<Credential>> = all.values().filter(may).cloned().collect();
        drop(all);
        holders.sort_unstable_by_key(|holder| holder.id);
        holders
    }

    /// The credential of a hash, whatever its state.
    pub fn find(&self, hash: &[u8; 32]) -> Option<Arc<Credential>> {
        self.by_hash
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(hash)
            .cloned()
    }

    pub fn note_use(&self, credential: &Credential, now: Timestamp) {
        let key = (credential.scope.number, credential.id);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(key, (credential.scope, now));
    }

    /// Takes the keys used since the last call, by scope.
    pub fn take_used(&self) -> Vec<(Scope, Vec<(ApiKeyId, Timestamp)>)> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        let mut scopes: HashMap<u32, (Scope, Vec<(ApiKeyId, Timestamp)>)> = HashMap::new();
        for ((number, id), (scope, time)) in used {
            scopes
                .entry(number)
                .or_insert_with(|| (scope, Vec::new()))
                .1
                .push((id, time));
        }
        scopes.into_values().collect()
    }
}
