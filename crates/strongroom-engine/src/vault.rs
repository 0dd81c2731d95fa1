//! Card numbers between the vault's types and the store: sealed under keys of their own purpose, opened for what a
//! commit put on record, and nothing else.
//!
//! A number is sealed before its command is queued, at a seat that names the token's random id: the commit thread, its
//! cache and the log see ciphertext and the hash of the salted number. `verify` opens each and holds it against that
//! hash.

use std::fmt;

use strongroom_auth::Caller;
use strongroom_auth::permission::{CreateTokens, Operate, RevealTokens};
use strongroom_crypto::{Purpose, equal, installation_bond, random, sha256, write_sealed_header};
use strongroom_domain::action::Action;
use strongroom_domain::tokens::{SealedCard, Token};
use strongroom_types::id::{RawId, TokenId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use strongroom_vault::{CardNumber, SecurityCode};
use zeroize::Zeroizing;

use crate::checkpoints::signing_key;
use crate::engine::Engine;
use crate::envelope::{Committed, Failure};
use crate::opened::{KeyRows, OpenFault, Opener};
use crate::seal::{CARD, SALT, Seat};
use crate::view::ReadFault;

/// Where a token's number is sealed. It is sealed once: later versions of the record carry the same bytes.
fn seat(scope: &Scope, token: TokenId) -> Seat {
    Seat {
        part: CARD,
        ..Seat::record(scope, token.any(), 1)
    }
}

impl Engine {
    /// Seals a number for a new token of the caller's books.
    pub fn seal_card(&self, caller: &Caller<CreateTokens>, number: &CardNumber) -> SealedCard {
        let (scope, now) = (caller.tenant().scope(), self.now());
        let hierarchy = &self.shared().hierarchy;
        // SECURITY: whoever knows the id can pay with it, so all of it is random.
        let id = TokenId(RawId(random()));
        let mut salted = Zeroizing::new(Vec::with_capacity(SALT + 19));
        salted.extend_from_slice(&random::<SALT>());
        salted.extend_from_slice(number.expose().as_bytes());
        let key = hierarchy.current(scope.number, Purpose::Card, 0, now.0);
        let nonce = random::<24>();
        let mut sealed = Vec::with_capacity(96);
        write_sealed_header(key.number, &nonce, &mut sealed);
        let aad = seat(&scope, id).aad(key.number);
        key.seal_key().seal(&nonce, &aad, &salted, &mut sealed);
        SealedCard {
            id,
            brand: number.brand(),
            bin: number.bin().to_owned(),
            last4: number.last4().to_owned(),
            fingerprint: self.fingerprint(&scope, number, now),
            digest: sha256(&[&salted]),
            sealed: Some(sealed),
        }
    }

    /// What stands for a number, as a request wrote it, in the hash of that request.
    pub fn request_mark(&self, scope: &Scope, number: &str) -> [u8; 16] {
        let hierarchy = &self.shared().hierarchy;
        let key = hierarchy.current(scope.number, Purpose::CardFingerprint, 0, self.now().0);
        key.mac().short_fields(&[b"request", number.as_bytes()])
    }

    /// The same for the same number in the same books. SECURITY: a plain hash would be undone by trying the numbers
    /// that fit a BIN and four digits, of which there are a million.
    fn fingerprint(&self, scope: &Scope, number: &CardNumber, now: Timestamp) -> [u8; 16] {
        let hierarchy = &self.shared().hierarchy;
        let key = hierarchy.current(scope.number, Purpose::CardFingerprint, 0, now.0);
        key.mac()
            .short_fields(&[b"card", number.expose().as_bytes()])
    }

    /// Keeps a security code in memory for the first authorization of the token that was made.
    pub fn keep_code(&self, caller: &Caller<CreateTokens>, made: &Committed, code: SecurityCode) {
        let token = made.resource().filter(|_| !made.replayed());
        if let Some(token) = token {
            let scope = caller.tenant().scope();
            let (owner, token) = (scope.organization.0.0, TokenId(token.raw));
            let codes = &self.shared().codes;
            codes.keep(owner, scope.number, token, code, self.now());
        }
    }

    /// Wipes security codes that waited long enough; says how many wait on.
    pub fn wipe_codes(&self) -> usize {
        let codes = &self.shared().codes;
        codes.wipe(self.now());
        codes.len()
    }

    /// The number of a token, for a reveal that is on record.
    ///
    /// # Errors
    /// [`Failure::NotFound`] unless `recorded` is a fresh reveal and the token still has its number.
    pub async fn reveal(
        &self,
        caller: &Caller<RevealTokens>,
        recorded: &Committed,
    ) -> Result<(Token, CardNumber), Failure> {
        let id = shown(recorded)?;
        self.read(caller, move |view| {
            let token = view.token(id)?;
            let (scope, opener) = (view.scope(), view.opener.clone());
            let number = open_card(&opener, &scope, &token, &mut |_| None)?;
            Ok((token, number.ok_or(ReadFault::NotFound)?))
        })
        .await
    }

    /// The token of a reveal that is on record, for the vault process that keeps its number.
    ///
    /// # Errors
    /// As [`Engine::reveal`].
    pub async fn revealed(
        &self,
        caller: &Caller<RevealTokens>,
        recorded: &Committed,
    ) -> Result<(Token, [u8; 32]), Failure> {
        let id = shown(recorded)?;
        self.read(caller, move |view| {
            let token = view.token(id)?;
            let digest = token.body.digest.ok_or(ReadFault::NotFound)?;
            Ok((token, digest))
        })
        .await
    }

    /// Shows a vault which installation this is: its public key, and the signature over the vault's challenge.
    pub fn prove_to_vault(&self, challenge: &[u8; 32]) -> ([u8; 32], [u8; 64]) {
        let key = signing_key(&self.shared().hierarchy, self.now());
        (key.public(), key.sign(&installation_bond(challenge)))
    }

    /// Tokens behind `after` whose numbers are stored here, with their numbers, for a vault process to take over.
    ///
    /// # Errors
    /// [`Failure`] of the read, also when a number does not open.
    pub async fn numbers_stored(
        &self,
        caller: &Caller<Operate>,
        after: Option<TokenId>,
    ) -> Result<Vec<(TokenId, CardNumber)>, Failure> {
        self.read(caller, move |view| {
            let tokens = view.tokens_with_numbers(after)?;
            let (scope, opener) = (view.scope(), view.opener.clone());
            let mut found = Vec::new();
            for token in tokens {
                if let Some(number) = open_card(&opener, &scope, &token, &mut |_| None)? {
                    found.push((token.body.id, number));
                }
            }
            Ok(found)
        })
        .await
    }
}

/// The token that a reveal is about. SECURITY: what is shown without an entry, or a second time for one, was never
/// asked for.
fn shown(recorded: &Committed) -> Result<TokenId, Failure> {
    let is_reveal = recorded.facts().action == Action::TokenRevealed && !recorded.replayed();
    let id = recorded.resource().filter(|_| is_reveal);
    Ok(TokenId(id.ok_or(Failure::NotFound)?.raw))
}

/// Opens a token's number; `None` when there is none here.
///
/// # Errors
/// [`OpenFault`], naming the token.
pub(crate) fn open_card(
    opener: &Opener,
    scope: &Scope,
    token: &Token,
    rows: KeyRows<'_>,
) -> Result<Option<CardNumber>, OpenFault> {
    let id = token.body.id;
    let altered = || OpenFault::Altered(format!("the card of `{id}`"));
    let (digest, sealed) = match (&token.body.digest, &token.sealed) {
        // It is gone, or a vault process keeps it.
        (_, None) => return Ok(None),
        (Some(digest), Some(sealed)) => (digest, sealed),
        _ => return Err(altered()),
    };
    let what = CardOf(id);
    let salted = Zeroizing::new(opener.blob(sealed, &seat(scope, id), &what, rows)?);
    if !equal(&sha256(&[&salted]), digest) {
        return Err(altered());
    }
    let digits = salted.get(SALT..).unwrap_or(&[]);
    let number = std::str::from_utf8(digits).ok().map(CardNumber::parse);
    match number {
        Some(Ok(number)) => Ok(Some(number)),
        _ => Err(altered()),
    }
}

/// How faults name what did not open.
struct CardOf(TokenId);

impl fmt::Display for CardOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the card of `{}`", self.0)
    }
}
