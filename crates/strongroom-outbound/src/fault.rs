//! Why there is no answer.

use std::fmt;

/// What an exchange failed at. The texts are for the owner of the target.
///
/// SECURITY: none names an address: what a name resolves to here is nobody's business who only chose the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboundFault {
    /// None of the target's addresses may be connected to.
    RefusedAddress,
    /// A header that is the client's own.
    RefusedHeader(&'static str),
    /// The name has no address, or nobody could tell.
    Resolve,
    /// No connection.
    Connect(&'static str),
    /// No TLS session: the certificate is not for this host, expired, or not from a known root; or no common version.
    Tls(String),
    /// The time was used up.
    Timeout,
    /// The answer is not HTTP, or stopped half way.
    Protocol(&'static str),
    /// A root certificate of the policy cannot be read.
    Roots,
}

impl OutboundFault {
    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            OutboundFault::RefusedAddress => "address_refused",
            OutboundFault::RefusedHeader(_) => "header_refused",
            OutboundFault::Resolve => "resolve_failed",
            OutboundFault::Connect(_) => "connect_failed",
            OutboundFault::Tls(_) => "tls_failed",
            OutboundFault::Timeout => "timeout",
            OutboundFault::Protocol(_) => "protocol_error",
            OutboundFault::Roots => "bad_roots",
        }
    }
}

impl fmt::Display for OutboundFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutboundFault::RefusedAddress => {
                f.write_str("the host has no address that may be connected to")
            }
            OutboundFault::RefusedHeader(name) => {
                write!(f, "the header `{name}` is set by the connection itself")
            }
            OutboundFault::Resolve => f.write_str("the host's name could not be resolved"),
            OutboundFault::Connect(cause) => write!(f, "no connection: {cause}"),
            OutboundFault::Tls(cause) => write!(f, "no TLS session: {cause}"),
            OutboundFault::Timeout => f.write_str("no answer in time"),
            OutboundFault::Protocol(cause) => write!(f, "not an HTTP answer: {cause}"),
            OutboundFault::Roots => f.write_str("a root certificate could not be read"),
        }
    }
}

impl std::error::Error for OutboundFault {}
