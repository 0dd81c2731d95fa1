//! A client of OAuth as tests play it: a key of its own, the assertions and proofs that it signs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use strongroom_crypto::{P256SigningKey, SigningKey, sha256};

use crate::tenant::fresh;

/// In PKCS #8, made for tests.
const P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1YuWhhueDIjiVWvFXOLljsZnmEr/UStD8tRBQQPgYKqhRANCAAQ3whB+Uj9xNa6wZHt2FCN3uwLQkJhyVlMU35sWSwXQ+gq76xC4GPfgDgPUJ+/kQLjaQs8g4zl9xTwEL6kTJQoZ";

/// What says that a client shows an assertion (RFC 7523).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Somebody with a key.
pub enum Holder {
    Ed25519(SigningKey),
    P256(P256SigningKey),
}

impl Holder {
    /// A key of Ed25519; each number has its own.
    pub fn ed25519(number: u8) -> Holder {
        Holder::Ed25519(SigningKey::from_seed(&[number; 32]))
    }

    pub fn p256() -> Holder {
        let der = STANDARD.decode(P256).unwrap_or_default();
        let key = P256SigningKey::from_pkcs8(&der);
        Holder::P256(key.unwrap_or_else(|| panic!("the key of the tests is none")))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Holder::Ed25519(_) => "EdDSA",
            Holder::P256(_) => "ES256",
        }
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        match self {
            Holder::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&key.public()) })
            }
            Holder::P256(key) => {
                let point = key.public();
                let (x, y) = point
                    .split_first()
                    .map_or((&[][..], &[][..]), |(_, both)| both.split_at(32));
                json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) })
            }
        }
    }

    /// A set of this key alone.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    pub fn signs(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let signature = match self {
            Holder::Ed25519(key) => key.sign(signed.as_bytes()),
            Holder::P256(key) => key.sign(signed.as_bytes()),
        };
        format!("{signed}.{}", b64(&signature))
    }

    /// An assertion that it is a client, good for a minute and used once.
    pub fn assertion(&self, client: &str, issuer: &str, seconds: i64) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        let claims = json!({
            "iss": client,
            "sub": client,
            "aud": issuer,
            "jti": fresh("assertion"),
            "iat": seconds,
            "exp": seconds + 60,
        });
        self.signs(&header, &claims)
    }

    /// A proof for a request; with the nonce and the token that it comes with.
    pub fn proof(
        &self,
        (method, url): (&str, &str),
        seconds: i64,
        nonce: Option<&str>,
        token: Option<&str>,
    ) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": self.algorithm(), "jwk": self.jwk() });
        let mut claims =
            json!({ "jti": fresh("proof"), "htm": method, "htu": url, "iat": seconds });
        let mut say = |name: &str, value: Option<String>| {
            if let (Some(value), Some(members)) = (value, claims.as_object_mut()) {
                members.insert(name.to_owned(), json!(value));
            }
        };
        say("nonce", nonce.map(str::to_owned));
        say("ath", token.map(|token| b64(&sha256(&[token.as_bytes()]))));
        self.signs(&header, &claims)
    }
}

/// In base64url.
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Fields as a form.
pub fn form(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", escaped(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// As a form has it.
pub fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}
