//! A number in bytes: salted, sealed under a key of its books, at a seat that names books and token.

use strongroom_channel::message::Place;
use strongroom_crypto::{DataKey, Hierarchy, SealedView, random, sha256, write_sealed_header};
use strongroom_store::RecordRow;
use strongroom_types::id::{Kind, RawId, TokenId};
use zeroize::Zeroizing;

use crate::cards::VaultError;

/// Bytes of salt before the digits.
pub(crate) const SALT: usize = 16;

/// What the books know of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    pub digest: [u8; 32],
    pub fingerprint: [u8; 16],
}

/// What is sealed of a number.
pub(crate) fn salted(digits: &str) -> Zeroizing<Vec<u8>> {
    let mut salted = Zeroizing::new(Vec::with_capacity(SALT + 19));
    salted.extend_from_slice(&random::<SALT>());
    salted.extend_from_slice(digits.as_bytes());
    salted
}

pub(crate) fn sealed(key: &DataKey, place: Place, salted: &[u8]) -> Vec<u8> {
    let nonce = random::<24>();
    let mut sealed = Vec::with_capacity(96);
    write_sealed_header(key.number, &nonce, &mut sealed);
    let aad = seat(place, key.number);
    key.seal_key().seal(&nonce, &aad, salted, &mut sealed);
    sealed
}

pub(crate) fn opened(
    hierarchy: &Hierarchy,
    place: Place,
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let altered = || VaultError::Altered(place.token);
    let view = SealedView::parse(body).map_err(|_| altered())?;
    let key = hierarchy.find(view.key).ok_or_else(altered)?;
    let aad = seat(place, view.key);
    let opened = key.seal_key().open(view.nonce, &aad, view.ciphertext);
    opened.map(Zeroizing::new).map_err(|_| altered())
}

/// What commits to a number, under the key by which its books know it again. SECURITY: a plain hash would be undone by
/// trying the numbers that fit a BIN and four digits, of which there are a million.
pub(crate) fn commitment(key: &DataKey, salted: &[u8]) -> Commitment {
    let digits = salted.get(SALT..).unwrap_or(&[]);
    Commitment {
        digest: sha256(&[salted]),
        fingerprint: key.mac().short_fields(&[b"card", digits]),
    }
}

/// What a sealed number is bound to: it opens nowhere else.
fn seat(place: Place, key: u32) -> Vec<u8> {
    let mut aad = b"strongroom/vault/number/1".to_vec();
    aad.extend_from_slice(&place.scope.to_be_bytes());
    aad.extend_from_slice(&place.token.0.0);
    aad.extend_from_slice(&key.to_be_bytes());
    aad
}

/// Where a row's number belongs; nothing for a row that is no number.
pub(crate) fn place(row: &RecordRow) -> Option<Place> {
    (row.kind == Kind::Token.code()).then_some(Place {
        scope: row.scope,
        token: TokenId(RawId(row.id)),
    })
}
