//! Public keys as JSON (RFC 7517, RFC 8037), their thumbprints (RFC 7638), and what they verify.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use strongroom_crypto::{
    is_p256_point, is_rsa_key, sha256, verify_ed25519, verify_p256, verify_ps256,
};
use strongroom_json::{Object, Value};

use crate::claims::{object, text};
use crate::fault::Fault;

/// Keys that one client may have.
pub const MOST_KEYS: usize = 10;

/// Bytes of one key as JSON.
const LONGEST: usize = 4_096;

/// What stands in private keys and in secret ones. SECURITY: whoever sends one has given it away; it is not kept.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The algorithms that clients may sign with. None of them takes a secret that both sides know, so that no public key can be used as
/// one, and `none` is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    EdDsa,
    Ps256,
}

impl Algorithm {
    pub const ALL: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256];

    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Ps256 => "PS256",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Algorithm> {
        // RFC 9864 names the curve; both names mean the same key and the same signature here.
        match text {
            "Ed25519" => Some(Algorithm::EdDsa),
            _ => Algorithm::ALL.into_iter().find(|one| one.as_str() == text),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PublicKey {
    /// The uncompressed point.
    P256([u8; 65]),
    Ed25519([u8; 32]),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

/// A public key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    key: PublicKey,
    id: Option<String>,
}

impl Jwk {
    /// Reads one key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Jwk, Fault> {
        if bytes.len() > LONGEST {
            return Err(Fault::new("a key has at most 4096 bytes"));
        }
        Jwk::read(&object(bytes, "a key is a JSON object")?)
    }

    /// The same for one that stands inside of something else.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(members: &Object<'_>) -> Result<Jwk, Fault> {
        if PRIVATE.iter().any(|name| members.get(name).is_some()) {
            return Err(Fault::new(
                "a private key was sent: it is no secret any more",
            ));
        }
        let key = public_key(members)?;
        let id = text(members, "kid", "`kid` is a text")?;
        if id.is_some_and(|id| id.len() > 256) {
            return Err(Fault::new("`kid` has at most 256 characters"));
        }
        let purpose = text(members, "use", "`use` is a text")?;
        if purpose.is_some_and(|purpose| purpose != "sig") {
            return Err(Fault::new("the key is not for signatures"));
        }
        let jwk = Jwk {
            key,
            id: id.map(str::to_owned),
        };
        let algorithm = text(members, "alg", "`alg` is a text")?;
        match algorithm.map(Algorithm::parse) {
            None => Ok(jwk),
            Some(Some(named)) if named == jwk.algorithm() => Ok(jwk),
            Some(_) => Err(Fault::new(
                "`alg` of the key is not one that it can sign with",
            )),
        }
    }

    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The one algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        match self.key {
            PublicKey::P256(_) => Algorithm::Es256,
            PublicKey::Ed25519(_) => Algorithm::EdDsa,
            PublicKey::Rsa { .. } => Algorithm::Ps256,
        }
    }

    /// The key with the members that make it, in the order of their names, and what it is known by.
    pub fn to_json(&self) -> String {
        let members = self.members();
        match &self.id {
            None => members,
            Some(id) => {
                let open = members.trim_end_matches('}');
                format!("{open},\"kid\":{}}}", quoted(id))
            }
        }
    }

    /// RFC 7638.
    pub fn thumbprint(&self) -> [u8; 32] {
        sha256(&[self.members().as_bytes()])
    }

    /// Whether a signature by the algorithm is of this key. SECURITY: the key says which algorithm that is, not the message.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if algorithm != self.algorithm() {
            return false;
        }
        let fixed = <[u8; 64]>::try_from(signature);
        match &self.key {
            PublicKey::P256(point) => fixed.is_ok_and(|sig| verify_p256(point, message, &sig)),
            PublicKey::Ed25519(key) => fixed.is_ok_and(|sig| verify_ed25519(key, message, &sig)),
            PublicKey::Rsa { modulus, exponent } => {
                verify_ps256(modulus, exponent, message, signature)
            }
        }
    }

    fn members(&self) -> String {
        match &self.key {
            PublicKey::P256(point) => {
                let (x, y) = point
                    .split_first()
                    .map_or((&[][..], &[][..]), |(_, both)| both.split_at(32));
                format!(
                    r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                    BASE64.encode(x),
                    BASE64.encode(y)
                )
            }
            PublicKey::Ed25519(key) => format!(
                r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
                BASE64.encode(key)
            ),
            PublicKey::Rsa { modulus, exponent } => format!(
                r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
                BASE64.encode(exponent),
                BASE64.encode(modulus)
            ),
        }
    }
}

/// The keys of a set (RFC 7517, section 5); at least one, all for signatures, none known by another's name.
///
/// # Errors
/// What is wrong with the first that is.
pub fn read_keys(set: &Object<'_>) -> Result<Vec<Jwk>, Fault> {
    let Some(Value::List(list)) = set.get("keys") else {
        return Err(Fault::new("`keys` is a list of keys"));
    };
    if list.is_empty() || list.len() > MOST_KEYS {
        return Err(Fault::new("there are 1 to 10 keys"));
    }
    let mut keys: Vec<Jwk> = Vec::with_capacity(list.len());
    for value in list {
        let Value::Object(members) = value else {
            return Err(Fault::new("a key is a JSON object"));
        };
        let key = Jwk::read(members)?;
        if list.len() > 1 && key.id.is_none() {
            return Err(Fault::new("of several keys each has a `kid`"));
        }
        if keys.iter().any(|known| known.id == key.id) {
            return Err(Fault::new("two keys have one `kid`"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn public_key(members: &Object<'_>) -> Result<PublicKey, Fault> {
    let kind = text(members, "kty", "`kty` is a text")?;
    let curve = text(members, "crv", "`crv` is a text")?;
    match (kind, curve) {
        (Some("EC"), Some("P-256")) => {
            let (x, y) = (bytes(members, "x")?, bytes(members, "y")?);
            // RFC 7518, section 6.2.1.2: coordinates have the full width.
            let whole = x.len() == 32 && y.len() == 32;
            let point = [&[4_u8], x.as_slice(), &y].concat();
            let point = <[u8; 65]>::try_from(point).ok().filter(|_| whole);
            let point = point.filter(is_p256_point);
            point
                .map(PublicKey::P256)
                .ok_or(Fault::new("the key is no point of P-256"))
        }
        (Some("OKP"), Some("Ed25519")) => <[u8; 32]>::try_from(bytes(members, "x")?)
            .map(PublicKey::Ed25519)
            .map_err(|_| Fault::new("a key of Ed25519 has 32 bytes")),
        (Some("RSA"), None) => {
            let (modulus, exponent) = (bytes(members, "n")?, bytes(members, "e")?);
            match is_rsa_key(&modulus, &exponent) {
                true => Ok(PublicKey::Rsa { modulus, exponent }),
                false => Err(Fault::new(
                    "an RSA key has 2048 to 4096 bits and an odd exponent",
                )),
            }
        }
        _ => Err(Fault::new(
            "keys are of EC with P-256, of OKP with Ed25519, or of RSA",
        )),
    }
}

fn bytes(members: &Object<'_>, name: &str) -> Result<Vec<u8>, Fault> {
    const OTHERWISE: &str = "a part of the key is not in base64url";
    let text = text(members, name, OTHERWISE)?.ok_or(Fault::new(OTHERWISE))?;
    BASE64.decode(text).map_err(|_| Fault::new(OTHERWISE))
}

/// A JSON string. Control characters become escapes, and so do the two that JSON reserves.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
