//! The client: one API key, one server; requests are signed, identified and repeated where that is safe.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use strongroom_crypto::random;
use strongroom_types::secret::SecretText;

use crate::connection::Connections;
use crate::error::{ClientError, Problem};
use crate::retry::Retries;
use crate::signing::{MessageSigner, Signing, Unsigned, sign};
use crate::tls::Trust;

const AGENT: &str = concat!("strongroom-client/", env!("CARGO_PKG_VERSION"));

/// An API key and, where requests are to be signed, its signing secret.
pub struct Credentials {
    pub key: SecretText,
    pub signing_secret: Option<SecretText>,
}

/// A connection to one server under one API key. Share it by reference; it keeps connections open.
pub struct Client {
    pub(crate) connections: Connections,
    credentials: Credentials,
    authorization: HeaderValue,
    messages: Option<MessageSigner>,
    pub(crate) retries: Retries,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    method: Method,
    target: String,
    body: Bytes,
    idempotency_key: Option<String>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub request_id: Option<String>,
    /// The server had done this before, under the same idempotency key, and says the same again.
    pub replayed: bool,
    pub(crate) retry_after: Option<u64>,
    pub body: Bytes,
}

impl Client {
    /// # Errors
    /// [`ClientError::BadUrl`]; also when the key's text cannot stand in a header.
    pub fn new(base_url: &str, credentials: Credentials) -> Result<Client, ClientError> {
        let connections = Connections::to(base_url)?;
        let bearer = SecretText::new(format!("Bearer {}", credentials.key.expose()));
        let mut authorization = HeaderValue::from_str(bearer.expose())
            .map_err(|_| ClientError::Malformed("the API key is not plain text".into()))?;
        authorization.set_sensitive(true);
        Ok(Client {
            connections,
            credentials,
            authorization,
            messages: None,
            retries: Retries::default(),
        })
    }

    /// The same client, which believes others to be the server than who has a certificate of the public authorities.
    ///
    /// # Errors
    /// [`ClientError::Untrusted`] for a base URL of `http`, and when the roots are none.
    pub fn with_trust(mut self, trust: Trust) -> Result<Client, ClientError> {
        self.connections.trusting(trust)?;
        Ok(self)
    }

    /// The same client, which reads no answer larger than this, in bytes.
    #[must_use]
    pub fn with_largest_answer(mut self, bytes: usize) -> Client {
        self.connections.largest_answer = bytes;
        self
    }

    /// The same client, whose requests are signed by RFC 9421 in the place of its own two headers.
    #[must_use]
    pub fn with_message_signer(mut self, signer: MessageSigner) -> Client {
        self.messages = Some(signer);
        self
    }

    /// The same client with other patience.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Client {
        self.retries = retries;
        self
    }

    /// Sends a request and returns its answer, refusals included. What may pass (a lost connection, 429, 503, a key in
    /// use) is tried again within the client's patience.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when no answer came.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<Reply, ClientError> {
        let mut attempt = 1;
        loop {
            let outcome = self.attempt(outgoing).await;
            let wait = match &outcome {
                Ok(reply) => self.retries.after_reply(attempt, reply),
                Err(ClientError::Unreachable(_)) => self.retries.after_silence(attempt),
                Err(_) => None,
            };
            match wait.filter(|_| outgoing.is_repeatable()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome,
            }
            attempt += 1;
        }
    }

    /// Sends a request and reads the answer of a success.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for every other status, and as [`Client::send`].
    pub async fn call<T: DeserializeOwned>(&self, outgoing: &Outgoing) -> Result<T, ClientError> {
        self.send(outgoing).await?.success()
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Result<Reply, ClientError> {
        let request = self.request(outgoing)?;
        let exchange = self.connections.exchange(request);
        match tokio::time::timeout(self.retries.time_limit, exchange).await {
            Ok(answered) => Ok(Reply::of(answered?)),
            Err(_) => Err(ClientError::Unreachable(format!(
                "no answer within {:?}",
                self.retries.time_limit
            ))),
        }
    }

    pub(crate) fn request(&self, outgoing: &Outgoing) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder()
            .method(outgoing.method.clone())
            .uri(&outgoing.target)
            .header(HOST, self.connections.authority())
            .header(USER_AGENT, AGENT)
            .header(AUTHORIZATION, self.authorization.clone());
        if !outgoing.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = &outgoing.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(signer) = &self.messages {
            for (name, value) in self.signed_message(outgoing, signer)? {
                request = request.header(name, value);
            }
        } else if let Some(secret) = &self.credentials.signing_secret {
            let timestamp = unix_seconds().to_string();
            let method = outgoing.method.as_str();
            let signature = sign(
                secret.expose(),
                method,
                &outgoing.target,
                &timestamp,
                &outgoing.body,
            );
            request = request
                .header("X-Timestamp", timestamp)
                .header("X-Signature", signature);
        }
        request
            .body(Full::new(outgoing.body.clone()))
            .map_err(|error| ClientError::Malformed(format!("the request cannot be sent: {error}")))
    }
}

impl Client {
    fn signed_message(
        &self,
        outgoing: &Outgoing,
        signer: &MessageSigner,
    ) -> Result<Vec<(String, String)>, ClientError> {
        let mut fields = Vec::with_capacity(3);
        let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
        if !outgoing.body.is_empty() {
            add("Content-Type", "application/json");
        }
        if let Some(key) = &outgoing.idempotency_key {
            add("Idempotency-Key", key);
        }
        let origin = format!("http://{}", self.connections.authority());
        let request = Unsigned {
            method: outgoing.method.as_str(),
            origin: &origin,
            target: &outgoing.target,
            fields,
            body: &outgoing.body,
        };
        let signing = Signing {
            created: i64::try_from(unix_seconds()).unwrap_or(i64::MAX),
            nonce: Some(fresh_key()),
            ..Signing::default()
        };
        let made = signer.sign(request, &signing);
        let made = made.map_err(|fault| ClientError::Malformed(fault.to_string()))?;
        Ok(made.headers)
    }
}

impl Outgoing {
    /// Reads something; `target` is the path with its query.
    pub fn get(target: impl Into<String>) -> Outgoing {
        Outgoing {
            method: Method::GET,
            target: target.into(),
            body: Bytes::new(),
            idempotency_key: None,
        }
    }

    /// Changes something, under an idempotency key made for it.
    ///
    /// # Errors
    /// [`ClientError::Malformed`] when the body has no JSON form.
    pub fn post(target: impl Into<String>, body: &impl Serialize) -> Result<Outgoing, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Malformed(error.to_string()))?;
        Ok(Outgoing {
            method: Method::POST,
            target: target.into(),
            body: body.into(),
            idempotency_key: Some(fresh_key()),
        })
    }

    /// The same request under the caller's own idempotency key: store the key with the order it pays, and the payment
    /// cannot be made twice.
    #[must_use]
    pub fn under_key(mut self, key: impl Into<String>) -> Outgoing {
        self.idempotency_key = Some(key.into());
        self
    }

    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    fn is_repeatable(&self) -> bool {
        self.method == Method::GET || self.idempotency_key.is_some()
    }
}

impl Reply {
    pub(crate) fn of(response: Response<Bytes>) -> Reply {
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        Reply {
            status: response.status().as_u16(),
            request_id: header("X-Request-Id").map(str::to_owned),
            replayed: header("Idempotent-Replayed") == Some("true"),
            retry_after: header(RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok()),
            body: response.into_body(),
        }
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The refusal it tells of.
    pub fn problem(&self) -> Option<Problem> {
        if self.is_success() {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// What a success holds.
    ///
    /// # Errors
    /// [`ClientError::Refused`], or [`ClientError::Malformed`] when the body is of another shape.
    pub fn success<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        self.borrowed()
    }

    /// The same, for a shape that points into the body.
    pub(crate) fn borrowed<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ClientError> {
        if !self.is_success() {
            return Err(self.refusal());
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| ClientError::Malformed(error.to_string()))
    }

    /// Why there is no success.
    pub(crate) fn refusal(&self) -> ClientError {
        if let Some(problem) = self.problem() {
            return ClientError::Refused(Box::new(problem));
        }
        let text = format!("status {} without a problem", self.status);
        match self.status {
            // A proxy's, in front of a server that is not there.
            502..=504 => ClientError::Unreachable(text),
            _ => ClientError::Malformed(text),
        }
    }
}

/// 128 random bits in hexadecimal.
fn fresh_key() -> String {
    random::<16>()
        .iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            // Writing into a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature carries the client's own time"
)]
fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
