//! Signed messages in compact form (RFC 7515): taken apart, and believed only once a key was found to have signed them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use strongroom_json::Value;

use crate::claims::{object, text};
use crate::fault::Fault;
use crate::jwk::{Algorithm, Jwk};

/// Bytes of a whole message.
const LONGEST: usize = 8_192;

/// The parts of a message, of which nothing is proven.
pub struct Compact<'t> {
    /// Header and payload as they stand in the message: what the signature covers.
    signed: &'t str,
    signature: Vec<u8>,
    payload: Vec<u8>,
    algorithm: Algorithm,
    kind: Option<String>,
    key_id: Option<String>,
    /// A key that the message brings along.
    key: Option<Jwk>,
}

impl<'t> Compact<'t> {
    /// Takes a message apart.
    ///
    /// # Errors
    /// What is wrong with its form.
    pub fn parse(message: &'t str) -> Result<Compact<'t>, Fault> {
        if message.len() > LONGEST {
            return Err(Fault::new("a signed message has at most 8192 bytes"));
        }
        const FORM: &str = "a signed message has three parts in base64url";
        let (signed, signature) = message.rsplit_once('.').ok_or(Fault::new(FORM))?;
        let (header, payload) = signed.split_once('.').ok_or(Fault::new(FORM))?;
        let decoded = |part: &str| BASE64.decode(part).map_err(|_| Fault::new(FORM));
        let header = decoded(header)?;
        let members = object(&header, "the header of a signed message is a JSON object")?;
        // SECURITY: what must be understood and is not would change what the signature says.
        if members.get("crit").is_some() || members.get("b64").is_some() {
            return Err(Fault::new("the header demands what is not understood here"));
        }
        let algorithm = text(&members, "alg", "`alg` is a text")?.and_then(Algorithm::parse);
        let algorithm = algorithm.ok_or(Fault::new("`alg` is ES256, EdDSA or PS256"))?;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let key = match members.get("jwk") {
            None => None,
            Some(Value::Object(key)) => Some(Jwk::read(key)?),
            Some(_) => return Err(Fault::new("`jwk` is a JSON object")),
        };
        Ok(Compact {
            signed,
            signature: decoded(signature)?,
            payload: decoded(payload)?,
            algorithm,
            kind: owned(text(&members, "typ", "`typ` is a text")?),
            key_id: owned(text(&members, "kid", "`kid` is a text")?),
            key,
        })
    }

    /// The payload, which nobody has vouched for.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    pub fn embedded_key(&self) -> Option<&Jwk> {
        self.key.as_ref()
    }

    /// Whether a key signed it.
    pub fn is_signed_by(&self, key: &Jwk) -> bool {
        key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature)
    }
}
