//! Request signatures: HMAC-SHA-256 over `METHOD \n TARGET \n TIMESTAMP \n BODY`, keyed with the secret's text.

use strongroom_crypto::MacKey;

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

#[cfg(test)]
mod tests {
    use super::sign;

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
}
