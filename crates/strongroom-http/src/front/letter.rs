//! A request and its answer as one node's lane carries them to another: read once, written once, no line of HTTP between.
//!
//! A question is `1 ‖ flags ‖ address₁₆ ‖ certificate₄₀ (where flagged) ‖ method ‖ target ‖ headers ‖ body`, an answer
//! `fate ‖ status₂ ‖ headers ‖ body`; texts have their length before them in two bytes, headers their number. An answer that
//! is told for as long as somebody listens, or is very long, does not travel so: [`ELSEWHERE`] stands for it, and the question
//! is put again by HTTP. SECURITY: what the edge knows of a client travels in fields of its own, not among its headers.

use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{ACCEPT, CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use strongroom_tls::ClientCertificate;

use super::relay::goes_on;
use crate::body::MAX_BODY;
use crate::problem::{EdgeCode, Fate};
use crate::respond::Reply;
use crate::server::MAX_HEADERS;
use crate::visit::Origin;

const VERSION: u8 = 1;
/// In the place of a fate.
const ELSEWHERE: u8 = 0xff;
/// Longest body of an answer to a reading request; the answers to others are small.
const LONG: usize = 1 << 20;

const LIVE: u8 = 1;
const CERTIFIED: u8 = 2;
const IS_V6: u8 = 4;
const LARGE: u8 = 8;
const LATE: u8 = 16;
const BROKEN: u8 = 32;

/// A request as the deciding node is asked it; `None` for one that only HTTP carries.
pub(super) fn question(
    head: &Parts,
    client: IpAddr,
    live_allowed: bool,
    body: &Result<Bytes, Option<EdgeCode>>,
) -> Option<Vec<u8>> {
    let streams = |accept: &HeaderValue| accept.as_bytes() == b"text/event-stream";
    if head.headers.get(ACCEPT).is_some_and(streams) {
        return None;
    }
    let bytes = body.as_ref().map_or(&[][..], |body| body);
    let certificate = head.extensions.get::<ClientCertificate>();
    let mut out = Vec::with_capacity(1_024 + bytes.len());
    let flags = [
        (LIVE, live_allowed),
        (CERTIFIED, certificate.is_some()),
        (IS_V6, client.is_ipv6()),
        (LARGE, *body == Err(Some(EdgeCode::BodyTooLarge))),
        (LATE, *body == Err(Some(EdgeCode::BodyTimeout))),
    ];
    let mut flags = flags
        .iter()
        .fold(0, |all, (flag, is)| all | if *is { *flag } else { 0 });
    if body.is_err() && flags & (LARGE | LATE) == 0 {
        flags |= BROKEN;
    }
    out.extend_from_slice(&[VERSION, flags]);
    let client = match client {
        IpAddr::V4(client) => client.to_ipv6_mapped(),
        IpAddr::V6(client) => client,
    };
    out.extend_from_slice(&client.octets());
    if let Some(ClientCertificate {
        thumbprint,
        not_after,
    }) = certificate
    {
        out.extend_from_slice(thumbprint);
        out.extend_from_slice(&not_after.to_be_bytes());
    }
    text(&mut out, head.method.as_str().as_bytes())?;
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    text(&mut out, target.as_bytes())?;
    headers(&mut out, &head.headers, None)?;
    out.extend_from_slice(bytes);
    Some(out)
}

/// What was asked: its head, where it came from, and its body or why there is none. `None` for what is no question.
pub(super) fn asked(mut question: Vec<u8>) -> Option<(Parts, Origin, Result<Bytes, EdgeCode>)> {
    let mut rest = Rest(&question);
    let [version, flags] = rest.array()?;
    if version != VERSION {
        return None;
    }
    let client = Ipv6Addr::from(rest.array::<16>()?);
    let client = match flags & IS_V6 {
        0 => IpAddr::V4(client.to_ipv4_mapped()?),
        _ => IpAddr::V6(client),
    };
    let certificate = match flags & CERTIFIED {
        0 => None,
        _ => Some(ClientCertificate {
            thumbprint: rest.array()?,
            not_after: i64::from_be_bytes(rest.array()?),
        }),
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(rest.text()?).ok()?;
    *request.uri_mut() = Uri::from(PathAndQuery::try_from(rest.text()?).ok()?);
    *request.headers_mut() = rest.headers()?;
    let (mut head, ()) = request.into_parts();
    // SECURITY: headers of one connection, and those that speak in a node's name, do not travel.
    if !head.headers.keys().all(goes_on) {
        return None;
    }
    if let Some(certificate) = certificate {
        head.extensions.insert(certificate);
    }
    let body = match flags & (LARGE | LATE | BROKEN) {
        0 if rest.0.len() <= MAX_BODY => Ok(Bytes::from(rest.0.to_vec())),
        0 | LARGE => Err(EdgeCode::BodyTooLarge),
        LATE => Err(EdgeCode::BodyTimeout),
        _ => Err(EdgeCode::InvalidJson),
    };
    // SECURITY: the body is held once, by who wipes it.
    let start = question.len() - rest.0.len();
    strongroom_vault::wipe(question.get_mut(start..)?);
    let origin = Origin::Node {
        client,
        live_allowed: flags & LIVE != 0,
    };
    Some((head, origin, body))
}

/// What is said of a question that cannot be read, or whose answer does not travel: it is put again by HTTP.
pub(super) fn elsewhere() -> Vec<u8> {
    vec![ELSEWHERE]
}

pub(super) fn is_elsewhere(answer: &[u8]) -> bool {
    answer == [ELSEWHERE]
}

/// An answer and what became of the request.
pub(super) fn answer(response: Response<Reply>, fate: Fate, method: &Method) -> Vec<u8> {
    let (head, body) = response.into_parts();
    let Reply::Whole(body) = body else {
        return elsewhere();
    };
    let body = whole(body);
    // SECURITY: nothing but a reading request is put twice.
    if body.len() > LONG && matches!(*method, Method::GET | Method::HEAD) {
        return elsewhere();
    }
    let mut out = Vec::with_capacity(1_024 + body.len());
    out.push(match fate {
        Fate::Settled => 0,
        Fate::NotBegun => 1,
        Fate::InUse => 2,
        Fate::Unknown => 3,
    });
    out.extend_from_slice(&head.status.as_u16().to_be_bytes());
    let length = head.headers.get(CONTENT_LENGTH);
    let length = length.filter(|_| *method == Method::HEAD);
    // Headers of ours are short; without them the answer would be none, and its fate unknown.
    if headers(&mut out, &head.headers, length).is_some() {
        out.extend_from_slice(&body);
    }
    out
}

/// What the deciding node answered; `None` for what is no answer.
pub(super) fn answered(answer: Vec<u8>, asked: &Parts) -> Option<(Response<Reply>, Fate)> {
    let mut rest = Rest(&answer);
    let [fate] = rest.array()?;
    let fate = match fate {
        0 => Fate::Settled,
        1 => Fate::NotBegun,
        2 => Fate::InUse,
        3 => Fate::Unknown,
        _ => return None,
    };
    let status = StatusCode::from_u16(u16::from_be_bytes(rest.array()?)).ok()?;
    let headers = rest.headers()?;
    let body = match asked.method {
        Method::HEAD => Bytes::new(),
        _ => {
            let start = answer.len() - rest.0.len();
            Bytes::from(answer).slice(start..)
        }
    };
    let mut response = Response::new(Reply::Whole(Full::new(body)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Some((response, fate))
}

/// Headers that go on, and one more.
fn headers(out: &mut Vec<u8>, map: &HeaderMap, more: Option<&HeaderValue>) -> Option<()> {
    let carried = || map.iter().filter(|(name, _)| goes_on(name));
    let more = more.map(|value| (&CONTENT_LENGTH, value));
    let count = u16::try_from(carried().count() + more.iter().count()).ok()?;
    out.extend_from_slice(&count.to_be_bytes());
    for (name, value) in carried().chain(more) {
        text(out, name.as_str().as_bytes())?;
        text(out, value.as_bytes())?;
    }
    Some(())
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    out.extend_from_slice(&u16::try_from(bytes.len()).ok()?.to_be_bytes());
    out.extend_from_slice(bytes);
    Some(())
}

/// The bytes of a body that is whole.
fn whole(mut body: Full<Bytes>) -> Bytes {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut context) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.array()?);
        self.take(usize::from(length))
    }

    fn headers(&mut self) -> Option<HeaderMap> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count > MAX_HEADERS + 1 {
            return None;
        }
        let mut map = HeaderMap::with_capacity(count);
        for _ in 0..count {
            let name = HeaderName::from_bytes(self.text()?).ok()?;
            map.append(name, HeaderValue::from_bytes(self.text()?).ok()?);
        }
        Some(map)
    }
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

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    #[test]
    fn a_request_arrives_as_it_was_received() {
        let lines = [
            ("strongroom-client", "10.0.0.1"),
            ("strongroom-live", "yes"),
            ("connection", "authorization"),
            ("content-length", "2"),
            ("authorization", "Bearer x"),
            ("x-signature", "s"),
            ("accept", "a"),
            ("accept", "b"),
        ];
        let mut sent = head(&lines);
        let certificate = ClientCertificate {
            thumbprint: [7; 32],
            not_after: 1_900_000_000,
        };
        sent.extensions.insert(certificate);
        for client in [
            CLIENT,
            "2001:db8::1".parse().unwrap(),
            "::ffff:1.2.3.4".parse().unwrap(),
        ] {
            let letter = question(&sent, client, true, &Ok(Bytes::from_static(b"{}"))).unwrap();
            let (got, origin, body) = asked(letter).unwrap();
            assert_eq!(
                (&got.method, got.uri.to_string().as_str()),
                (&Method::POST, "/v1/payouts?x=1")
            );
            let names: Vec<_> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["authorization", "x-signature", "accept", "accept"]);
            assert_eq!(got.extensions.get(), Some(&certificate));
            assert_eq!(body.unwrap(), "{}");
            let Origin::Node {
                client: seen,
                live_allowed,
            } = origin
            else {
                panic!("{origin:?}");
            };
            assert_eq!((seen, live_allowed), (client, true));
        }
    }

    #[test]
    fn a_body_that_could_not_be_read_says_why() {
        for (fault, code) in [
            (Some(EdgeCode::BodyTooLarge), EdgeCode::BodyTooLarge),
            (Some(EdgeCode::BodyTimeout), EdgeCode::BodyTimeout),
            (None, EdgeCode::InvalidJson),
        ] {
            let letter = question(&head(&[]), CLIENT, false, &Err(fault)).unwrap();
            assert_eq!(asked(letter).unwrap().2, Err(code));
        }
    }

    #[test]
    fn what_is_told_on_and_on_goes_by_http() {
        let stream = head(&[("accept", "text/event-stream")]);
        assert!(question(&stream, CLIENT, true, &Ok(Bytes::new())).is_none());
    }

    #[test]
    fn an_answer_arrives_with_its_fate() {
        for fate in [Fate::Settled, Fate::NotBegun, Fate::InUse, Fate::Unknown] {
            for (method, length) in [(Method::GET, None), (Method::HEAD, Some("5"))] {
                let mut response =
                    Response::new(Reply::Whole(Full::new(Bytes::from_static(b"hello"))));
                *response.status_mut() = StatusCode::CONFLICT;
                for (name, value) in [
                    ("content-length", "5"),
                    ("x-request-id", "1"),
                    ("strongroom-fate", "x"),
                ] {
                    response
                        .headers_mut()
                        .insert(name, HeaderValue::from_static(value));
                }
                let mut request = head(&[]);
                request.method = method;
                let letter = answer(response, fate, &request.method);
                assert!(!is_elsewhere(&letter));
                let (got, told) = answered(letter, &request).unwrap();
                assert_eq!((got.status(), told), (StatusCode::CONFLICT, fate));
                let header = |name: &str| {
                    got.headers()
                        .get(name)
                        .map(|value| value.to_str().unwrap().to_owned())
                };
                assert_eq!(header("content-length").as_deref(), length);
                assert_eq!(
                    (header("x-request-id").as_deref(), header("strongroom-fate")),
                    (Some("1"), None)
                );
                let Reply::Whole(body) = got.into_body() else {
                    panic!("a stream")
                };
                assert_eq!(whole(body), if length.is_some() { "" } else { "hello" });
            }
        }
    }

    /// SECURITY: what is done is done once, however long its answer.
    #[test]
    fn only_what_reads_is_put_again() {
        let long = || Response::new(Reply::Whole(Full::new(Bytes::from(vec![b'x'; LONG + 1]))));
        assert!(is_elsewhere(&answer(long(), Fate::Settled, &Method::GET)));
        assert!(!is_elsewhere(&answer(long(), Fate::Settled, &Method::POST)));
    }

    /// Whatever arrives, it is a question or none; what was cut off is none.
    #[test]
    fn no_bytes_are_misread() {
        let letter = question(&head(&[("a", "b")]), CLIENT, true, &Ok(Bytes::new())).unwrap();
        for length in 0..letter.len() {
            assert!(asked(letter[..length].to_vec()).is_none(), "{length}");
            assert!(answered(letter[..length.min(4)].to_vec(), &head(&[])).is_none());
        }
        let mut dice = strongroom_crypto::random::<32>();
        for turn in 0..20_000_usize {
            let mut odd = letter.clone();
            for byte in &mut dice {
                *byte = byte.wrapping_mul(167).wrapping_add(13);
            }
            let place = (usize::from(dice[0]) << 8 | usize::from(dice[1])) % odd.len();
            odd[place] = dice[2];
            odd.truncate(letter.len() - turn % 3);
            if let Some((head, _, _)) = asked(odd) {
                assert!(head.headers.keys().all(goes_on));
            }
        }
    }
}
