//! The client: checks, sends, reads, within limits.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use ipnet::IpNet;

use crate::connect::Connector;
use crate::fault::OutboundFault;
use crate::policy::{NetworkFault, Policy};
use crate::pool::{Lease, Pool};
use crate::request::{Limits, Reply, Request};
use crate::resolve::{Resolver, SystemResolver};
use crate::target::{Target, TargetFault};
use crate::tls::Tls;

const AGENT: &str = concat!("Strongroom/", env!("CARGO_PKG_VERSION"));

/// Headers that frame the message or belong to the connection.
const OWN: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How much beyond its limit an answer is read, and thrown away, to keep the connection.
const MOST_SKIPPED: usize = 16 * 1024;

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Outbound {
    inner: Arc<Inner>,
}

struct Inner {
    connector: Connector,
    pool: Pool,
    swept: AtomicBool,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}

impl Default for Outbound {
    /// The client of the default policy: the public internet over TLS.
    fn default() -> Outbound {
        Outbound::new(Policy::default())
            .unwrap_or_else(|_| unreachable!("without extra roots there is none to misread"))
    }
}

impl Outbound {
    /// # Errors
    /// [`OutboundFault::Roots`] when an extra root is no certificate.
    pub fn new(policy: Policy) -> Result<Outbound, OutboundFault> {
        Outbound::with_resolver(policy, SystemResolver::default())
    }

    /// The same with another way from names to addresses. Its answers are checked like any.
    ///
    /// # Errors
    /// As [`Outbound::new`].
    pub fn with_resolver(
        policy: Policy,
        resolver: impl Resolver,
    ) -> Result<Outbound, OutboundFault> {
        let tls = Tls::new(&policy.roots)?;
        let connector = Connector {
            policy,
            resolver: Box::new(resolver),
            tls,
        };
        Ok(Outbound {
            inner: Arc::new(Inner {
                connector,
                pool: Pool::default(),
                swept: AtomicBool::new(false),
            }),
        })
    }

    /// Reads a URL and says whether its shape is acceptable; no name is asked for. In live mode (`live`) only TLS and
    /// public addresses are.
    ///
    /// # Errors
    /// [`TargetFault`], in words that go on "`url` …".
    pub fn check(&self, url: &str, live: bool) -> Result<Target, TargetFault> {
        Target::parse(url, live, &self.inner.connector.policy)
    }

    /// Reads a range of addresses in CIDR form, which targets can be held to with [`Target::within`].
    ///
    /// # Errors
    /// [`NetworkFault`], in words that go on "`network` …".
    pub fn network(&self, text: &str, live: bool) -> Result<IpNet, NetworkFault> {
        let network: IpNet = text.parse().map_err(|_| NetworkFault::Malformed)?;
        if network != network.trunc() {
            return Err(NetworkFault::HostBits(network.trunc()));
        }
        match self.inner.connector.policy.reaches(&network, live) {
            true => Ok(network),
            false => Err(NetworkFault::Closed),
        }
    }

    /// Sends a request and reads its answer, whatever its status.
    ///
    /// A request on a connection that served others before, and that ends without an answer, is sent once more on a
    /// fresh one: send only what may arrive twice.
    ///
    /// # Errors
    /// [`OutboundFault`] when there is no whole answer within the limits.
    pub async fn send(
        &self,
        target: &Target,
        request: Request,
        limits: Limits,
    ) -> Result<Reply, OutboundFault> {
        check_headers(&request)?;
        self.sweep();
        let exchange = self.inner.exchange(target, &request, limits.reply_bytes);
        tokio::time::timeout(limits.time, exchange)
            .await
            .unwrap_or(Err(OutboundFault::Timeout))
    }

    /// Resolves a target now and says whether there is an address that may be connected to; nothing is connected.
    ///
    /// # Errors
    /// [`OutboundFault::Resolve`] and [`OutboundFault::RefusedAddress`].
    pub async fn admits(&self, target: &Target) -> Result<(), OutboundFault> {
        self.inner.connector.admits(target.origin()).await
    }

    /// Begins, once, to look after idle connections; ends with the last clone.
    fn sweep(&self) {
        if self.inner.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let inner: Weak<Inner> = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(inner) = inner.upgrade() else { return };
                inner.pool.sweep();
            }
        });
    }
}

impl Inner {
    async fn exchange(
        &self,
        target: &Target,
        request: &Request,
        keep: usize,
    ) -> Result<Reply, OutboundFault> {
        if let Some(mut lease) = self.pool.take(target.origin())
            && let Ok(response) = ask(&mut lease, message(target, request)?).await
        {
            return self.read(target, lease, response, keep).await;
        }
        // In a box, for opening is rare, and what it remembers is large: every exchange would carry the room for it.
        let opened = Box::pin(self.connector.open(target.origin())).await?;
        let mut lease = Lease::fresh(opened);
        let response = ask(&mut lease, message(target, request)?).await?;
        self.read(target, lease, response, keep).await
    }

    /// Reads the body as far as it is kept, and gives the connection back if that was all.
    async fn read(
        &self,
        target: &Target,
        lease: Lease,
        response: Response<Incoming>,
        keep: usize,
    ) -> Result<Reply, OutboundFault> {
        let (head, mut body) = response.into_parts();
        let (mut kept, mut skipped) = (Vec::new(), 0);
        let mut ended = false;
        while skipped <= MOST_SKIPPED {
            let Some(frame) = body.frame().await else {
                ended = true;
                break;
            };
            let frame =
                frame.map_err(|_| OutboundFault::Protocol("the answer stopped half way"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let room = keep.saturating_sub(kept.len()).min(data.len());
            let (wanted, rest) = data.split_at(room);
            kept.extend_from_slice(wanted);
            skipped += rest.len();
        }
        if ended {
            self.pool.keep(target.origin(), lease);
        }
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body: Bytes::from(kept),
            truncated: skipped > 0,
        })
    }
}

async fn ask(
    lease: &mut Lease,
    message: hyper::Request<Full<Bytes>>,
) -> Result<Response<Incoming>, OutboundFault> {
    let sender = &mut lease.connection.sender;
    sender.ready().await.map_err(|error| fault(&error))?;
    sender
        .send_request(message)
        .await
        .map_err(|error| fault(&error))
}

fn fault(error: &hyper::Error) -> OutboundFault {
    OutboundFault::Protocol(if error.is_parse() {
        "its head cannot be read or is too large"
    } else {
        "the connection ended before it"
    })
}

fn check_headers(request: &Request) -> Result<(), OutboundFault> {
    let is_sent = |own: &&&str| {
        request
            .headers
            .iter()
            .any(|(name, _)| name.as_str() == **own)
    };
    match OWN.iter().find(is_sent) {
        Some(own) => Err(OutboundFault::RefusedHeader(own)),
        None => Ok(()),
    }
}

/// The request as it goes out: the path alone on its first line, the host as it was checked.
fn message(
    target: &Target,
    request: &Request,
) -> Result<hyper::Request<Full<Bytes>>, OutboundFault> {
    let malformed = |_| OutboundFault::Protocol("the request cannot be sent");
    let mut message = hyper::Request::builder()
        .method(request.method.clone())
        .uri(target.path())
        .body(Full::new(request.body.clone()))
        .map_err(malformed)?;
    let headers: &mut HeaderMap = message.headers_mut();
    headers.reserve(request.headers.len() + 2);
    let host = HeaderValue::try_from(target.host());
    headers.insert(
        HOST,
        host.map_err(|_| OutboundFault::Protocol("the host cannot be named"))?,
    );
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in &request.headers {
        headers.append(name.clone(), value.clone());
    }
    Ok(message)
}
