//! A strict JSON reader for bodies that come from outside: one pass, bounded depth, no number ever becomes a float.
//!
//! Stricter than the grammar on purpose: a key that stands twice in one object is refused at any level, because two readers
//! of one body would otherwise see two requests. Numbers keep their raw text for the amount rules (CONTRACT 3).

mod form;

use std::borrow::Cow;
use std::collections::HashSet;

use strongroom_vault::scrub;

pub use form::{FormFault, parse_form};

/// The deepest nesting accepted; the body's own object is the first level.
const MAX_DEPTH: u32 = 32;
/// Most members among which duplicates are looked for by comparing, not in a set.
const FEW: usize = 16;

/// A value, borrowing from the body where it can.
#[derive(Debug, PartialEq)]
pub enum Value<'b> {
    Null,
    Bool(bool),
    /// The raw text of the number.
    Number(&'b str),
    Text(Cow<'b, str>),
    List(Vec<Value<'b>>),
    Object(Object<'b>),
}

/// Members in the order written; keys are unique.
#[derive(Debug, Default, PartialEq)]
pub struct Object<'b>(pub Vec<(Cow<'b, str>, Value<'b>)>);

impl<'b> Object<'b> {
    pub fn get(&self, name: &str) -> Option<&Value<'b>> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }
}

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub enum JsonFault {
    NotUtf8,
    /// Byte offset and what was expected there.
    Syntax(usize, &'static str),
    NotAnObject,
    TooDeep,
    /// JSON pointer of the key that stands twice.
    DuplicateKey(String),
}

/// Reads a body that must be one JSON object and nothing else.
///
/// # Errors
/// The first [`JsonFault`] met from the start of the body.
pub fn parse_object(body: &[u8]) -> Result<Object<'_>, JsonFault> {
    let text = std::str::from_utf8(body).map_err(|_| JsonFault::NotUtf8)?;
    let mut parser = Parser { text, at: 0 };
    parser.skip_space();
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(parser.fault("the end of the body"));
    }
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(JsonFault::NotAnObject),
    }
}

struct Parser<'b> {
    text: &'b str,
    at: usize,
}

impl<'b> Parser<'b> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fault(&self, expected: &'static str) -> JsonFault {
        JsonFault::Syntax(self.at, expected)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn slice(&self, from: usize) -> &'b str {
        self.text.get(from..self.at).unwrap_or("")
    }

    fn value(&mut self, depth: u32) -> Result<Value<'b>, JsonFault> {
        match self.peek() {
            Some(b'{') => self.object(depth + 1).map(Value::Object),
            Some(b'[') => self.list(depth + 1).map(Value::List),
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.fault("a value")),
        }
    }

    fn word(&mut self, word: &'static str, value: Value<'b>) -> Result<Value<'b>, JsonFault> {
        let rest = self.text.get(self.at..).unwrap_or("");
        if !rest.starts_with(word) {
            return Err(self.fault("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self, depth: u32) -> Result<Object<'b>, JsonFault> {
        if depth > MAX_DEPTH {
            return Err(JsonFault::TooDeep);
        }
        self.at += 1;
        let mut members: Vec<(Cow<'b, str>, Value<'b>)> = Vec::new();
        let mut seen = HashSet::new();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.fault("a key"));
            }
            let key = self.string()?;
            if is_repeated(&members, &mut seen, &key) {
                return Err(JsonFault::DuplicateKey(below(&key, "")));
            }
            self.skip_space();
            if !self.take(b':') {
                return Err(self.fault("`:`"));
            }
            self.skip_space();
            let value = self.value(depth).map_err(|fault| inside(fault, &key))?;
            members.push((key, value));
            self.skip_space();
            if self.take(b'}') {
                return Ok(Object(members));
            }
            if !self.take(b',') {
                return Err(self.fault("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: u32) -> Result<Vec<Value<'b>>, JsonFault> {
        if depth > MAX_DEPTH {
            return Err(JsonFault::TooDeep);
        }
        self.at += 1;
        let mut values = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(values);
        }
        loop {
            self.skip_space();
            let place = values.len();
            let value = self
                .value(depth)
                .map_err(|fault| inside(fault, &place.to_string()))?;
            values.push(value);
            self.skip_space();
            if self.take(b']') {
                return Ok(values);
            }
            if !self.take(b',') {
                return Err(self.fault("`,` or `]`"));
            }
        }
    }

    fn number(&mut self) -> Result<&'b str, JsonFault> {
        let from = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(self.slice(from))
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at > from {
            true => Ok(()),
            false => Err(self.fault("a digit")),
        }
    }

    /// Reads a string; the opening quote is next. Borrows when nothing is escaped.
    fn string(&mut self) -> Result<Cow<'b, str>, JsonFault> {
        self.at += 1;
        let from = self.at;
        self.plain()?;
        let head = self.slice(from);
        if self.take(b'"') {
            return Ok(Cow::Borrowed(head));
        }
        let mut text = head.to_owned();
        while !self.take(b'"') {
            self.at += 1;
            text.push(self.escape()?);
            let from = self.at;
            self.plain()?;
            text.push_str(self.slice(from));
        }
        Ok(Cow::Owned(text))
    }

    /// Steps to the next quote or backslash.
    fn plain(&mut self) -> Result<(), JsonFault> {
        loop {
            match self.peek() {
                Some(b'"' | b'\\') => return Ok(()),
                Some(0..0x20) => return Err(self.fault("no control character")),
                Some(_) => self.at += 1,
                None => return Err(self.fault("`\"`")),
            }
        }
    }

    /// Reads an escape; its backslash is behind us.
    fn escape(&mut self) -> Result<char, JsonFault> {
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => {
                self.at -= 1;
                return Err(self.fault("an escape"));
            }
        })
    }

    /// Reads `XXXX` of `\uXXXX`, with its second half where the first is half of a pair.
    fn unicode(&mut self) -> Result<char, JsonFault> {
        let first = self.hex()?;
        let point = match first {
            0xD800..=0xDBFF => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.fault("the second half of a pair"));
                }
                let second = self.hex()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.fault("the second half of a pair"));
                }
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        char::from_u32(point).ok_or_else(|| self.fault("a character"))
    }

    fn hex(&mut self) -> Result<u32, JsonFault> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            value = value << 4 | digit.ok_or_else(|| self.fault("four hexadecimal digits"))?;
            self.at += 1;
        }
        Ok(value)
    }
}

fn is_repeated(
    members: &[(Cow<'_, str>, Value<'_>)],
    seen: &mut HashSet<String>,
    key: &str,
) -> bool {
    if members.len() < FEW {
        return members.iter().any(|(other, _)| other == key);
    }
    // SECURITY: a body of many thousand keys must not cost their square.
    if seen.is_empty() {
        seen.extend(members.iter().map(|(other, _)| other.to_string()));
    }
    !seen.insert(key.to_owned())
}

/// A name with every card number in it masked.
pub fn masked(name: &str) -> Cow<'_, str> {
    match scrub(name.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(name),
        Cow::Owned(clean) => String::from_utf8_lossy(&clean).into_owned().into(),
    }
}

/// A fault of a value, seen from the object or list that holds it.
fn inside(fault: JsonFault, key: &str) -> JsonFault {
    match fault {
        JsonFault::DuplicateKey(rest) => JsonFault::DuplicateKey(below(key, &rest)),
        other => other,
    }
}

/// `rest` below `key`, as a JSON pointer (RFC 6901). It comes back in the answer and may be logged: long keys are cut,
/// and a card number that stands where a key should is masked.
pub fn below(key: &str, rest: &str) -> String {
    let key = masked(key);
    let key: String = key.chars().take(64).collect();
    format!("/{}{rest}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> JsonFault {
        parse_object(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn numbers_keep_their_text_and_strings_borrow() {
        let object =
            parse_object(br#" {"a":100.00,"b":"x\u00f1\ud83d\ude00","c":[true,null]} "#).unwrap();
        assert_eq!(object.get("a"), Some(&Value::Number("100.00")));
        assert_eq!(object.get("b"), Some(&Value::Text("xñ😀".into())));
        assert_eq!(
            object.get("c"),
            Some(&Value::List(vec![Value::Bool(true), Value::Null]))
        );
        let plain = parse_object(br#"{"key":"value"}"#).unwrap();
        assert!(matches!(plain.0[0].1, Value::Text(Cow::Borrowed("value"))));
    }

    #[test]
    fn faults_are_told_apart() {
        assert_eq!(parse_object(b"{\"a\":\"\xff\"}"), Err(JsonFault::NotUtf8));
        assert_eq!(fault("[]"), JsonFault::NotAnObject);
        assert_eq!(fault("\"a\""), JsonFault::NotAnObject);
        assert_eq!(
            fault(r#"{"a":1,"a":2}"#),
            JsonFault::DuplicateKey("/a".into())
        );
        assert_eq!(
            fault(r#"{"o":[{"x/y":1,"x\u002fy":2}]}"#),
            JsonFault::DuplicateKey("/o/0/x~1y".into())
        );
        assert_eq!(
            fault(r#"{"4242 4242 4242 4242":{"a":1,"a":2}}"#),
            JsonFault::DuplicateKey("/**** **** **** 4242/a".into())
        );
        for text in [
            "",
            " ",
            "{",
            "{}}",
            "{} x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":NaN}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":[1,]}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":tru}",
            "\u{feff}{}",
            "undefined",
        ] {
            assert!(matches!(fault(text), JsonFault::Syntax(..)), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_before_the_stack_is() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(parse_object(nested(31).as_bytes()).is_ok());
        assert_eq!(fault(&nested(32)), JsonFault::TooDeep);
        assert_eq!(fault(&nested(500_000)), JsonFault::TooDeep);
    }

    #[test]
    fn many_keys_are_read_in_one_pass() {
        let members: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":0")).collect();
        let body = format!("{{{}}}", members.join(","));
        assert_eq!(parse_object(body.as_bytes()).unwrap().0.len(), 50_000);
        let twice = format!("{{{},\"k7\":1}}", members.join(","));
        assert_eq!(fault(&twice), JsonFault::DuplicateKey("/k7".into()));
    }

    /// Plain JSON of the same content, for comparison with another reader.
    fn plain(value: &Value<'_>) -> String {
        match value {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) => (*text).to_owned(),
            Value::Text(text) => serde_json::to_string(text).unwrap(),
            Value::List(list) => {
                format!("[{}]", list.iter().map(plain).collect::<Vec<_>>().join(","))
            }
            Value::Object(object) => plain_object(object),
        }
    }

    fn plain_object(object: &Object<'_>) -> String {
        let member = |(key, value): &(Cow<'_, str>, Value<'_>)| {
            format!("{}:{}", serde_json::to_string(key).unwrap(), plain(value))
        };
        format!(
            "{{{}}}",
            object.0.iter().map(member).collect::<Vec<_>>().join(",")
        )
    }

    fn agrees_with_serde(text: &str) {
        let ours = parse_object(text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        match (ours, theirs) {
            (Ok(object), Ok(map)) => {
                let again: serde_json::Map<_, _> =
                    serde_json::from_str(&plain_object(&object)).unwrap();
                assert_eq!(again, map, "{text:?}");
            }
            (Err(JsonFault::DuplicateKey(_) | JsonFault::TooDeep), _) | (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => assert!(
                error.to_string().contains("out of range"),
                "{text:?}: {error}"
            ),
            (Err(fault), Ok(_)) => panic!("{text:?}: {fault:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_text_is_read_as_another_reader_reads_it(
            text in r#"\{("[a-b\\"]{0,3}"[ ]?:[ ]?([0-9eE.+-]{1,6}|"[a\\u0d8DCn"]{0,9}"|\[[0-9, \[\]]{0,5}\]|true|null|\{\}),?){0,4}\}"#
        ) {
            agrees_with_serde(&text);
        }

        #[test]
        fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(text) = std::str::from_utf8(&bytes) {
                agrees_with_serde(text);
            }
            let _ = parse_object(&bytes);
        }

        #[test]
        fn real_bodies_survive_any_single_change(at in 0usize..70, byte in any::<u8>()) {
            let mut body = br#"{"amount":10000,"recipient":{"id":"wallet_1","n":[1,-2.5e3]},"e":"\u00e9"}"#.to_vec();
            body[at] = byte;
            if let Ok(text) = std::str::from_utf8(&body) {
                agrees_with_serde(text);
            }
        }
    }
}
