//! Reading an object's fields into checked values, collecting every fault on the way.
//!
//! A field that nobody asked for is a fault too: dropping a [`Fields`] reports what was left over, so that a reader
//! cannot forget to. `null` reads as absent.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use strongroom_auth::Dialect;
use strongroom_types::currency::Currency;
use strongroom_types::id::{RawId, WalletId};
use strongroom_types::metadata::{Metadata, MetadataFault};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use super::amount;
use super::fault::{FaultKind, Faults, FieldFault};
use super::parse::{Object, Value, below};

/// An id that nothing has. Text that is no id of the wanted kind is looked up under it, so that it is answered, timed
/// and logged exactly like an id of somebody else (CONTRACT 2).
pub const NOBODY: RawId = RawId::ZERO;

/// One object while it is read.
pub struct Fields<'f, 'b> {
    object: &'f Object<'b>,
    asked: Vec<&'static str>,
    path: String,
    faults: &'f RefCell<Faults>,
    /// Whether fields that nobody asked for are passed over.
    lenient: bool,
}

/// Reads a whole body: `read` asks for fields and returns `None` where a fault was reported.
///
/// # Errors
/// All faults, in their fixed order.
pub fn read_object<T>(
    object: &Object<'_>,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> Result<T, Vec<FieldFault>> {
    let faults = RefCell::new(Faults::default());
    let value = {
        let mut fields = Fields {
            object,
            asked: Vec::with_capacity(8),
            path: String::new(),
            faults: &faults,
            lenient: false,
        };
        read(&mut fields)
    };
    match (faults.into_inner().into_sorted(), value) {
        (None, Some(value)) => Ok(value),
        (Some(faults), _) => Err(faults),
        (None, None) => Err(vec![FieldFault {
            kind: FaultKind::InvalidField,
            pointer: String::new(),
            detail: "the body is not valid".into(),
        }]),
    }
}

impl<'f, 'b> Fields<'f, 'b> {
    /// The field's value; `null` is as good as absent.
    pub fn value(&mut self, name: &'static str) -> Option<&'f Value<'b>> {
        self.raw(name).filter(|value| **value != Value::Null)
    }

    /// The field's value with `null` told apart.
    pub fn raw(&mut self, name: &'static str) -> Option<&'f Value<'b>> {
        self.asked.push(name);
        self.object.get(name)
    }

    pub fn fault(&self, kind: FaultKind, name: &str, detail: impl Into<String>) {
        let pointer = format!("{}{}", self.path, below(name, ""));
        self.faults.borrow_mut().add(kind, pointer, detail);
    }

    pub fn invalid(&self, name: &str, detail: impl Into<String>) {
        self.fault(FaultKind::InvalidField, name, detail);
    }

    /// Reports the field as missing when it is; passes the value on.
    pub fn required<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        let absent = matches!(self.object.get(name), None | Some(Value::Null));
        if absent {
            self.fault(FaultKind::FieldRequired, name, "is required");
        }
        value
    }

    /// Passes over the fields not asked for: what they should be depends on one that is itself at fault.
    pub fn ignore_rest(&mut self) {
        self.lenient = true;
    }

    /// Any text; `None` and a fault when it is something else.
    pub fn string(&mut self, name: &'static str) -> Option<&'f str> {
        match self.value(name)? {
            Value::Text(text) => Some(text.as_ref()),
            _ => {
                self.invalid(name, "must be a string");
                None
            }
        }
    }

    /// A line of 1 to `max` characters.
    pub fn text(&mut self, name: &'static str, max: usize) -> Option<String> {
        let text = self.string(name)?;
        if !(1..=max).contains(&text.chars().count()) {
            self.invalid(name, format!("must have 1 to {max} characters"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.invalid(name, "must not contain control characters");
            return None;
        }
        Some(text.to_owned())
    }

    /// A text that `parse` understands; `expected` says what that is.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(self.string(name)?);
        if value.is_none() {
            self.invalid(name, format!("must be {expected}"));
        }
        value
    }

    pub fn currency(&mut self, name: &'static str) -> Option<Currency> {
        self.parsed(
            name,
            "an ISO 4217 currency code such as `PHP`",
            Currency::parse,
        )
    }

    pub fn reference_id(&mut self) -> Option<ReferenceId> {
        let expected = "1 to 100 letters, digits, `_` or `-`";
        self.parsed("reference_id", expected, ReferenceId::parse)
    }

    pub fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let expected = "an RFC 3339 time such as `2026-01-15T10:30:00Z`";
        self.parsed(name, expected, Timestamp::parse)
    }

    /// A wallet's id. Text that is none becomes an id that nobody has; only over 64 characters is a fault.
    pub fn wallet(&mut self, name: &'static str) -> Option<WalletId> {
        self.parsed(name, "a wallet's id", |text| {
            (text.len() <= 64).then(|| WalletId::parse(text).unwrap_or(WalletId(NOBODY)))
        })
    }

    /// An amount. Without a currency it is left unchecked: the currency's own fault is reported already.
    pub fn amount(
        &mut self,
        name: &'static str,
        currency: Option<Currency>,
        dialect: Dialect,
    ) -> Option<Money> {
        let value = self.value(name)?;
        match amount::read(value, currency?, dialect) {
            Ok(money) => Some(money),
            Err((kind, detail)) => {
                self.fault(kind, name, detail);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, name: &'static str, least: i64, most: i64) -> Option<i64> {
        let number = match self.value(name)? {
            Value::Number(text) => text.parse::<i64>().ok(),
            _ => None,
        };
        let fits = number.filter(|n| (least..=most).contains(n));
        if fits.is_none() {
            self.invalid(name, format!("must be an integer from {least} to {most}"));
        }
        fits
    }

    /// The same, also written as text: people paste what stands on a card.
    pub fn whole(&mut self, name: &'static str, least: i64, most: i64) -> Option<i64> {
        let digits = match self.value(name)? {
            Value::Number(text) => *text,
            Value::Text(text) => text.as_ref(),
            _ => "",
        };
        let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse::<i64>().ok().filter(|_| plain);
        let fits = number.filter(|n| (least..=most).contains(n));
        if fits.is_none() {
            self.invalid(name, format!("must be an integer from {least} to {most}"));
        }
        fits
    }

    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(value) => Some(*value),
            _ => {
                self.invalid(name, "must be `true` or `false`");
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &'static str, most: usize) -> Option<Vec<String>> {
        let texts = match self.value(name)? {
            Value::List(list) if list.len() <= most => list
                .iter()
                .map(|value| match value {
                    Value::Text(text) => Some(text.to_string()),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        if texts.is_none() {
            self.invalid(name, format!("must be a list of at most {most} strings"));
        }
        texts
    }

    /// The objects of a list of so many.
    pub fn objects(
        &mut self,
        name: &'static str,
        number: RangeInclusive<usize>,
    ) -> Option<Vec<Fields<'f, 'b>>> {
        let path = format!("{}{}", self.path, below(name, ""));
        let objects = match self.value(name)? {
            Value::List(list) if number.contains(&list.len()) => {
                let one = |(n, value): (usize, &'f Value<'b>)| match value {
                    Value::Object(object) => Some(Fields {
                        object,
                        asked: Vec::with_capacity(8),
                        path: format!("{path}/{n}"),
                        faults: self.faults,
                        lenient: false,
                    }),
                    _ => None,
                };
                list.iter().enumerate().map(one).collect()
            }
            _ => None,
        };
        if objects.is_none() {
            self.invalid(
                name,
                format!(
                    "must be a list of {} to {} objects",
                    number.start(),
                    number.end()
                ),
            );
        }
        objects
    }

    pub fn metadata(&mut self) -> Option<Metadata> {
        let Value::Object(object) = self.value("metadata")? else {
            self.invalid("metadata", "must be an object");
            return None;
        };
        let pairs = object.0.iter().map(|(key, value)| match value {
            Value::Text(text) => Some((key.to_string(), text.to_string())),
            _ => None,
        });
        let Some(pairs) = pairs.collect() else {
            self.invalid("metadata", "every value must be a string");
            return None;
        };
        match Metadata::new(pairs) {
            Ok(metadata) => Some(metadata),
            Err(fault) => {
                self.invalid("metadata", explain(fault));
                None
            }
        }
    }

    /// An object inside this one.
    pub fn object<'s>(&'s mut self, name: &'static str) -> Option<Fields<'f, 'b>> {
        match self.value(name)? {
            Value::Object(object) => Some(Fields {
                object,
                asked: Vec::with_capacity(4),
                path: format!("{}{}", self.path, below(name, "")),
                faults: self.faults,
                lenient: false,
            }),
            _ => {
                self.invalid(name, "must be an object");
                None
            }
        }
    }
}

impl Drop for Fields<'_, '_> {
    fn drop(&mut self) {
        let unknown = self
            .object
            .0
            .iter()
            .filter(|(key, _)| !self.lenient && !self.asked.iter().any(|name| key == name));
        for (key, _) in unknown {
            self.fault(
                FaultKind::UnknownField,
                key,
                "is not a field of this request",
            );
        }
    }
}

fn explain(fault: MetadataFault) -> String {
    let cut = |key: String| key.chars().take(40).collect::<String>();
    match fault {
        MetadataFault::TooMany => "must have at most 50 pairs".into(),
        MetadataFault::KeyLength(key) => {
            format!("the key `{}` must have 1 to 40 characters", cut(key))
        }
        MetadataFault::ValueLength(key) => {
            format!("the value of `{}` is over 500 characters", cut(key))
        }
        MetadataFault::IndexKey(key) => {
            format!("the key `{}` looks like an array index", cut(key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse_object;
    use super::*;

    fn faults(body: &str) -> Vec<(&'static str, String)> {
        let object = parse_object(body.as_bytes()).unwrap();
        let php = Currency::parse("PHP");
        let read = read_object(&object, |fields| {
            let amount = fields.amount("amount", php, Dialect::Nextapi);
            let amount = fields.required("amount", amount);
            let _ = fields.text("description", 10);
            let _ = fields.metadata();
            let _ = fields.reference_id();
            if let Some(mut inner) = fields.object("recipient") {
                let id = inner.wallet("id");
                inner.required("id", id);
            }
            amount
        });
        match read {
            Ok(_) => Vec::new(),
            Err(faults) => faults
                .into_iter()
                .map(|fault| (fault.kind.code(), fault.pointer))
                .collect(),
        }
    }

    fn expect(body: &str, expected: &[(&'static str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(code, at)| (*code, (*at).to_owned()))
            .collect();
        assert_eq!(faults(body), expected, "{body}");
    }

    #[test]
    fn every_fault_is_named_in_a_fixed_order() {
        expect(r#"{"amount":1}"#, &[]);
        expect(r#"{"amount":1,"description":null}"#, &[]);
        expect("{}", &[("field_required", "/amount")]);
        expect(r#"{"amount":null}"#, &[("field_required", "/amount")]);
        expect(
            r#"{"amount":1.5,"z":1,"b~/":2,"description":"","recipient":{"kind":1}}"#,
            &[
                ("unknown_field", "/b~0~1"),
                ("unknown_field", "/recipient/kind"),
                ("unknown_field", "/z"),
                ("field_required", "/recipient/id"),
                ("invalid_field", "/description"),
                ("amount_not_integer", "/amount"),
            ],
        );
        expect(
            r#"{"amount":1,"recipient":[],"metadata":{"0":"x"},"reference_id":"a b"}"#,
            &[
                ("invalid_field", "/metadata"),
                ("invalid_field", "/recipient"),
                ("invalid_field", "/reference_id"),
            ],
        );
        expect(
            r#"{"amount":1,"description":"a\nb"}"#,
            &[("invalid_field", "/description")],
        );
        expect(
            r#"{"amount":1,"metadata":{"a":1}}"#,
            &[("invalid_field", "/metadata")],
        );
    }

    #[test]
    fn text_that_is_no_id_becomes_nobody_s() {
        expect(r#"{"amount":1,"recipient":{"id":"wallet_123"}}"#, &[]);
        expect(r#"{"amount":1,"recipient":{"id":""}}"#, &[]);
        expect(
            r#"{"amount":1,"recipient":{"id":7}}"#,
            &[("invalid_field", "/recipient/id")],
        );
        let long = format!(
            r#"{{"amount":1,"recipient":{{"id":"{}"}}}}"#,
            "x".repeat(65)
        );
        expect(&long, &[("invalid_field", "/recipient/id")]);
    }

    #[test]
    fn a_flood_of_unknown_fields_gets_a_short_answer() {
        let members: Vec<String> = (0..1_000).map(|n| format!("\"k{n}\":0")).collect();
        assert_eq!(faults(&format!("{{{}}}", members.join(","))).len(), 50);
    }
}
