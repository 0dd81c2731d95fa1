//! What a key is held to, as requests say it: networks, client certificates and money limits.

use serde_json::{Value as Schema, json};
use strongroom_auth::{Direction, MoneyLimits, Networks, Range, Thumbprint};
use strongroom_types::currency::Currency;

use crate::json::Fields;
use crate::schema;
use crate::v1::wallets::expected;

pub const MODES: &[&str] = &["enforce", "report"];
const MOST_NETWORKS: usize = 50;
const MOST_CERTIFICATES: usize = 10;
/// 2^53 − 1, which every client can write.
const MOST_MINOR: i64 = 9_007_199_254_740_991;

/// Where the key may be used from; an empty list is everywhere.
pub fn networks(fields: &mut Fields<'_, '_>) -> Option<Networks> {
    let ranges = ranges(fields).filter(|ranges| !ranges.is_empty());
    let report_only = report_only(fields);
    if report_only.is_some() && ranges.is_none() {
        fields.invalid("networks_mode", "needs `networks`");
    }
    Some(Networks {
        ranges: ranges?,
        report_only: report_only.unwrap_or(false),
    })
}

pub fn ranges(fields: &mut Fields<'_, '_>) -> Option<Vec<Range>> {
    let mut ranges = Vec::new();
    for text in fields.texts("networks", MOST_NETWORKS)? {
        match Range::parse(&text) {
            Ok(range) => ranges.push(range),
            Err(fault) => {
                let shown: String = text.chars().take(64).collect();
                fields.invalid("networks", format!("hold `{shown}`, which {fault}"));
                return None;
            }
        }
    }
    Some(ranges)
}

pub fn report_only(fields: &mut Fields<'_, '_>) -> Option<bool> {
    fields.parsed("networks_mode", &expected(MODES), |text| match text {
        "enforce" => Some(false),
        "report" => Some(true),
        _ => None,
    })
}

/// The client certificates that the key may be used with; an empty list demands none.
pub fn certificates(fields: &mut Fields<'_, '_>) -> Option<Vec<Thumbprint>> {
    let texts = fields.texts("client_certificates", MOST_CERTIFICATES)?;
    let read: Option<Vec<Thumbprint>> = texts.iter().map(|text| Thumbprint::parse(text)).collect();
    if read.is_none() {
        let text = "must be SHA-256 thumbprints: 64 hexadecimal digits each";
        fields.invalid("client_certificates", text);
    }
    read
}

pub fn certificates_schema() -> Schema {
    schema::list(schema::text())
}

/// How much money the key may move.
pub fn limits(mut fields: Fields<'_, '_>) -> Option<MoneyLimits> {
    money_limits(&mut fields)
}

/// The same, of an object that says something besides.
pub fn money_limits(fields: &mut Fields<'_, '_>) -> Option<MoneyLimits> {
    let per_transaction = fields.integer("per_transaction", 0, MOST_MINOR);
    let per_day = fields.integer("per_day", 0, MOST_MINOR);
    let currencies = fields.texts("currencies", 50).unwrap_or_default();
    let currencies = currencies.iter().map(|text| Currency::parse(text));
    let currencies: Option<Vec<Currency>> = currencies.collect();
    if currencies.is_none() {
        fields.invalid("currencies", "must be codes such as `PHP`");
    }
    let directions = fields.texts("directions", 3).unwrap_or_default();
    let known = |text: &String| Direction::ALL.into_iter().find(|d| d.as_str() == text);
    let directions: Option<Vec<Direction>> = directions.iter().map(known).collect();
    if directions.is_none() {
        let all = Direction::ALL.map(Direction::as_str);
        fields.invalid("directions", format!("must be {}", expected(&all)));
    }
    let limits = MoneyLimits {
        per_transaction,
        per_day,
        currencies: currencies?,
        directions: directions?,
    };
    let bounds = limits.per_transaction.is_some() || limits.per_day.is_some();
    if !bounds && limits.currencies.is_empty() && limits.directions.is_empty() {
        fields.invalid(
            "per_transaction",
            "or another limit must be given; `null` instead of the object removes all",
        );
    }
    Some(limits)
}

pub fn networks_schema() -> Schema {
    schema::list(schema::text())
}

pub fn limits_schema() -> Schema {
    let amount =
        || schema::nullable(json!({"type": "integer", "minimum": 0, "maximum": MOST_MINOR}));
    let directions = Direction::ALL.map(Direction::as_str);
    schema::object(
        &[],
        vec![
            ("per_transaction", amount()),
            ("per_day", amount()),
            ("currencies", schema::list(schema::text())),
            ("directions", schema::list(schema::one_of(&directions))),
        ],
    )
}
