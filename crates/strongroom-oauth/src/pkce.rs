//! Code challenges (RFC 7636), by SHA-256 alone: `plain` would show to whoever sees the request what it should keep from him.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use strongroom_crypto::{equal, sha256};

/// Whether a text can be a challenge by `S256`: 32 bytes in base64url.
pub fn is_challenge(text: &str) -> bool {
    BASE64.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether a text can be a verifier: 43 to 128 characters that need no escape.
pub fn is_verifier(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The challenge that is made of a verifier; nothing where it is none.
pub fn challenge(verifier: &str) -> Option<String> {
    is_verifier(verifier).then(|| BASE64.encode(sha256(&[verifier.as_bytes()])))
}

/// Whether a verifier is the one that a challenge was made of.
pub fn fits(verifier: &str, challenge: &str) -> bool {
    let made = self::challenge(verifier);
    made.is_some_and(|made| equal(made.as_bytes(), challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_fits_and_nothing_else_does() {
        assert!(is_challenge(CHALLENGE) && fits(VERIFIER, CHALLENGE));
        assert!(!fits(&VERIFIER.to_lowercase(), CHALLENGE));
        assert!(!fits(CHALLENGE, CHALLENGE), "`plain`");
        assert!(!fits(VERIFIER, &format!("{CHALLENGE}=")));
        for odd in ["", "x", &VERIFIER[1..], &"a".repeat(129), &"ä".repeat(50)] {
            assert!(!is_verifier(odd) && !fits(odd, CHALLENGE), "{odd}");
        }
        assert!(!is_challenge("abc") && !is_challenge(&"a".repeat(44)));
    }
}
