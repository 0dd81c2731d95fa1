//! Connections to one server: kept open between requests, opened when none is idle.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::error::ClientError;
use crate::tls::{Tls, Trust};

/// Idle connections kept.
const MOST_IDLE: usize = 16;

/// The largest answer that is read unless a client says otherwise, in bytes.
const MOST_BYTES: usize = 256 * 1024 * 1024;

pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// The way to one server.
pub(crate) struct Connections {
    /// `host:port`.
    authority: String,
    /// For `https`.
    tls: Option<Tls>,
    idle: Mutex<Vec<Sender>>,
    /// In bytes.
    pub largest_answer: usize,
}

impl Connections {
    /// To the server of a base URL, `https://host[:port]` or `http://host[:port]`.
    pub fn to(base_url: &str) -> Result<Connections, ClientError> {
        let bad = || ClientError::BadUrl(base_url.to_owned());
        let secure = base_url.strip_prefix("https://");
        let host = secure.or_else(|| base_url.strip_prefix("http://"));
        let host = host.ok_or_else(bad)?.trim_end_matches('/');
        let is_authority = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
        if !is_authority {
            return Err(bad());
        }
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port {
            host.to_owned()
        } else if secure.is_some() {
            format!("{host}:443")
        } else {
            format!("{host}:80")
        };
        Ok(Connections {
            tls: secure.map(|_| Tls::new(Trust::default())).transpose()?,
            authority,
            idle: Mutex::default(),
            largest_answer: MOST_BYTES,
        })
    }

    /// The same, with other ideas of whom to believe.
    pub fn trusting(&mut self, trust: Trust) -> Result<(), ClientError> {
        match &mut self.tls {
            Some(tls) => *tls = Tls::new(trust)?,
            // SECURITY: pins of a connection in clear would hold nobody to anything.
            None => {
                return Err(ClientError::Untrusted(
                    "a URL of `http` has no certificate to look at".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The value of the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends one request and reads the whole answer.
    pub async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, ClientError> {
        let mut sender = match self.take_idle() {
            Some(sender) => sender,
            None => self.open().await?,
        };
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let (head, body) = response.into_parts();
        let read = Limited::new(body, self.largest_answer).collect().await;
        let bytes = read
            .map_err(|error| ClientError::Unreachable(error.to_string()))?
            .to_bytes();
        self.put_back(sender);
        Ok(Response::from_parts(head, bytes))
    }

    /// A connection that nobody else uses.
    pub async fn open(&self) -> Result<Sender, ClientError> {
        let stream = TcpStream::connect(&self.authority)
            .await
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let Some(tls) = &self.tls else {
            return begin(stream).await;
        };
        let host = self.authority.rsplit_once(':').map(|(host, _)| host);
        begin(tls.begin(host.unwrap_or_default(), stream).await?).await
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    fn put_back(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE && !sender.is_closed() {
            idle.push(sender);
        }
    }
}

async fn begin<S>(stream: S) -> Result<Sender, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    // Its end is seen by the request that uses it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn unreachable(error: impl std::error::Error) -> ClientError {
    ClientError::Unreachable(error.to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let authority = |url: &str| Connections::to(url).ok().map(|way| way.authority);
        assert_eq!(
            authority("http://127.0.0.1:7070"),
            Some("127.0.0.1:7070".into())
        );
        assert_eq!(
            authority("http://pay.example/"),
            Some("pay.example:80".into())
        );
        assert_eq!(authority("http://[::1]:7070"), Some("[::1]:7070".into()));
        assert_eq!(
            authority("https://pay.example"),
            Some("pay.example:443".into())
        );
        for odd in [
            "ftp://pay.example",
            "pay.example",
            "http://",
            "http://a/b",
            "http://user@host",
            "http://a b",
        ] {
            assert_eq!(authority(odd), None, "{odd}");
        }
    }
}
