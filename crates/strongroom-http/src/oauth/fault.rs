//! What clients are told went wrong, in the words of RFC 6749, section 5.2, and of those that came after.

use serde_json::json;
use strongroom_domain::rejection::Code;
use strongroom_engine::Failure;
use strongroom_oauth::Fault;

use crate::edge::Passed;
use crate::oauth::{self, details};
use crate::problem::Problem;
use crate::visit::Visit;

/// A refusal.
pub(super) struct OauthFault {
    status: u16,
    pub error: &'static str,
    detail: String,
    retry: Option<u64>,
}

impl OauthFault {
    fn new(status: u16, error: &'static str, detail: impl Into<String>) -> OauthFault {
        OauthFault {
            status,
            error,
            detail: detail.into(),
            retry: None,
        }
    }

    /// One that has its name from elsewhere.
    pub fn named(error: &'static str, detail: &str) -> OauthFault {
        OauthFault::new(400, error, detail)
    }

    /// What was shown is no code and no refresh token, or no more.
    pub fn grant(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(400, "invalid_grant", detail)
    }

    pub fn busy() -> OauthFault {
        let text = "too many requests are under way; try again";
        OauthFault {
            retry: Some(1),
            ..OauthFault::new(503, "temporarily_unavailable", text)
        }
    }

    pub fn too_large() -> OauthFault {
        OauthFault::new(
            413,
            "invalid_request",
            "a body here has at most 65536 bytes",
        )
    }

    pub fn request(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(400, "invalid_request", detail)
    }

    /// Whoever asks has not shown that he is the client that he says.
    pub fn client(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(401, "invalid_client", detail)
    }

    pub fn scope(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(400, "invalid_scope", detail)
    }

    pub fn unauthorized_client(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(400, "unauthorized_client", detail)
    }

    pub fn grant_type(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(400, "unsupported_grant_type", detail)
    }

    pub fn proof(detail: impl Into<String>) -> OauthFault {
        OauthFault::new(400, "invalid_dpop_proof", detail)
    }

    pub fn nonce() -> OauthFault {
        let text = "repeat the request with the nonce of `DPoP-Nonce` in the proof";
        OauthFault::new(400, "use_dpop_nonce", text)
    }

    /// Whether it was the client's doing. That another nonce is asked for is nobody's.
    pub fn is_failure(&self) -> bool {
        (400..500).contains(&self.status) && self.error != "use_dpop_nonce"
    }

    /// What is asked for beside scopes is not taken.
    pub fn details() -> OauthFault {
        OauthFault::new(400, details::INVALID, details::WHAT_IS_TAKEN)
    }

    pub fn answer(self, visit: &mut Visit) -> Passed {
        // RFC 6749, section 5.2: the texts are of ASCII, without quotes.
        let plain = |letter: char| match letter {
            '"' | '\\' => '\'',
            ' '..='~' => letter,
            _ => '?',
        };
        let detail: String = self.detail.chars().map(plain).collect();
        if self.status == 401 {
            visit.challenge = Some("Basic realm=\"oauth\"".to_owned());
        }
        let body = json!({"error": self.error, "error_description": detail});
        let mut passed = oauth::json(self.status, body);
        passed.answer.refused = Some(self.error);
        passed.answer.retry = self.retry;
        passed
    }
}

impl From<Fault> for OauthFault {
    fn from(fault: Fault) -> OauthFault {
        OauthFault::client(fault.text())
    }
}

/// What is not about OAuth: limits, bodies, a server that cannot answer now.
impl From<Problem> for OauthFault {
    fn from(problem: Problem) -> OauthFault {
        let error = match problem.status() {
            401 => "invalid_client",
            429 | 503 => "temporarily_unavailable",
            500.. => "server_error",
            _ => "invalid_request",
        };
        OauthFault {
            status: problem.status(),
            error,
            detail: problem.text().to_owned(),
            retry: problem.retry_seconds(),
        }
    }
}

impl From<Failure> for OauthFault {
    fn from(failure: Failure) -> OauthFault {
        match &failure {
            Failure::SignatureReplayed => OauthFault::client("the assertion was used before"),
            Failure::KeyRevoked => OauthFault::client("there is no such client"),
            Failure::Rejected { rejection, .. } => match rejection.code {
                Code::NotFound => OauthFault::client("there is no such client"),
                Code::OauthGrantInvalid => OauthFault::grant(rejection.detail.clone()),
                Code::OauthScopeRefused => OauthFault::scope(rejection.detail.clone()),
                Code::OauthDetailsRefused => {
                    OauthFault::new(400, details::INVALID, rejection.detail.clone())
                }
                Code::OauthGrantRefused => {
                    OauthFault::unauthorized_client(rejection.detail.clone())
                }
                _ => OauthFault::request(rejection.detail.clone()),
            },
            _ => OauthFault::from(Problem::from(failure)),
        }
    }
}
