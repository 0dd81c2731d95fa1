//! What the edge asks about people: who has an address, what is drawn for them, what is written down of a login.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor, token_text, totp};
use strongroom_crypto::{equal, random};
use strongroom_domain::sessions::LoginRefused;
use strongroom_domain::users::{Minted, RECOVERY_CODES, User};
use strongroom_types::id::{ApiKeyId, SessionId, UserId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::secret::SecretText;
use tokio::sync::oneshot;

use crate::edge::{Who, actor_line};
use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::item::Pending;
use crate::text::folded;

/// What a session's text and its page are known by.
pub struct SessionTexts {
    pub token: SecretText,
    pub hash: [u8; 32],
    pub csrf: String,
}

/// What a passkey is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Registration,
    Assertion,
}

impl Question {
    const fn word(self) -> &'static [u8] {
        match self {
            Question::Registration => b"registration",
            Question::Assertion => b"assertion",
        }
    }
}

/// Milliseconds that a question may be answered.
const ANSWERED_WITHIN: i64 = 5 * 60_000;

/// Bytes of a question: its time, what is random, and the tag that shows it is ours.
const QUESTION: usize = 8 + 16 + 16;

impl Engine {
    /// The keyed hash that an e-mail address is known by, in whatever spelling.
    pub fn login_name(&self, email: &str) -> [u8; 16] {
        let mac = self.shared().credential_key.mac();
        mac.short_fields(&[b"login", folded(email).as_bytes()])
    }

    /// Who has this address, in whatever organization and mode.
    pub fn accounts(&self, login: &[u8; 16]) -> Vec<(Scope, UserId)> {
        self.shared().directory.accounts(login)
    }

    /// Who is invited by this text, and its keyed hash.
    pub fn invited(&self, unverified_token: &str) -> Option<(Scope, UserId, [u8; 32])> {
        let hash = self.hash_of(unverified_token);
        let (scope, user) = self.shared().directory.invited(&hash)?;
        Some((scope, user, hash))
    }

    /// Whose password may be chosen anew by this text, and its keyed hash.
    pub fn resetting(&self, unverified_token: &str) -> Option<(Scope, UserId, [u8; 32])> {
        let hash = self.hash_of(unverified_token);
        let (scope, user) = self.shared().directory.resetting(&hash)?;
        Some((scope, user, hash))
    }

    /// The text of a reset, and its keyed hash.
    pub fn mint_reset(&self) -> (SecretText, [u8; 32]) {
        let token = drawn(token_text::reset);
        let hash = self.hash_of(token.expose());
        (token, hash)
    }

    /// The sessions of a person that go on, newest first.
    pub fn live_sessions(&self, scope: &Scope, line: ApiKeyId) -> Vec<SessionId> {
        let now = self.now();
        self.shared().directory.sessions(*scope, line, now)
    }

    /// Drops from memory what has ended by the passing of time.
    pub fn forget_ended_sessions(&self) {
        self.shared().renew_all();
    }

    /// The keyed hash of a network that somebody signs in from.
    pub fn network_mark(&self, scope: &Scope, network: &str) -> [u8; 32] {
        let mac = self.shared().credential_key.mac();
        let number = scope.number.to_be_bytes();
        mac.tag_fields(&[b"network", &number, network.as_bytes()])
    }

    /// The keyed hash of a recovery code, however it was typed.
    pub fn recovery_mark(&self, scope: &Scope, user: UserId, code: &str) -> [u8; 32] {
        let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        let mac = self.shared().credential_key.mac();
        let number = scope.number.to_be_bytes();
        mac.tag_fields(&[b"recovery", &number, &user.0.0, letters.as_bytes()])
    }

    /// What a new person is given.
    pub fn mint_person(&self, mode: Mode) -> Minted {
        let invitation = drawn(token_text::invitation);
        let line = self.mint(strongroom_auth::KeyType::Secret, mode);
        Minted {
            hash: self.hash_of(invitation.expose()),
            invitation,
            line_hash: random(),
            line_secret: line.signing_secret,
        }
    }

    /// The texts of a new session.
    pub fn mint_session(&self, mode: Mode) -> SessionTexts {
        let token = drawn(|random| token_text::session(mode, random));
        let hash = self.hash_of(token.expose());
        SessionTexts {
            csrf: self.shared().csrf(&hash),
            token,
            hash,
        }
    }

    /// New recovery codes with their keyed hashes.
    pub fn mint_recovery_codes(&self, scope: &Scope, user: UserId) -> Vec<(SecretText, [u8; 32])> {
        let code = |_| {
            let text = drawn(token_text::recovery_code);
            let mark = self.recovery_mark(scope, user, text.expose());
            (text, mark)
        };
        (0..RECOVERY_CODES).map(code).collect()
    }

    /// A new secret for an authenticator.
    pub fn mint_totp(&self) -> [u8; totp::SECRET] {
        random()
    }

    /// A question for a person's passkey. Nothing is kept of it: it says itself that it is ours, for whom and since when.
    pub fn ask(&self, scope: &Scope, user: UserId, question: Question) -> String {
        let mut bytes = self.now().0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&random::<16>());
        let tag = self.question_tag(scope, user, question, &bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the commit spends of a question that was answered; nothing where it was none of ours, or is too old.
    /// SECURITY: spent as signatures are, so that an answer is taken once, also after a crash.
    pub fn answered(
        &self,
        scope: &Scope,
        user: UserId,
        question: Question,
        challenge: &str,
    ) -> Option<[u8; 16]> {
        let bytes = URL_SAFE_NO_PAD.decode(challenge).ok()?;
        let bytes: [u8; QUESTION] = bytes.try_into().ok()?;
        let (said, tag) = bytes.split_at_checked(QUESTION - 16)?;
        let ours = self.question_tag(scope, user, question, said);
        let time = said
            .first_chunk::<8>()
            .map(|time| i64::from_be_bytes(*time))?;
        let age = self.now().0.saturating_sub(time);
        let is_good = equal(&ours, tag) && (0..ANSWERED_WITHIN).contains(&age);
        let mac = self.shared().credential_key.mac();
        is_good.then(|| self.signature(scope, &mac.tag_fields(&[b"question", &bytes])))
    }

    fn question_tag(
        &self,
        scope: &Scope,
        user: UserId,
        question: Question,
        said: &[u8],
    ) -> [u8; 16] {
        let mac = self.shared().credential_key.mac();
        let number = scope.number.to_be_bytes();
        mac.short_fields(&[b"webauthn", question.word(), &number, &user.0.0, said])
    }

    /// A person as stored, for whoever lets him in.
    ///
    /// # Errors
    /// As every read.
    pub async fn person(&self, scope: Scope, user: UserId) -> Result<User, Failure> {
        self.with_view(scope, move |view| view.user(user)).await
    }

    /// Puts on record that a login on a known account was refused. SECURITY: nobody waits for it, so that the answer
    /// takes as long as one about an account that does not exist.
    ///
    /// # Errors
    /// [`Failure`] where it will not be written.
    pub fn refuse_login(
        &self,
        scope: Scope,
        user: UserId,
        envelope: Envelope,
    ) -> Result<(), Failure> {
        let caller: Caller<Operate> = Caller::entering(user, scope);
        let (answer, _) = oneshot::channel();
        let who = Who {
            user: Some(user),
            ..Who::server(SystemActor::Login.as_str())
        };
        self.shared().queue.push(Pending {
            command: Box::new(LoginRefused),
            scope,
            actor: actor_line(&who, caller.rule(), &envelope),
            envelope,
            answer,
        })
    }

    /// Whether a person signed in from this network lately.
    pub fn knows_network(user: &User, network: &[u8; 32]) -> bool {
        user.body
            .known_networks
            .iter()
            .any(|known| known.0 == *network)
    }
}

/// Draws until enough of the random bytes were usable, as the first 96 practically always are.
pub(crate) fn drawn(mint: impl Fn(&[u8]) -> Option<SecretText>) -> SecretText {
    loop {
        if let Some(text) = mint(&random::<96>()) {
            return text;
        }
    }
}
