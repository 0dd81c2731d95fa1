//! A whole server but for its sockets: requests go in where a connection would hand them over.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request};
use serde_json::Value;
use strongroom_auth::Role;
use strongroom_crypto::MacKey;
use strongroom_domain::wallets::WalletType;
use strongroom_engine::Settings;
use strongroom_http::{App, EdgeSettings};
use strongroom_store::MemoryStore;
use strongroom_testkit::books::{Books, Key};
use strongroom_testkit::clock::FakeClock;
use tokio::runtime::Runtime;

pub struct Server {
    pub books: Books,
    pub clock: Arc<FakeClock>,
    pub app: App,
    pub runtime: Runtime,
}

/// A response, taken apart.
pub struct Seen {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Server {
    pub fn start() -> Server {
        Server::with(|_| {})
    }

    pub fn with(settings: impl FnOnce(&mut EdgeSettings)) -> Server {
        let clock = Arc::new(FakeClock::default());
        let clock_of_engine = Arc::clone(&clock);
        let books = Books::found(&MemoryStore::new(), clock_of_engine, Settings::default());
        let mut edge = EdgeSettings::default();
        settings(&mut edge);
        let app = App::new(books.engine.clone(), edge);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Server {
            books,
            clock,
            app,
            runtime,
        }
    }

    pub fn owner(&self) -> Key {
        self.books.key(Role::Owner)
    }

    /// A master wallet with money and an operating wallet without.
    pub fn wallets(&self, minor: i64) -> [String; 2] {
        let [from, to] = [WalletType::Master, WalletType::Operating].map(|t| self.books.wallet(t));
        if minor > 0 {
            self.books.fund(from, minor);
        }
        [from.to_string(), to.to_string()]
    }

    pub fn send_from(&self, peer: &str, request: Request<Full<Bytes>>) -> Seen {
        let peer: IpAddr = peer.parse().unwrap();
        self.runtime.block_on(async {
            let (head, body) = self.app.handle(peer, request).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Seen {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            }
        })
    }

    pub fn send(&self, request: Request<Full<Bytes>>) -> Seen {
        self.send_from("192.0.2.1", request)
    }

    pub fn get(&self, key: &Key, path: &str) -> Seen {
        self.send(request("GET", path, &[bearer(key)], ""))
    }

    /// Posts under a fresh idempotency key.
    pub fn post(&self, key: &Key, path: &str, body: &str) -> Seen {
        self.write("POST", key, path, body)
    }

    pub fn write(&self, method: &str, key: &Key, path: &str, body: &str) -> Seen {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let fresh = format!("k{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let headers = [bearer(key), ("idempotency-key", fresh)];
        self.send(request(method, path, &headers, body))
    }

    /// `X-Signature` and `X-Timestamp` for a request sent now.
    pub fn signature(
        &self,
        key: &Key,
        method: &str,
        target: &str,
        body: &str,
    ) -> [(&'static str, String); 2] {
        let seconds = self.books.engine.now().seconds().to_string();
        let parts = [method, "\n", target, "\n", &seconds, "\n", body].map(str::as_bytes);
        let tag = MacKey::new(key.signing_secret.as_bytes()).tag(&parts);
        let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        [("x-signature", hex), ("x-timestamp", seconds)]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.books.engine.stop();
    }
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and code of a problem.
    pub fn problem(&self) -> (u16, String) {
        let code = self
            .json()
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        (self.status, code)
    }

    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.problem(), (status, code.to_owned()), "{}", self.json());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
    }
}

pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, value.as_bytes());
    }
    request
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap()
}

pub fn bearer(key: &Key) -> (&'static str, String) {
    ("authorization", format!("Bearer {}", key.text))
}

pub fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned()
}
