//! What a call can come to other than its answer.

use std::fmt;

use serde::Deserialize;

/// Why there is no answer. Holds no secret and no request body.
#[derive(Debug)]
pub enum ClientError {
    /// The base URL is neither `https://host[:port]` nor `http://host[:port]`.
    BadUrl(String),
    /// The server's certificate, or its key, is not one to believe. Nothing was sent.
    Untrusted(String),
    /// No answer after all attempts; a change may or may not have been made, and the same idempotency key is safe to
    /// use again.
    Unreachable(String),
    /// The server refused.
    Refused(Box<Problem>),
    /// The answer is not what the API describes.
    Malformed(String),
}

/// A refusal, as the server tells it (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub struct Problem {
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    #[serde(default)]
    pub detail: String,
    /// To be told to whoever runs the server.
    #[serde(default)]
    pub request_id: String,
    #[serde(default)]
    pub errors: Vec<FieldFault>,
}

/// A fault in one field of the request.
#[derive(Clone, Debug, Deserialize)]
pub struct FieldFault {
    /// JSON pointer into the body.
    pub pointer: String,
    pub detail: String,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::BadUrl(url) => write!(f, "`{url}` is not of the form `https://host:port`"),
            ClientError::Untrusted(cause) => write!(f, "the server is not to be trusted: {cause}"),
            ClientError::Unreachable(cause) => write!(f, "the server did not answer: {cause}"),
            ClientError::Refused(problem) => problem.fmt(f),
            ClientError::Malformed(what) => {
                write!(f, "the server's answer was not understood: {what}")
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            status,
            code,
            detail,
            request_id,
            errors,
        } = self;
        write!(f, "refused with {status} `{code}`: {detail}")?;
        for FieldFault { pointer, detail } in errors {
            write!(f, "; `{pointer}` {detail}")?;
        }
        write!(f, " (request `{request_id}`)")
    }
}

impl std::error::Error for ClientError {}
