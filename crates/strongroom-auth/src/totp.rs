//! Codes of an authenticator (RFC 6238): six digits, steps of thirty seconds, one step of drift either way.

use strongroom_crypto::{equal, one_time_code};
use strongroom_types::time::Timestamp;

/// Milliseconds of a step.
const STEP: i64 = 30_000;

/// Bytes of a secret, as RFC 4226 recommends for HMAC-SHA-1.
pub const SECRET: usize = 20;

/// The step whose code this is, if it is one of now. SECURITY: whoever accepts it must refuse it and all earlier ones
/// from then on: a code that was seen over a shoulder is good for up to ninety seconds otherwise.
pub fn step_of(secret: &[u8], code: &str, now: Timestamp) -> Option<u64> {
    let current = u64::try_from(now.0 / STEP).ok()?;
    let steps = current.saturating_sub(1)..=current.saturating_add(1);
    // All of them, so that the time says nothing of which it was.
    steps.fold(None, |found, step| {
        let shown = format!("{:06}", one_time_code(secret, step));
        match equal(shown.as_bytes(), code.as_bytes()) {
            true => Some(step),
            false => found,
        }
    })
}

/// The code of a moment, as an authenticator shows it.
pub fn code_at(secret: &[u8], time: Timestamp) -> String {
    let step = u64::try_from(time.0 / STEP).unwrap_or(0);
    format!("{:06}", one_time_code(secret, step))
}

/// The secret as authenticators take it: base 32 (RFC 4648) without padding.
pub fn secret_text(secret: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(secret.len() * 2);
    let (mut held, mut bits) = (0_u32, 0_u32);
    let mut put = |held: u32| {
        let at = usize::try_from(held & 31).unwrap_or(0);
        text.push(char::from(LETTERS.get(at).copied().unwrap_or(b'A')));
    };
    for byte in secret {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            put(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        put(held << (5 - bits));
    }
    text
}

/// What a QR code shows an authenticator. Only letters, digits and what is written as an escape.
pub fn provisioning_uri(secret: &[u8], issuer: &str, account: &str) -> String {
    let (issuer, account) = (escaped(issuer), escaped(account));
    let secret = secret_text(secret);
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.bytes().fold(String::new(), |mut out, byte| {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = b"12345678901234567890";

    #[test]
    fn a_step_either_way_is_taken_and_two_are_not() {
        let now = Timestamp(1_111_111_109_000);
        let code = code_at(SEED, now);
        assert_eq!(code, "081804");
        let step = step_of(SEED, &code, now).unwrap();
        assert_eq!(step, 37_037_036);
        for (drift, found) in [(-30, true), (30, true), (-60, false), (60, false)] {
            let then = now.plus(drift * 1_000);
            assert_eq!(step_of(SEED, &code, then).is_some(), found, "{drift}");
        }
        for odd in ["", "81804", "081804 ", "0818041", "０81804"] {
            assert_eq!(step_of(SEED, odd, now), None, "{odd}");
        }
    }

    #[test]
    fn secrets_are_written_as_rfc_4648_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(secret_text(bytes.as_bytes()), text);
        }
        let uri = provisioning_uri(SEED, "Ana & Co", "ana@example.org");
        assert_eq!(
            uri,
            "otpauth://totp/Ana%20%26%20Co:ana%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ana%20%26%20Co"
        );
    }
}
