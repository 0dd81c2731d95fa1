//! Forms as browsers post them (`application/x-www-form-urlencoded`), read as strictly as JSON is.

use zeroize::Zeroizing;

/// The longest form, in bytes, and the most fields of one.
const LONGEST: usize = 8_192;
const MOST_FIELDS: usize = 16;

/// Why bytes are no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFault {
    TooLarge,
    /// A field without `=`, or a `%` without two hexadecimal digits.
    Syntax,
    NotUtf8,
    /// A control character; no field of ours has lines.
    Control,
    /// A name twice: which of the two is meant is nobody's to guess.
    Duplicate,
}

/// A field's name and its value, which is wiped when dropped.
pub type Field = (String, Zeroizing<String>);

/// Reads a form; an empty body has no fields.
///
/// # Errors
/// The first [`FormFault`] met.
pub fn parse_form(body: &[u8]) -> Result<Vec<Field>, FormFault> {
    if body.len() > LONGEST {
        return Err(FormFault::TooLarge);
    }
    let mut fields: Vec<Field> = Vec::new();
    if body.is_empty() {
        return Ok(fields);
    }
    for pair in body.split(|byte| *byte == b'&') {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            return Err(FormFault::Syntax);
        };
        let (name, value) = (decoded(name)?, decoded(value)?);
        if fields.iter().any(|(known, _)| *known == *name) {
            return Err(FormFault::Duplicate);
        }
        if fields.len() >= MOST_FIELDS {
            return Err(FormFault::TooLarge);
        }
        fields.push((name.to_string(), value));
    }
    Ok(fields)
}

fn decoded(text: &[u8]) -> Result<Zeroizing<String>, FormFault> {
    // Room for all of it, so that no copy is left behind by growth.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => (nibble(*high)? << 4 | nibble(*low)?, after),
            (b'%', _) => return Err(FormFault::Syntax),
            (b'+', after) => (b' ', after),
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| FormFault::NotUtf8)?;
    if text.chars().any(char::is_control) {
        return Err(FormFault::Control);
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn nibble(digit: u8) -> Result<u8, FormFault> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(FormFault::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<(String, String)>, FormFault> {
        let fields = parse_form(body.as_bytes())?;
        let clear = fields
            .into_iter()
            .map(|(name, value)| (name, value.to_string()));
        Ok(clear.collect())
    }

    #[test]
    fn what_browsers_send_is_read() {
        assert_eq!(read(""), Ok(Vec::new()));
        let fields = read("number=4242+4242&name=Pe%C3%B1a%26Co&cvv=").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            fields,
            [
                pair("number", "4242 4242"),
                pair("name", "Peña&Co"),
                pair("cvv", "")
            ]
        );
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for (body, fault) in [
            ("a", FormFault::Syntax),
            ("a=1&", FormFault::Syntax),
            ("a=%4", FormFault::Syntax),
            ("a=%zz", FormFault::Syntax),
            ("a=%ff", FormFault::NotUtf8),
            ("a=%00", FormFault::Control),
            ("a=1%0d%0a2", FormFault::Control),
            ("a=1&a=2", FormFault::Duplicate),
            ("a=1&%61=2", FormFault::Duplicate),
        ] {
            assert_eq!(read(body), Err(fault), "{body}");
        }
        let many: Vec<String> = (0..17).map(|n| format!("f{n}=1")).collect();
        assert_eq!(read(&many.join("&")), Err(FormFault::TooLarge));
        assert_eq!(
            read(&format!("a={}", "x".repeat(8_192))),
            Err(FormFault::TooLarge)
        );
    }
}
