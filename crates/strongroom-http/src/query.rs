//! Query strings: only known parameters, each once, each valid; lists and their pages.

use percent_encoding::percent_decode;
use strongroom_engine::PageQuery;
use strongroom_types::id::WalletId;
use strongroom_types::money::LIMIT;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::json::NOBODY;
use crate::problem::{EdgeCode, Problem};

/// A query parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: ParameterKind,
    pub about: &'static str,
    /// For the documentation; the handler refuses a request without it.
    pub required: bool,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug)]
pub enum ParameterKind {
    Text,
    Integer,
    Time,
    OneOf(fn() -> Vec<&'static str>),
}

impl Parameter {
    pub const fn text(name: &'static str, about: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Text,
            about,
            required: false,
        }
    }

    pub const fn integer(name: &'static str, about: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Integer,
            about,
            required: false,
        }
    }

    pub const fn time(name: &'static str, about: &'static str) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::Time,
            about,
            required: false,
        }
    }

    pub const fn required(self) -> Parameter {
        Parameter {
            required: true,
            ..self
        }
    }

    pub const fn one_of(
        name: &'static str,
        values: fn() -> Vec<&'static str>,
        about: &'static str,
    ) -> Parameter {
        Parameter {
            name,
            kind: ParameterKind::OneOf(values),
            about,
            required: false,
        }
    }
}

/// The parameters of every list.
pub const PAGE: [Parameter; 3] = [
    Parameter::integer("limit", "How many to return, 1 to 100; 20 when absent."),
    Parameter::text("after", "A `next_cursor`, or the id behind which to go on."),
    Parameter::text("before", "The id before which to end."),
];

/// The time range of most lists.
pub const CREATED: [Parameter; 2] = [
    Parameter::time(
        "created_after",
        "Only what was created at or after this time.",
    ),
    Parameter::time("created_before", "Only what was created before this time."),
];

/// The parameters of a request, decoded.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes a query string and holds it against what the route knows.
    ///
    /// # Errors
    /// 400 naming all parameters that are unknown, or the first that is no text or stands twice.
    pub fn parse(raw: Option<&str>, known: &[Parameter]) -> Result<Query, Problem> {
        let mut query = Query::default();
        let mut unknown = Vec::new();
        let pairs = raw.unwrap_or("").split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| invalid("?", "is not UTF-8 text"))?;
            if !known.iter().any(|parameter| parameter.name == name) {
                unknown.push(format!("`{}`", name.chars().take(64).collect::<String>()));
                continue;
            }
            let value = decode(value).ok_or_else(|| invalid(&name, "is not UTF-8 text"))?;
            if query.get(&name).is_some() {
                return Err(invalid(&name, "stands twice"));
            }
            query.0.push((name, value));
        }
        match unknown.is_empty() {
            true => Ok(query),
            false => Err(unknown_parameters(&unknown, known)),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(invalid(name, &format!("must be {expected}"))),
        }
    }

    /// The page asked for.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn page(&self) -> Result<PageQuery, Problem> {
        let limit = self.parsed("limit", "an integer from 1 to 100", |text| {
            text.parse::<usize>().ok().filter(|n| (1..=100).contains(n))
        })?;
        let (after, before) = (self.text("after", 128)?, self.text("before", 128)?);
        if after.is_some() && before.is_some() {
            return Err(invalid("before", "cannot stand beside `after`"));
        }
        Ok(PageQuery {
            limit: limit.unwrap_or(20),
            after,
            before,
        })
    }

    /// A text of 1 to `max` characters.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn text(&self, name: &str, max: usize) -> Result<Option<String>, Problem> {
        self.parsed(name, &format!("1 to {max} characters"), |text| {
            (1..=max)
                .contains(&text.chars().count())
                .then(|| text.to_owned())
        })
    }

    /// A reference id.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn reference_id(&self) -> Result<Option<String>, Problem> {
        let expected = "1 to 100 letters, digits, `_` or `-`";
        self.parsed("reference_id", expected, |text| {
            ReferenceId::parse(text).map(|reference| reference.as_str().to_owned())
        })
    }

    /// # Errors
    /// 400 naming the parameter.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.parsed(
            name,
            "an RFC 3339 time such as `2026-01-15T10:30:00Z`",
            Timestamp::parse,
        )
    }

    /// A whole number from 0.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.parsed(name, "a whole number", digits)
    }

    /// An amount in minor units.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn minor_units(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.parsed(name, "a whole number of minor units", |text| {
            let value = digits(text).and_then(|value| i64::try_from(value).ok());
            value.filter(|value| *value <= LIMIT)
        })
    }

    /// A wallet's id; text that is none becomes an id that nobody has.
    ///
    /// # Errors
    /// 400 when it is over 64 characters.
    pub fn wallet(&self, name: &str) -> Result<Option<WalletId>, Problem> {
        self.id(name, |text| {
            WalletId::parse(text).unwrap_or(WalletId(NOBODY))
        })
    }

    /// Any id of at most 64 characters, read by `parse`.
    ///
    /// # Errors
    /// 400 when it is longer.
    pub fn id<T>(&self, name: &str, parse: impl FnOnce(&str) -> T) -> Result<Option<T>, Problem> {
        self.parsed(name, "an id", |text| {
            (text.len() <= 64).then(|| parse(text))
        })
    }

    /// One of the values the route's table lists for it.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn choice<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.parsed(name, "one of the values in the documentation", parse)
    }
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes())
        .decode_utf8()
        .ok()
        .map(|text| text.into_owned())
}

fn digits(text: &str) -> Option<u64> {
    let plain = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A parameter that must be there is not.
pub fn missing(name: &str) -> Problem {
    invalid(name, "is required")
}

/// A parameter that is not as it should be.
pub fn invalid(name: &str, what: &str) -> Problem {
    Problem::new(EdgeCode::InvalidParameter, format!("`{name}` {what}")).detail("parameter", name)
}

fn unknown_parameters(unknown: &[String], known: &[Parameter]) -> Problem {
    let names: Vec<String> = known.iter().map(|p| format!("`{}`", p.name)).collect();
    let known = match names.is_empty() {
        true => "it takes none".to_owned(),
        false => format!("it takes {}", names.join(", ")),
    };
    let unknown: Vec<&str> = unknown.iter().take(20).map(String::as_str).collect();
    let text = format!(
        "this request has no parameter {}; {known}",
        unknown.join(", ")
    );
    Problem::new(EdgeCode::UnknownParameter, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(raw: &str) -> Result<Query, &'static str> {
        let known = [
            PAGE.as_slice(),
            CREATED.as_slice(),
            &[Parameter::text("name", "")],
        ]
        .concat();
        Query::parse(Some(raw), &known).map_err(|problem| problem.code())
    }

    #[test]
    fn parameters_are_decoded_and_known() {
        let read = query("name=a+b%20%C3%B1&&limit=5").unwrap();
        assert_eq!(read.get("name"), Some("a b ñ"));
        assert_eq!(read.page().unwrap().limit, 5);
        assert_eq!(query("").unwrap().page().unwrap().limit, 20);
        assert_eq!(query("dry_run=true").unwrap_err(), "unknown_parameter");
        assert_eq!(query("name=%ff").unwrap_err(), "invalid_parameter");
        assert_eq!(query("name=a&name=b").unwrap_err(), "invalid_parameter");
    }

    #[test]
    fn unknown_parameters_are_all_named() {
        let problem = Query::parse(Some("x=1&limit=2&y"), &PAGE).unwrap_err();
        let body = problem.render(strongroom_types::id::RequestId(NOBODY));
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(
            body.contains("`x`, `y`; it takes `limit`, `after`, `before`"),
            "{body}"
        );
    }

    #[test]
    fn limits_outside_the_range_are_refused_by_name() {
        for raw in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=",
            "limit=1e1",
            "limit=ten",
            "limit",
            "after=a&before=b",
        ] {
            let problem = query(raw).unwrap().page().unwrap_err();
            assert_eq!(problem.code(), "invalid_parameter", "{raw}");
        }
        let time = query("created_after=today").unwrap();
        assert_eq!(
            time.time("created_after").unwrap_err().code(),
            "invalid_parameter"
        );
    }
}
