//! Base 62 for key texts: digits, upper case, lower case.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Maps random bytes to letters without bias; bytes from 248 up are skipped.
pub fn letters(random: &[u8]) -> impl Iterator<Item = char> + '_ {
    random
        .iter()
        .filter(|byte| **byte < 248)
        .filter_map(|byte| ALPHABET.get(usize::from(*byte % 62)).copied())
        .map(char::from)
}

/// Six letters for a 32-bit number, most significant first.
pub fn checksum(mut value: u32) -> String {
    let mut text = [b'0'; 6];
    for letter in text.iter_mut().rev() {
        let digit = usize::try_from(value % 62).unwrap_or(0);
        *letter = ALPHABET.get(digit).copied().unwrap_or(b'0');
        value /= 62;
    }
    String::from_utf8_lossy(&text).into_owned()
}
