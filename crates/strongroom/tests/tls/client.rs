//! A TLS client that says what it saw of the handshake, and a server to use it on.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};
use strongroom_testkit::exchange::{Outgoing, Reply, connect};

use crate::authority::{Authority, Issued};
use crate::program::Running;
use crate::program::installation::Installation;

/// The name that servers have.
pub const HOST: &str = "pay.example";
/// How long a test waits for a state.
const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Clone)]
pub struct Client(Arc<ClientConfig>);

impl Client {
    pub fn new(authority: &Authority) -> Client {
        Client::with(authority, None, rustls::ALL_VERSIONS)
    }

    pub fn with(
        authority: &Authority,
        own: Option<&Issued>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.der())).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = vec![CertificateDer::from(own.der.clone())];
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Client(Arc::new(config))
    }

    /// One that believes every certificate, to see which one is shown.
    pub fn blind() -> Client {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = builder.dangerous();
        let mut config = builder
            .with_custom_certificate_verifier(Arc::new(Blind(provider)))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Client(Arc::new(config))
    }

    /// A connection whose handshake is done.
    pub fn open(&self, address: SocketAddr) -> std::io::Result<Tls> {
        let name = ServerName::try_from(HOST).unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let mut stream = StreamOwned::new(connection, connect(address));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// One exchange on a connection of its own. A server refuses a certificate after its part of the handshake of TLS 1.3,
    /// so that shows here.
    pub fn send(&self, request: &Outgoing) -> std::io::Result<Reply> {
        let mut stream = self.open(request.address())?;
        stream.write_all(&request.bytes())?;
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error),
            _ if bytes.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
        Ok(Reply::parse(&bytes, request.bytes().starts_with(b"HEAD")))
    }
}

#[derive(Debug)]
struct Blind(Arc<CryptoProvider>);

impl ServerCertVerifier for Blind {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// The certificate that a server showed.
pub fn shown(stream: &Tls) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

/// Asks once more on an open connection; `None` when the server has closed it.
pub fn ask(stream: &mut Tls, request: &Outgoing) -> Option<u16> {
    let request = request.clone().header("Connection", "keep-alive");
    stream.write_all(&request.bytes()).ok()?;
    let mut bytes = Vec::new();
    let mut one = [0; 1024];
    loop {
        let read = stream.read(&mut one).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&one[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse::<usize>().unwrap() {
            return head.split(' ').nth(1)?.parse().ok();
        }
    }
}

/// A server that speaks TLS with a certificate of its own authority.
pub struct Served {
    pub made: Installation,
    pub authority: Authority,
    pub running: Running,
    pub api: SocketAddr,
    pub admin: SocketAddr,
}

impl Served {
    /// With more lines in the configuration's `[tls]`, and more files beside it.
    pub fn start(more: &str, files: impl FnOnce(&Authority, &std::path::Path)) -> Served {
        Served::with(more, &[], files)
    }

    pub fn with(
        more: &str,
        arguments: &[&str],
        files: impl FnOnce(&Authority, &std::path::Path),
    ) -> Served {
        let authority = Authority::new("Test Authority");
        let made = Installation::configured(&config(more));
        authority.server(&[HOST]).write(made.dir.path());
        files(&authority, made.dir.path());
        let (running, api, admin) = start(&made, arguments);
        Served {
            made,
            authority,
            running,
            api,
            admin,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.authority)
    }

    /// A request with the installation's test key.
    pub fn request(&self, method: &str, target: &str) -> Outgoing {
        Outgoing::new(self.api, method, target).bearer(&self.made.shown("test secret key"))
    }

    /// A number of the metrics.
    pub fn metric(&self, name: &str) -> u64 {
        metric(self.admin, name)
    }

    /// Waits for a metric to reach a number.
    #[track_caller]
    pub fn wait(&self, name: &str, least: u64) {
        wait(name, || self.metric(name) >= least);
    }

    /// Stops it in good order; gives what it logged.
    pub fn stop(self) -> String {
        let stopped = self.running.stop(Signal::TERM);
        assert_eq!(stopped.status.code(), Some(0), "{}", stopped.err);
        stopped.err
    }
}

/// The configuration of a server with both listeners on any port.
pub fn config(more: &str) -> String {
    format!(
        "data = 'data'\nkeyring = 'keyring.toml'\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n\
         public_origins = ['https://{HOST}']\n[tls]\ncertificate = 'certificate.pem'\nkey = 'key.pem'\n{more}"
    )
}

/// Starts a server; gives the addresses it printed.
pub fn start(made: &Installation, arguments: &[&str]) -> (Running, SocketAddr, SocketAddr) {
    let mut running = Running::start(made.command("serve").args(arguments));
    let lines = running.lines_until("metrics on");
    let address = |prefix: &str| -> SocketAddr {
        lines
            .iter()
            .find_map(|line| line.strip_prefix(prefix))
            .unwrap()
            .parse()
            .unwrap()
    };
    let api = address("listening on https://");
    (running, api, address("metrics on http://"))
}

/// A number of a server's metrics.
pub fn metric(admin: SocketAddr, name: &str) -> u64 {
    let text = Outgoing::new(admin, "GET", "/metrics").send().text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("strongroom_{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim()
        .parse()
        .unwrap()
}

/// Waits for a state, without spinning.
#[track_caller]
pub fn wait(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    let (_sender, never) = std::sync::mpsc::channel::<()>();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        let _ = never.recv_timeout(Duration::from_millis(50));
    }
}
