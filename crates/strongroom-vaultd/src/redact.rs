//! A request without its card: what the API process sees of it.
//!
//! A mark stands for the number and three zeros for the code. SECURITY: a card number anywhere else becomes [`DECOY`],
//! another one that is nobody's, so that the tripwire of the API process refuses the request and names the place as it
//! would have, without having seen the number.

use std::ops::Range;
use std::sync::Arc;

use strongroom_channel::message::{CardShape, Header, NumberShape, Unopened};
use strongroom_crypto::EncryptionKey;
use strongroom_json::{Object, Value, parse_form, parse_object};
use strongroom_vault::{CardNumber, SecurityCode, find, holds};
use zeroize::Zeroizing;

use crate::jwe;

/// A number that no bank issues.
pub(crate) const DECOY: &str = "4111111111111111";

/// A body taken apart.
#[derive(Default)]
pub(crate) struct Redacted {
    pub body: Vec<u8>,
    pub number: Option<CardNumber>,
    pub code: Option<SecurityCode>,
    pub shape: CardShape,
}

/// What a body is taken apart with.
pub(crate) struct Means<'m> {
    /// A keyed hash of a number.
    pub mark: &'m dyn Fn(&str) -> [u8; 16],
    /// Open what was encrypted for the vault.
    pub keys: &'m [Arc<EncryptionKey>],
}

/// Takes the card out of a form of the payment page.
pub(crate) fn form(body: &[u8], means: &Means<'_>) -> Redacted {
    let mut redacted = Redacted::default();
    let Ok(fields) = parse_form(body) else {
        // It is refused for what it is, as other bodies are.
        redacted.body = body.iter().map(|byte| plain(*byte)).collect();
        return redacted;
    };
    for (place, (name, value)) in fields.iter().enumerate() {
        let clean = match name.as_str() {
            "number" => Zeroizing::new(number_mark(value, &mut redacted, means)),
            "cvv" => {
                keep_code(value, &mut redacted, means.keys);
                Zeroizing::new("000".to_owned())
            }
            _ => decoyed(value),
        };
        if place > 0 {
            redacted.body.push(b'&');
        }
        write_encoded(&decoyed(name), &mut redacted.body);
        redacted.body.push(b'=');
        write_encoded(&clean, &mut redacted.body);
    }
    judge_code(&mut redacted);
    redacted
}

fn write_encoded(text: &str, out: &mut Vec<u8>) {
    let encoded = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    encoded.for_each(|piece| out.extend_from_slice(piece.as_bytes()));
}

/// A code that is none has no length.
fn judge_code(redacted: &mut Redacted) {
    let good = redacted.code.is_some();
    let length = redacted.shape.code.take();
    redacted.shape.code = length.map(|length| if good { length } else { 0 });
}

/// Takes the card out of a body.
pub(crate) fn body(body: &[u8], means: &Means<'_>) -> Redacted {
    let mut redacted = Redacted::default();
    match parse_object(body) {
        Ok(object) => {
            write_object(&object, "", &mut redacted, means);
            judge_code(&mut redacted);
        }
        // It is refused for what it is; the digits say nothing about that.
        Err(_) => redacted.body = body.iter().map(|byte| plain(*byte)).collect(),
    }
    redacted
}

const fn plain(byte: u8) -> u8 {
    if byte.is_ascii_digit() { b'1' } else { byte }
}

fn write_object(object: &Object<'_>, path: &str, out: &mut Redacted, means: &Means<'_>) {
    out.body.push(b'{');
    for (place, (key, value)) in object.0.iter().enumerate() {
        if place > 0 {
            out.body.push(b',');
        }
        write_text(&decoyed(key), &mut out.body);
        out.body.push(b':');
        let path = format!("{path}/{key}");
        match (path.as_str(), value) {
            ("/card/number", Value::Text(text)) => take_number(text, out, means),
            ("/card/cvv", Value::Text(text)) => take_code(text, out, means.keys),
            ("/card/number" | "/card/cvv", Value::Number(_)) => out.body.push(b'1'),
            (path, value) => write_value(value, path, out, means),
        }
    }
    out.body.push(b'}');
}

fn write_value(value: &Value<'_>, path: &str, out: &mut Redacted, means: &Means<'_>) {
    match value {
        Value::Null => out.body.extend_from_slice(b"null"),
        Value::Bool(true) => out.body.extend_from_slice(b"true"),
        Value::Bool(false) => out.body.extend_from_slice(b"false"),
        Value::Number(text) if holds(text.as_bytes()) => {
            out.body.extend_from_slice(DECOY.as_bytes());
        }
        Value::Number(text) => out.body.extend_from_slice(text.as_bytes()),
        Value::Text(text) => write_text(&decoyed(text), &mut out.body),
        Value::Object(object) => write_object(object, path, out, means),
        Value::List(list) => {
            out.body.push(b'[');
            for (place, item) in list.iter().enumerate() {
                if place > 0 {
                    out.body.push(b',');
                }
                // No field of a card stands in a list.
                write_value(item, "/-", out, means);
            }
            out.body.push(b']');
        }
    }
}

/// What a field of a card says, opened if it was encrypted.
fn in_clear(text: &str, keys: &[Arc<EncryptionKey>]) -> Result<Zeroizing<String>, Unopened> {
    match jwe::is_encrypted(text) {
        true => jwe::opened(keys, text),
        false => Ok(Zeroizing::new(text.to_owned())),
    }
}

fn take_number(text: &str, out: &mut Redacted, means: &Means<'_>) {
    let marked = number_mark(text, out, means);
    write_text(&marked, &mut out.body);
}

/// Keeps a number, and says what stands for it.
fn number_mark(text: &str, out: &mut Redacted, means: &Means<'_>) -> String {
    let clear = in_clear(text, means.keys);
    let shape = match &clear {
        Ok(clear) => judged(clear, &mut out.number),
        Err(why) => NumberShape::Unopened(why.clone()),
    };
    out.shape.number = Some(shape);
    let mut marked = String::from("mark:");
    // Of what was encrypted the mark is the same however often it is encrypted anew.
    let marks = clear.as_ref().map_or(text, |clear| clear.as_str());
    for byte in (means.mark)(marks) {
        // Letters only: what stands here is never taken for a number.
        for half in [byte >> 4, byte & 15] {
            marked.push(char::from(b'a' + half));
        }
    }
    marked
}

fn judged(text: &str, kept: &mut Option<CardNumber>) -> NumberShape {
    match CardNumber::parse(text) {
        Ok(number) => {
            let shape = NumberShape::Good {
                brand: number.brand(),
                bin: number.bin().to_owned(),
                last4: number.last4().to_owned(),
            };
            *kept = Some(number);
            shape
        }
        Err(fault) => NumberShape::Faulty(fault.as_str().to_owned()),
    }
}

fn take_code(text: &str, out: &mut Redacted, keys: &[Arc<EncryptionKey>]) {
    keep_code(text, out, keys);
    write_text("000", &mut out.body);
}

fn keep_code(text: &str, out: &mut Redacted, keys: &[Arc<EncryptionKey>]) {
    match in_clear(text, keys) {
        Ok(text) => {
            out.code = SecurityCode::parse(&text);
            out.shape.code = Some(u8::try_from(text.len()).unwrap_or(u8::MAX));
        }
        Err(why) => out.shape.code_unopened = Some(Box::new(why)),
    }
}

/// Text in which [`DECOY`] stands for every card number.
fn decoyed(text: &str) -> Zeroizing<String> {
    let mut clean = Zeroizing::new(String::with_capacity(text.len() + DECOY.len()));
    let mut rest = text;
    while let Some(Range { start, end }) = find(rest.as_bytes()) {
        // Found between digits, which are characters of one byte.
        clean.push_str(rest.get(..start).unwrap_or(""));
        clean.push_str(DECOY);
        rest = rest.get(end..).unwrap_or("");
    }
    clean.push_str(rest);
    clean
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// A header without card numbers.
pub(crate) fn header(name: &str, value: &[u8]) -> Header {
    let name = match holds(name.as_bytes()) {
        true => format!("x-{DECOY}"),
        false => name.to_owned(),
    };
    let value = match holds(value) {
        true => decoyed(&String::from_utf8_lossy(value)).as_bytes().to_vec(),
        false => value.to_vec(),
    };
    Header { name, value }
}

/// A target without card numbers, however they are written.
pub(crate) fn target(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let spaced = query.replace('+', " ");
    let decoded: Vec<u8> = percent_encoding::percent_decode(spaced.as_bytes()).collect();
    let path = decoyed(path);
    match (query.is_empty(), holds(&decoded) || holds(query.as_bytes())) {
        (true, _) => path.to_string(),
        (false, true) => format!("{}?number={DECOY}", *path),
        (false, false) => format!("{}?{query}", *path),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::jwe::client::encrypted;
    use strongroom_types::card::Brand;

    use super::*;

    fn redacted(text: &str) -> (Redacted, String) {
        let means = Means {
            mark: &|_| [0x1f; 16],
            keys: &[Arc::new(EncryptionKey::from_seed(&[1; 32]))],
        };
        let redacted = body(text.as_bytes(), &means);
        let text = String::from_utf8(redacted.body.clone()).unwrap();
        (redacted, text)
    }

    const MARK: &str = "mark:bpbpbpbpbpbpbpbpbpbpbpbpbpbpbpbp";

    #[test]
    fn the_card_stays_and_the_rest_goes_on() {
        let (card, text) = redacted(
            r#"{"card":{"number":"4242 4242 4242 4242","cvv":"737","exp_month":7,"name":"A \u0042"},"use":"x"}"#,
        );
        assert_eq!(
            text,
            format!(
                r#"{{"card":{{"number":"{MARK}","cvv":"000","exp_month":7,"name":"A B"}},"use":"x"}}"#
            )
        );
        assert_eq!(card.number.unwrap().expose(), "4242424242424242");
        let code = card.code.unwrap();
        assert!(code.expose() == "737" && code.fits(Brand::Visa));
        assert_eq!(card.shape.code, Some(3));
        let shape = NumberShape::Good {
            brand: Brand::Visa,
            bin: "424242".into(),
            last4: "4242".into(),
        };
        assert_eq!(card.shape.number, Some(shape));
    }

    #[test]
    fn no_way_of_writing_it_gets_through() {
        let planted = ["5555555555554444", "5555 5555 5555 4444", "9173"];
        for text in [
            r#"{"card":{"\u006eumber":"5555555555554444","c\u0076v":"9173"}}"#,
            r#"{"card":{"number":5555555555554444,"cvv":9173}}"#,
            r#"{"card":{"number":["5555555555554444"],"name":"5555 5555 5555 4444"}}"#,
            r#"{"card":{"number":{"a":"\u0035555555555554444"}}}"#,
            r#"{"5555555555554444":1,"x":5555555555554444}"#,
            r#"{"card":{"number":"5555555555554444","number":"5555555555554444"}}"#,
            r#"{"card":{"number":"5555555555554444","cvv":"9173""#,
            "5555555555554444",
        ] {
            let (_, clean) = redacted(text);
            for secret in planted {
                assert!(!clean.contains(secret), "{text} → {clean}");
            }
        }
    }

    #[test]
    fn a_number_elsewhere_trips_the_wire_of_the_api_process() {
        let (_, text) = redacted(r#"{"card":{"name":"is 5555555555554444!"}}"#);
        assert_eq!(text, r#"{"card":{"name":"is 4111111111111111!"}}"#);
        assert!(holds(text.as_bytes()));
        assert_eq!(
            header("x-note", b"5555555555554444").value,
            DECOY.as_bytes()
        );
        for query in ["a=5555555555554444", "a=%35555+5555+5555+4444"] {
            let clean = target(&format!("/v1/tokens?{query}"));
            assert_eq!(clean, "/v1/tokens?number=4111111111111111");
        }
        assert_eq!(target("/v1/tokens?a=1"), "/v1/tokens?a=1");
    }

    fn redacted_form(text: &str) -> (Redacted, String) {
        let means = Means {
            mark: &|_| [0x1f; 16],
            keys: &[Arc::new(EncryptionKey::from_seed(&[1; 32]))],
        };
        let redacted = form(text.as_bytes(), &means);
        let text = String::from_utf8(redacted.body.clone()).unwrap();
        (redacted, text)
    }

    #[test]
    fn a_form_goes_on_without_its_card() {
        let sent = "attempt=0&number=4242+4242+4242+4242&expiry=12%2F30&cvv=737&name=A%26B";
        let (card, text) = redacted_form(sent);
        let mark = MARK.replace(':', "%3A");
        assert_eq!(
            text,
            format!("attempt=0&number={mark}&expiry=12%2F30&cvv=000&name=A%26B")
        );
        assert_eq!(card.number.unwrap().expose(), "4242424242424242");
        assert!(card.code.unwrap().expose() == "737" && card.shape.code == Some(3));
        for sent in [
            "name=5555555555554444&number=4242424242424242",
            "%6eumber=5555555555554444&cv%76=9173",
            "5555555555554444=1&cvv=9173",
            "number=5555555555554444&number=5555555555554444&cvv=9173",
            "number=5555555555554444&cvv=9173&a",
        ] {
            let (_, clean) = redacted_form(sent);
            for secret in ["5555555555554444", "4242424242424242", "9173"] {
                assert!(!clean.contains(secret), "{sent} → {clean}");
            }
        }
    }

    #[test]
    fn faults_are_told_without_the_digits() {
        let (card, text) = redacted(r#"{"card":{"number":"4242424242424241","cvv":"12"}}"#);
        assert!(matches!(card.shape.number, Some(NumberShape::Faulty(_))));
        assert_eq!(card.shape.code, Some(0));
        assert!(card.number.is_none() && !text.contains("4242"), "{text}");
    }

    #[test]
    fn encrypted_fields_are_what_is_in_them() {
        let key = EncryptionKey::from_seed(&[1; 32]);
        let header = format!(
            r#"{{"alg":"ECDH-ES","enc":"A256GCM","kid":"{}"}}"#,
            key.id()
        );
        let sealed = |text: &str| encrypted(key.public(), &header, text.as_bytes());
        let (number, code) = (sealed("4242 4242 4242 4242"), sealed("737"));
        let (card, text) = redacted(&format!(
            r#"{{"card":{{"number":"{number}","cvv":"{code}"}}}}"#
        ));
        assert_eq!(
            text,
            format!(r#"{{"card":{{"number":"{MARK}","cvv":"000"}}}}"#)
        );
        assert_eq!(card.number.unwrap().expose(), "4242424242424242");
        assert!(card.code.unwrap().expose() == "737" && card.shape.code == Some(3));

        let altered = format!("{}A.AA", &number[..number.len() - 4]);
        let (card, text) = redacted(&format!(
            r#"{{"card":{{"number":"{altered}","cvv":"{altered}"}}}}"#
        ));
        assert!(card.number.is_none() && card.code.is_none());
        assert!(matches!(card.shape.number, Some(NumberShape::Unopened(_))));
        assert!(
            card.shape.code_unopened.is_some() && !text.contains("ey"),
            "{text}"
        );
    }
}
