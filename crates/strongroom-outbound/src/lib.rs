//! Stands in for the network guard until that is merged: plain http to literal addresses of allowed networks only.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::net::TcpStream;

#[derive(Clone, Debug, Default)]
pub enum Roots {
    #[default]
    Web,
}

#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub networks: Vec<IpNet>,
    pub ports: Vec<u16>,
    pub roots: Roots,
}

#[derive(Clone, Debug, Default)]
pub struct Outbound(Arc<Policy>);

#[derive(Clone, Debug)]
pub struct Target {
    address: SocketAddr,
    path: String,
}

#[derive(Clone, Debug)]
pub struct TargetFault(String);

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    pub reply_bytes: usize,
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub truncated: bool,
}

#[derive(Clone, Debug)]
pub enum OutboundFault {
    Connect,
    Timeout,
    Protocol,
}

impl OutboundFault {
    pub const fn code(&self) -> &'static str {
        match self {
            OutboundFault::Connect => "connect_failed",
            OutboundFault::Timeout => "timeout",
            OutboundFault::Protocol => "protocol_error",
        }
    }
}

impl Outbound {
    pub fn new(policy: Policy) -> Result<Outbound, OutboundFault> {
        Ok(Outbound(Arc::new(policy)))
    }

    pub fn check(&self, url: &str, live: bool) -> Result<Target, TargetFault> {
        let fault = |text: &str| TargetFault(text.to_owned());
        let rest = url.strip_prefix("http://").filter(|_| !live);
        let rest = rest.ok_or_else(|| fault("must begin with `https://`"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address: SocketAddr = host.parse().map_err(|_| fault("has no usable host"))?;
        match self.0.networks.iter().any(|n| n.contains(&address.ip())) {
            true => Ok(Target {
                address,
                path: format!("/{path}"),
            }),
            false => Err(fault("is not in an allowed network")),
        }
    }

    pub async fn send(
        &self,
        target: &Target,
        request: Request,
        limits: Limits,
    ) -> Result<Reply, OutboundFault> {
        let work = exchange(target, request, limits.reply_bytes);
        tokio::time::timeout(limits.time, work)
            .await
            .unwrap_or(Err(OutboundFault::Timeout))
    }
}

async fn exchange(target: &Target, request: Request, most: usize) -> Result<Reply, OutboundFault> {
    let protocol = |_| OutboundFault::Protocol;
    let stream = TcpStream::connect(target.address)
        .await
        .map_err(|_| OutboundFault::Connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(protocol)?;
    tokio::spawn(connection);
    let mut builder = http::Request::builder()
        .method(request.method)
        .uri(&target.path)
        .header("host", target.address.to_string());
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    let request = builder
        .body(Full::new(request.body))
        .map_err(|_| OutboundFault::Protocol)?;
    let response = sender.send_request(request).await.map_err(protocol)?;
    let (head, mut body) = response.into_parts();
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(protocol)?;
        read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if read.len() > most {
            read.truncate(most);
            break;
        }
    }
    Ok(Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        body: read.freeze(),
        truncated: false,
    })
}
