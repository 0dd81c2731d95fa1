//! Where a request goes: a URL that was parsed once and found to have an acceptable shape.
//!
//! The grammar is narrower than what browsers take, on purpose: what two programs could read in two ways is refused, not
//! repaired. [`hyper::Uri`] is the only parser, and the text it was given is what goes on the wire.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery};
use ipnet::IpNet;

use crate::policy::Policy;

/// The longest URL, in bytes.
const MAX_URL: usize = 2_048;

/// The longest name and its longest label, RFC 1035.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Names that stand for this machine or this network, and names outside the DNS.
const LOCAL: [&str; 8] = [
    "alt",
    "arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localhost",
    "onion",
];

/// `localdomain` is a habit and `home.arpa` under `arpa`.
const LOCAL_DOMAIN: &str = "localdomain";

/// A place that requests can be sent to. Made by [`crate::Outbound::check`] only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    origin: Origin,
    path: PathAndQuery,
}

/// What a connection is made for; connections are shared between targets of one origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub scheme: Scheme,
    pub host: Host,
    pub port: u16,
    pub live: bool,
    /// The range that addresses must lie in beside all else, if there is one.
    pub within: Option<IpNet>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// Lower case.
    Name(String),
    Address(IpAddr),
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetFault {
    TooLong,
    /// Something that no URL holds: a space, a control character, a backslash, a letter beyond ASCII.
    Characters,
    Malformed,
    Scheme,
    PlainHttp,
    UserInfo,
    Fragment,
    Host,
    /// A number that is not an address of four decimal parts.
    NumericHost,
    LocalName,
    Address,
    /// The address lies outside the network that was named.
    Outside,
    /// The ports that there are.
    Port(Vec<u16>),
}

impl Target {
    /// `live`: of live mode, where only TLS and public addresses are accepted.
    pub(crate) fn parse(url: &str, live: bool, policy: &Policy) -> Result<Target, TargetFault> {
        check_characters(url)?;
        let uri: Uri = url.parse().map_err(|_| TargetFault::Malformed)?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(_) => return Err(TargetFault::Scheme),
            None => return Err(TargetFault::Malformed),
        };
        let authority = uri.authority().ok_or(TargetFault::Malformed)?;
        let path = uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        // SECURITY: what was parsed is what was written, nothing left out and nothing read twice.
        let written = url.strip_prefix(scheme.prefix()).unwrap_or_default();
        let rest = written.strip_prefix(authority.as_str());
        if rest.is_none_or(|rest| rest != path.as_str() && !(rest.is_empty() && path == "/")) {
            return Err(TargetFault::Malformed);
        }
        let path = in_origin_form(path)?;
        let origin = Origin {
            scheme,
            host: Host::parse(authority.host())?,
            port: port(authority, scheme)?,
            live,
            within: None,
        };
        origin.check(policy)?;
        Ok(Target { origin, path })
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The same, to be reached within `network` only. The policy holds all the same: a range narrows it.
    ///
    /// # Errors
    /// [`TargetFault::Outside`] when the URL names an address that lies elsewhere.
    pub fn within(mut self, network: Option<IpNet>) -> Result<Target, TargetFault> {
        self.origin.within = network;
        match self.origin.host {
            Host::Address(address) if !self.origin.spans(address) => Err(TargetFault::Outside),
            _ => Ok(self),
        }
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Host and, where it is not the scheme's own, port.
    pub fn host(&self) -> String {
        self.origin.authority()
    }
}

/// A path as a request names it. Where a URL has a query and no path, that is the root (RFC 9112, section 3.2.1).
fn in_origin_form(path: PathAndQuery) -> Result<PathAndQuery, TargetFault> {
    match path.as_str().starts_with('/') {
        true => Ok(path),
        false => PathAndQuery::try_from(format!("/{path}")).map_err(|_| TargetFault::Malformed),
    }
}

impl Origin {
    /// Whether an address lies in the range that was named, if one was.
    pub fn spans(&self, address: IpAddr) -> bool {
        self.within.is_none_or(|range| range.contains(&address))
    }

    /// What can be said without asking for the name's addresses.
    fn check(&self, policy: &Policy) -> Result<(), TargetFault> {
        let open = policy.opens_networks(self.live);
        if self.scheme == Scheme::Http && !open {
            return Err(TargetFault::PlainHttp);
        }
        match &self.host {
            Host::Address(address) if policy.admits(self, *address) => Ok(()),
            Host::Address(_) if !open && !policy.ports.contains(&self.port) => {
                Err(TargetFault::Port(policy.ports.clone()))
            }
            Host::Address(_) => Err(TargetFault::Address),
            // Its addresses decide, when they are known.
            Host::Name(_) if open => Ok(()),
            Host::Name(name) if is_local(name) => Err(TargetFault::LocalName),
            Host::Name(_) if policy.ports.contains(&self.port) => Ok(()),
            Host::Name(_) => Err(TargetFault::Port(policy.ports.clone())),
        }
    }

    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl Scheme {
    const fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

impl Host {
    fn parse(text: &str) -> Result<Host, TargetFault> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(TargetFault::Host)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| TargetFault::Host)?;
            return Ok(Host::Address(address.into()));
        }
        let name = text.to_ascii_lowercase();
        if name.is_empty() || name.len() > MAX_NAME || !name.split('.').all(is_label) {
            return Err(TargetFault::Host);
        }
        // SECURITY: one number, octal, hexadecimal and short forms are addresses to some programs and names to others.
        // The four decimal parts without leading zeros are the one form that all agree on.
        if ends_in_number(&name) {
            let address: Ipv4Addr = name.parse().map_err(|_| TargetFault::NumericHost)?;
            return Ok(Host::Address(address.into()));
        }
        Ok(Host::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Debug for Target {
    /// Without path and query: senders put tokens there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin.scheme.prefix(), self.host())
    }
}

impl TargetFault {
    /// Whether the URL is a good one that leads inward: to this machine, its network, or past the network it named.
    pub const fn is_inward(&self) -> bool {
        matches!(
            self,
            TargetFault::NumericHost
                | TargetFault::LocalName
                | TargetFault::Address
                | TargetFault::Outside
        )
    }
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetFault::TooLong => write!(f, "has more than {MAX_URL} characters"),
            TargetFault::Characters => f.write_str(
                "holds a character that a URL cannot hold: write names beyond ASCII as `xn--…` and escape the path with `%`",
            ),
            TargetFault::Malformed => f.write_str("is not of the form `https://host/path`"),
            TargetFault::Scheme => f.write_str("does not begin with `https://`"),
            TargetFault::PlainHttp => f.write_str(
                "is plain HTTP, which only networks that the operator has opened take, and only in test mode",
            ),
            TargetFault::UserInfo => f.write_str("holds a user name or a password before the host"),
            TargetFault::Fragment => f.write_str("holds a fragment (`#`)"),
            TargetFault::Host => f.write_str("has a host that is neither a domain name nor an address"),
            TargetFault::NumericHost => f.write_str(
                "has a number as its host: write an address as four decimal parts without leading zeros",
            ),
            TargetFault::LocalName => f.write_str("names this machine or a local network"),
            TargetFault::Address => f.write_str("has an address that is not on the public internet"),
            TargetFault::Outside => f.write_str("has an address outside its `network`"),
            TargetFault::Port(ports) => {
                f.write_str("has a port that is not allowed; these are:")?;
                ports.iter().try_for_each(|port| write!(f, " {port}"))
            }
        }
    }
}

impl std::error::Error for TargetFault {}

/// Only what RFC 3986 lets stand in a URL, escapes whole.
fn check_characters(url: &str) -> Result<(), TargetFault> {
    if url.len() > MAX_URL {
        return Err(TargetFault::TooLong);
    }
    let is_known =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escapes_are_whole = url.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !url.bytes().all(is_known) || !escapes_are_whole {
        return Err(TargetFault::Characters);
    }
    // The parser drops it without a word.
    if url.contains('#') {
        return Err(TargetFault::Fragment);
    }
    let (_, rest) = url.split_once("://").ok_or(TargetFault::Malformed)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(TargetFault::UserInfo);
    }
    if authority.contains('%') {
        return Err(TargetFault::Host);
    }
    Ok(())
}

fn port(authority: &Authority, scheme: Scheme) -> Result<u16, TargetFault> {
    let text = authority.as_str().strip_prefix(authority.host());
    match text {
        Some("") => Ok(scheme.port()),
        Some(text) => {
            let port = authority.port_u16().filter(|port| *port != 0);
            port.filter(|port| text == format!(":{port}"))
                .ok_or(TargetFault::Malformed)
        }
        None => Err(TargetFault::Malformed),
    }
}

/// Letters, digits and inner hyphens.
fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether some program would read the name as an IPv4 address: the last label is a number.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(is_hexadecimal)
}

/// A name of one label means what the machine's search list makes of it.
fn is_local(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    !name.contains('.') || last == LOCAL_DOMAIN || LOCAL.contains(&last)
}
