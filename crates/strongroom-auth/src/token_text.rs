//! The texts of what is not a key but opens something: sessions, invitations, recovery codes, what OAuth gives out.

use strongroom_types::mode::Mode;
use strongroom_types::secret::SecretText;

use crate::base62;

const RANDOM_LETTERS: usize = 32;

/// Letters of a recovery code: 71 bits, in three groups.
const RECOVERY_LETTERS: usize = 12;

/// `sess_test_…`: random letters (190 bits) and six of a checksum, as a key has; `None` when too few of the random bytes
/// were usable (64 practically always are).
pub fn session(mode: Mode, random: &[u8]) -> Option<SecretText> {
    mint(format!("sess_{}_", mode.as_str()), random)
}

/// `invite_…`, likewise.
pub fn invitation(random: &[u8]) -> Option<SecretText> {
    mint("invite_".to_owned(), random)
}

/// `at_test_…`: an access token, likewise.
pub fn access(mode: Mode, random: &[u8]) -> Option<SecretText> {
    mint(format!("at_{}_", mode.as_str()), random)
}

/// `cs_test_…`: what a program shows that it is who it says, likewise.
pub fn client_secret(mode: Mode, random: &[u8]) -> Option<SecretText> {
    mint(format!("cs_{}_", mode.as_str()), random)
}

/// `reset_…`, likewise.
pub fn reset(random: &[u8]) -> Option<SecretText> {
    mint("reset_".to_owned(), random)
}

fn mint(mut text: String, random: &[u8]) -> Option<SecretText> {
    let head = text.len();
    text.extend(base62::letters(random).take(RANDOM_LETTERS));
    if text.len() != head + RANDOM_LETTERS {
        return None;
    }
    text.push_str(&base62::checksum(crc32fast::hash(text.as_bytes())));
    Some(SecretText::new(text))
}

/// `x8Kd-29aB-Qm4z`: to be written down on paper.
pub fn recovery_code(random: &[u8]) -> Option<SecretText> {
    let letters: Vec<char> = base62::letters(random).take(RECOVERY_LETTERS).collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    (letters.len() == RECOVERY_LETTERS).then(|| SecretText::new(groups.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_prefix_and_length() {
        let random: Vec<u8> = (0..64).collect();
        let session = session(Mode::Live, &random).unwrap();
        assert!(session.expose().starts_with("sess_live_"));
        assert_eq!(session.expose().len(), 10 + 32 + 6);
        assert!(invitation(&random).unwrap().expose().starts_with("invite_"));
        let code = recovery_code(&random).unwrap();
        assert_eq!(code.expose().len(), 14);
        assert_eq!(code.expose().matches('-').count(), 2);
        assert!(recovery_code(&[255; 64]).is_none());
    }
}
