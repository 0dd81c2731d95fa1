//! Between the two steps in which somebody signs in on a page: what says that his password was right.
//!
//! Nothing is kept of it, as of a question to a passkey: it says itself that it is ours, whose it is and since when.
//! SECURITY: it is worth what the password is, for five minutes, and nothing once the password is another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::equal;
use strongroom_domain::users::{Password, User};
use strongroom_types::id::{RawId, UserId};
use strongroom_types::mode::Scope;
use strongroom_types::secret::SecretText;

use crate::engine::Engine;
use crate::envelope::Failure;

/// Milliseconds that the second step may take.
const LASTS: i64 = 5 * 60_000;

/// Bytes of what it says: its time, the books, the person.
const SAID: usize = 8 + 4 + 12;

impl Engine {
    /// Says that a person's password was right.
    pub fn halfway(&self, scope: &Scope, user: UserId, password: &Password) -> SecretText {
        let (time, number) = (self.now().0.to_be_bytes(), scope.number.to_be_bytes());
        let mut bytes = [&time[..], &number, &user.0.0].concat();
        let tag = self.halfway_tag(&bytes, password);
        bytes.extend_from_slice(&tag);
        SecretText::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whose password was right; nobody's where it is not ours, too old, or about a password of before.
    ///
    /// # Errors
    /// As every read.
    pub async fn went_halfway(&self, unverified: &str) -> Result<Option<(Scope, User)>, Failure> {
        let bytes = URL_SAFE_NO_PAD.decode(unverified).unwrap_or_default();
        let Some((said, tag)) = bytes.split_at_checked(SAID) else {
            return Ok(None);
        };
        let Some((scope, user)) = self.halfway_said(said) else {
            return Ok(None);
        };
        let person = match self.person(scope, user).await {
            Ok(person) => person,
            Err(Failure::NotFound) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let password = person.body.password.as_ref();
        let ours = password.is_some_and(|password| equal(&self.halfway_tag(said, password), tag));
        Ok(ours.then_some((scope, person)))
    }

    /// The books and the person, as long as its time is not over. Nothing of it is proven.
    fn halfway_said(&self, said: &[u8]) -> Option<(Scope, UserId)> {
        let (time, rest) = said.split_first_chunk::<8>()?;
        let (number, user) = rest.split_first_chunk::<4>()?;
        let age = self.now().0.saturating_sub(i64::from_be_bytes(*time));
        let scope = self.shared().scope(u32::from_be_bytes(*number))?;
        let user = UserId(RawId(*user.first_chunk::<12>()?));
        (0..LASTS).contains(&age).then_some((scope, user))
    }

    fn halfway_tag(&self, said: &[u8], password: &Password) -> [u8; 32] {
        let mac = self.shared().credential_key.mac();
        mac.tag_fields(&[b"halfway", said, &password.tag])
    }
}
