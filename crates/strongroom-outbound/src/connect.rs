//! From an origin to an open connection: resolve once, check every address, connect to a checked one.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::fault::OutboundFault;
use crate::policy::Policy;
use crate::resolve::Resolver;
use crate::target::{Host, Origin, Scheme};
use crate::tls::Tls;

/// Addresses of one name that are tried.
const MOST_TRIED: usize = 4;

/// For an address that has others behind it; the last has what is left of the exchange's time.
const TRY_TIME: Duration = Duration::from_secs(2);

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 32 * 1024;

/// The most header lines of an answer.
const MAX_HEADERS: usize = 100;

/// An open connection to a checked address. Dropped, it is closed at once, whatever it was doing.
pub(crate) struct Connection {
    pub sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Opens connections.
pub(crate) struct Connector {
    pub policy: Policy,
    pub resolver: Box<dyn Resolver>,
    pub tls: Tls,
}

impl Connector {
    pub async fn open(&self, origin: &Origin) -> Result<Connection, OutboundFault> {
        let stream = dial(&self.admitted(origin).await?, origin.port).await?;
        match origin.scheme {
            Scheme::Http => begin(stream).await,
            Scheme::Https => begin(self.tls.begin(&origin.host, stream).await?).await,
        }
    }

    pub async fn admits(&self, origin: &Origin) -> Result<(), OutboundFault> {
        self.admitted(origin).await.map(drop)
    }

    /// The addresses that may be connected to.
    ///
    /// SECURITY: the others are left out rather than the whole answer refused. Nothing is ever connected to but what
    /// this returns, so an answer that mixes the two gains nothing; and honest answers are mixed: `localhost` where only
    /// `127.0.0.0/8` is open, public names behind a translating IPv6 name server.
    async fn admitted(&self, origin: &Origin) -> Result<Vec<IpAddr>, OutboundFault> {
        let found = match &origin.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolver.resolve(name).await.unwrap_or_default(),
        };
        if found.is_empty() {
            return Err(OutboundFault::Resolve);
        }
        let mut admitted: Vec<IpAddr> = Vec::new();
        for address in found {
            if self.policy.admits(origin, address) && !admitted.contains(&address) {
                admitted.push(address);
            }
        }
        admitted.truncate(MOST_TRIED);
        if admitted.is_empty() {
            return Err(OutboundFault::RefusedAddress);
        }
        Ok(admitted)
    }
}

/// The first address that answers.
async fn dial(addresses: &[IpAddr], port: u16) -> Result<TcpStream, OutboundFault> {
    let (last, others) = addresses.split_last().ok_or(OutboundFault::Resolve)?;
    for address in others {
        let attempt = TcpStream::connect(SocketAddr::new(*address, port));
        if let Ok(Ok(stream)) = tokio::time::timeout(TRY_TIME, attempt).await {
            return Ok(prompt(stream));
        }
    }
    let attempt = TcpStream::connect(SocketAddr::new(*last, port)).await;
    attempt.map(prompt).map_err(|error| {
        OutboundFault::Connect(match error.kind() {
            ErrorKind::ConnectionRefused => "nothing listens there",
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "no route to the host",
            ErrorKind::TimedOut => "the host is silent",
            _ => "the host cannot be reached",
        })
    })
}

/// Sent when written. A socket that cannot be told so works all the same.
fn prompt(stream: TcpStream) -> TcpStream {
    drop(stream.set_nodelay(true));
    stream
}

async fn begin<S>(stream: S) -> Result<Connection, OutboundFault>
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| OutboundFault::Connect("the host closed the connection"))?;
    // Its end is seen by the request that uses it.
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok(Connection { sender, driver })
}
