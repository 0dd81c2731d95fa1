//! One-time codes of an authenticator: HOTP (RFC 4226) over the number of a time step, as RFC 6238 has it.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// The six digits of a step. HMAC-SHA-1 is what every authenticator does; nothing rests on its collisions.
pub fn one_time_code(secret: &[u8], step: u64) -> u32 {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes.last().copied().unwrap_or(0) & 15);
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    (u32::from_be_bytes(word.copied().unwrap_or_default()) & 0x7fff_ffff) % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226, appendix D; RFC 6238, appendix B (the last six of its eight digits).
    #[test]
    fn the_standards_vectors() {
        let secret = b"12345678901234567890";
        let hotp = [
            755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871,
            520_489,
        ];
        for (step, code) in (0..).zip(hotp) {
            assert_eq!(one_time_code(secret, step), code, "{step}");
        }
        for (seconds, code) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            assert_eq!(one_time_code(secret, seconds / 30), code, "{seconds}");
        }
    }
}
