//! One HTTP exchange over a plain socket: every byte sent is the test's own, every byte received is kept.
//!
//! No client library stands between a test and the wire, so that malformed heads, half bodies and odd header bytes
//! reach the server as written.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use strongroom_crypto::MacKey;

/// How long a test waits for the server; far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(90);

/// A request on its way out.
#[derive(Clone)]
pub struct Outgoing {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Outgoing {
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Outgoing {
        Outgoing {
            address,
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn content(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    pub(crate) fn each_header(&mut self, mut change: impl FnMut(&str, &mut Vec<u8>)) {
        for (name, value) in &mut self.headers {
            change(name, value);
        }
    }

    /// The headers set so far.
    pub(crate) fn text_headers(&self) -> Vec<(String, String)> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = self.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    /// Adds a header; a name may stand more than once.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Outgoing {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    #[must_use]
    pub fn bearer(self, key: &str) -> Outgoing {
        self.header("Authorization", format!("Bearer {key}"))
    }

    #[must_use]
    pub fn idempotent(self, key: &str) -> Outgoing {
        self.header("Idempotency-Key", key)
    }

    #[must_use]
    pub fn json(self, body: &Value) -> Outgoing {
        self.body(body.to_string())
    }

    /// The body's bytes as they are.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Outgoing {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// Signs what was set so far, as the documents' snippet does: without a body, the word `undefined`.
    #[must_use]
    pub fn signed(self, secret: &str, seconds: i64) -> Outgoing {
        let url = self.target.clone();
        self.signed_for(&url, secret, seconds)
    }

    /// Signs with another URL in the message.
    #[must_use]
    pub fn signed_for(self, url: &str, secret: &str, seconds: i64) -> Outgoing {
        let body = self.body.clone().unwrap_or_else(|| b"undefined".to_vec());
        let signature = signature(secret, &self.method, url, &seconds.to_string(), &body);
        self.header("X-Signature", signature)
            .header("X-Timestamp", seconds.to_string())
    }

    /// The request as it goes over the wire, on a connection that the server closes after its answer.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let has = |name: &str| {
            self.headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        let mut line = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        if !has("host") {
            line("Host", self.address.to_string().as_bytes());
        }
        if !has("connection") {
            line("Connection", b"close");
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        if let Some(body) = &self.body {
            if !has("content-type") {
                line("Content-Type", b"application/json");
            }
            if !has("content-length") && !has("transfer-encoding") {
                line("Content-Length", body.len().to_string().as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body.as_deref().unwrap_or_default());
        out
    }

    /// Sends it and reads the answer.
    /// The same; `None` when the server went away.
    pub fn try_send(&self) -> Option<Reply> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(&self.bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = find(&bytes, b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?)
            .ok()?
            .to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))?;
        // What was cut off is no answer.
        let whole = bytes.len() - end - 4 == length.trim().parse::<usize>().ok()?;
        whole.then(|| Reply::parse(&bytes, self.method == "HEAD"))
    }

    pub fn send(&self) -> Reply {
        let bytes = exchange(self.address, &self.bytes());
        Reply::parse(&bytes, self.method == "HEAD")
    }
}

/// The signature of the documents: `METHOD \n URL \n TIMESTAMP \n BODY`, keyed with the secret's text.
pub fn signature(secret: &str, method: &str, url: &str, timestamp: &str, body: &[u8]) -> String {
    let key = MacKey::new(secret.as_bytes());
    let tag = key.tag(&[format!("{method}\n{url}\n{timestamp}\n").as_bytes(), body]);
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends bytes and reads until the server closes the connection.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // A server that has refused already may close before it took everything: what it said still counts.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    answer
}

/// A connection whose reads and writes do not wait for ever.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
    for set in [
        stream.set_read_timeout(Some(PATIENCE)),
        stream.set_write_timeout(Some(PATIENCE)),
    ] {
        set.unwrap_or_else(|error| panic!("a socket without a timeout: {error}"));
    }
    stream
}

/// An answer as received.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer that was received elsewhere; `headless` if it is one to HEAD.
    pub fn parse(bytes: &[u8], headless: bool) -> Reply {
        let shown = || String::from_utf8_lossy(bytes).into_owned();
        let end = find(bytes, b"\r\n\r\n")
            .unwrap_or_else(|| panic!("an answer without an end of head: {:?}", shown()));
        let (head, rest) = bytes.split_at(end);
        let head = String::from_utf8_lossy(head).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("an answer without a status: {:?}", shown()));
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers: Vec<(String, String)> = lines.filter_map(header).collect();
        let body = rest.get(4..).unwrap_or_default().to_vec();
        let reply = Reply {
            status,
            headers,
            body,
        };
        reply.check_length(headless);
        reply
    }

    /// Every answer says how long it is, and is.
    fn check_length(&self, headless: bool) {
        if self.status == 204 || headless {
            assert!(self.body.is_empty(), "a body where none may be: {self:?}");
            return;
        }
        let length = self
            .header("content-length")
            .and_then(|text| text.parse().ok());
        assert_eq!(length, Some(self.body.len()), "{}", self.text());
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}: {}", self.status, self.text()))
    }

    /// A text member of the body; `a/b` goes down.
    pub fn field(&self, path: &str) -> String {
        let json = self.json();
        let found = json.pointer(&format!("/{path}"));
        let Some(found) = found else {
            panic!("no `{path}` in {}: {}", self.status, self.text())
        };
        found
            .as_str()
            .map_or_else(|| found.to_string(), str::to_owned)
    }

    pub fn id(&self) -> String {
        self.field("id")
    }

    /// The error's code; empty when there is none.
    pub fn code(&self) -> String {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json.get("code")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Asserts the status and goes on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Asserts an error's status and code, and that it has the members of both families of clients (CONTRACT 4).
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Reply {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text()
        );
        check_problem(&self);
        self
    }
}

#[track_caller]
fn check_problem(reply: &Reply) {
    let body = reply.json();
    let text = |path: &str| {
        body.pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{body}"
    );
    let names: Vec<&str> = body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let mut expected = [
        "type",
        "title",
        "status",
        "detail",
        "code",
        "message",
        "request_id",
        "error",
        "errors",
    ]
    .to_vec();
    expected.sort_unstable();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{body}");
    assert_eq!(
        body.get("status").and_then(Value::as_u64),
        Some(u64::from(reply.status)),
        "{body}"
    );
    assert_eq!(
        text("/type"),
        format!("urn:strongroom:problem:{}", text("/code")),
        "{body}"
    );
    assert_eq!(text("/error/code"), text("/code"), "{body}");
    assert_eq!(text("/message"), text("/detail"), "{body}");
    assert_eq!(text("/error/message"), text("/detail"), "{body}");
    assert!(
        body.pointer("/error/details").is_some_and(Value::is_object),
        "{body}"
    );
    assert!(
        body.pointer("/errors").is_some_and(Value::is_array),
        "{body}"
    );
    assert!(
        !text("/title").is_empty() && !text("/detail").is_empty(),
        "{body}"
    );
    assert!(text("/request_id").starts_with("req_"), "{body}");
    // Never a stack, SQL, a path or a Rust type's name.
    for word in ["panicked", "src/", ".rs", "sqlite", "::"] {
        assert!(!reply.text().contains(word), "`{word}` in {body}");
    }
}

/// Where `needle` begins.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
