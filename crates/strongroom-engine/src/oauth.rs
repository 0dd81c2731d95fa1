//! What the edge asks about OAuth: who is registered, whose a token is, what is drawn.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_auth::{Caller, Credential, KeyType, SystemActor, token_text};
use strongroom_crypto::{equal, random};
use strongroom_domain::oauth::{MintedClient, MintedSecret, OauthClient, RevokeToken};
use strongroom_types::id::{OauthClientId, OauthGrantId, RawId};
use strongroom_types::mode::{Mode, Scope};
use strongroom_types::secret::SecretText;

use crate::engine::Engine;
use crate::envelope::{Envelope, Failure};
use crate::people::drawn;

/// A client that is registered, and what it may do. Nothing is proven of whoever names it.
pub struct RegisteredClient {
    pub scope: Scope,
    pub client: Arc<OauthClient>,
    /// What holds its rights.
    pub line: Arc<Credential>,
}

/// What of a grant a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantKind {
    Code,
    Refresh,
}

impl GrantKind {
    const fn head(self) -> &'static str {
        match self {
            GrantKind::Code => "ac_",
            GrantKind::Refresh => "rt_",
        }
    }
}

/// Bytes of such a text: the grant's number, what is secret, and the tag that shows that it is of our making.
const GRANT_TEXT: usize = 12 + 32 + 16;

impl Engine {
    /// The client of an id, if it was not deleted.
    pub fn registered_client(&self, id: OauthClientId) -> Option<RegisteredClient> {
        let shared = self.shared();
        let (scope, client) = shared.grants.client(id).filter(|(_, c)| c.is_active())?;
        let hash = shared.grants.line_hash(scope, client.key)?;
        let line = shared.credentials.find(&hash)?;
        Some(RegisteredClient {
            scope,
            client,
            line,
        })
    }

    /// Whether a text is one of a client's secrets.
    pub fn is_client_secret(&self, client: &OauthClient, unverified_secret: &str) -> bool {
        let hash = self.client_secret_hash(unverified_secret);
        // SECURITY: each is compared whole, and all of them are.
        let fitting = client
            .secrets_at(self.now())
            .filter(|mark| equal(&mark.0, &hash));
        fitting.count() > 0
    }

    fn client_secret_hash(&self, secret: &str) -> [u8; 32] {
        let mac = self.shared().credential_key.mac();
        mac.tag_fields(&[b"client secret", secret.as_bytes()])
    }

    /// What a new client is given.
    pub fn mint_client(&self, mode: Mode, has_secret: bool) -> MintedClient {
        let line = self.mint(KeyType::Secret, mode);
        MintedClient {
            secret: has_secret.then(|| self.mint_client_secret(mode)),
            line_hash: random(),
            line_secret: line.signing_secret,
        }
    }

    pub fn mint_client_secret(&self, mode: Mode) -> MintedSecret {
        let text = drawn(|random| token_text::client_secret(mode, random));
        let hash = self.client_secret_hash(text.expose());
        MintedSecret { text, hash }
    }

    /// The text of a new access token, and its keyed hash.
    pub fn mint_access_token(&self, mode: Mode) -> (SecretText, [u8; 32]) {
        let text = drawn(|random| token_text::access(mode, random));
        let hash = self.hash_of(text.expose());
        (text, hash)
    }

    /// The keyed hash of what is secret in a code or a refresh token.
    pub fn grant_secret_hash(&self, secret: &[u8; 32]) -> [u8; 32] {
        let mac = self.shared().credential_key.mac();
        mac.tag_fields(&[b"oauth grant", secret])
    }

    /// The text of a code or a refresh token.
    pub fn grant_text(
        &self,
        kind: GrantKind,
        scope: Scope,
        grant: OauthGrantId,
        secret: &[u8; 32],
    ) -> SecretText {
        let mut bytes = [grant.0.0.as_slice(), secret].concat();
        let tag = self.grant_tag(kind, scope, &bytes);
        bytes.extend_from_slice(&tag);
        SecretText::new(format!("{}{}", kind.head(), URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The grant of a text, and the keyed hash of what is secret in it; nothing where it was never given out in these books. SECURITY: so
    /// what is not good any more can be told from what somebody made up.
    pub fn shown_grant(
        &self,
        kind: GrantKind,
        scope: Scope,
        unverified_text: &str,
    ) -> Option<(OauthGrantId, [u8; 32])> {
        let text = unverified_text.strip_prefix(kind.head())?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes: [u8; GRANT_TEXT] = bytes.try_into().ok()?;
        let (said, tag) = bytes.split_last_chunk::<16>()?;
        if !equal(&self.grant_tag(kind, scope, said), tag) {
            return None;
        }
        let (id, secret) = said.split_first_chunk::<12>()?;
        let hash = self.grant_secret_hash(secret.try_into().ok()?);
        Some((OauthGrantId(RawId(*id)), hash))
    }

    fn grant_tag(&self, kind: GrantKind, scope: Scope, said: &[u8]) -> [u8; 16] {
        let mac = self.shared().credential_key.mac();
        let number = scope.number.to_be_bytes();
        mac.short_fields(&[b"oauth", kind.head().as_bytes(), &number, said])
    }

    /// What people know an organization by.
    ///
    /// # Errors
    /// As every read.
    pub async fn organization_name(&self, scope: Scope) -> Result<String, Failure> {
        self.with_view(scope, |view| Ok(view.tenant()?.name)).await
    }

    /// The access token of a text, if it is good; looking at it is no use of it.
    pub fn access_token(&self, unverified_token: &str) -> Option<Arc<Credential>> {
        let hash = self.hash_of(unverified_token);
        let found = self.shared().credentials.find(&hash)?;
        (found.access.is_some() && found.is_usable(self.now())).then_some(found)
    }

    /// Revokes an access token that somebody found where it should not be.
    pub(crate) async fn revoke_leaked_token(
        &self,
        token: &Credential,
        envelope: Envelope,
    ) -> Result<(), Failure> {
        let Some(access) = &token.access else {
            return Ok(());
        };
        let caller = Caller::system(SystemActor::Leaks, token.scope);
        let command = RevokeToken {
            token: access.token,
            client: access.client,
        };
        match self.execute(&caller, command, envelope).await {
            // It is over already.
            Ok(_) | Err(Failure::Rejected { .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}
