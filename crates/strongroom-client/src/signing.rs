//! Request signatures: HMAC-SHA-256 over `METHOD \n TARGET \n TIMESTAMP \n BODY`, keyed with the secret's text, and HTTP
//! message signatures (RFC 9421) by the secret or by a key pair whose public half is registered with the API key.

use strongroom_crypto::MacKey;
use strongroom_httpsig::{Component, Fault, Message, Parameters, Signer, digest};

/// What stands for the body of a request that has none.
const NO_BODY: &[u8] = b"undefined";

/// The value of `X-Signature`: 64 lower-case hexadecimal digits.
///
/// `target` is the path and query as sent, `timestamp` the text of `X-Timestamp` in seconds since 1970.
pub fn sign(
    signing_secret: &str,
    method: &str,
    target: &str,
    timestamp: &str,
    body: &[u8],
) -> String {
    let body = if body.is_empty() { NO_BODY } else { body };
    let lines: [&[u8]; 7] = [
        method.as_bytes(),
        b"\n",
        target.as_bytes(),
        b"\n",
        timestamp.as_bytes(),
        b"\n",
        body,
    ];
    let tag = MacKey::new(signing_secret.as_bytes()).tag(&lines);
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What signs messages, and the `keyid` it goes by: the API key's id, or that of a public key registered with it.
pub struct MessageSigner {
    pub keyid: String,
    pub signer: Signer,
}

/// What a signature says of itself, beside its key.
#[derive(Clone, Debug, Default)]
pub struct Signing {
    /// Seconds since 1970.
    pub created: i64,
    pub expires: Option<i64>,
    pub nonce: Option<String>,
    pub tag: Option<String>,
}

/// A request on its way to be signed, with the headers that it has so far.
pub struct Unsigned<'a> {
    pub method: &'a str,
    /// As in `https://pay.example`.
    pub origin: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    pub fields: Vec<(String, String)>,
    pub body: &'a [u8],
}

/// The headers to add, and what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    pub headers: Vec<(String, String)>,
    pub base: String,
}

/// Headers that are covered where a request has them.
const COVERED: [&str; 5] = [
    "content-digest",
    "content-type",
    "idempotency-key",
    "x-idempotency-key",
    "approval-id",
];

impl MessageSigner {
    /// Signs a request: its method, its address, and all that the server wants covered.
    ///
    /// # Errors
    /// [`Fault`] when something of it has no form that can be signed.
    pub fn sign(&self, request: Unsigned<'_>, signing: &Signing) -> Result<SignedHeaders, Fault> {
        let mut headers = Vec::with_capacity(3);
        let mut fields = request.fields;
        let is_sent = |fields: &[(String, String)], name: &str| {
            fields
                .iter()
                .any(|(sent, _)| sent.eq_ignore_ascii_case(name))
        };
        if !request.body.is_empty() && !is_sent(&fields, "content-digest") {
            let digest = ("Content-Digest".to_owned(), digest::of(request.body));
            fields.push(digest.clone());
            headers.push(digest);
        }
        let own = COVERED.into_iter().filter(|name| is_sent(&fields, name));
        let covers: Vec<Component> = ["@method", "@target-uri"]
            .into_iter()
            .chain(own)
            .map(Component::named)
            .collect();
        let message = Message {
            method: request.method,
            target: request.target,
            origin: Some(request.origin),
            fields: &fields,
        };
        let said = Parameters {
            created: Some(signing.created),
            expires: signing.expires,
            nonce: signing.nonce.clone(),
            alg: None,
            keyid: Some(self.keyid.clone()),
            tag: signing.tag.clone(),
        };
        let made = strongroom_httpsig::sign(&message, "sig", &covers, &said, &self.signer)?;
        headers.push(("Signature-Input".to_owned(), made.signature_input));
        headers.push(("Signature".to_owned(), made.signature));
        Ok(SignedHeaders {
            headers,
            base: made.base,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{MessageSigner, Signer, Signing, Unsigned, sign};

    /// Vectors computed by the documents' own snippet.
    #[test]
    fn the_documents_vectors() {
        let payout =
            r#"{"amount":10000,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_123"}}"#;
        let vectors = [
            (
                "GET",
                "/v1/account",
                "",
                "57f48ff53dacdd4feab2097904a131ad5705f89eaa21685ef9bc0a5e70fd04d3",
            ),
            (
                "POST",
                "/v1/payouts",
                payout,
                "622b0dcfd35f6cb1ec5fec04ab2b858e61fa7e7809c92db080c1f0103860a4ba",
            ),
            (
                "POST",
                "/v1/payouts?dry_run=true",
                r#"{"note":"Peña"}"#,
                "34371b4bf78924f7202a6beec903b4ed4d204309d5f34f165c73d878bd597c6f",
            ),
        ];
        for (method, target, body, signature) in vectors {
            let signed = sign(
                "sk_test_1234567890abcdef",
                method,
                target,
                "1705314600",
                body.as_bytes(),
            );
            assert_eq!(signed, signature, "{method} {target}");
        }
    }

    /// The vectors that all SDKs are tested with.
    #[test]
    fn the_shared_vectors_of_message_signatures() {
        let text = include_str!("../../../sdk/vectors/messages.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let of = |value: &serde_json::Value, name: &str| value[name].as_str().map(str::to_owned);
        for vector in file["vectors"].as_array().unwrap() {
            let key = of(vector, "key").unwrap();
            let signer = match of(vector, "algorithm").as_deref() {
                Some("ed25519") => Signer::from_pem(&key).unwrap(),
                _ => Signer::shared(&key),
            };
            let signer = MessageSigner {
                keyid: of(vector, "keyid").unwrap(),
                signer,
            };
            let fields = vector["headers"].as_object().unwrap();
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            let body = of(vector, "body").unwrap();
            let (method, origin, target) = (
                of(vector, "method").unwrap(),
                of(vector, "origin").unwrap(),
                of(vector, "target").unwrap(),
            );
            let request = Unsigned {
                method: &method,
                origin: &origin,
                target: &target,
                fields: fields.collect(),
                body: body.as_bytes(),
            };
            let signing = Signing {
                created: vector["created"].as_i64().unwrap(),
                nonce: of(vector, "nonce"),
                ..Signing::default()
            };
            let made = signer.sign(request, &signing).unwrap();
            assert_eq!(Some(made.base), of(vector, "base"));
            for (name, value) in made.headers {
                assert_eq!(Some(value), of(&vector["signed"], &name), "{name}");
            }
        }
    }
}
