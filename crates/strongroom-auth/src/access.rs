//! What an access token adds to the rights that it acts by: which one it is, whose, and what it is bound to.

use std::sync::Arc;

use strongroom_types::id::{OauthClientId, OauthGrantId, OauthTokenId, UserId};

use crate::restrictions::MoneyLimits;
use crate::scope::Scopes;

/// An access token in use.
#[derive(Clone, Debug)]
pub struct Access {
    pub token: OauthTokenId,
    pub client: OauthClientId,
    /// Who let the client act for him; nobody where it acts for itself.
    pub person: Option<UserId>,
    pub scopes: Scopes,
    /// Thumbprint of the key that every request is proven with (RFC 9449), if there is one.
    pub proof_key: Option<[u8; 32]>,
    /// Whether it is of no use without a key or a certificate of the client's.
    pub is_bound: bool,
    /// What he allowed it by, if somebody did.
    pub grant: Option<OauthGrantId>,
    /// What money it may move of what he may, if not all.
    pub limits: Option<Arc<MoneyLimits>>,
}
