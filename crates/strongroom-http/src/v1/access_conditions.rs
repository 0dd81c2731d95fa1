//! What the conditions of a role come to, for who asks why.

use strongroom_auth::{Condition, Conditions};
use strongroom_types::time::Timestamp;

use crate::v1::access::{Check, check};
use crate::v1::conditions::shown;

/// Each condition by its name, as refusals have it.
pub fn names(conditions: &Conditions) -> Vec<&'static str> {
    let Conditions {
        max_amount,
        currencies,
        stores,
        own_shift,
        hours,
        networks,
    } = conditions;
    let all = [
        (Condition::MaxAmount, max_amount.is_some()),
        (Condition::Currencies, !currencies.is_empty()),
        (Condition::Stores, !stores.is_empty()),
        (Condition::OwnShift, *own_shift),
        (Condition::Hours, hours.is_some()),
        (Condition::Networks, !networks.is_empty()),
    ];
    let bound = all.into_iter().filter(|(_, bound)| *bound);
    bound.map(|(condition, _)| condition.as_str()).collect()
}

/// The same as checks: the hour is known, all else is asked of each request.
pub fn checks(conditions: &Conditions, now: Timestamp) -> Vec<Check> {
    let text = |name: &str| detail(conditions, name);
    let is_open = conditions
        .hours
        .as_ref()
        .is_none_or(|hours| hours.hold(now));
    let outcome = |name: &str| match name == Condition::Hours.as_str() {
        true if is_open => "passes",
        true => "fails",
        false => "depends",
    };
    let names = names(conditions).into_iter();
    names
        .map(|name| check(name, outcome(name), text(name)))
        .collect()
}

fn detail(conditions: &Conditions, name: &str) -> String {
    let joined = |texts: Vec<String>| texts.join(", ");
    match name {
        "max_amount" => {
            let most = conditions.max_amount.unwrap_or(0);
            format!("of the role: no more than {most} minor units at once")
        }
        "currencies" => {
            let codes = conditions.currencies.iter().map(|c| c.code().to_owned());
            format!("of the role: only in {}", joined(codes.collect()))
        }
        "stores" => {
            let stores = conditions.stores.iter().map(ToString::to_string);
            format!("of the role: only in {}", joined(stores.collect()))
        }
        "own_shift" => "of the role: only on shifts of its own".to_owned(),
        "hours" => "of the role: only in its hours, and it is looked at now".to_owned(),
        _ => format!("of the role: only from {}", shown(&conditions.networks)),
    }
}
