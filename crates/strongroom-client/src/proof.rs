//! Offline proof verification: what `GET /v1/audit-logs/{id}/proof` and `strongroom audit export` give, checked with
//! nothing but the bytes.
//!
//! A bundle is signed by the key it names. Compare [`BundleReport::verifier_key`] with the one the operator published,
//! or pin a checkpoint you kept: only then does it prove who signed.

pub use strongroom_audit::{Bundle, BundleReport, Damage};

/// Verifies a bundle, and that it continues a checkpoint (a signed note) kept elsewhere if there is one.
///
/// # Errors
/// The first [`Damage`].
pub fn verify(bundle: &[u8], pinned_checkpoint: Option<&str>) -> Result<BundleReport, Damage> {
    strongroom_audit::verify_bundle(bundle, pinned_checkpoint)
}
