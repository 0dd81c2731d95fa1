//! `authorization_details` (RFC 9396): how much money a client asks to move for somebody, read from what it sends and shown to whoever is
//! asked. One type, `payment_limit`, with the fields that a key's limits have.

use serde_json::{Value as Json, json};
use strongroom_auth::{Direction, MoneyLimits};
use strongroom_types::money::Money;

use crate::json::{Fields, parse_object, read_object};
use crate::oauth::form::Form;
use crate::v1::restrictions::money_limits;

/// The types that there are.
pub(super) const TYPES: [&str; 1] = [PAYMENT_LIMIT];
const PAYMENT_LIMIT: &str = "payment_limit";

/// What a client is told whose details are not taken (RFC 9396, section 5).
pub(super) const INVALID: &str = "invalid_authorization_details";
pub(super) const WHAT_IS_TAKEN: &str = "`authorization_details` is a JSON list of one object of the type `payment_limit`, with `per_transaction`, `per_day`, `currencies` and `directions` as limits of keys have them, and the currencies of its amounts";

/// Details that are not taken: of another type, with fields that nobody knows, or without what people could be shown.
pub(super) struct NotTaken;

/// The limits that a client asks for, if it asks for any. SECURITY: what is not understood is refused, not passed over: somebody would
/// allow more than he was shown.
pub(super) fn read(form: &Form) -> Result<Option<MoneyLimits>, NotTaken> {
    let text = form.get("authorization_details");
    text.map(of_text).transpose()
}

pub(super) fn of_text(text: &str) -> Result<MoneyLimits, NotTaken> {
    let wrapped = format!("{{\"authorization_details\":{text}}}");
    let object = parse_object(wrapped.as_bytes()).map_err(|_| NotTaken)?;
    let read = read_object(&object, |fields| {
        let mut all = fields.objects("authorization_details", 1..=1)?;
        limits(all.pop()?)
    });
    read.map_err(|_| NotTaken)
}

fn limits(mut fields: Fields<'_, '_>) -> Option<MoneyLimits> {
    let kind = fields.parsed("type", "`payment_limit`", |text| {
        (text == PAYMENT_LIMIT).then_some(())
    });
    let kind = fields.required("type", kind);
    let limits = money_limits(&mut fields)?;
    let has_amounts = limits.per_transaction.is_some() || limits.per_day.is_some();
    // Nobody knows what 50000 of any currency is.
    if has_amounts && limits.currencies.is_empty() {
        fields.invalid("currencies", "are needed beside amounts");
        return None;
    }
    kind.map(|()| limits)
}

/// The same as clients are told it.
pub(super) fn told(limits: &MoneyLimits) -> Json {
    let MoneyLimits {
        per_transaction,
        per_day,
        currencies,
        directions,
    } = limits;
    let mut detail = json!({"type": PAYMENT_LIMIT});
    let mut add = |name: &str, value: Option<Json>| {
        if let (Some(fields), Some(value)) = (detail.as_object_mut(), value) {
            fields.insert(name.to_owned(), value);
        }
    };
    add("per_transaction", per_transaction.map(Json::from));
    add("per_day", per_day.map(Json::from));
    add("currencies", some(currencies).map(|all| json!(all)));
    add("directions", some(directions).map(|all| json!(all)));
    json!([detail])
}

fn some<T>(all: &[T]) -> Option<&[T]> {
    (!all.is_empty()).then_some(all)
}

/// The same in words, for whoever is asked: each goes on "moves".
pub(super) fn lines(limits: &MoneyLimits) -> Vec<String> {
    let amounts = |minor: i64| {
        let each = limits.currencies.iter().map(|currency| {
            let amount = Money::new(minor, *currency).decimal();
            format!("{amount} {}", currency.code())
        });
        each.collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    if let Some(most) = limits.per_transaction {
        lines.push(format!("at most {} at once", amounts(most)));
    }
    if let Some(most) = limits.per_day {
        lines.push(format!("at most {} a day", amounts(most)));
    }
    if !limits.currencies.is_empty() {
        let codes: Vec<&str> = limits.currencies.iter().map(|c| c.code()).collect();
        lines.push(format!("nothing but {}", codes.join(", ")));
    }
    if !limits.directions.is_empty() {
        let ways: Vec<&str> = limits.directions.iter().map(|way| words(*way)).collect();
        lines.push(format!("only {}", ways.join(", or ")));
    }
    lines
}

fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "into wallets, from outside",
        Direction::Out => "out of wallets",
        Direction::Internal => "between wallets of the organization",
    }
}
