//! Who is let into the channel between nodes, and what becomes of a request when it breaks.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use strongroom_crypto::RootKeys;
use strongroom_nodes::{Answering, Holder, Identity, Missed, NodeKey, Notice, Speech, answer_lane};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A node that answers what it is sent, and counts it.
struct Node {
    notice: Notice,
    key: Arc<NodeKey>,
    asked: Arc<AtomicUsize>,
    admitted: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
}

async fn node() -> Node {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let identity = Arc::new(Identity::new().unwrap());
    let key = Arc::new(NodeKey::of(&RootKeys::generate()));
    let notice = Notice {
        epoch: 3,
        instance: [9; 16],
        fingerprint: identity.fingerprint,
        address: listener.local_addr().unwrap(),
    };
    let (stop, stopped) = watch::channel(false);
    let node = Node {
        notice: notice.clone(),
        key: Arc::clone(&key),
        asked: Arc::default(),
        admitted: Arc::default(),
        stop: stop.clone(),
    };
    let (asked, admitted) = (Arc::clone(&node.asked), Arc::clone(&node.admitted));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (identity, key, notice) = (Arc::clone(&identity), Arc::clone(&key), notice.clone());
            let (asked, admitted) = (Arc::clone(&asked), Arc::clone(&admitted));
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let Ok((session, speech)) = identity.admit(stream, &key, &notice).await else {
                    return;
                };
                admitted.fetch_add(1, Ordering::SeqCst);
                if speech == Speech::Lane {
                    let answering = Answering {
                        idle: Duration::from_secs(60),
                        stopped,
                    };
                    return answer_lane(session, answering, move |question| {
                        asked.fetch_add(1, Ordering::SeqCst);
                        echo(question)
                    })
                    .await;
                }
                let service = service_fn(move |request| {
                    asked.fetch_add(1, Ordering::SeqCst);
                    answer(request)
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(session), service);
                drop(connection.await);
            });
        }
    });
    node
}

/// The question comes back, the longer ones later; `never` does not.
async fn echo(question: Vec<u8>) -> Vec<u8> {
    if question == b"never" {
        std::future::pending::<()>().await;
    }
    for _ in 0..question.len() {
        tokio::task::yield_now().await;
    }
    question
}

/// The body comes back; `/never` is not answered.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/never" {
        std::future::pending::<()>().await;
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::new(body)))
}

fn request(path: &str) -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from_static(b"hello"));
    Request::post(path).body(body).unwrap()
}

fn holder(notice: &Notice, key: &Arc<NodeKey>) -> Holder {
    Holder::new(notice.clone(), Arc::clone(key)).unwrap()
}

#[tokio::test]
async fn a_member_is_answered_and_its_connection_kept() {
    let node = node().await;
    let holder = holder(&node.notice, &node.key);
    for _ in 0..5 {
        let mut answered = holder.send(request("/")).await.unwrap();
        assert_eq!(answered.response.status(), StatusCode::OK);
        let (body, _) = answered.parts();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
        holder.keep(answered);
    }
    let counted = |of: &AtomicUsize| of.load(Ordering::SeqCst);
    assert_eq!((counted(&node.asked), counted(&node.admitted)), (5, 1));
}

/// Another installation's key, another epoch, another instance, another certificate: nothing is sent, nothing answered.
#[tokio::test]
async fn who_is_no_member_of_this_time_is_refused() {
    let node = node().await;
    let good = &node.notice;
    let stranger = Arc::new(NodeKey::of(&RootKeys::generate()));
    let epoch = Notice {
        epoch: 4,
        ..good.clone()
    };
    let instance = Notice {
        instance: [8; 16],
        ..good.clone()
    };
    let fingerprint = Notice {
        fingerprint: [0; 32],
        ..good.clone()
    };
    for (name, notice, key) in [
        ("another key", good, &stranger),
        ("another epoch", &epoch, &node.key),
        ("another instance", &instance, &node.key),
        ("another certificate", &fingerprint, &node.key),
    ] {
        let missed = holder(notice, key).send(request("/")).await.err();
        assert!(
            matches!(missed, Some(Missed::NotSent(_))),
            "{name}: {missed:?}"
        );
        let asked = holder(notice, key).ask(b"hello".to_vec()).await;
        assert!(
            matches!(asked, Ok(None) | Err(Missed::NotSent(_))),
            "{name}: {asked:?}"
        );
    }
    assert_eq!(node.admitted.load(Ordering::SeqCst), 0);
    assert_eq!(node.asked.load(Ordering::SeqCst), 0);
}

/// A node that shows the right address and not the right certificate gets no byte of the proof.
#[tokio::test]
async fn an_impostor_learns_nothing() {
    let node = node().await;
    let other = self::node().await;
    let led = Notice {
        address: other.notice.address,
        ..node.notice.clone()
    };
    let missed = holder(&led, &node.key).send(request("/")).await.err();
    assert!(
        matches!(&missed, Some(Missed::NotSent(cause)) if cause.contains("not the node of the notice")),
        "{missed:?}"
    );
}

/// Plain bytes, TLS 1.2 and TLS without a proof end before any HTTP.
#[tokio::test]
async fn strangers_do_not_reach_http() {
    let node = node().await;
    let address = node.notice.address;
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut told = Vec::new();
    drop(plain.read_to_end(&mut told).await);
    assert!(!told.starts_with(b"HTTP"), "{told:?}");

    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let outcome = tokio::task::spawn_blocking(move || speak(address, version)).await;
        assert!(outcome.unwrap().is_err(), "{version:?}");
    }
    assert_eq!(node.admitted.load(Ordering::SeqCst), 0);
    assert_eq!(node.asked.load(Ordering::SeqCst), 0);
}

/// A client that takes any certificate and proves nothing; the first byte that comes back.
fn speak(
    address: SocketAddr,
    version: &'static rustls::SupportedProtocolVersion,
) -> std::io::Result<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth();
    let name = "node.strongroom".try_into().unwrap();
    let session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut stream = rustls::StreamOwned::new(session, stream);
    stream.write_all(b"strong/1")?;
    stream.write_all(&[0; 32])?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[derive(Debug)]
struct Any(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The proof of one session, carried into another one by somebody in between, is refused there.
#[tokio::test]
async fn a_proof_is_good_for_one_session() {
    let node = node().await;
    // Whoever sits between cannot end the TLS of the node of the notice; so it passes the bytes on, twice.
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let led = Notice {
        address: between.local_addr().unwrap(),
        ..node.notice.clone()
    };
    let target = node.notice.address;
    let recorded = tokio::spawn(async move {
        let (mut client, _) = between.accept().await.unwrap();
        let mut server = TcpStream::connect(target).await.unwrap();
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let mut record = Vec::new();
        let mut bytes = [0; 4_096];
        let back = tokio::io::copy(&mut from_server, &mut to_client);
        tokio::pin!(back);
        loop {
            tokio::select! {
                count = from_client.read(&mut bytes) => match count {
                    Ok(count @ 1..) => {
                        record.extend_from_slice(&bytes[..count]);
                        to_server.write_all(&bytes[..count]).await.unwrap();
                    }
                    _ => return record,
                },
                _ = &mut back => return record,
            }
        }
    });
    let holder = holder(&led, &node.key);
    let answered = holder.send(request("/")).await.unwrap();
    assert_eq!(answered.response.status(), StatusCode::OK);
    drop((answered, holder));
    let record = recorded.await.unwrap();
    assert!(record.len() > 200, "a whole session was recorded");
    let mut again = TcpStream::connect(target).await.unwrap();
    drop(again.write_all(&record).await);
    let mut told = Vec::new();
    drop(again.read_to_end(&mut told).await);
    assert_eq!(node.admitted.load(Ordering::SeqCst), 1);
    assert_eq!(node.asked.load(Ordering::SeqCst), 1);
}

/// What was sent and not answered is lost, not repeated; what was not sent is said to be that.
#[tokio::test]
async fn what_was_sent_is_told_from_what_was_not() {
    let node = node().await;
    let holder = Arc::new(holder(&node.notice, &node.key));
    let waiting = tokio::spawn({
        let holder = Arc::clone(&holder);
        async move { holder.send(request("/never")).await.err() }
    });
    while node.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    holder.break_off();
    assert!(matches!(waiting.await.unwrap(), Some(Missed::Lost(_))));
    assert_eq!(node.asked.load(Ordering::SeqCst), 1);
    // It is no worse afterwards.
    assert!(holder.send(request("/")).await.is_ok());

    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nowhere.local_addr().unwrap();
    drop(nowhere);
    let gone = Notice {
        address,
        ..node.notice
    };
    let missed = self::holder(&gone, &node.key)
        .send(request("/"))
        .await
        .err();
    assert!(matches!(missed, Some(Missed::NotSent(_))), "{missed:?}");
}

/// Any number of questions travel on one connection, each with its own answer.
#[tokio::test(flavor = "multi_thread")]
async fn questions_travel_side_by_side() {
    let node = node().await;
    let holder = Arc::new(holder(&node.notice, &node.key));
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..1_000_usize {
        let holder = Arc::clone(&holder);
        asking.spawn(async move {
            let mut question = number.to_string().into_bytes();
            question.resize(10 + number % 300, b'.');
            if number % 100 == 0 {
                question.resize(200_000, b'.');
                question.truncate(if number == 0 { 200_000 } else { 70_000 });
            }
            let answer = holder.ask(question.clone()).await.unwrap().unwrap();
            assert_eq!(answer, question);
        });
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    assert_eq!(node.admitted.load(Ordering::SeqCst), 1, "connections");
    assert_eq!(node.asked.load(Ordering::SeqCst), 1_000);
    // A gone client is no reason to end it.
    let waiting = {
        let holder = Arc::clone(&holder);
        tokio::spawn(async move { holder.ask(b"never".to_vec()).await })
    };
    while node.asked.load(Ordering::SeqCst) == 1_000 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert_eq!(holder.ask(b"on".to_vec()).await.unwrap().unwrap(), b"on");
    assert_eq!(node.admitted.load(Ordering::SeqCst), 1, "connections");
}

/// What was asked and not answered is lost when everything is given up; the next question has a lane of its own.
#[tokio::test]
async fn a_lane_that_is_given_up_loses_what_it_carries() {
    let node = node().await;
    let holder = Arc::new(holder(&node.notice, &node.key));
    let waiting = tokio::spawn({
        let holder = Arc::clone(&holder);
        async move { holder.ask(b"never".to_vec()).await }
    });
    while node.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    holder.break_off();
    let lost = waiting.await.unwrap();
    assert!(matches!(lost, Err(Missed::Lost(_))), "{lost:?}");
    assert_eq!(
        holder.ask(b"next".to_vec()).await.unwrap().unwrap(),
        b"next"
    );
    assert_eq!(node.admitted.load(Ordering::SeqCst), 2);
}

/// A node that stops answers what it has, and takes nothing more on that connection: nothing is lost in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_loses_nothing() {
    let node = node().await;
    let holder = Arc::new(holder(&node.notice, &node.key));
    assert!(holder.ask(b"first".to_vec()).await.unwrap().is_some());
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..200_usize {
        let holder = Arc::clone(&holder);
        asking.spawn(async move {
            let question = vec![b'x'; 1 + number * 3];
            holder.ask(question).await
        });
    }
    node.stop.send_replace(true);
    while let Some(done) = asking.join_next().await {
        let answered = done.unwrap();
        assert!(
            matches!(answered, Ok(Some(_)) | Err(Missed::NotSent(_))),
            "{answered:?}"
        );
    }
}

/// A node of before there were lanes closes on their greeting; it is spoken to by HTTP then.
#[tokio::test]
async fn a_node_without_lanes_is_found_out() {
    let node = node().await;
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let led = Notice {
        address: between.local_addr().unwrap(),
        ..node.notice.clone()
    };
    let target = node.notice.address;
    tokio::spawn(async move {
        let mut connections = 0;
        loop {
            let (mut client, _) = between.accept().await.unwrap();
            let mut server = TcpStream::connect(target).await.unwrap();
            connections += 1;
            if connections > 1 {
                tokio::spawn(async move {
                    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                });
                continue;
            }
            // Ends with what follows the hello.
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let mut hello = vec![0; 4_096];
            let count = from_client.read(&mut hello).await.unwrap();
            to_server.write_all(&hello[..count]).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                _ = from_client.read(&mut hello) => {}
            }
        }
    });
    let holder = holder(&led, &node.key);
    for _ in 0..3 {
        assert_eq!(holder.ask(b"hello".to_vec()).await, Ok(None));
        assert!(holder.send(request("/")).await.is_ok());
    }
}

/// However many requests are under way and wait for a place, asking whether the node is there takes none; and questions
/// on the lane do not wait for streams.
#[tokio::test(flavor = "multi_thread")]
async fn a_ping_waits_for_nobody() {
    let node = node().await;
    let key = Arc::clone(&node.key);
    let holder = Arc::new(Holder::with_places(node.notice.clone(), key, 4).unwrap());
    let mut under_way = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let holder = Arc::clone(&holder);
        under_way.spawn(async move { holder.send(request("/never")).await.err() });
    }
    while node.asked.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    assert!(holder.ping(request("/")).await.is_ok());
    assert_eq!(holder.ask(b"on".to_vec()).await.unwrap().unwrap(), b"on");
    // The rest got no place: that many are there, and the ping and the question.
    assert_eq!(node.asked.load(Ordering::SeqCst), 6);
    under_way.shutdown().await;
}
