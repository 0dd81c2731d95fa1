//! The accept loop over real sockets: bounds of size and time, and the end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use strongroom_http::{EdgeSettings, serve, serve_admin};
use support::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(120);

struct Listening {
    server: Server,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

fn listen(settings: impl FnOnce(&mut EdgeSettings)) -> Listening {
    let server = Server::with(settings);
    let app = server.app.clone();
    let (stop, stopped) = oneshot::channel();
    let (address, done) = server.runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = async { stopped.await.unwrap_or(()) };
        (address, tokio::spawn(serve(listener, app, shutdown)))
    });
    Listening {
        server,
        address,
        stop,
        done,
    }
}

impl Listening {
    fn run<T>(&self, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
        within(&self.server, test(self.address))
    }
}

/// Runs a test on the server's runtime; one that hangs fails.
fn within<T>(server: &Server, work: impl Future<Output = T>) -> T {
    let limited = async { timeout(LONG, work).await };
    let done = server.runtime.block_on(limited);
    done.unwrap_or_else(|_| panic!("the test hangs"))
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    everything(&mut stream).await
}

/// All that comes until the server closes.
async fn everything(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is a close too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer on a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut part = [0; 4_096];
        match stream.read(&mut part).await.unwrap() {
            0 => break,
            n => answer.extend_from_slice(part.get(..n).unwrap_or_default()),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn a_connection_serves_many_requests() {
    let listening = listen(|_| {});
    listening.run(async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for _ in 0..3 {
            stream.write_all(HEALTH).await.unwrap();
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\n{\"status\":\"ok\"}"), "{answer}");
        }
    });
}

#[test]
fn heads_and_targets_are_bounded() {
    let listening = listen(|_| {});
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(40_000));
    listening.run(async |address| {
        for (request, status) in [
            (format!("GET /health HTTP/1.1\r\n{many}\r\n"), "431"),
            (format!("GET /health HTTP/1.1\r\n{large}\r\n"), "431"),
            (
                format!(
                    "GET /{} HTTP/1.1\r\nconnection: close\r\n\r\n",
                    "x".repeat(9_000)
                ),
                "414",
            ),
            ("nonsense\r\n\r\n".to_owned(), "400"),
        ] {
            let answer = exchange(address, request.as_bytes()).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{status}: {answer}"
            );
        }
    });
}

#[test]
fn a_slow_head_an_idle_connection_and_a_slow_body_are_ended() {
    let listening = listen(|settings| {
        settings.head_time = Duration::from_millis(200);
        settings.idle_time = Duration::from_millis(600);
        settings.body_time = Duration::from_millis(200);
    });
    let key = listening.server.owner().text;
    listening.run(async |address| {
        let start = Instant::now();
        assert_eq!(exchange(address, b"GET /health HT").await, "");
        assert!(start.elapsed() < Duration::from_secs(3));

        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(HEALTH).await.unwrap();
        let start = Instant::now();
        assert!(everything(&mut idle).await.ends_with("\"ok\"}"));
        let waited = start.elapsed();
        assert!((Duration::from_millis(500)..Duration::from_secs(5)).contains(&waited), "{waited:?}");

        let head = format!(
            "POST /v1/wallets HTTP/1.1\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{"
        );
        let answer = exchange(address, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    });
}

#[test]
fn a_chunked_body_is_bounded_as_it_comes() {
    let listening = listen(|_| {});
    let key = listening.server.owner().text;
    listening.run(async |address| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /v1/wallets HTTP/1.1\r\nauthorization: Bearer {key}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let flood = async {
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
            for _ in 0..64 {
                if writing.write_all(chunk.as_bytes()).await.is_err() {
                    break;
                }
            }
        };
        let read = async {
            let mut part = [0; 256];
            let n = reading.read(&mut part).await.unwrap();
            String::from_utf8_lossy(part.get(..n).unwrap_or_default()).into_owned()
        };
        let (_, answer) = tokio::join!(flood, read);
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    });
}

#[test]
fn connections_over_the_cap_wait_for_a_slot() {
    let listening = listen(|settings| settings.connections = 1);
    listening.run(async |address| {
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(HEALTH).await.unwrap();
        answer(&mut first).await;
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(HEALTH).await.unwrap();
        let mut byte = [0];
        assert!(
            timeout(Duration::from_millis(200), second.read(&mut byte))
                .await
                .is_err()
        );
        drop(first);
        assert!(answer(&mut second).await.ends_with("\"ok\"}"));
    });
}

#[test]
fn a_shutdown_ends_idle_connections_and_accepts_no_more() {
    let Listening {
        server,
        address,
        stop,
        done,
    } = listen(|_| {});
    let work = async {
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(HEALTH).await.unwrap();
        answer(&mut idle).await;
        stop.send(()).unwrap();
        assert_eq!(everything(&mut idle).await, "");
        done.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    };
    within(&server, work);
}

#[test]
fn a_request_in_flight_is_answered_after_a_shutdown_began() {
    let Listening {
        server,
        address,
        stop,
        done,
    } = listen(|_| {});
    let key = server.owner().text;
    let body = r#"{"type":"master"}"#;
    let head = format!(
        "POST /v1/wallets HTTP/1.1\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let work = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = everything(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        done.await.unwrap();
    };
    within(&server, work);
}

#[test]
fn the_admin_listener_answers_only_what_operators_ask() {
    let server = Server::start();
    let app = server.app.clone();
    let work = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_admin(listener, app, std::future::pending()));
        for (path, status) in [
            ("/metrics", 200),
            ("/health", 200),
            ("/ready", 200),
            ("/v1/account", 404),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
            let answer = exchange(address, request.as_bytes()).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{path}: {answer}"
            );
        }
    };
    within(&server, work);
}

/// A request whose body comes only after `meanwhile`, another request, was answered.
async fn held_up(address: SocketAddr, key: &str, meanwhile: &str) -> String {
    let body = r#"{"type":"master"}"#;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/wallets HTTP/1.1\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{{",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server has taken the head once it answers what came after it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = exchange(address, meanwhile.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let rest = body.strip_prefix('{').unwrap();
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut part = [0; 4_096];
    let n = stream.read(&mut part).await.unwrap();
    String::from_utf8_lossy(part.get(..n).unwrap_or_default()).into_owned()
}

fn change(method: &str, target: &str, key: &str, body: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_key_revoked_or_narrowed_while_a_body_is_on_its_way_does_nothing_more() {
    let listening = listen(|_| {});
    let [owner, thief, other] = [(); 3].map(|()| listening.server.owner());
    listening.run(async |address| {
        let narrow = change(
            "PATCH",
            &format!("/v1/api-keys/{}", other.id),
            &owner.text,
            r#"{"networks":["192.0.2.0/24"]}"#,
        );
        let answer = held_up(address, &other.text, &narrow).await;
        assert!(
            answer.starts_with("HTTP/1.1 403") && answer.contains("address_not_allowed"),
            "{answer}"
        );
        let target = format!("/v1/api-keys/{}/revoke", thief.id);
        let revoke = change("POST", &target, &owner.text, "{}");
        let answer = held_up(address, &thief.text, &revoke).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        let wallets = change("GET", "/v1/wallets", &owner.text, "");
        let wallets = exchange(address, wallets.as_bytes()).await;
        assert!(wallets.contains(r#""data":[]"#), "{wallets}");
    });
}
