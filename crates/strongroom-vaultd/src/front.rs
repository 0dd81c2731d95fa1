//! The requests that carry a card: read here, answered by the API process without it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use strongroom_channel::message::{self, FromApi, Head, SecretBytes, ToApi, octets};
use strongroom_channel::{Dressed, Gate, Handed, Handoff, Side, Turn};
use strongroom_crypto::random;
use strongroom_types::id::TokenId;
use zeroize::Zeroizing;

use crate::answers::{Trouble, trouble};
use crate::desk;
use crate::lounge::Mark;
use crate::redact;
use crate::serve::Vault;
use crate::visits::Visit;

/// The largest body, in bytes; the API process says so to who sends more.
const MAX_BODY: usize = 1 << 20;
/// How long a body may take. SECURITY: who sends it is known only afterwards.
const BODY_TIME: Duration = Duration::from_secs(8);
/// How long a connection may idle, or its head may take.
const IDLE: Duration = Duration::from_secs(20);
const MAX_HEADERS: usize = 100;
const MAX_HEAD: usize = 32 * 1_024;
/// How long the API process has for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers the requests of a connection until one comes that is not the vault's; then gives it back.
pub(crate) async fn attend(vault: Arc<Vault>, handed: Handed, back: Handoff, mark: Mark) {
    let Handed { stream, peer } = handed;
    let turn = Arc::new(Turn::default());
    let gate = Gate::new(stream, Arc::clone(&turn), Side::Vault);
    let service = service_fn(|request: Request<Incoming>| {
        let (vault, turn, mark) = (Arc::clone(&vault), Arc::clone(&turn), mark.clone());
        async move {
            let (head, body) = request.into_parts();
            turn.begins(body.is_end_stream());
            let mut response = answer(&vault, peer, head, body, &turn).await;
            if is_let_in(response.status()) {
                mark.show();
            }
            if !turn.ends() {
                let headers = response.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(64 * 1_024);
    // An error here is the client's: a broken head or a closed socket.
    let stream = TokioIo::new(Dressed::new(gate, false));
    drop(builder.serve_connection(stream, service).await);
    if let Some(socket) = turn.take_theirs() {
        // With the API process gone the connection closes.
        drop(back.give(socket, peer).await);
    }
}

/// Whether an answer is to somebody with a good credential. Refusals that come before one is looked at are none.
fn is_let_in(status: StatusCode) -> bool {
    let after_it = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];
    status.is_success() || after_it.contains(&status)
}

async fn answer(
    vault: &Vault,
    peer: IpAddr,
    head: Parts,
    body: Incoming,
    turn: &Turn,
) -> Response<Full<Bytes>> {
    let limited = Limited::new(body, MAX_BODY);
    let read = tokio::time::timeout(BODY_TIME, collected(limited)).await;
    let body = match read {
        Ok(Ok(body)) => {
            turn.is_read();
            SecretBytes(body)
        }
        // Too large, or broken off: the API process is told the one, and the other reads no answer.
        Ok(Err(_)) => SecretBytes(Zeroizing::new(vec![b' '; MAX_BODY + 1])),
        Err(_) => return written(trouble(Trouble::Late, is_page(&head.uri.to_string()))),
    };
    let headers = head.headers.iter();
    let head = Head {
        peer: octets(peer),
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers
            .map(|(name, value)| message::Header {
                name: name.as_str().to_owned(),
                value: value.as_bytes().to_vec(),
            })
            .collect(),
    };
    written(forwarded(vault, head, body).await)
}

/// The whole body. Each piece is let go at once: it holds all of the buffer that it was read into.
async fn collected<B: Body<Data = Bytes>>(body: B) -> Result<Zeroizing<Vec<u8>>, B::Error> {
    let (mut body, mut whole) = (pin!(body), Zeroizing::new(Vec::new()));
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else {
            continue;
        };
        let needed = whole.len() + piece.len();
        if needed > whole.capacity() {
            // SECURITY: what is outgrown is wiped as it is dropped.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * whole.capacity())));
            larger.extend_from_slice(&whole);
            whole = larger;
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// Has the API process answer a request without its card.
pub(crate) async fn forwarded(vault: &Vault, head: Head, body: SecretBytes) -> message::Response {
    let bound = bound(&head);
    let bound: Vec<&[u8]> = bound.iter().map(|value| &***value).collect();
    let mark = |number: &str| vault.cards().mark(&bound, number);
    // Only the route that takes a card has one taken out; of others everything that looks like one.
    let keys = vault.cards().encryption().in_force(vault.now());
    let page = is_page(&head.target);
    let redacted = {
        let means = redact::Means {
            mark: &mark,
            keys: &keys,
        };
        match page {
            true => redact::form(&body.0, &means),
            false => redact::body(&body.0, &means),
        }
    };
    let marker = hexadecimal(&random::<16>());
    let begun = vault.visits().begin(Visit {
        body: body.0,
        number: redacted.number,
        code: std::sync::Mutex::new(redacted.code),
        reveals: revealed(&head.target),
        shown: std::sync::Mutex::default(),
        checked: std::sync::atomic::AtomicBool::new(false),
    });
    let request = message::Request {
        visit: begun.number,
        head: Head {
            target: redact::target(&head.target),
            headers: head
                .headers
                .iter()
                .map(|header| redact::header(&header.name, &header.value))
                .collect(),
            ..head
        },
        body: redacted.body,
        card: redacted.shape,
        marker: marker.clone(),
    };
    let asked = match vault.api() {
        Some(api) => Some(api.ask(&ToApi::Request(request), PATIENCE).await),
        None => None,
    };
    match asked {
        Some(Ok(FromApi::Response { mut response, hold })) => {
            if let Some(holding) = hold {
                desk::hold(vault, &begun.visit, holding);
            }
            if let Some(number) = begun.visit.shown().filter(|_| response.status == 200) {
                response.body = filled(&response.body, &marker, number.expose());
            }
            response
        }
        Some(_) => trouble(Trouble::Unknown, page),
        None => trouble(Trouble::Away, page),
    }
}

/// What a mark is bound to: a repetition of the request has the same.
fn bound(head: &Head) -> Vec<Zeroizing<Vec<u8>>> {
    let names = [
        "authorization",
        "x-api-key",
        "idempotency-key",
        "x-idempotency-key",
    ];
    let value = |name: &str| {
        let header = head.headers.iter().find(|header| header.name == name);
        Zeroizing::new(header.map_or_else(Vec::new, |header| header.value.clone()))
    };
    names.iter().map(|name| value(name)).collect()
}

/// Whether a request is a form of the payment page. In the absolute form the host stands before the path, which the gate
/// does not send here.
fn is_page(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or("");
    path.starts_with("/pay/") || (path.contains("://") && path.contains("/pay/"))
}

/// The token that a path asks to reveal.
fn revealed(target: &str) -> Option<TokenId> {
    let path = target.split('?').next()?;
    // In the absolute form the host stands before it.
    let (_, rest) = path.split_once("/v1/tokens/")?;
    TokenId::parse(rest.strip_suffix("/reveal")?)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A body with the number where the marker stands.
fn filled(body: &SecretBytes, marker: &str, number: &str) -> SecretBytes {
    let bytes = &body.0;
    let places = bytes.windows(marker.len());
    let Some(at) = places
        .enumerate()
        .find_map(|(at, window)| (window == marker.as_bytes()).then_some(at))
    else {
        return SecretBytes(bytes.clone());
    };
    let mut filled = Zeroizing::new(Vec::with_capacity(bytes.len()));
    filled.extend_from_slice(bytes.get(..at).unwrap_or(&[]));
    filled.extend_from_slice(number.as_bytes());
    filled.extend_from_slice(bytes.get(at + marker.len()..).unwrap_or(&[]));
    SecretBytes(filled)
}

fn written(response: message::Response) -> Response<Full<Bytes>> {
    let message::Response {
        status,
        headers,
        body,
    } = response;
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(&body.0)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(&header.value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    // Theirs were those of a body that is another one now.
    let closes = response
        .headers()
        .get(CONNECTION)
        .is_some_and(|told| told == "close");
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
        response.headers_mut().remove(name);
    }
    if closes {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}
