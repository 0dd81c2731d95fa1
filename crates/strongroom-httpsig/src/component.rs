//! One thing that a signature covers, and its value in a message (RFC 9421, 2).

use std::borrow::Cow;

use crate::fault::Fault;
use crate::field::{self, Item};
use crate::message::Message;

/// The identifier of a component: its name, and of one query parameter that one's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    name: Cow<'static, str>,
    parameter: Option<String>,
}

/// A component of the value of one parameter of the query.
const QUERY_PARAMETER: &str = "@query-param";

/// Names that begin with `@` and that a request has.
const DERIVED: [&str; 7] = [
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
];

impl Component {
    /// A component without parameters, by its name in lower case.
    pub fn named(name: &str) -> Component {
        Component {
            name: Cow::Owned(name.to_owned()),
            parameter: None,
        }
    }

    pub(crate) fn read(item: &Item<'_>) -> Result<Component, Fault> {
        let name = item.text().ok_or_else(|| Fault::NoName(item.written()))?;
        let unknown = || Fault::Unknown(item.written());
        let (name, parameter) = match (name, item.parameters.each.as_slice()) {
            (QUERY_PARAMETER, [(key, value)]) if key.as_str() == "name" => {
                let of = field::text(value).ok_or_else(unknown)?;
                (Cow::Borrowed(QUERY_PARAMETER), Some(of.to_owned()))
            }
            (name, []) => (known(name).ok_or_else(unknown)?, None),
            (_, _) => return Err(unknown()),
        };
        Ok(Component { name, parameter })
    }

    /// Whether it has a form at all: its name is one, and its parameter visible ASCII.
    pub(crate) fn is_writable(&self) -> bool {
        match &self.parameter {
            Some(of) => {
                self.name == QUERY_PARAMETER && of.bytes().all(|b| matches!(b, b' '..=b'~'))
            }
            None => known(&self.name).is_some(),
        }
    }

    /// Whether it is the component of this name, without parameters.
    pub fn is(&self, name: &str) -> bool {
        self.parameter.is_none() && self.name == name
    }

    /// The identifier as it stands in a base.
    pub fn identifier(&self) -> String {
        let mut identifier = String::new();
        self.write(&mut identifier);
        identifier
    }

    /// Appends the identifier.
    pub(crate) fn write(&self, out: &mut String) {
        quoted(&self.name, out);
        if let Some(of) = &self.parameter {
            out.push_str(";name=");
            quoted(of, out);
        }
    }

    /// Appends its value in a message.
    pub(crate) fn write_value(&self, message: &Message<'_>, out: &mut String) -> Result<(), Fault> {
        let no_origin = || Fault::NoOrigin(self.identifier());
        let before = out.len();
        match self.name.as_ref() {
            "@method" => out.push_str(message.method),
            "@request-target" => out.push_str(message.target),
            "@path" => out.push_str(match message.path() {
                "" => "/",
                path => path,
            }),
            "@query" => out.extend(["?", message.query().unwrap_or_default()]),
            "@scheme" => {
                out.push_str(&message.scheme().ok_or_else(no_origin)?.to_ascii_lowercase())
            }
            "@authority" => out.push_str(&message.authority().ok_or_else(no_origin)?),
            "@target-uri" => out.extend([message.origin.ok_or_else(no_origin)?, message.target]),
            QUERY_PARAMETER => out.push_str(&self.query_parameter(message)?),
            field => match message.fields.lines(field).as_slice() {
                [] => return Err(Fault::Absent(self.identifier())),
                lines => self.join(lines, out)?,
            },
        }
        let value = out.as_bytes().get(before..).unwrap_or_default();
        match value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            true => Ok(()),
            false => Err(Fault::Unprintable(self.identifier())),
        }
    }

    /// Appends the lines of a field, each without the spaces around it, as one value.
    fn join(&self, lines: &[&[u8]], out: &mut String) -> Result<(), Fault> {
        for (place, line) in lines.iter().enumerate() {
            if place > 0 {
                out.push_str(", ");
            }
            let text = std::str::from_utf8(line);
            let text = text.map_err(|_| Fault::Unprintable(self.identifier()))?;
            out.push_str(text.trim_matches([' ', '\t']));
        }
        Ok(())
    }

    /// The one value of a query parameter (RFC 9421, 2.2.8). One that stands twice cannot be covered by its name.
    fn query_parameter(&self, message: &Message<'_>) -> Result<String, Fault> {
        let wanted = self.parameter.as_deref().unwrap_or_default();
        let pairs = message.query().unwrap_or_default().split('&');
        let mut found = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(&decoded(name)) == wanted).then(|| encoded(&decoded(value)))
        });
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            (Some(_), Some(_)) => Err(Fault::Twice(self.identifier())),
            (None, _) => Err(Fault::Absent(self.identifier())),
        }
    }
}

/// The name of a component that needs no parameter; nothing where there is none of this name.
fn known(name: &str) -> Option<Cow<'static, str>> {
    if let Some(derived) = DERIVED.into_iter().find(|derived| *derived == name) {
        return Some(Cow::Borrowed(derived));
    }
    is_field_name(name).then(|| Cow::Owned(name.to_owned()))
}

/// Appends a text between quotes, as structured fields have it (RFC 9651, 4.1.6).
pub(crate) fn quoted(text: &str, out: &mut String) {
    out.push('"');
    match text.contains(['"', '\\']) {
        false => out.push_str(text),
        true => text.chars().for_each(|letter| match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            other => out.push(other),
        }),
    }
    out.push('"');
}

fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    !name.is_empty() && name.bytes().all(is_token)
}

/// As forms are read: `+` is a space, `%` begins a byte.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escaped = after
            .first_chunk::<2>()
            .and_then(|[high, low]| byte(*high, *low));
        match (first, escaped) {
            (b'%', Some(value)) => {
                out.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*first),
        }
    }
    out
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |letter: u8| {
        char::from(letter)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

/// As forms are written, but with `%20` for a space.
fn encoded(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(*byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}
