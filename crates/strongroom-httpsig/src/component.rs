//! One thing that a signature covers, and its value in a message (RFC 9421, 2).

use std::borrow::Cow;

use sfv::{BareItem, FieldType as _, Item, ItemSerializer, Key, KeyRef, StringRef};

use crate::fault::Fault;
use crate::message::Message;

/// The identifier of a component: its name, and of one query parameter that one's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    name: String,
    parameter: Option<String>,
}

/// The one parameter that a component may have here.
const NAME: &KeyRef = KeyRef::constant("name");

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
            name: name.to_owned(),
            parameter: None,
        }
    }

    pub(crate) fn read(item: &Item) -> Result<Component, Fault> {
        let name = item.bare_item.as_string().map(StringRef::as_str);
        let name = name.ok_or_else(|| Fault::NoName(item.serialize()))?;
        let unknown = || Fault::Unknown(item.serialize());
        let mut parameters = item.params.iter();
        let parameter = match (name, parameters.next()) {
            ("@query-param", Some((key, value))) if key.as_str() == "name" => {
                Some(value.as_string().ok_or_else(unknown)?.as_str().to_owned())
            }
            ("@query-param", _) => return Err(unknown()),
            (_, None) => None,
            (_, Some(_)) => return Err(unknown()),
        };
        let is_known = match name.strip_prefix('@') {
            Some("query-param") => true,
            Some(_) => DERIVED.contains(&name),
            None => is_field_name(name),
        };
        match is_known && parameters.next().is_none() {
            true => Ok(Component {
                name: name.to_owned(),
                parameter,
            }),
            false => Err(unknown()),
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

    /// Appends the identifier; nothing of a name that is none.
    pub(crate) fn write(&self, out: &mut String) {
        let Ok(name) = StringRef::from_str(&self.name) else {
            return;
        };
        let name = ItemSerializer::with_buffer(out).bare_item(name);
        let parameter = self.parameter.as_deref().map(StringRef::from_str);
        if let Some(Ok(parameter)) = parameter {
            name.parameter(NAME, parameter);
        }
    }

    pub(crate) fn item(&self) -> Option<Item> {
        let mut item = Item::new(string(&self.name)?);
        if let Some(parameter) = &self.parameter {
            let key = Key::from_string("name".to_owned()).ok()?;
            item.params.insert(key, string(parameter)?);
        }
        Some(item)
    }

    /// Its value in a message.
    pub(crate) fn value<'a>(&self, message: &Message<'a>) -> Result<Cow<'a, str>, Fault> {
        let no_origin = || Fault::NoOrigin(self.identifier());
        let value = match self.name.as_str() {
            "@method" => Cow::Borrowed(message.method),
            "@request-target" => Cow::Borrowed(message.target),
            "@path" => Cow::Borrowed(match message.path() {
                "" => "/",
                path => path,
            }),
            "@query" => Cow::Owned(format!("?{}", message.query().unwrap_or_default())),
            "@scheme" => Cow::Owned(message.scheme().ok_or_else(no_origin)?.to_ascii_lowercase()),
            "@authority" => Cow::Owned(message.authority().ok_or_else(no_origin)?),
            "@target-uri" => {
                let origin = message.origin.ok_or_else(no_origin)?;
                Cow::Owned(format!("{origin}{}", message.target))
            }
            "@query-param" => Cow::Owned(self.query_parameter(message)?),
            field => joined(&message.fields.lines(field))
                .ok_or_else(|| Fault::Absent(self.identifier()))?,
        };
        match value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
        {
            true => Ok(value),
            false => Err(Fault::Unprintable(self.identifier())),
        }
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

fn string(text: &str) -> Option<BareItem> {
    let text = sfv::String::from_string(text.to_owned()).ok()?;
    Some(BareItem::String(text))
}

fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    !name.is_empty() && name.bytes().all(is_token)
}

/// The lines of a field, each without the spaces around it, as one value; nothing where there are none.
fn joined<'a>(lines: &[&'a [u8]]) -> Option<Cow<'a, str>> {
    let trimmed = |line: &&'a [u8]| match String::from_utf8_lossy(line) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches([' ', '\t'])),
        Cow::Owned(text) => Cow::Owned(text.trim_matches([' ', '\t']).to_owned()),
    };
    match lines {
        [] => None,
        [line] => Some(trimmed(line)),
        lines => {
            let lines: Vec<Cow<'_, str>> = lines.iter().map(trimmed).collect();
            Some(Cow::Owned(lines.join(", ")))
        }
    }
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
