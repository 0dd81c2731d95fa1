//! The signature step: whether a request must be signed, and whether it is.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::http::request::Parts;
use strongroom_auth::signing::{SignatureFault, SignedRequest};
use strongroom_auth::{Credential, MessageFault, SignedMessage, SigningPolicy, SigningScheme};
use strongroom_domain::rejection::Code;
use strongroom_httpsig::Fields;
use strongroom_types::time::Timestamp;

use crate::problem::{EdgeCode, Problem};
use crate::route::{Door, Route, SignatureClass};
use crate::transit::Transit;
use crate::vaulted;

/// Longest message shown back to a test-mode key, in characters.
const SHOWN: usize = 4_096;

/// A refused signature: what the log keeps, and what the client sees.
pub struct Refused {
    /// Nothing where it was not refused but could not be checked.
    pub code: Option<Code>,
    pub problem: Problem,
}

/// Checks the signature of a request, if it has or needs one, and returns what the commit spends.
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
    let lines = Lines(&head.headers);
    let message = SignedMessage {
        method: head.method.as_str(),
        target: target(head),
        origins,
        fields: &lines,
        has_content: !body.is_empty(),
    };
    let header = |name: &str| head.headers.get(name).map(|value| value.as_bytes());
    let request = SignedRequest {
        method: message.method,
        target: message.target,
        origins,
        body,
        signature: header("x-signature"),
        timestamp: header("x-timestamp"),
    };
    let asked = Asked {
        head,
        body,
        credential,
        route,
        now,
    };
    let scheme = credential.signed_by.scheme;
    match (request.is_signed(), message.is_signed()) {
        (false, false) if asked.needs_one() => Err(Box::new(missing(how(scheme)))),
        (false, false) => Ok(None),
        (true, true) => Err(Box::new(invalid(
            "a request is signed either with `X-Signature` or with `Signature`, not with both",
        ))),
        (true, false) if scheme == SigningScheme::Rfc9421 => Err(Box::new(invalid(how(scheme)))),
        (false, true) if scheme == SigningScheme::V1 => Err(Box::new(invalid(how(scheme)))),
        (true, false) => asked.check_request(&request).await.map(Some),
        (false, true) => asked.check_message(&message).await.map(Some),
    }
}

/// A request whose signature is asked for.
struct Asked<'a> {
    head: &'a Parts,
    body: &'a [u8],
    credential: &'a Arc<Credential>,
    route: &'a Route,
    now: Timestamp,
}

impl Asked<'_> {
    fn needs_one(&self) -> bool {
        // A person has no secret to sign with: his second proof is a second factor, which the row asks for. Nor has a token.
        let is_key = self.credential.is_key();
        let steps_up = self.route.step_up && is_key && self.credential.scope.mode.is_live();
        steps_up || is_needed(self.credential.signing, self.route.signature)
    }

    /// SECURITY: nothing is shown of what a live key sent, nor of a body that carries a card.
    fn is_shown(&self) -> bool {
        !self.credential.scope.mode.is_live() && !self.route.card
    }

    /// By `X-Signature`.
    async fn check_request(&self, request: &SignedRequest<'_>) -> Result<[u8; 32], Box<Refused>> {
        if is_doubled(self.head) {
            return Err(Box::new(invalid("each signature header is sent once")));
        }
        let key = &self.credential.signing_key;
        let verified = match self.head.extensions.get::<Transit>() {
            Some(transit) => {
                let keeping = (key.as_ref(), self.books(transit));
                transit.verify(request, keeping, self.now).await
            }
            None => request.verify(key, self.now).map_err(Some),
        };
        verified.map_err(|fault| {
            let Some(fault) = fault else {
                return Box::new(vault_is_away());
            };
            let refused = explain(fault, self.now);
            Box::new(match self.is_shown() {
                true => refused.shows("expected_message", &request.message()),
                false => refused,
            })
        })
    }

    /// The books that the number of a signed request goes to. SECURITY: nothing is kept for who may not make tokens.
    fn books(&self, transit: &Transit) -> Option<u32> {
        let may = match &self.route.door {
            Door::Guarded(guard) => guard(self.credential).is_ok(),
            _ => false,
        };
        let keeps = self.route.card && transit.has_number() && may;
        keeps.then_some(self.credential.scope.number)
    }

    /// By `Signature` (RFC 9421), and the digest that it covers (RFC 9530).
    async fn check_message(&self, message: &SignedMessage<'_>) -> Result<[u8; 32], Box<Refused>> {
        let proof = message.prove(self.credential, self.now);
        let proof = proof.map_err(|fault| Box::new(self.explain(&fault)))?;
        let Some(digests) = &proof.digests else {
            return Ok(proof.spent);
        };
        let is_content = match self.head.extensions.get::<Transit>() {
            Some(transit) => {
                let asked = transit.has(digests, self.books(transit)).await;
                asked.map_err(|_| Box::new(vault_is_away()))?
            }
            None => digests.are_of(self.body),
        };
        match is_content {
            true => Ok(proof.spent),
            false => Err(Box::new(self.explain(&MessageFault::OtherContent))),
        }
    }

    fn explain(&self, fault: &MessageFault) -> Refused {
        let text = fault.to_string();
        match fault {
            MessageFault::Expired => expired(text, self.now),
            MessageFault::Mismatch(base) if self.is_shown() => {
                invalid(&text).shows("expected_message", base)
            }
            MessageFault::OtherContent if self.is_shown() => {
                let digest = strongroom_httpsig::digest::of(self.body);
                invalid(&text).shows("expected_content_digest", &digest)
            }
            _ => invalid(&text),
        }
    }
}

impl Refused {
    fn shows(mut self, name: &str, text: &str) -> Refused {
        let shown: String = text.chars().take(SHOWN).collect();
        self.problem = self.problem.detail(name, shown);
        self
    }
}

/// The headers of a request, for whoever signs over them.
struct Lines<'a>(&'a HeaderMap);

impl Fields for Lines<'_> {
    fn lines(&self, name: &str) -> Vec<&[u8]> {
        let values = self.0.get_all(name).iter();
        values.map(|value| value.as_bytes()).collect()
    }
}

fn how(scheme: SigningScheme) -> &'static str {
    match scheme {
        SigningScheme::Any => {
            "this request must be signed with `X-Signature` and `X-Timestamp`, or with `Signature`"
        }
        SigningScheme::V1 => "requests of this key are signed with `X-Signature` and `X-Timestamp`",
        SigningScheme::Rfc9421 => {
            "requests of this key are signed with `Signature` and `Signature-Input`"
        }
    }
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
            expired(text.to_owned(), now)
        }
    }
}

fn expired(text: String, now: Timestamp) -> Refused {
    let problem = Problem::new(EdgeCode::SignatureExpired, text);
    Refused {
        code: Some(Code::SignatureInvalid),
        problem: problem.detail("server_time", now.seconds()),
    }
}

fn vault_is_away() -> Refused {
    Refused {
        code: None,
        problem: vaulted::away(),
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
