//! What TLS costs: a full handshake, and an exchange on a connection that stays, beside the same without TLS.
//!
//! Client and server are one process and one thread, and what is counted is the time that the processor worked for it, the kernel's
//! part included: the work of both ends, of which a server has about half. Prints one JSON line per figure: `{"name", "value", "unit"}`; run it in release mode.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run has nothing to say"
)]

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use strongroom_tls::{Acceptor, TlsSettings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HANDSHAKES: u32 = 2_000;
const EXCHANGES: u32 = 100_000;
/// A payout's request and its answer, heads included.
const REQUEST: usize = 450;
const REPLY: usize = 1_100;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(dir.path()));
}

async fn measure(dir: &Path) {
    let (acceptor, connector) = both_ends(dir);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (stream, _) = acceptor.accept(stream).await.unwrap();
                answer(stream).await;
            });
        }
    });
    let begun = worked();
    for _ in 0..HANDSHAKES {
        let mut stream = open(&connector, address).await;
        exchange(&mut stream).await;
    }
    row(
        "tls: handshake and one exchange, both ends",
        begun,
        HANDSHAKES,
    );
    let mut stream = open(&connector, address).await;
    let sealed = exchanges(&mut stream).await;
    row_of("tls: exchange on a kept connection, both ends", sealed);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        answer(stream).await;
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let plain = exchanges(&mut stream).await;
    row_of("plain: exchange on a kept connection, both ends", plain);
    row_of("tls: added to an exchange, both ends", sealed - plain);
}

fn both_ends(dir: &Path) -> (Acceptor, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["pay.example".into()]).unwrap();
    let (certificate, key) = (dir.join("certificate.pem"), dir.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, private).unwrap();
    // A time within the certificate's, which is what the check of the files is given.
    let acceptor = Acceptor::open(TlsSettings::new(certificate, key), 1_700_000_000).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    (acceptor, TlsConnector::from(Arc::new(config)))
}

async fn open(connector: &TlsConnector, address: std::net::SocketAddr) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    connector
        .connect(ServerName::try_from("pay.example").unwrap(), stream)
        .await
        .unwrap()
}

/// Microseconds of one exchange, of many.
async fn exchanges(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> f64 {
    let begun = worked();
    for _ in 0..EXCHANGES {
        exchange(stream).await;
    }
    (worked() - begun) / f64::from(EXCHANGES)
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(&[b'x'; REQUEST]).await.unwrap();
    stream.flush().await.unwrap();
    stream.read_exact(&mut [0; REPLY]).await.unwrap();
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = [0; REQUEST];
    while stream.read_exact(&mut request).await.is_ok() {
        stream.write_all(&[b'y'; REPLY]).await.unwrap();
        stream.flush().await.unwrap();
    }
}

/// Microseconds that the processor has worked for this thread.
fn worked() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e3
}

fn row(name: &str, begun: f64, times: u32) {
    row_of(name, (worked() - begun) / f64::from(times));
}

fn row_of(name: &str, value: f64) {
    println!("{{\"name\": \"{name}\", \"value\": {value:.2}, \"unit\": \"us\"}}");
}
