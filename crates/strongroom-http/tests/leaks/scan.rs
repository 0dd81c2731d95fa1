//! Looking for a value in bytes, in every form it could have: text as UTF-8, UTF-16, hex and base64, numbers in binary,
//! and the plain hash of either, which a list of guesses would undo.

use std::path::Path;

use strongroom_crypto::sha256;

/// A value and its forms.
pub struct Needle {
    name: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Needle {
    /// A text, at least five bytes of it.
    pub fn text(text: &str) -> Needle {
        assert!(text.len() >= 5, "`{text}` would be found by chance");
        Needle {
            name: text.to_owned(),
            forms: text_forms(text),
        }
    }

    /// Whether hexadecimal text of ciphertext would hold it by chance: few of the same digits.
    pub fn looks_like_hex(&self) -> bool {
        let name = self.name.as_bytes();
        name.len() < 8 && name.iter().all(u8::is_ascii_hexdigit)
    }

    /// An amount in minor units: its digits, its decimal form, and its significant bytes in either order, which also
    /// stand inside every wider integer, CBOR's and SQLite's among them.
    pub fn amount(minor: i64) -> Vec<Needle> {
        let significant: Vec<u8> = minor
            .to_be_bytes()
            .into_iter()
            .skip_while(|byte| *byte == 0)
            .collect();
        assert!(significant.len() >= 6, "{minor} would be found by chance");
        let reversed: Vec<u8> = significant.iter().rev().copied().collect();
        let decimal = format!("{}.{:02}", minor / 100, minor % 100);
        let binary = vec![
            ("big-endian", significant.clone()),
            ("little-endian", reversed),
            ("hex of the bytes", hex(&significant).into_bytes()),
            (
                "negative, big-endian",
                low((-minor).to_be_bytes(), true, significant.len()),
            ),
            (
                "negative, little-endian",
                low((-minor).to_le_bytes(), false, significant.len()),
            ),
            // CBOR writes -1 - n.
            (
                "negative in CBOR",
                low((minor - 1).to_be_bytes(), true, significant.len()),
            ),
        ];
        vec![
            Needle {
                name: format!("{minor} in binary"),
                forms: binary,
            },
            Needle::text(&minor.to_string()),
            Needle::text(&decimal),
        ]
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn forms(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.forms
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_slice()))
    }
}

/// The low-order bytes of a number.
fn low(bytes: [u8; 8], big_endian: bool, count: usize) -> Vec<u8> {
    match big_endian {
        true => bytes[8 - count..].to_vec(),
        false => bytes[..count].to_vec(),
    }
}

fn text_forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let plain = text.as_bytes();
    let utf16 =
        |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let digest = sha256(&[plain]);
    let mut forms = vec![
        ("UTF-8", plain.to_vec()),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
        ("hex", hex(plain).into_bytes()),
        ("HEX", hex(plain).to_uppercase().into_bytes()),
        ("reversed", plain.iter().rev().copied().collect()),
        ("percent-encoded", percent(text).into_bytes()),
        ("its plain SHA-256", digest[..16].to_vec()),
        ("hex of its plain SHA-256", hex(&digest[..16]).into_bytes()),
    ];
    for (name, offset) in [("base64 at 0", 0), ("base64 at 1", 1), ("base64 at 2", 2)] {
        forms.push((name, base64_at(plain, offset).into_bytes()));
        let url: String = base64_at(plain, offset)
            .chars()
            .map(|c| {
                if c == '+' {
                    '-'
                } else if c == '/' {
                    '_'
                } else {
                    c
                }
            })
            .collect();
        forms.push((name, url.into_bytes()));
    }
    forms
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escaped).collect()
}

pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk
            .iter()
            .fold(0_u32, |n, byte| n << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(
                LETTERS[usize::try_from(number >> (18 - 6 * place) & 63).unwrap()],
            ));
        }
    }
    out
}

/// The letters that depend on `bytes` alone when they begin `offset` bytes into a group.
fn base64_at(bytes: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(bytes);
    let whole = base64(&padded);
    let first = (offset * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    whole[first..last].to_owned()
}

/// Which needles are in the bytes, and in which form.
pub fn found_in(needles: &[Needle], bytes: &[u8]) -> Vec<String> {
    let forms = needles.iter().flat_map(|needle| {
        needle
            .forms()
            .map(move |(form, wanted)| (needle, form, wanted))
    });
    let forms: Vec<(&Needle, &str, &[u8])> = forms.collect();
    // A large file is read once for all of them: their first two bytes tell most places apart.
    let mut starts = vec![false; 1 << 16];
    forms
        .iter()
        .for_each(|(_, _, wanted)| starts[start(wanted)] = true);
    let places = (0..bytes.len().saturating_sub(3)).filter(|at| starts[start(&bytes[*at..])]);
    let mut found = Vec::new();
    for at in places {
        let here = forms
            .iter()
            .filter(|(_, _, wanted)| bytes[at..].starts_with(wanted));
        found.extend(
            here.map(|(needle, form, _)| format!("{} as {form} at byte {at}", needle.name)),
        );
    }
    found.sort();
    found.dedup();
    found
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// Every file below a folder, by name.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}
