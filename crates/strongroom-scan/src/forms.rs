//! The forms of a value: text as it is and in every usual encoding of it, digits also packed and as a number, and the
//! plain hash, which a list of guesses would undo.

use strongroom_crypto::sha256;
use zeroize::Zeroizing;

/// A form's name and its bytes.
pub(crate) type Form = (&'static str, Zeroizing<Vec<u8>>);

/// Forms shorter than this are found by chance and left out.
const LEAST: usize = 5;

/// Every form of a text.
pub(crate) fn forms(text: &str) -> Vec<Form> {
    let plain = text.as_bytes();
    let wide =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(bytes).collect() };
    let digest = sha256(&[plain]);
    let reversed = plain.iter().rev().copied().collect();
    let mut forms: Vec<(&'static str, Vec<u8>)> = vec![
        ("text", plain.to_vec()),
        ("UTF-16 LE", wide(u16::to_le_bytes)),
        ("UTF-16 BE", wide(u16::to_be_bytes)),
        ("hex", hex(plain, false)),
        ("HEX", hex(plain, true)),
        ("reversed", reversed),
        ("JSON", json(text)),
        ("URL-encoded", percent(text, "-_.~", true)),
        ("url-encoded", percent(text, "-_.~", false)),
        (
            "URL-encoded, plus for space",
            plus(percent(text, "-_.~ ", true)),
        ),
        ("URL-encoded whole", percent_all(plain, true)),
        ("url-encoded whole", percent_all(plain, false)),
        ("SHA-256", digest.to_vec()),
        ("SHA-256 in hex", hex(&digest, false)),
        ("SHA-256 in HEX", hex(&digest, true)),
    ];
    for (standard, url, offset) in [
        ("base64 at 0", "base64url at 0", 0),
        ("base64 at 1", "base64url at 1", 1),
        ("base64 at 2", "base64url at 2", 2),
    ] {
        let letters = base64_at(plain, offset);
        let other = url_letters(&letters);
        forms.extend([(standard, letters), (url, other)]);
    }
    forms.extend(digits(text));
    forms.retain(|(_, bytes)| bytes.len() >= LEAST);
    let mut kept: Vec<Form> = Vec::new();
    for (name, bytes) in forms {
        if !kept.iter().any(|(_, other)| **other == bytes) {
            kept.push((name, Zeroizing::new(bytes)));
        }
    }
    kept
}

/// What only digits have: groups, packed decimals at both nibbles, the number in either byte order.
fn digits(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let values: Option<Vec<u8>> = text
        .bytes()
        .map(|byte| byte.is_ascii_digit().then(|| byte - b'0'))
        .collect();
    let Some(values) = values else {
        return Vec::new();
    };
    let packed = |digits: &[u8]| -> Vec<u8> {
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        };
        digits.chunks(2).filter_map(pair).collect()
    };
    let grouped = |mark: char| -> Vec<u8> {
        let groups = text.as_bytes().chunks(4).map(String::from_utf8_lossy);
        groups
            .collect::<Vec<_>>()
            .join(&mark.to_string())
            .into_bytes()
    };
    let mut forms = vec![
        ("packed decimal", packed(&values)),
        (
            "packed decimal, a nibble later",
            packed(values.get(1..).unwrap_or_default()),
        ),
        ("grouped by spaces", grouped(' ')),
        ("grouped by dashes", grouped('-')),
    ];
    if let Ok(number) = text.parse::<u64>() {
        let zeros = usize::try_from(number.leading_zeros() / 8).unwrap_or(0);
        let big = number.to_be_bytes().into_iter().skip(zeros);
        forms.push(("binary, big-endian", big.clone().collect()));
        forms.push(("binary, little-endian", big.rev().collect()));
    }
    forms
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let digit = |nibble: u8| match (nibble, upper) {
        (0..=9, _) => b'0' + nibble,
        (_, true) => b'A' + nibble - 10,
        (_, false) => b'a' + nibble - 10,
    };
    let both = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(both).collect()
}

/// As it stands inside a JSON text.
fn json(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\t' => out.extend(b"\\t"),
            0..0x20 => {
                out.extend(b"\\u00");
                out.extend(hex(&[byte], false));
            }
            _ => out.push(byte),
        }
    }
    out
}

fn percent(text: &str, kept: &str, upper: bool) -> Vec<u8> {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte);
    let mut out = Vec::new();
    for byte in text.bytes() {
        match stays(byte) {
            true => out.push(byte),
            false => out.extend(percent_all(&[byte], upper)),
        }
    }
    out
}

fn percent_all(bytes: &[u8], upper: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        out.push(b'%');
        out.extend(hex(&[*byte], upper));
    }
    out
}

fn plus(mut text: Vec<u8>) -> Vec<u8> {
    text.iter_mut()
        .filter(|byte| **byte == b' ')
        .for_each(|byte| *byte = b'+');
    text
}

/// The letters that depend on `bytes` alone when they begin `offset` bytes into a group of three.
fn base64_at(bytes: &[u8], offset: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut padded = vec![0; offset];
    padded.extend_from_slice(bytes);
    let bit = |place: usize| {
        let byte = padded.get(place / 8).copied().unwrap_or(0);
        byte >> (7 - place % 8) & 1
    };
    let letter = |index: usize| {
        let value = (0..6).fold(0_u8, |value, place| value << 1 | bit(6 * index + place));
        LETTERS.get(usize::from(value)).copied().unwrap_or(b'=')
    };
    let (first, last) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    (first..last).map(letter).collect()
}

fn url_letters(letters: &[u8]) -> Vec<u8> {
    let changed = |byte: &u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    };
    letters.iter().map(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str, name: &str) -> Vec<u8> {
        let found = forms(text).into_iter().find(|(found, _)| *found == name);
        found.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default()
    }

    #[test]
    fn forms_are_what_others_would_write() {
        assert_eq!(form("4242424242424242", "packed decimal"), [0x42; 8]);
        assert_eq!(
            form("4242424242424242", "packed decimal, a nibble later"),
            [0x24; 7]
        );
        assert_eq!(
            form("4242424242424242", "grouped by dashes"),
            b"4242-4242-4242-4242"
        );
        assert_eq!(
            form("378282246310005", "packed decimal"),
            [0x37, 0x82, 0x82, 0x24, 0x63, 0x10, 0x00]
        );
        assert_eq!(
            form("4242424242424242", "binary, big-endian"),
            4_242_424_242_424_242_u64.to_be_bytes()[1..]
        );
        assert_eq!(form("pass word+", "URL-encoded"), b"pass%20word%2B");
        assert_eq!(
            form("pass word+", "URL-encoded, plus for space"),
            b"pass+word%2B"
        );
        assert_eq!(form("pass\"word", "JSON"), b"pass\\\"word");
        // As in `secret`, `xsecret` and `xxsecret`, without the letters that `x` takes part in.
        assert_eq!(form("secret", "base64 at 0"), b"c2VjcmV0");
        assert_eq!(form("secret", "base64 at 1"), b"NlY3Jld");
        assert_eq!(form("secret", "base64 at 2"), b"zZWNyZX");
        assert_eq!(form("hello", "HEX"), b"68656C6C6F");
        assert_eq!(form("hello", "UTF-16 BE"), b"\0h\0e\0l\0l\0o");
    }

    #[test]
    fn no_form_stands_twice_or_is_too_short() {
        for text in ["4242424242424242", "hello", "pass word+", "a+b/c?d=e&f"] {
            let forms = forms(text);
            assert!(forms.iter().all(|(_, bytes)| bytes.len() >= LEAST));
            for (place, (_, bytes)) in forms.iter().enumerate() {
                assert!(!forms[..place].iter().any(|(_, other)| other == bytes));
            }
        }
    }
}
