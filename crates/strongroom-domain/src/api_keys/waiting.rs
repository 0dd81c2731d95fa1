//! What approvals ask of keys: whose a key is, and what is asked for as others see it who are to agree – everything but
//! its texts, which do not exist yet.

use serde_json::{Value, json};
use strongroom_auth::{MoneyLimits, Networks, Range};
use strongroom_types::id::{ApiKeyId, RoleId};

use crate::api_keys::{ApiKey, CreateApiKey, Held, RollApiKey, UpdateApiKey};
use crate::facts::{Facts, Keys};

/// The key that makes another.
pub(crate) fn with_maker(held: Option<&Held>) -> Keys {
    let keys = Keys::default();
    match held {
        Some(held) => keys.record(held.id.any()),
        None => keys,
    }
}

/// SECURITY: whoever makes a key knows its text, so as an approver it is he again.
pub(crate) fn person_of(facts: &Facts, held: Option<&Held>) -> Option<ApiKeyId> {
    let maker = held?.id;
    Some(facts.api_key(maker.any()).map_or(maker, ApiKey::person))
}

impl ApiKey {
    /// The key that stands for the person it belongs to.
    pub fn person(&self) -> ApiKeyId {
        self.person.unwrap_or(self.id)
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
