//! Servers on the loopback: a canary that must not be reached, and real HTTP servers, plain and with TLS.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use strongroom_outbound::{Limits, Lookup, Policy, Request, Resolver, Roots};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub const LIMITS: Limits = Limits {
    time: Duration::from_secs(5),
    reply_bytes: 1_024,
};

pub fn post(body: &'static [u8]) -> Request {
    Request {
        method: Method::POST,
        headers: Vec::new(),
        body: Bytes::from_static(body),
    }
}

/// The loopback opened, as `--webhook-network 127.0.0.0/8` does.
pub fn loopback_open() -> Policy {
    Policy {
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..Policy::default()
    }
}

/// A listener on the loopback that counts who comes.
pub struct Listener {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Listener
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Listener {
            address,
            accepted,
            task,
        }
    }

    /// One that must not be reached. It answers, so that whoever does reach it succeeds.
    pub async fn canary() -> Listener {
        Listener::start(|stream| answer(stream, ok("caught"))).await
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

pub fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Answers every request of a connection with the same text.
pub async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: String) {
    while read_request(&mut stream).await.is_some() {
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Head and body of one request.
pub async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4_096];
        let count = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(text);
        }
    }
}

/// Answers from a list, the last one for ever.
pub struct Scripted(Mutex<VecDeque<Vec<IpAddr>>>);

impl Scripted {
    pub fn new(answers: &[&[&str]]) -> Scripted {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Scripted(Mutex::new(answers.iter().map(parse).collect()))
    }
}

impl Resolver for Scripted {
    fn resolve<'a>(&'a self, _: &'a str) -> Lookup<'a> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no answer")) })
    }
}

/// A private authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn trusted(&self, policy: Policy) -> Policy {
        let roots = Roots {
            extra: vec![self.0.pem()],
        };
        Policy { roots, ..policy }
    }

    /// A server for `name`, with a certificate that ends with `last_year`.
    pub fn acceptor(&self, name: &str, last_year: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A server over TLS that always answers the same.
    pub async fn serve(&self, name: &str, last_year: i32, text: String) -> Listener {
        let acceptor = self.acceptor(name, last_year);
        Listener::start(move |stream| {
            let (acceptor, text) = (acceptor.clone(), text.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, text).await;
                }
            }
        })
        .await
    }
}
