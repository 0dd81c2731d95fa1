//! The API key: from a file or the terminal, and only one of test mode.

use std::path::{Path, PathBuf};

use strongroom_auth::KeyType;
use strongroom_auth::key_text::{is_well_formed, prefix};
use strongroom_types::mode::Mode;
use strongroom_types::secret::SecretText;

use crate::fault::Fault;
use crate::{folder, passphrase};

/// Names a file; holds no secret itself.
const FILE_VARIABLE: &str = "STRONGROOM_KEY_FILE";

pub(super) fn key(file: Option<&Path>) -> Result<SecretText, Fault> {
    let from_environment = || std::env::var_os(FILE_VARIABLE).map(PathBuf::from);
    let file = file.map(Path::to_path_buf).or_else(from_environment);
    let key = match &file {
        Some(path) => folder::read_secret_line(path, "an API key")?,
        None => passphrase::asked("API key: ").ok_or_else(|| {
            Fault::new("the API key is needed and there is no terminal to ask at").hint(format!(
                "name a file that holds it with --key-file, or in {FILE_VARIABLE}"
            ))
        })?,
    };
    check(&key)?;
    Ok(key)
}

fn check(key: &SecretText) -> Result<(), Fault> {
    let text = key.expose();
    if !is_well_formed(text) {
        return Err(Fault::new("what was given as the API key is none").hint(
            "a key begins with `sk_test_` and has a checksum at its end: look for a typing error",
        ));
    }
    // SECURITY: live events go to endpoints that an organization has on record, over TLS; never to whatever listens on a
    // developer's machine.
    match text.starts_with(&prefix(KeyType::Secret, Mode::Test)) {
        true => Ok(()),
        false => Err(Fault::new("only a secret key of test mode is taken")
            .hint("live events are for webhooks: `POST /v1/webhooks`")),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_auth::key_text::mint;

    use super::*;

    #[test]
    fn only_secret_test_keys_are_taken() {
        let random: Vec<u8> = (0..64).collect();
        let verdict = |key_type, mode| check(&mint(key_type, mode, &random).unwrap()).is_ok();
        assert!(verdict(KeyType::Secret, Mode::Test));
        assert!(!verdict(KeyType::Secret, Mode::Live));
        assert!(!verdict(KeyType::Publishable, Mode::Test));
        let short = SecretText::new("sk_test_1234567890abcdef".into());
        assert!(check(&short).is_err());
    }
}
