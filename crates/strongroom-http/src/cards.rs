//! Bodies that carry a card: what of them may be remembered, and wiping them.

use bytes::Bytes;
use strongroom_engine::Engine;
use strongroom_types::mode::Scope;

use crate::json::{Object, Value, parse_object};

/// What stands for such a body in the hash that tells a retry from another request. SECURITY: that hash is stored, so
/// it is made without the security code, which may leave no trace at all, and over a keyed hash of the number.
pub(crate) fn remembered(engine: &Engine, scope: &Scope, body: &[u8]) -> Vec<u8> {
    let mut out = body.len().to_string().into_bytes();
    // A body that cannot be read is refused before anything is remembered of it.
    if let Ok(object) = parse_object(body) {
        write_object(&object, "", &mut out, &|number| {
            engine.request_mark(scope, number)
        });
    }
    out
}

/// A keyed hash of a number.
type Mark<'m> = &'m dyn Fn(&str) -> [u8; 16];

fn write_object(object: &Object<'_>, path: &str, out: &mut Vec<u8>, mark: Mark<'_>) {
    out.push(b'{');
    for (key, value) in &object.0 {
        framed(b'k', key.as_bytes(), out);
        let pointer = format!("{path}/{key}");
        match (pointer.as_str(), value) {
            ("/card/cvv", _) => out.push(b'?'),
            ("/card/number", Value::Text(number)) => out.extend_from_slice(&mark(number)),
            ("/card/number", _) => out.push(b'?'),
            _ => write_value(value, &pointer, out, mark),
        }
    }
    out.push(b'}');
}

fn write_value(value: &Value<'_>, path: &str, out: &mut Vec<u8>, mark: Mark<'_>) {
    match value {
        Value::Null => out.push(b'n'),
        Value::Bool(value) => out.push(if *value { b't' } else { b'f' }),
        Value::Number(text) => framed(b'#', text.as_bytes(), out),
        Value::Text(text) => framed(b'"', text.as_bytes(), out),
        Value::Object(object) => write_object(object, path, out, mark),
        Value::List(list) => {
            out.push(b'[');
            // No field of a card stands in a list.
            list.iter()
                .for_each(|item| write_value(item, "/-", out, mark));
            out.push(b']');
        }
    }
}

fn framed(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

/// A body that is overwritten when dropped, where nobody else holds its bytes.
pub(crate) struct Wiped(pub Bytes);

impl Drop for Wiped {
    fn drop(&mut self) {
        if let Ok(mut bytes) = std::mem::take(&mut self.0).try_into_mut() {
            strongroom_vault::wipe(&mut bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let object = parse_object(body.as_bytes()).unwrap();
        write_object(&object, "", &mut out, &|number| {
            let mut mark = [0; 16];
            mark[0] = number.bytes().fold(0, u8::wrapping_add);
            mark
        });
        out
    }

    #[test]
    fn what_is_remembered_holds_neither_number_nor_code() {
        let body = r#"{"card":{"number":"4242424242424242","cvv":"9173","exp_month":7},"use":"x"}"#;
        let text = String::from_utf8_lossy(&written(body)).into_owned();
        for secret in ["4242", "9173"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("exp_month") && text.contains("use"), "{text}");
        let number = written(&body.replace("4242424242424242", "5555555555554444"));
        let month = written(&body.replace('7', "8"));
        let code = written(&body.replace("9173", "9174"));
        assert!(number != written(body) && month != written(body));
        assert_eq!(code, written(body));
        // A security code anywhere else is another field's text.
        let odd = written(r#"{"card":{"number":["4242424242424242"],"cvv":{"a":"9173"}}}"#);
        let text = String::from_utf8_lossy(&odd).into_owned();
        assert!(!text.contains("4242") && !text.contains("9173"), "{text}");
    }
}
