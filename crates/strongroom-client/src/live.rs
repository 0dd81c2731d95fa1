//! Events as stored bytes: a page of them, and the live stream of those that are being committed.
//!
//! The bytes are those that a webhook carries. A stream ends when its connection does, and the next one is opened behind
//! the last event that was handled: nothing is missed and nothing comes twice. What happened before the first event of a
//! stream is safe too, for the server says at once where it begins.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::client::{Client, Outgoing, Reply};
use crate::connection::Sender;
use crate::error::ClientError;
use crate::resources::{Page, segment};
use crate::server_sent::{Message, Reader};

/// The server says something every 15 seconds; silent for so long, it or the way to it is gone.
const SILENCE: Duration = Duration::from_secs(40);

/// The largest refusal that is read, in bytes.
const MOST_REFUSAL: usize = 64 * 1_024;

/// Events of one page.
const PAGE: usize = 100;

/// An event and the bytes that are stored of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    pub id: String,
    pub event_type: String,
    /// JSON, the same bytes for ever.
    pub body: String,
}

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    reader: Reader,
    read: VecDeque<Message>,
    begins_after: Option<String>,
    /// Keeps the connection.
    _sender: Sender,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    has_more: bool,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
}

impl Client {
    /// A page of events after the given one, oldest first, as they are stored.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn stored_events(
        &self,
        after: Option<&str>,
    ) -> Result<Page<StoredEvent>, ClientError> {
        let after = after.map_or_else(String::new, |id| format!("&after={}", segment(id)));
        let target = format!("/v1/events?limit={PAGE}{after}");
        let reply = self.send(&Outgoing::get(target)).await?;
        let page: RawPage<'_> = reply.borrowed()?;
        let data: Result<Vec<StoredEvent>, _> = page.data.iter().map(|raw| stored(raw)).collect();
        Ok(Page {
            data: data.map_err(|error| ClientError::Malformed(error.to_string()))?,
            has_more: page.has_more,
            next_cursor: page.next_cursor,
        })
    }

    /// Opens the stream of events behind `after`, or of those from now on; of the given types, or of all when there is
    /// none. It is tried once.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stream_events(
        &self,
        after: Option<&str>,
        types: &[&str],
    ) -> Result<EventStream, ClientError> {
        let names: Vec<String> = types.iter().map(|name| segment(name)).collect();
        let target = match names.is_empty() {
            true => "/v1/events/stream".to_owned(),
            false => format!("/v1/events/stream?type={}", names.join(",")),
        };
        let limit = self.retries.time_limit;
        let opening = self.open_stream(target, after);
        timeout(limit, opening)
            .await
            .map_err(|_| ClientError::Unreachable(format!("no stream within {limit:?}")))?
    }

    async fn open_stream(
        &self,
        target: String,
        after: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        let mut request = self.request(&Outgoing::get(target))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = after {
            let id = HeaderValue::from_str(id)
                .map_err(|_| ClientError::Malformed("an event's id is not plain text".into()))?;
            headers.insert("Last-Event-ID", id);
        }
        let mut sender = self.connections.open().await?;
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| lost(&error))?;
        let response = streaming(response).await?;
        let mut stream = EventStream {
            body: response.into_body(),
            reader: Reader::default(),
            read: VecDeque::new(),
            begins_after: None,
            _sender: sender,
        };
        stream.greet().await?;
        Ok(stream)
    }
}

impl EventStream {
    /// The event behind which the stream began; `None` when there was none yet.
    pub fn begins_after(&self) -> Option<&str> {
        self.begins_after.as_deref()
    }

    /// The next event; `None` when the server ended the stream. Dropped while it waits, it loses nothing but the count of
    /// how long the server is silent.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the connection is gone or silent, [`ClientError::Malformed`] when what comes is
    /// no stream of events.
    pub async fn next(&mut self) -> Result<Option<StoredEvent>, ClientError> {
        loop {
            while let Some(message) = self.read.pop_front() {
                // SECURITY: an event of no id could not be resumed behind.
                if let (Some(body), Some(id)) = (message.data, message.id) {
                    let event_type = message.event;
                    return Ok(Some(StoredEvent {
                        id,
                        event_type,
                        body,
                    }));
                }
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Reads what a stream begins with.
    async fn greet(&mut self) -> Result<(), ClientError> {
        while self.read.is_empty() {
            if !self.fill().await? {
                return Err(ClientError::Unreachable(
                    "the stream ended before it began".into(),
                ));
            }
        }
        if let Some(first) = self.read.pop_front_if(|first| first.data.is_none()) {
            self.begins_after = first.id;
        }
        Ok(())
    }

    /// Takes what comes next off the connection; whether there was anything.
    async fn fill(&mut self) -> Result<bool, ClientError> {
        let silent = |_| ClientError::Unreachable(format!("nothing came for {SILENCE:?}"));
        let frame = timeout(SILENCE, self.body.frame()).await.map_err(silent)?;
        let Some(frame) = frame else { return Ok(false) };
        let frame = frame.map_err(|error| lost(&error))?;
        if let Ok(bytes) = frame.into_data() {
            let too_large = |_| ClientError::Malformed("an event is larger than any is".into());
            self.read
                .extend(self.reader.read(&bytes).map_err(too_large)?);
        }
        Ok(true)
    }
}

/// The answer, if it is a stream; else what it says instead.
async fn streaming(response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
    if response.status().is_success() {
        let kind = response.headers().get(CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        return match is_stream {
            true => Ok(response),
            false => Err(ClientError::Malformed("it is no stream of events".into())),
        };
    }
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MOST_REFUSAL).collect().await;
    let body = body.map_err(|error| ClientError::Unreachable(error.to_string()))?;
    let reply = Reply::of(Response::from_parts(head, body.to_bytes()));
    Err(reply.refusal())
}

fn stored(raw: &RawValue) -> Result<StoredEvent, serde_json::Error> {
    let head: Head = serde_json::from_str(raw.get())?;
    Ok(StoredEvent {
        id: head.id,
        event_type: head.event_type,
        body: raw.get().to_owned(),
    })
}

fn lost(error: &hyper::Error) -> ClientError {
    ClientError::Unreachable(error.to_string().to_lowercase())
}
