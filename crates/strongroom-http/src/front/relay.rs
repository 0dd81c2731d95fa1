//! A request as one node hands it to another, and the answer as it comes back.
//!
//! It travels as it was received, with what the deciding node cannot know added in headers of its own. SECURITY: such
//! headers are believed on the channel between nodes alone, and taken from everything that enters or leaves it.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, Request, Response, Uri};
use strongroom_auth::Thumbprint;
use strongroom_nodes::{Answered, Holder, Missed};
use strongroom_tls::ClientCertificate;
use tokio::sync::{mpsc, watch};

use crate::feed::Feed;
use crate::problem::{EdgeCode, Fate};
use crate::respond::Reply;
use crate::visit::Origin;

/// Headers that a relayed request has more than the client sent.
pub(crate) const ADDED: usize = 5;

const OWN: &str = "strongroom-";
const CLIENT: HeaderName = HeaderName::from_static("strongroom-client");
const LIVE: HeaderName = HeaderName::from_static("strongroom-live");
const CERTIFICATE: HeaderName = HeaderName::from_static("strongroom-certificate");
const BODY: HeaderName = HeaderName::from_static("strongroom-body");
const PING: HeaderName = HeaderName::from_static("strongroom-ping");
const FATE: HeaderName = HeaderName::from_static("strongroom-fate");

/// Largest answer that is handed on.
const MAX_ANSWER: usize = 64 << 20;

/// Headers of one connection. SECURITY: those alone; a client that names others in `Connection` does not have them
/// taken away, for both nodes must see the same request.
const HOPS: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// A request for the deciding node.
pub(crate) fn request(
    head: &Parts,
    client: IpAddr,
    live_allowed: bool,
    body: Result<Bytes, Option<EdgeCode>>,
) -> Request<Full<Bytes>> {
    let fault = body.as_ref().err().map(|fault| match fault {
        Some(EdgeCode::BodyTooLarge) => "large",
        Some(EdgeCode::BodyTimeout) => "late",
        _ => "broken",
    });
    let mut request = Request::new(Full::new(body.unwrap_or_default()));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = target(&head.uri);
    let headers = request.headers_mut();
    *headers = carried(&head.headers);
    if let Ok(client) = HeaderValue::from_str(&client.to_string()) {
        headers.insert(CLIENT, client);
    }
    headers.insert(LIVE, flag(live_allowed));
    let certificate = head.extensions.get::<ClientCertificate>();
    if let Some(Ok(certificate)) = certificate.map(|it| HeaderValue::from_str(&told(it))) {
        headers.insert(CERTIFICATE, certificate);
    }
    if let Some(fault) = fault {
        headers.insert(BODY, HeaderValue::from_static(fault));
    }
    request
}

/// A question whether the other node decides now.
pub(crate) fn ping() -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from_static("/ready");
    request.headers_mut().insert(PING, flag(true));
    request
}

pub(crate) fn is_ping(head: &Parts) -> bool {
    head.headers.contains_key(PING)
}

/// Where a relayed request came from, and why its body is not whole; takes the headers that said so away. `None` when
/// it does not say.
pub(crate) fn received(head: &mut Parts) -> Option<(Origin, Option<EdgeCode>)> {
    let text = |name: &HeaderName| head.headers.get(name)?.to_str().ok();
    let client = text(&CLIENT)?.parse().ok()?;
    let live_allowed = text(&LIVE)? == "yes";
    let fault = match text(&BODY) {
        None => None,
        Some("large") => Some(EdgeCode::BodyTooLarge),
        Some("late") => Some(EdgeCode::BodyTimeout),
        Some(_) => Some(EdgeCode::InvalidJson),
    };
    let certificate = match text(&CERTIFICATE) {
        None => None,
        Some(text) => Some(proved(text)?),
    };
    head.headers = carried(&head.headers);
    head.extensions.remove::<ClientCertificate>();
    if let Some(certificate) = certificate {
        head.extensions.insert(certificate);
    }
    let origin = Origin::Node {
        client,
        live_allowed,
    };
    Some((origin, fault))
}

/// Says on an answer what became of the request.
pub(crate) fn mark(response: &mut Response<Reply>, fate: Fate) {
    let word = match fate {
        Fate::Settled => return,
        Fate::NotBegun => "not-begun",
        Fate::InUse => "in-use",
        Fate::Unknown => "unknown",
    };
    response
        .headers_mut()
        .insert(FATE, HeaderValue::from_static(word));
}

/// Sends a request and takes its answer: whole, or for as long as it is told.
///
/// # Errors
/// [`Missed`].
pub(crate) async fn exchange(
    holder: &Arc<Holder>,
    request: Request<Full<Bytes>>,
    draining: watch::Receiver<bool>,
) -> Result<(Response<Reply>, Fate), Missed> {
    let is_head = request.method() == Method::HEAD;
    let mut answered = holder.send(request).await?;
    let told = answered.response.headers();
    let fate = match told.get(FATE).map(HeaderValue::as_bytes) {
        None => Fate::Settled,
        Some(b"not-begun") => Fate::NotBegun,
        Some(b"in-use") => Fate::InUse,
        Some(_) => Fate::Unknown,
    };
    let length = told.get(CONTENT_LENGTH).cloned();
    let kind = told.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_stream = !is_head && kind == Some(b"text/event-stream");
    let mut response = Response::new(Reply::Whole(Full::default()));
    *response.status_mut() = answered.response.status();
    *response.headers_mut() = carried(told);
    if is_stream {
        let closing = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, closing);
        *response.body_mut() = Reply::Live(stream(answered, draining));
        return Ok((response, fate));
    }
    if let Some(length) = length.filter(|_| is_head) {
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    *response.body_mut() = Reply::Whole(Full::new(whole(&mut answered).await?));
    holder.keep(answered);
    Ok((response, fate))
}

async fn whole(answered: &mut Answered) -> Result<Bytes, Missed> {
    let (body, mut broken) = answered.parts();
    let collected = Limited::new(body, MAX_ANSWER).collect();
    tokio::select! {
        collected = collected => match collected {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) => Err(Missed::Lost(error.to_string())),
        },
        _ = broken.changed() => Err(Missed::Lost("the node does not answer any more".to_owned())),
    }
}

/// Hands a stream on, piece by piece, until either end has enough.
fn stream(mut answered: Answered, mut draining: watch::Receiver<bool>) -> Feed {
    let (pieces, taken) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let (body, mut broken) = answered.parts();
            let frame = tokio::select! {
                frame = body.frame() => frame,
                _ = broken.changed() => return,
                _ = draining.wait_for(|draining| *draining) => return,
                () = pieces.closed() => return,
            };
            let Some(Ok(frame)) = frame else { return };
            if let Ok(data) = frame.into_data()
                && pieces.send(data).await.is_err()
            {
                return;
            }
        }
    });
    Feed::relayed(taken)
}

/// Path and query as received, whatever else the client wrote before them.
fn target(uri: &Uri) -> Uri {
    let root = || PathAndQuery::from_static("/");
    Uri::from(uri.path_and_query().cloned().unwrap_or_else(root))
}

/// Whether a header goes on.
pub(crate) fn goes_on(name: &HeaderName) -> bool {
    !HOPS.contains(name)
        && !name.as_str().starts_with(OWN)
        && !matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The headers that go on.
pub(crate) fn carried(headers: &HeaderMap) -> HeaderMap {
    let mut carried = HeaderMap::with_capacity(headers.keys_len() + ADDED);
    for (name, value) in headers {
        if goes_on(name) {
            carried.append(name.clone(), value.clone());
        }
    }
    carried
}

/// A certificate that the client proved, in a header's words.
fn told(certificate: &ClientCertificate) -> String {
    let ClientCertificate {
        thumbprint,
        not_after,
    } = certificate;
    // No character that may stand between the digits of a card number.
    format!("{}:{not_after}", Thumbprint(*thumbprint))
}

/// The same, read.
fn proved(text: &str) -> Option<ClientCertificate> {
    let (thumbprint, not_after) = text.split_once(':')?;
    Some(ClientCertificate {
        thumbprint: Thumbprint::parse(thumbprint)?.0,
        not_after: not_after.parse().ok()?,
    })
}

fn flag(is: bool) -> HeaderValue {
    HeaderValue::from_static(if is { "yes" } else { "no" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&'static str, &'static str)]) -> Parts {
        let mut request = Request::post("http://pay.example/v1/payouts?x=1");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_client_says_nothing_in_our_name() {
        let lines = [
            ("strongroom-client", "10.0.0.1"),
            ("strongroom-live", "yes"),
            ("strongroom-ping", "yes"),
            ("strongroom-certificate", "00:0"),
            ("connection", "authorization, x-signature"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("authorization", "Bearer x"),
            ("x-signature", "s"),
            ("x-forwarded-for", "10.0.0.1"),
        ];
        let client: IpAddr = "203.0.113.9".parse().unwrap();
        let sent = request(&head(&lines), client, false, Ok(Bytes::from_static(b"{}")));
        assert_eq!(sent.uri(), "/v1/payouts?x=1");
        let (mut sent, _) = sent.into_parts();
        assert!(!is_ping(&sent));
        for name in ["connection", "transfer-encoding", "content-length"] {
            assert!(!sent.headers.contains_key(name), "{name}");
        }
        for name in ["authorization", "x-signature", "x-forwarded-for"] {
            assert!(sent.headers.contains_key(name), "{name}");
        }
        let (origin, fault) = received(&mut sent).unwrap();
        assert!(fault.is_none());
        let Origin::Node {
            client: seen,
            live_allowed,
        } = origin
        else {
            panic!("{origin:?}");
        };
        assert_eq!((seen, live_allowed), (client, false));
        assert!(
            sent.headers
                .keys()
                .all(|name| !name.as_str().starts_with(OWN))
        );
        assert!(received(&mut sent).is_none(), "it says so once");
    }

    #[test]
    fn a_proven_certificate_goes_along() {
        let certificate = ClientCertificate {
            thumbprint: [7; 32],
            not_after: 1_900_000_000,
        };
        let mut asked = head(&[]);
        asked.extensions.insert(certificate);
        let client = IpAddr::from([127, 0, 0, 1]);
        let (mut sent, _) = request(&asked, client, true, Ok(Bytes::new())).into_parts();
        assert!(received(&mut sent).is_some());
        assert_eq!(sent.extensions.get(), Some(&certificate));
        // One that cannot be read lets nobody in.
        let odd = [
            ("strongroom-client", "10.0.0.1"),
            ("strongroom-live", "yes"),
            ("strongroom-certificate", "00:0"),
        ];
        assert!(received(&mut head(&odd)).is_none());
    }

    /// A thumbprint that ends in digits stands beside the digits of a time: together they are no card number, which the
    /// tripwire of the node that decides would refuse.
    #[test]
    fn a_thumbprint_that_ends_in_digits_trips_no_wire() {
        let mut tried = 0;
        for not_after in 1_900_000_000..1_900_000_100 {
            let mut thumbprint = [0xaa; 32];
            thumbprint[29..].copy_from_slice(&[0x45, 0x39, 0x57]);
            let certificate = ClientCertificate {
                thumbprint,
                not_after,
            };
            let text = told(&certificate);
            assert!(!strongroom_vault::holds(text.as_bytes()), "{text}");
            assert_eq!(proved(&text), Some(certificate));
            // What it would be with a mark that people write between the digits of a number.
            let written = text.replace(':', "-");
            tried += usize::from(strongroom_vault::holds(written.as_bytes()));
        }
        assert!(tried > 5, "{tried} of these would be card numbers");
    }

    #[test]
    fn a_body_that_could_not_be_read_says_why() {
        for (fault, code) in [
            (Some(EdgeCode::BodyTooLarge), EdgeCode::BodyTooLarge),
            (Some(EdgeCode::BodyTimeout), EdgeCode::BodyTimeout),
            (None, EdgeCode::InvalidJson),
        ] {
            let client = IpAddr::from([127, 0, 0, 1]);
            let (mut sent, _) = request(&head(&[]), client, true, Err(fault)).into_parts();
            assert_eq!(received(&mut sent).unwrap().1, Some(code));
        }
    }
}
