//! Errors as clients see them: RFC 9457 `application/problem+json` with the members that both families of clients
//! read (CONTRACT 4).
//!
//! A problem holds only what the client may see: never a stack, SQL, a path of this machine or another tenant's data.
//! What the edge itself refuses has its code here; what a decision refuses brings its own ([`crate::refusal`]).

use bytes::Bytes;
use serde::Serialize;
use strongroom_types::id::RequestId;

use crate::json::{FaultKind, FieldFault, JsonFault};

macro_rules! edge_codes {
    ($($name:ident = $status:literal, $code:literal, $title:literal;)*) => {
        /// The stable codes of the edge's own refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EdgeCode { $(#[doc = $title] $name,)* }

        impl EdgeCode {
            pub const ALL: &'static [EdgeCode] = &[$(EdgeCode::$name,)*];

            pub const fn status(self) -> u16 {
                match self { $(EdgeCode::$name => $status,)* }
            }

            pub const fn code(self) -> &'static str {
                match self { $(EdgeCode::$name => $code,)* }
            }

            pub const fn title(self) -> &'static str {
                match self { $(EdgeCode::$name => $title,)* }
            }
        }
    };
}

edge_codes! {
    BadCursor = 400, "bad_cursor", "The cursor is not valid";
    ConflictingHeaders = 400, "idempotency_key_conflict", "Two idempotency keys were sent";
    IdempotencyKeyInvalid = 400, "idempotency_key_invalid", "The idempotency key is not valid";
    IdempotencyKeyRequired = 400, "idempotency_key_required", "An idempotency key is required";
    InvalidJson = 400, "invalid_json", "The body is not valid JSON";
    InvalidParameter = 400, "invalid_parameter", "A query parameter is not valid";
    UnknownParameter = 400, "unknown_parameter", "A query parameter is unknown";
    SignatureExpired = 401, "signature_expired", "The signature's time is outside the window";
    SignatureInvalid = 401, "signature_invalid", "The signature is not valid";
    SignatureMissing = 401, "signature_missing", "The request must be signed";
    SignatureReplayed = 401, "signature_replayed", "The signature was used before";
    Unauthorized = 401, "unauthorized", "Not authenticated";
    LoginRefused = 401, "login_refused", "The login was refused";
    SecondFactorRequired = 401, "second_factor_required", "A second factor is required";
    ProofInvalid = 401, "invalid_dpop_proof", "The token was sent without its proof";
    TokenCertificateInvalid = 401, "invalid_token_certificate", "The token is bound to a certificate that was not shown";
    ProofNonceRequired = 401, "use_dpop_nonce", "The proof needs a nonce of the server's";
    SecondFactorInvalid = 401, "second_factor_invalid", "The second factor is not valid";
    LiveModeRefused = 403, "live_mode_refused", "Live keys are not accepted here";
    NotFound = 404, "not_found", "Not found";
    MethodNotAllowed = 405, "method_not_allowed", "Method not allowed";
    BodyTimeout = 408, "request_timeout", "The body took too long";
    KeyInUse = 409, "idempotency_key_in_use", "A request with this idempotency key is still running";
    KeyReused = 409, "idempotency_key_reused", "The idempotency key was used for another request";
    ReplyNotKept = 409, "reply_not_kept", "The first reply is not kept";
    BodyTooLarge = 413, "body_too_large", "The body is too large";
    UriTooLong = 414, "uri_too_long", "The URL is too long";
    UnsupportedMediaType = 415, "unsupported_media_type", "The body is of another type";
    DuplicateKey = 422, "duplicate_key", "A key stands twice in the body";
    JsonTooDeep = 422, "json_too_deep", "The body is nested too deeply";
    BodyNotObject = 422, "body_not_object", "The body is not an object";
    NarrowTheRange = 422, "narrow_the_range", "The range is too wide to search";
    LockedOut = 429, "locked_out", "Too many failed logins";
    RateLimited = 429, "rate_limited", "Too many requests";
    Internal = 500, "internal_error", "Something went wrong on our side";
    HandingOver = 503, "handing_over", "Another server takes the books over";
    OutcomeUnknown = 503, "outcome_unknown", "It is not known whether the request was carried out";
    Overloaded = 503, "overloaded", "The server is overloaded";
    StandingBy = 503, "standing_by", "Another server serves these books";
    VaultUnavailable = 503, "vault_unavailable", "The card vault is not reachable";
    StorageUnavailable = 503, "storage_unavailable", "The books cannot be written";
}

/// What became of a request that is answered with an error, for a node that may send it elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Decided: the answer is the answer.
    Settled,
    /// Certainly not begun, for this server may not decide.
    NotBegun,
    /// The first request under its key is at work.
    InUse,
    /// Perhaps carried out, perhaps not.
    Unknown,
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: u16,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldFault>,
    details: serde_json::Map<String, serde_json::Value>,
    retry_after: Option<u64>,
    replayed: bool,
    request: Option<RequestId>,
    fate: Fate,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    message: &'a str,
    request_id: RequestId,
    error: Inner<'a>,
    errors: &'a [FieldFault],
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    details: &'a serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    pub fn new(code: EdgeCode, detail: impl Into<String>) -> Problem {
        Problem::with(code.status(), code.code(), code.title(), detail)
    }

    /// A problem whose code is not the edge's own.
    pub(crate) fn with(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem(Box::new(Parts {
            status,
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            details: serde_json::Map::new(),
            retry_after: None,
            replayed: false,
            request: None,
            fate: Fate::Settled,
        }))
    }

    /// The one answer to an absent, malformed, unknown, revoked or expired credential.
    pub fn unauthorized() -> Problem {
        let text = "no valid API key was sent: use `Authorization: Bearer <key>`";
        Problem::new(EdgeCode::Unauthorized, text)
    }

    pub fn not_found() -> Problem {
        Problem::new(EdgeCode::NotFound, "there is nothing here")
    }

    /// Says nothing of the cause: that is for the server's log.
    pub fn internal() -> Problem {
        let text = "the request failed on our side; its id helps us to find out why";
        Problem::new(EdgeCode::Internal, text)
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.0.retry_after = Some(seconds);
        self
    }

    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<serde_json::Value>) -> Problem {
        self.0.details.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, pointer: String, detail: String) -> Problem {
        self.0.errors.push(FieldFault {
            kind: FaultKind::InvalidField,
            pointer,
            detail,
        });
        self
    }

    /// Marks it as the answer that an earlier request got, under that request's id.
    #[must_use]
    pub(crate) fn first_given(mut self, request: RequestId, replayed: bool) -> Problem {
        self.0.request = Some(request);
        self.0.replayed = replayed;
        self
    }

    #[must_use]
    pub(crate) fn meets(mut self, fate: Fate) -> Problem {
        self.0.fate = fate;
        self
    }

    pub(crate) fn fate(&self) -> Fate {
        self.0.fate
    }

    pub fn status(&self) -> u16 {
        self.0.status
    }

    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is said of it.
    pub(crate) fn text(&self) -> &str {
        &self.0.detail
    }

    pub fn retry_seconds(&self) -> Option<u64> {
        self.0.retry_after
    }

    pub fn is_replayed(&self) -> bool {
        self.0.replayed
    }

    /// Writes the body for the request that is answered.
    pub fn render(&self, request: RequestId) -> Bytes {
        let parts = &*self.0;
        let body = Body {
            kind: format!("urn:strongroom:problem:{}", parts.code),
            title: parts.title,
            status: parts.status,
            detail: &parts.detail,
            code: parts.code,
            message: &parts.detail,
            request_id: parts.request.unwrap_or(request),
            error: Inner {
                code: parts.code,
                message: &parts.detail,
                details: &parts.details,
            },
            errors: &parts.errors,
        };
        // A plain struct of text and numbers has no JSON error to give.
        Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl From<Vec<FieldFault>> for Problem {
    fn from(faults: Vec<FieldFault>) -> Problem {
        let kind = faults.first().map_or(FaultKind::InvalidField, |f| f.kind);
        let detail = match faults.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("`{}` {}", one.pointer, one.detail),
            many => format!("{} fields are at fault; see `errors`", many.len()),
        };
        let mut problem = Problem::with(422, kind.code(), kind.title(), detail);
        problem.0.errors = faults;
        problem
    }
}

impl From<JsonFault> for Problem {
    fn from(fault: JsonFault) -> Problem {
        match fault {
            JsonFault::NotUtf8 => Problem::new(EdgeCode::InvalidJson, "the body is not UTF-8 text"),
            JsonFault::Syntax(at, expected) => Problem::new(
                EdgeCode::InvalidJson,
                format!("expected {expected} at byte {at} of the body"),
            ),
            JsonFault::NotAnObject => {
                Problem::new(EdgeCode::BodyNotObject, "the body must be a JSON object")
            }
            JsonFault::TooDeep => Problem::new(
                EdgeCode::JsonTooDeep,
                "the body is nested deeper than 32 levels",
            ),
            JsonFault::DuplicateKey(pointer) => Problem::new(
                EdgeCode::DuplicateKey,
                format!("`{pointer}` stands twice in the body"),
            )
            .at(pointer, "stands twice".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_types::id::RawId;

    use super::*;

    const REQUEST: RequestId = RequestId(RawId([1; 12]));

    fn text(problem: &Problem) -> String {
        String::from_utf8(problem.render(REQUEST).to_vec()).unwrap()
    }

    #[test]
    fn a_body_has_the_members_of_both_families() {
        let problem = Problem::new(EdgeCode::KeyReused, "another body").detail("hint", "x");
        assert_eq!(
            text(&problem),
            concat!(
                r#"{"type":"urn:strongroom:problem:idempotency_key_reused","#,
                r#""title":"The idempotency key was used for another request","status":409,"detail":"another body","#,
                r#""code":"idempotency_key_reused","message":"another body","request_id":"req_010101010101010101010101","#,
                r#""error":{"code":"idempotency_key_reused","message":"another body","details":{"hint":"x"}},"errors":[]}"#
            )
        );
    }

    #[test]
    fn faults_of_fields_are_listed_and_the_first_decides() {
        let fault = |kind, pointer: &str| FieldFault {
            kind,
            pointer: pointer.into(),
            detail: "is odd".into(),
        };
        let two = Problem::from(vec![
            fault(FaultKind::UnknownField, "/x"),
            fault(FaultKind::AmountNotInteger, "/amount"),
        ]);
        assert_eq!((two.status(), two.code()), (422, "unknown_field"));
        assert!(text(&two).ends_with(
            r#""errors":[{"pointer":"/x","detail":"is odd"},{"pointer":"/amount","detail":"is odd"}]}"#
        ));
        let one = Problem::from(vec![fault(FaultKind::AmountNotInteger, "/amount")]);
        assert!(text(&one).contains(r#""detail":"`/amount` is odd""#));
    }

    #[test]
    fn a_replayed_refusal_keeps_its_first_request_s_id() {
        let first = RequestId(RawId([9; 12]));
        let problem = Problem::new(EdgeCode::NotFound, "x").first_given(first, true);
        assert_eq!(
            problem.render(REQUEST),
            problem.render(RequestId(RawId([2; 12])))
        );
        assert!(text(&problem).contains(&first.to_string()));
    }

    #[test]
    fn json_faults_have_their_codes() {
        for (body, status, code) in [
            ("{", 400, "invalid_json"),
            ("[1]", 422, "body_not_object"),
            (r#"{"a":1,"a":1}"#, 422, "duplicate_key"),
        ] {
            let problem = Problem::from(crate::json::parse_object(body.as_bytes()).unwrap_err());
            assert_eq!((problem.status(), problem.code()), (status, code), "{body}");
        }
    }

    #[test]
    fn no_code_is_used_twice() {
        let mut codes: Vec<_> = EdgeCode::ALL.iter().map(|code| code.code()).collect();
        codes.extend(FaultKind::ALL.iter().map(|kind| kind.code()));
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
