//! What a role's conditions forbid, asked within the decision of whoever holds it.

use strongroom_auth::Doing;
use strongroom_types::id::{AnyId, ApiKeyId, StoreId};

use crate::action::Action;
use crate::api_keys::{ApiKey, moved};
use crate::decision::Decision;
use crate::facts::{Facts, Keys};
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::roles::holding::{conditions, role_key};

/// With a key, and its role once the key is known.
pub(crate) fn with_rights(keys: Keys, facts: &Facts, key: AnyId) -> Keys {
    let role = facts.api_key(key).and_then(|key| key.role_id);
    role_key(keys.record(key), role)
}

/// Refuses what the conditions of the key's role forbid.
///
/// # Errors
/// [`Code::ConditionNotMet`], naming the role and the condition.
pub(crate) fn bind(
    action: Action,
    key: &ApiKey,
    decision: &Decision,
    facts: &Facts,
) -> Result<(), Rejection> {
    let (Some(role), Some(conditions)) = (key.role_id, conditions(facts, key.role_id)) else {
        return Ok(());
    };
    let doing = Doing {
        amount: moved(action, decision),
        stores: stores(decision),
        other_s_shift: works_on_another_s_shift(key.id, decision),
    };
    conditions.bind(&doing).map_err(|condition| {
        let text = format!(
            "the condition `{}` of the role `{role}` forbids it",
            condition.as_str()
        );
        Rejection::new(Code::ConditionNotMet, text)
    })
}

/// The stores that an act is about: of a refund, that of the sale and that of the drawer.
fn stores(decision: &Decision) -> Vec<StoreId> {
    let changed = decision.changes.iter().map(|(_, record)| record.as_ref());
    let store = |record: &Record| match record {
        Record::Sale(sale) => sale.store,
        Record::Shift(shift) => Some(shift.store),
        Record::Till(till) => Some(till.store),
        Record::Store(store) => Some(store.id),
        _ => None,
    };
    changed.filter_map(store).collect()
}

fn works_on_another_s_shift(key: ApiKeyId, decision: &Decision) -> bool {
    decision
        .changes
        .iter()
        .any(|(_, record)| match record.as_ref() {
            Record::Shift(shift) => shift.opened_by != key,
            _ => false,
        })
}
