//! Who is asking, and may they: credentials, the permission table, and the proof that a request passed both.
//!
//! A [`Caller`] exists only when a proven credential was found to hold the permission `P`; handlers and commands ask
//! for it by type. A [`TenantScope`] comes only from a caller, and storage answers only to a scope.
//! People: what a session adds to a credential is in [`presence`], what is asked of passwords in [`password`], codes of an
//! authenticator in [`totp`].
//! Programs that act by OAuth: what a token adds is in [`access`], what scopes stand for in [`scope`].
//! Never here: SQL, HTTP. Key texts are parsed and hashed in [`key_text`]; request signatures in [`signing`].

pub mod access;
mod base62;
pub mod caller;
pub mod conditions;
pub mod credential;
pub mod key_text;
pub mod message_signing;
pub mod password;
pub mod permission;
pub mod presence;
pub mod restrictions;
pub mod scope;
pub mod signing;
pub mod token_text;
pub mod totp;
pub mod webauthn;

pub use access::Access;
pub use caller::{Actor, Caller, Denied, SystemActor, TenantScope};
pub use conditions::{Condition, Conditions, DAYS, Doing, Hours};
pub use credential::{Credential, CredentialStatus, Dialect, KeyType, Rights, SigningPolicy};
pub use message_signing::{
    MessageFault, Proof, RegisteredKey, SignedBy, SignedMessage, SigningScheme,
};
pub use permission::{Permission, PermissionSet, Role};
pub use presence::Presence;
pub use restrictions::{Beyond, Direction, MoneyLimits, Networks, Range, Thumbprint};
pub use scope::Scopes;

/// Whether `signature` is the Ed25519 signature of `public`'s holder over `message`.
pub fn verify_ed25519(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    strongroom_crypto::verify_ed25519(public, message, signature)
}

/// The hash that approvers sign, of the text of a request.
pub fn sha256(text: &[u8]) -> [u8; 32] {
    strongroom_crypto::sha256(&[text])
}
