//! What approvals ask of keys: whose a key is, and what is asked for as others see it who are to agree – everything but
//! its texts, which do not exist yet.

use serde_json::{Value, json};
use strongroom_auth::{MoneyLimits, Networks, Range};
use strongroom_types::id::{ApiKeyId, RoleId};

use crate::api_keys::{ApiKey, CreateApiKey, Held, RollApiKey, UpdateApiKey};
use crate::facts::{Facts, Keys};
use crate::roles::with_rights;

/// The key that makes another, and what says for whom it stands.
pub(crate) fn with_maker(facts: &Facts, held: Option<&Held>) -> Keys {
    let keys = Keys::default();
    match held {
        Some(held) => with_rights(keys, facts, held.id.any()),
        None => keys,
    }
}

/// SECURITY: whoever makes a key knows its text, so as an approver it is he again, and so is everybody for whom the key stands that he made
/// it with. Nobody for the operator at the command line.
pub(crate) fn makers(facts: &Facts, held: Option<&Held>) -> Vec<ApiKeyId> {
    let Some(held) = held else {
        return Vec::new();
    };
    let maker = facts.api_key(held.id.any());
    maker.map_or_else(|| vec![held.id], |maker| maker.persons(facts))
}

impl ApiKey {
    /// The key that stands for the person it belongs to.
    pub fn person(&self) -> ApiKeyId {
        self.person.unwrap_or(self.id)
    }

    /// Everybody for whom it stands: whose it is, who knows it besides or answers for what it may do, and who widened its role by himself.
    pub(crate) fn persons(&self, facts: &Facts) -> Vec<ApiKeyId> {
        let role = self.role_id.and_then(|id| facts.role(id));
        let widened = role.map(|role| role.widened_by.iter());
        let others = self.others.iter().flatten();
        let all = others.chain(widened.into_iter().flatten()).copied();
        std::iter::once(self.person()).chain(all).collect()
    }

    /// A new key, as its makers' own.
    pub(crate) fn made_by(self, makers: Vec<ApiKeyId>) -> ApiKey {
        let mut makers = makers.into_iter();
        let own = ApiKey {
            person: makers.next(),
            others: None,
            ..self
        };
        own.known_to(makers)
    }

    /// The same key, for which these stand from now on, too: nobody who does so already is washed clean by it.
    pub(crate) fn known_to(mut self, people: impl IntoIterator<Item = ApiKeyId>) -> ApiKey {
        let mut others = self.others.take().unwrap_or_default();
        for person in people {
            if person != self.person() && !others.contains(&person) {
                others.push(person);
            }
        }
        self.others = Some(others).filter(|others| !others.is_empty());
        self
    }
}

impl CreateApiKey {
    pub(super) fn asked(&self) -> Value {
        let CreateApiKey {
            key_type,
            name,
            role,
            permissions,
            role_id,
            dialect,
            signing,
            expires_at,
            networks,
            limits,
            certificates,
            signed_by,
            minted: _,
            held: _,
        } = self;
        let mut asked = json!({
            "signing_scheme": signed_by.scheme,
            "public_keys": signed_by.keys,
            "type": key_type,
            "name": name,
            "role": role,
            "permissions": permissions,
            "dialect": dialect,
            "signing": signing,
            "expires_at": expires_at,
            "networks": networks.as_ref().map(asked_networks),
            "limits": limits,
            "client_certificates": certificates,
        });
        with_role(&mut asked, *role_id);
        asked
    }
}

/// Only where one is named: the text of other requests stays what was agreed to.
pub(crate) fn with_role(asked: &mut Value, role: Option<RoleId>) {
    if let (Some(role), Some(fields)) = (role, asked.as_object_mut()) {
        fields.insert("role_id".into(), json!(role));
    }
}

impl RollApiKey {
    pub(super) fn asked(&self) -> Value {
        json!({"key_id": self.id, "overlap_seconds": self.overlap / 1_000})
    }
}

impl UpdateApiKey {
    /// Only what is named changes; what is named as `null` is taken away.
    pub(super) fn asked(&self) -> Value {
        let UpdateApiKey {
            id,
            name,
            networks,
            report_only,
            limits,
            expires_at,
            certificates,
            scheme,
            public_keys,
            held: _,
        } = self;
        let mut asked = json!({"key_id": id});
        let mut add = |field: &str, value: Option<Value>| {
            if let (Some(fields), Some(value)) = (asked.as_object_mut(), value) {
                fields.insert(field.to_owned(), value);
            }
        };
        add("name", name.as_ref().map(|name| json!(name)));
        add("networks", networks.as_deref().map(ranges));
        add("report_only", report_only.map(|only| json!(only)));
        add("limits", limits.as_ref().map(asked_limits));
        add(
            "client_certificates",
            certificates.as_ref().map(|named| json!(named)),
        );
        add("signing_scheme", scheme.map(|scheme| json!(scheme)));
        add("public_keys", public_keys.as_ref().map(|keys| json!(keys)));
        add("expires_at", expires_at.map(|end| json!(end)));
        asked
    }
}

fn asked_networks(networks: &Networks) -> Value {
    json!({"ranges": ranges(&networks.ranges), "report_only": networks.report_only})
}

fn ranges(ranges: &[Range]) -> Value {
    json!(ranges)
}

fn asked_limits(limits: &Option<MoneyLimits>) -> Value {
    json!(limits)
}
