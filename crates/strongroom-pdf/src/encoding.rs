//! WinAnsi, the encoding of the standard fonts: Windows code page 1252.

/// Stands for every character that WinAnsi has not.
pub const REPLACEMENT: u8 = b'?';

/// What WinAnsi has between 0x80 and 0x9f, where Latin-1 has controls.
const SPECIAL: &[(char, u8)] = &[
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8a),
    ('‹', 0x8b),
    ('Œ', 0x8c),
    ('Ž', 0x8e),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9a),
    ('›', 0x9b),
    ('œ', 0x9c),
    ('ž', 0x9e),
    ('Ÿ', 0x9f),
];

/// A character as WinAnsi has it; [`REPLACEMENT`] where it has none, controls among them.
pub fn win_ansi(letter: char) -> u8 {
    let special = SPECIAL.iter().find(|(known, _)| *known == letter);
    match (u32::from(letter), special) {
        (_, Some((_, byte))) => *byte,
        (0x20..=0x7e | 0xa0..=0xff, _) => u8::try_from(u32::from(letter)).unwrap_or(REPLACEMENT),
        _ => REPLACEMENT,
    }
}

/// Writes text as a string of a content stream. SECURITY: brackets and backslashes are escaped, all beyond ASCII is octal,
/// so no text can end its string.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'(');
    for byte in text.chars().map(win_ansi) {
        match byte {
            b'(' | b')' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x20..=0x7e => out.push(byte),
            other => out.extend_from_slice(format!("\\{other:03o}").as_bytes()),
        }
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_winansi_lacks_is_replaced() {
        assert_eq!(['A', 'ñ', '€', '—'].map(win_ansi), [b'A', 0xf1, 0x80, 0x97]);
        assert_eq!(
            ['₱', '\n', '\u{7f}', '\u{85}', '漢'].map(win_ansi),
            [b'?'; 5]
        );
    }

    #[test]
    fn no_text_leaves_its_string() {
        let mut out = Vec::new();
        string(") Tj ET (\\) ñ", &mut out);
        assert_eq!(out, b"(\\) Tj ET \\(\\\\\\) \\361)");
    }
}
