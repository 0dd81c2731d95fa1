//! The ACME client's requests, sent by the one client for the outside.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use strongroom_outbound::{Limits, Outbound, Request};

const LIMITS: Limits = Limits {
    time: Duration::from_secs(30),
    reply_bytes: 1 << 20,
};

/// Sends by [`Outbound`], over TLS alone.
pub(super) struct Wire(pub Outbound);

impl HttpClient for Wire {
    fn request(
        &self,
        request: http::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let outbound = self.0.clone();
        Box::pin(async move { exchange(&outbound, request).await })
    }
}

async fn exchange(
    outbound: &Outbound,
    request: http::Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Error> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await;
    let url = head.uri.to_string();
    // SECURITY: a directory may name any URL; none in clear is followed.
    if !url.starts_with("https://") {
        return Err(Error::Str("the directory names a URL without TLS"));
    }
    let target = outbound.check(&url, false);
    let target = target.map_err(|fault| other(format!("`{url}` {fault}")))?;
    let headers = head.headers.into_iter();
    let headers = headers.filter_map(|(name, value)| Some((name?, value)));
    let request = Request {
        method: head.method,
        headers: headers
            .filter(|(name, _)| *name != http::header::USER_AGENT)
            .collect(),
        body: body.to_bytes(),
    };
    let sent = outbound.send(&target, request, LIMITS).await;
    let reply = sent.map_err(|fault| other(format!("`{url}`: {fault}")))?;
    if reply.truncated {
        return Err(Error::Str("the answer is larger than 1 MiB"));
    }
    let mut response = Response::builder()
        .status(reply.status)
        .body(Full::new(reply.body))?;
    *response.headers_mut() = reply.headers;
    Ok(BytesResponse::from(response))
}

fn other(text: String) -> Error {
    Error::Other(text.into())
}
