//! The conditions of a role, as they are read and shown.

use serde_json::{Value as Schema, json};
use strongroom_auth::{Conditions, DAYS, Hours, Range};
use strongroom_types::currency::Currency;
use strongroom_types::id::StoreId;
use strongroom_types::money::LIMIT;
use strongroom_types::time::Zone;

use crate::json::{Fields, NOBODY};
use crate::schema;
use crate::v1::restrictions::{networks_schema, ranges};

/// As many as anybody lists.
const MOST_STORES: usize = 100;
const MOST_CURRENCIES: usize = 50;

/// The conditions that a body names; none of them where it names an empty object.
pub fn conditions(mut fields: Fields<'_, '_>) -> Option<Conditions> {
    let max_amount = fields.integer("max_amount", 0, LIMIT);
    let currencies = currencies(&mut fields);
    let stores = stores(&mut fields);
    let own_shift = fields.boolean("own_shift").unwrap_or(false);
    let bound = fields.value("hours").is_some();
    let hours = fields.object("hours").and_then(hours);
    let networks = fields.value("networks").is_some();
    let networks = match networks {
        true => ranges(&mut fields)?,
        false => Vec::new(),
    };
    if bound && hours.is_none() {
        return None;
    }
    Some(Conditions {
        max_amount,
        currencies: currencies?,
        stores: stores?,
        own_shift,
        hours,
        networks,
    })
}

fn currencies(fields: &mut Fields<'_, '_>) -> Option<Vec<Currency>> {
    if fields.value("currencies").is_none() {
        return Some(Vec::new());
    }
    let texts = fields.texts("currencies", MOST_CURRENCIES)?;
    let read: Option<Vec<Currency>> = texts.iter().map(|text| Currency::parse(text)).collect();
    if read.is_none() {
        fields.invalid("currencies", "must be codes such as `PHP`");
    }
    read
}

/// Text that is no store's id is nobody's store, where nothing is sold.
fn stores(fields: &mut Fields<'_, '_>) -> Option<Vec<StoreId>> {
    if fields.value("stores").is_none() {
        return Some(Vec::new());
    }
    let texts = fields.texts("stores", MOST_STORES)?;
    let read = |text: &String| StoreId::parse(text).unwrap_or(StoreId(NOBODY));
    Some(texts.iter().map(read).collect())
}

fn hours(mut fields: Fields<'_, '_>) -> Option<Hours> {
    let days = days(&mut fields);
    let clock = "a time of day such as `08:30`, up to `24:00`";
    let from = fields.parsed("from", clock, Hours::parse_clock);
    let from = fields.required("from", from);
    let until = fields.parsed("until", clock, Hours::parse_clock);
    let until = fields.required("until", until);
    let zone = "the name of a time zone such as `Asia/Manila`";
    let time_zone = fields.parsed("time_zone", zone, Zone::parse);
    let time_zone = fields.required("time_zone", time_zone);
    let (from, until) = (from?, until?);
    if from == until || from == 24 * 60 {
        fields.invalid("until", "must differ from `from`, which is before `24:00`");
        return None;
    }
    Some(Hours {
        days: days?,
        from,
        until,
        time_zone: time_zone?,
    })
}

fn days(fields: &mut Fields<'_, '_>) -> Option<Vec<u8>> {
    if fields.value("days").is_none() {
        return Some(Vec::new());
    }
    let texts = fields.texts("days", DAYS.len())?;
    let number = |text: &String| {
        let place = DAYS.iter().position(|day| day == text)?;
        u8::try_from(place + 1).ok()
    };
    let read: Option<Vec<u8>> = texts.iter().map(number).collect();
    if read.is_none() {
        fields.invalid("days", format!("must be among `{}`", DAYS.join("`, `")));
    }
    read
}

/// The ranges of a role's networks as texts.
pub fn shown(ranges: &[Range]) -> String {
    let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

pub fn conditions_schema() -> Schema {
    let clock = || json!({"type": "string", "pattern": "^([01][0-9]|2[0-4]):[0-5][0-9]$"});
    let hours = schema::object(
        &["from", "until", "time_zone"],
        vec![
            ("days", schema::list(schema::one_of(&DAYS))),
            ("from", clock()),
            ("until", clock()),
            ("time_zone", schema::line(40)),
        ],
    );
    let amount = json!({"type": "integer", "minimum": 0, "maximum": LIMIT});
    schema::object(
        &[],
        vec![
            ("max_amount", schema::nullable(amount)),
            ("currencies", schema::list(schema::currency())),
            ("stores", schema::list(schema::text())),
            ("own_shift", json!({"type": "boolean"})),
            ("hours", schema::nullable(hours)),
            ("networks", networks_schema()),
        ],
    )
}
