//! Members of headers and claims, each of the one type that it may have.

use strongroom_json::{Object, Value, parse_object};

use crate::fault::Fault;

/// Characters of an identifier of a message, such as `jti`.
const LONGEST_ID: usize = 256;

/// One JSON object, in which no member stands twice.
pub(crate) fn object<'b>(bytes: &'b [u8], otherwise: &'static str) -> Result<Object<'b>, Fault> {
    parse_object(bytes).map_err(|_| Fault::new(otherwise))
}

/// A text; absent where there is none, a fault where it is something else.
pub(crate) fn text<'o>(
    object: &'o Object<'_>,
    name: &str,
    otherwise: &'static str,
) -> Result<Option<&'o str>, Fault> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.as_ref())),
        Some(_) => Err(Fault::new(otherwise)),
    }
}

/// Seconds since 1970 (RFC 7519, section 2). Fractions, which some clients send, are cut off.
pub(crate) fn seconds(
    object: &Object<'_>,
    name: &str,
    otherwise: &'static str,
) -> Result<Option<i64>, Fault> {
    let text = match object.get(name) {
        None => return Ok(None),
        Some(Value::Number(text)) => text,
        Some(_) => return Err(Fault::new(otherwise)),
    };
    let whole = text.split_once('.').map_or(*text, |(whole, _)| whole);
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number = whole.parse::<i64>().ok().filter(|_| is_plain);
    number.map(Some).ok_or(Fault::new(otherwise))
}

/// What a message is known by, so that it is taken once.
pub(crate) fn id<'o>(object: &'o Object<'_>) -> Result<&'o str, Fault> {
    const OTHERWISE: &str = "`jti` is a text of 1 to 256 characters";
    let id = text(object, "jti", OTHERWISE)?.ok_or(Fault::new(OTHERWISE))?;
    let is_fit = (1..=LONGEST_ID).contains(&id.len());
    is_fit.then_some(id).ok_or(Fault::new(OTHERWISE))
}
