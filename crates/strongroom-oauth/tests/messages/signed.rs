//! Whoever signs: keys of the tests' own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use strongroom_crypto::{P256SigningKey, SigningKey};
use strongroom_oauth::Jwk;

const P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg1YuWhhueDIjiVWvFXOLljsZnmEr/UStD8tRBQQPgYKqhRANCAAQ3whB+Uj9xNa6wZHt2FCN3uwLQkJhyVlMU35sWSwXQ+gq76xC4GPfgDgPUJ+/kQLjaQs8g4zl9xTwEL6kTJQoZ";
const ANOTHER: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQ8DumHF87KGdG7fCmQ8je8Y21jptzXPa/l4bPb01uIOhRANCAAQRxg5dWVwBpylYtOkbn8rHeVOKkowgG0fO1yz7LLTW92aUpMHStdfWTCRNVEt9kBmXwlCEds5Fh57honFWFF/u";

/// Somebody with a key.
pub enum Holder {
    Ed25519(SigningKey),
    P256(P256SigningKey),
}

impl Holder {
    pub fn ed25519() -> Holder {
        Holder::Ed25519(SigningKey::from_seed(&[7; 32]))
    }

    pub fn p256() -> Holder {
        let der = STANDARD.decode(P256).unwrap();
        Holder::P256(P256SigningKey::from_pkcs8(&der).unwrap())
    }

    pub fn another_p256() -> Holder {
        let der = STANDARD.decode(ANOTHER).unwrap();
        Holder::P256(P256SigningKey::from_pkcs8(&der).unwrap())
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Holder::Ed25519(_) => "EdDSA",
            Holder::P256(_) => "ES256",
        }
    }

    pub fn jwk(&self) -> Value {
        match self {
            Holder::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(&key.public()) })
            }
            Holder::P256(key) => {
                let point = key.public();
                let (x, y) = point[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) })
            }
        }
    }

    pub fn thumbprint(&self) -> String {
        let key = Jwk::parse(self.jwk().to_string().as_bytes()).unwrap();
        b64(&key.thumbprint())
    }

    pub fn signs(&self, header: &Value, claims: &Value) -> String {
        self.signs_raw(&header.to_string(), &claims.to_string())
    }

    pub fn signs_raw(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature = match self {
            Holder::Ed25519(key) => key.sign(signed.as_bytes()),
            Holder::P256(key) => key.sign(signed.as_bytes()),
        };
        format!("{signed}.{}", b64(&signature))
    }
}

/// A message with whatever signature.
pub fn joined(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| b64(part.to_string().as_bytes()));
    format!("{header}.{claims}.{}", b64(signature))
}

pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
