//! Which request of the API a form of the page stands for.

use hyper::Method;
use serde_json::{Value, json};

use crate::account::sent::Sent;

/// A request, as the API takes it.
pub(super) struct Asked {
    pub method: Method,
    pub path: String,
    pub body: Value,
}

impl Asked {
    /// Nothing where the form is none of the page's.
    pub fn of(sent: &Sent) -> Option<Asked> {
        let asked = |method: Method, path: &str, body: Value| {
            Some(Asked {
                method,
                path: path.to_owned(),
                body,
            })
        };
        let code = || sent.get("code").trim();
        match sent.get("do") {
            "step-up" => asked(Method::POST, "/v1/me/step-up", shown(sent)),
            "add-passkey" => {
                let body = json!({"name": sent.get("name").trim(), "credential": passkey(sent)});
                asked(Method::POST, "/v1/me/passkeys", body)
            }
            "remove-passkey" => {
                let path = format!("/v1/me/passkeys/{}", sent.get("id"));
                asked(Method::DELETE, &path, json!({}))
            }
            "offer-totp" => asked(Method::POST, "/v1/me/totp", json!({})),
            "confirm-totp" => {
                let body = json!({ "code": code() });
                asked(Method::POST, "/v1/me/totp/confirm", body)
            }
            "remove-totp" => asked(Method::DELETE, "/v1/me/totp", json!({})),
            "new-codes" => asked(Method::POST, "/v1/me/recovery-codes", json!({})),
            "sign-out" => asked(Method::POST, "/v1/sessions/current/end", json!({})),
            _ => None,
        }
    }
}

/// What a passkey answered; what is no JSON is refused as that.
fn passkey(sent: &Sent) -> Value {
    serde_json::from_str(sent.get("passkey")).unwrap_or_default()
}

/// The second factor of a form, of whatever kind.
fn shown(sent: &Sent) -> Value {
    if sent.named("passkey").is_some() {
        return json!({ "passkey": passkey(sent) });
    }
    let code = sent.get("code").trim();
    let is_totp = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
    match is_totp {
        true => json!({ "totp": code }),
        false => json!({ "recovery_code": code }),
    }
}
