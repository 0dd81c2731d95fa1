//! Proofs of possession (RFC 9449): a message of the request's own that the holder of a key signed, so that a token is of no use to
//! whoever has nothing but the token.
//!
//! A nonce of the server's and what was used before are asked about by the caller, who remembers both.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use strongroom_crypto::{equal, sha256};

use crate::claims::{id, object, seconds, text};
use crate::fault::Fault;
use crate::jwk::Jwk;
use crate::jws::Compact;

/// Seconds that a proof may be old, and that it may be ahead. How fresh it is, the nonce says.
const OLDEST: i64 = 300;
const AHEAD: i64 = 30;

const NO_CLAIMS: &str = "the claims of a proof are a JSON object";

/// What a proof must be about.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    /// The request's address without query, by every name that this server has.
    pub addresses: &'a [String],
    /// The access token that comes along, if one does.
    pub token: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
}

/// A proof of which nothing is believed yet.
pub struct Proof<'t>(Compact<'t>);

/// What a proof has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Thumbprint of the key that signed it.
    pub key: [u8; 32],
    /// What it is known by, so that it is taken once.
    pub id: [u8; 32],
    /// The nonce that it repeats.
    pub nonce: Option<String>,
}

/// The value of `ath`: what a proof says of the token that comes along.
pub fn token_hash(token: &str) -> String {
    BASE64.encode(sha256(&[token.as_bytes()]))
}

impl<'t> Proof<'t> {
    /// Takes a proof apart.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn parse(message: &'t str) -> Result<Proof<'t>, Fault> {
        let message = Compact::parse(message)?;
        // SECURITY: what was signed for another purpose is no proof.
        if message.kind() != Some("dpop+jwt") {
            return Err(Fault::new("`typ` of a proof is `dpop+jwt`"));
        }
        Ok(Proof(message))
    }

    /// What the proof shows, if it is one for this request.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn prove(&self, request: Request<'_>) -> Result<Proven, Fault> {
        let key = self.key()?;
        let claims = object(self.0.unverified_payload(), NO_CLAIMS)?;
        let id = id(&claims)?;
        let method = text(&claims, "htm", "`htm` is a text")?;
        if method != Some(request.method) {
            return Err(Fault::new("the proof is for another method"));
        }
        let address = text(&claims, "htu", "`htu` is a text")?.map(plain);
        let is_here = |address: &String| request.addresses.contains(address);
        if !address.as_ref().is_some_and(is_here) {
            return Err(Fault::new("the proof is for another address"));
        }
        let made = seconds(&claims, "iat", "`iat` is in seconds since 1970")?;
        let made = made.ok_or(Fault::new("`iat` is missing"))?;
        if made < request.now.saturating_sub(OLDEST) || made > request.now.saturating_add(AHEAD) {
            return Err(Fault::new("the proof is of another time"));
        }
        let hash = text(&claims, "ath", "`ath` is a text")?;
        let is_of_token = match (request.token, hash) {
            (None, _) => true,
            (Some(token), Some(hash)) => equal(token_hash(token).as_bytes(), hash.as_bytes()),
            (Some(_), None) => false,
        };
        if !is_of_token {
            return Err(Fault::new("the proof is for another token"));
        }
        let thumbprint = key.thumbprint();
        Ok(Proven {
            key: thumbprint,
            id: sha256(&[b"strongroom/oauth/proof/1\n", &thumbprint, id.as_bytes()]),
            nonce: text(&claims, "nonce", "`nonce` is a text")?.map(str::to_owned),
        })
    }

    fn key(&self) -> Result<&Jwk, Fault> {
        let key = self.0.embedded_key();
        let key = key.ok_or(Fault::new("the proof brings no `jwk` along"))?;
        match self.0.is_signed_by(key) {
            true => Ok(key),
            false => Err(Fault::new("the proof is not signed by its own key")),
        }
    }
}

/// An address without query and fragment, its host in lower case and without a port that goes without saying (RFC 9449, section
/// 4.3, point 9).
fn plain(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let address = address.get(..end).unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let usual = match scheme.as_str() {
        "https" => ":443",
        _ => ":80",
    };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    format!("{scheme}://{host}{path}")
}
