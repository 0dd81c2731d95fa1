//! A node's own side: a certificate that lives as long as the process, and who is let in.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use strongroom_crypto::{equal, sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::key::NodeKey;
use crate::notice::Notice;

/// The name in every such certificate; it is never looked at.
pub(crate) const NAME: &str = "node.strongroom";

/// What a follower's first bytes begin with; the number is that of the protocol.
pub(crate) const GREETING: [u8; 8] = *b"strong/1";
pub(crate) const LANES: [u8; 8] = *b"strong/2";
/// The answer to a good proof.
pub(crate) const WELCOME: u8 = 1;
/// What the proof is bound to is exported from the session under this label.
pub(crate) const LABEL: &[u8] = b"EXPORTER-strongroom-node";

/// How long a stranger may take to prove that it is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection whose other end belongs to the installation.
pub type Admitted = TlsStream<BufReader<TcpStream>>;

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// HTTP/1.1.
    Http,
    /// Frames, any number at a time.
    Lane,
}

/// Read at once: a record of TLS.
pub(crate) const BUFFER: usize = 16 * 1_024;

/// A fresh certificate and its key, which never leaves this process.
pub struct Identity {
    acceptor: TlsAcceptor,
    pub fingerprint: [u8; 32],
}

impl Identity {
    /// Makes one.
    ///
    /// # Errors
    /// When the libraries cannot make a certificate.
    pub fn new() -> Result<Identity, String> {
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let parameters = CertificateParams::new(vec![NAME.to_owned()]);
        let certificate = parameters
            .and_then(|parameters| parameters.self_signed(&key))
            .map_err(|error| error.to_string())?;
        let certificate = certificate.der().clone();
        let fingerprint = sha256(&[&certificate]);
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&TLS13])
                .and_then(|builder| {
                    builder
                        .with_no_client_auth()
                        .with_single_cert(vec![certificate], private)
                })
                .map_err(|error| error.to_string())?;
        // Each session is proven anew.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Identity {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            fingerprint,
        })
    }

    /// Takes a connection to the node of `notice`, once the other end has proven that it has the same key.
    /// SECURITY: nobody else gets as far as HTTP.
    ///
    /// # Errors
    /// Whatever the other end does wrong or too slowly.
    pub async fn admit(
        &self,
        stream: TcpStream,
        key: &NodeKey,
        notice: &Notice,
    ) -> io::Result<(Admitted, Speech)> {
        let proven = async {
            // What is small and whole is not to wait for more.
            stream.set_nodelay(true)?;
            let stream = BufReader::with_capacity(BUFFER, stream);
            let mut session = self.acceptor.accept(stream).await?;
            let mut exported = [0; 32];
            let exporting = session
                .get_ref()
                .1
                .export_keying_material(exported, LABEL, None);
            exported = exporting.map_err(io::Error::other)?;
            let mut greeting = [0; GREETING.len()];
            session.read_exact(&mut greeting).await?;
            let mut proof = [0; 32];
            session.read_exact(&mut proof).await?;
            let expected = key.membership(notice.epoch, &notice.instance, &exported);
            let speech = match greeting {
                GREETING => Some(Speech::Http),
                LANES => Some(Speech::Lane),
                _ => None,
            };
            let Some(speech) = speech.filter(|_| equal(&expected, &proof)) else {
                return Err(io::Error::other("it is no node of this installation"));
            };
            session.write_all(&[WELCOME]).await?;
            session.flush().await?;
            Ok((session, speech))
        };
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        tokio::time::timeout(PATIENCE, proven).await.map_err(late)?
    }
}
