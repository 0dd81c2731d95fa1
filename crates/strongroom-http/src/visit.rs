//! One request's trace: what is learned of it on its way, for its answer, its numbers and its line of the request log.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use hyper::Method;
use hyper::header::USER_AGENT;
use hyper::http::request::Parts;
use strongroom_auth::Credential;
use strongroom_engine::{Envelope, RequestLine};
use strongroom_types::id::{ApiKeyId, RawId, RequestId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;
use strongroom_vault::scrub;

use crate::address::{client_address, network};
use crate::app::App;
use crate::route::Route;
use crate::throttle::Standing;

/// The status in the log of a request whose client went away before it was answered.
const CLIENT_GONE: u16 = 499;

/// What the log of requests warns of: the key is held to networks, and was used from elsewhere.
pub(crate) const ADDRESS_OUTSIDE_NETWORKS: &str = "address_outside_networks";

/// It would have been refused for a limit that is only reported.
pub(crate) const RATE_LIMIT_EXCEEDED: &str = "rate_limit_exceeded";

/// Where a request reached the installation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// At a listener of this server; the other end of the connection.
    Here(IpAddr),
    /// At another node, which says whose it is and whether live keys may be used where it listens.
    Node { client: IpAddr, live_allowed: bool },
}

/// What is known of a request so far. Dropping it counts the request and writes its line of the request log, so none
/// is left out, not even one whose client went away.
pub(crate) struct Visit {
    pub request: RequestId,
    pub address: IpAddr,
    pub standing: Option<Standing>,
    pub allow: Option<String>,
    /// What the client is told of how it should show who it is, where not by a key.
    pub challenge: Option<String>,
    /// The nonce that the client's next proof should repeat.
    pub proof_nonce: Option<String>,
    /// Whether live keys are accepted where it came in.
    pub live_allowed: bool,
    app: App,
    pub time: Timestamp,
    started: Instant,
    address_text: String,
    user_agent: String,
    method: &'static str,
    path: String,
    route: Option<&'static Route>,
    scope: Option<Scope>,
    credential: Option<ApiKeyId>,
    status: u16,
    code: Option<&'static str>,
    warning: Option<&'static str>,
}

impl Visit {
    pub fn begin(app: &App, origin: Origin, head: &Parts) -> Visit {
        let settings = app.settings();
        let (address, live_allowed) = match origin {
            Origin::Here(peer) => {
                let address = client_address(peer, &head.headers, &settings.trusted_proxies);
                (address, settings.live_allowed)
            }
            // SECURITY: that node has read the headers of the proxies before it; they say nothing here.
            Origin::Node {
                client,
                live_allowed,
            } => (client, live_allowed),
        };
        Visit {
            request: app.engine().new_request(),
            address,
            standing: None,
            allow: None,
            challenge: None,
            proof_nonce: None,
            live_allowed,
            app: app.clone(),
            time: app.engine().now(),
            started: Instant::now(),
            address_text: address.to_string(),
            user_agent: user_agent(head),
            method: method(&head.method),
            path: "(unknown)".into(),
            route: None,
            scope: None,
            credential: None,
            status: CLIENT_GONE,
            code: None,
            warning: None,
        }
    }

    /// Notes the row that the request leads to.
    pub fn routed(&mut self, head: &Parts, route: &'static Route) {
        self.route = Some(route);
        self.path = logged_path(head, route);
    }

    /// Notes the credential, now that it is proven.
    pub fn identified(&mut self, credential: &Credential) {
        self.scope = Some(credential.scope);
        self.credential = Some(credential.id);
    }

    /// Notes what is odd about the request, though it may be allowed.
    pub fn warned(&mut self, warning: &'static str) {
        self.warning = Some(warning);
    }

    /// Notes the answer; `code` is the problem's, if it is one.
    pub fn answered(&mut self, status: u16, code: Option<&'static str>) {
        self.status = status;
        self.code = code;
    }

    /// What the engine is told of where a command came from.
    pub fn envelope(&self) -> Envelope {
        Envelope {
            request: self.request,
            address: self.address_text.clone(),
            user_agent: self.user_agent.clone(),
            idempotency: None,
            signature: None,
            approval: None,
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        let inner = self.app.inner();
        let route = self.route.map_or("(unknown)", |route| route.path);
        inner
            .metrics
            .answered(route, self.method, self.status, took);
        if let Some(code) = self.code {
            inner.metrics.refused(code);
            if self.credential.is_none() || matches!(self.status, 429 | 503) {
                inner.engine.count_failure(code, network(self.address));
            }
        }
        inner.engine.log_request(RequestLine {
            scope: self.scope,
            time: self.time,
            request: self.request,
            method: self.method.to_owned(),
            path: std::mem::take(&mut self.path),
            status: self.status,
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            credential: self.credential,
            address: std::mem::take(&mut self.address_text),
            user_agent: std::mem::take(&mut self.user_agent),
            code: self.code,
            warning: self.warning,
        });
    }
}

/// Bytes of a `User-Agent` that are looked at: 256 characters are kept, of four bytes at most, and no number that begins
/// in them ends behind these.
const SEARCHED: usize = 2_048;

fn user_agent(head: &Parts) -> String {
    let text = head
        .headers
        .get(USER_AGENT)
        .map(|value| value.as_bytes())
        .map(|value| String::from_utf8_lossy(value.get(..SEARCHED).unwrap_or(value)));
    // SECURITY: what is cut may leave a number that is one no more, so more than is kept is searched first.
    let clean = text.map(|text| match scrub(text.as_bytes()) {
        Cow::Borrowed(_) => text.into_owned(),
        Cow::Owned(clean) => String::from_utf8_lossy(&clean).into_owned(),
    });
    clean.map_or_else(String::new, |text| text.chars().take(256).collect())
}

/// A method as a label: a client may send any word.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// The route's path with the id it was asked for and the names of its parameters. SECURITY: never their values, and no
/// text that only stands where an id should: people paste keys and account numbers into both.
fn logged_path(head: &Parts, route: &Route) -> String {
    let asked = head.uri.path().split('/');
    let segments = route
        .path
        .split('/')
        .zip(asked)
        .map(|(named, asked)| match named {
            // SECURITY: whoever knows a payment link's id may pay it.
            "{id}" if looks_like_an_id(asked) && route.path.starts_with("/v1/") => asked,
            named => named,
        });
    let mut path = segments.collect::<Vec<_>>().join("/");
    if let Some(query) = head.uri.query() {
        let pairs = query.split('&').filter_map(|pair| pair.split('=').next());
        let known = pairs.filter(|name| route.query.iter().any(|p| p.name == *name));
        let names: Vec<&str> = known.take(20).collect();
        path.push('?');
        path.push_str(&names.join("&"));
    }
    path
}

fn looks_like_an_id(text: &str) -> bool {
    let Some((prefix, digits)) = text.split_once('_') else {
        return false;
    };
    let lower = |byte: u8| byte.is_ascii_lowercase();
    prefix.len() <= 7 && prefix.bytes().all(lower) && RawId::from_hex(digits).is_some()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::routes::routes;

    #[test]
    fn the_log_sees_no_values() {
        let path = |uri: &str, path: &str| {
            let (head, ()) = Request::get(uri).body(()).unwrap().into_parts();
            let route = routes().iter().find(|r| r.path == path && !r.is_mutating());
            logged_path(&head, route.unwrap())
        };
        let listed = path(
            "/v1/wallets?email=ana@example.org&limit=5&sk_live_x",
            "/v1/wallets",
        );
        assert_eq!(listed, "/v1/wallets?email&limit");
        let wallet = "/v1/wallets/wallet_0123456789abcdef01234567";
        assert_eq!(path(wallet, "/v1/wallets/{id}"), wallet);
        for pasted in [
            "sk_live_x",
            "4111111111111111",
            "wallet_1",
            "wallet_0123456789ABCDEF01234567",
        ] {
            let uri = format!("/v1/wallets/{pasted}/balance");
            assert_eq!(
                path(&uri, "/v1/wallets/{id}/balance"),
                "/v1/wallets/{id}/balance"
            );
        }
    }
}
