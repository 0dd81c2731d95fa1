//! The signature step: whether a request must be signed, and whether it is.

use std::sync::Arc;

use hyper::http::request::Parts;
use strongroom_auth::signing::{SignatureFault, SignedRequest};
use strongroom_auth::{Credential, SigningPolicy};
use strongroom_domain::rejection::Code;
use strongroom_types::time::Timestamp;

use crate::problem::{EdgeCode, Problem};
use crate::route::{Route, SignatureClass};
use crate::vaulted::{self, Transit};

/// Longest message shown back to a test-mode key, in characters.
const SHOWN: usize = 4_096;

/// A refused signature: what the log keeps, and what the client sees.
pub struct Refused {
    /// Nothing where it was not refused but could not be checked.
    pub code: Option<Code>,
    pub problem: Problem,
}

/// Checks the signature of a request, if it has or needs one, and returns its bytes.
///
/// # Errors
/// 401 with the fault's code. SECURITY: only a test-mode key is shown the string that the server built.
pub async fn check(
    head: &Parts,
    body: &[u8],
    origins: &[String],
    credential: &Arc<Credential>,
    route: &Route,
    now: Timestamp,
) -> Result<Option<[u8; 32]>, Box<Refused>> {
    let header = |name: &str| head.headers.get(name).map(|value| value.as_bytes());
    let request = SignedRequest {
        method: head.method.as_str(),
        target: target(head),
        origins,
        body,
        signature: header("x-signature"),
        timestamp: header("x-timestamp"),
    };
    if !request.is_signed() {
        // A person has no secret to sign with: his second proof is a second factor, which the row asks for.
        let is_key = credential.presence.is_none();
        let steps_up = route.step_up && is_key && credential.scope.mode.is_live();
        return match steps_up || is_needed(credential.signing, route.signature) {
            true => Err(Box::new(missing(
                "this request must be signed with `X-Signature` and `X-Timestamp`",
            ))),
            false => Ok(None),
        };
    }
    if is_doubled(head) {
        return Err(Box::new(invalid("each signature header is sent once")));
    }
    let key = &credential.signing_key;
    let verified = match head.extensions.get::<Transit>() {
        Some(transit) => transit.verify(&request, key, now).await,
        None => request.verify(key, now).map_err(Some),
    };
    verified.map(Some).map_err(|fault| {
        let Some(fault) = fault else {
            return Box::new(Refused {
                code: None,
                problem: vaulted::away(),
            });
        };
        let mut refused = explain(fault, now);
        // SECURITY: nothing of a body that carries a card is shown back.
        if !credential.scope.mode.is_live() && !route.card {
            let message: String = request.message().chars().take(SHOWN).collect();
            refused.problem = refused.problem.detail("expected_message", message);
        }
        Box::new(refused)
    })
}

/// Path and query as received.
pub fn target(head: &Parts) -> &str {
    head.uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
}

fn is_needed(policy: SigningPolicy, class: SignatureClass) -> bool {
    match policy {
        SigningPolicy::Never => false,
        SigningPolicy::Sensitive => class == SignatureClass::Sensitive,
        SigningPolicy::Always => true,
    }
}

fn is_doubled(head: &Parts) -> bool {
    ["x-signature", "x-timestamp"]
        .iter()
        .any(|name| head.headers.get_all(*name).iter().count() > 1)
}

fn explain(fault: SignatureFault, now: Timestamp) -> Refused {
    match fault {
        SignatureFault::MissingTimestamp => missing("`X-Signature` was sent without `X-Timestamp`"),
        SignatureFault::MissingSignature => missing("`X-Timestamp` was sent without `X-Signature`"),
        SignatureFault::BadTimestamp => {
            invalid("`X-Timestamp` must be Unix seconds in decimal digits")
        }
        SignatureFault::BadSignature => {
            invalid("`X-Signature` must be 64 lower-case hexadecimal digits")
        }
        SignatureFault::Mismatch => invalid(
            "the signature does not match method, URL, timestamp and body under this key's signing secret",
        ),
        SignatureFault::Expired => {
            let text = "`X-Timestamp` is more than 300 seconds from the server's clock";
            let problem = Problem::new(EdgeCode::SignatureExpired, text);
            Refused {
                code: Some(Code::SignatureInvalid),
                problem: problem.detail("server_time", now.seconds()),
            }
        }
    }
}

fn missing(text: &str) -> Refused {
    Refused {
        code: Some(Code::SignatureRequired),
        problem: Problem::new(EdgeCode::SignatureMissing, text),
    }
}

fn invalid(text: &str) -> Refused {
    Refused {
        code: Some(Code::SignatureInvalid),
        problem: Problem::new(EdgeCode::SignatureInvalid, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_and_the_class_decide() {
        use SignatureClass::{Never, Sensitive};
        for (policy, class, needed) in [
            (SigningPolicy::Never, Sensitive, false),
            (SigningPolicy::Sensitive, Never, false),
            (SigningPolicy::Sensitive, Sensitive, true),
            (SigningPolicy::Always, Never, true),
        ] {
            assert_eq!(is_needed(policy, class), needed, "{policy:?} {class:?}");
        }
    }
}
