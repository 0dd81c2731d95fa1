//! What an operator says about TLS.

use std::path::PathBuf;
use std::time::Duration;

/// The files, and how they are used.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The server's certificate and those that issued it.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Whether certificate and key may be missing at first: something fetches them.
    pub may_come_later: bool,
    /// Whether TLS 1.2 is spoken too.
    pub tls12: bool,
    /// Names and addresses that the certificate must be for.
    pub hosts: Vec<String>,
    pub clients: Option<ClientSettings>,
    pub pins: Option<PinSettings>,
    /// How long a handshake may take.
    pub handshake_time: Duration,
    /// Most handshakes that have not ended.
    pub handshakes: u32,
}

/// Who issues certificates to clients.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    pub authorities: PathBuf,
    /// Lists of certificates that are valid no more.
    pub revoked: Option<PathBuf>,
    /// Whether a client without one is refused.
    pub required: bool,
}

/// The pin set that is published.
#[derive(Clone, Debug)]
pub struct PinSettings {
    pub document: PathBuf,
    /// Whose signature the document must have.
    pub signer: [u8; 32],
}

impl TlsSettings {
    pub fn new(certificate: PathBuf, key: PathBuf) -> TlsSettings {
        TlsSettings {
            certificate,
            key,
            may_come_later: false,
            tls12: false,
            hosts: Vec::new(),
            clients: None,
            pins: None,
            handshake_time: Duration::from_secs(10),
            handshakes: 1_024,
        }
    }

    /// Every file that counts.
    pub(crate) fn files(&self) -> Vec<&PathBuf> {
        let clients = self.clients.iter();
        let clients = clients.flat_map(|all| std::iter::once(&all.authorities).chain(&all.revoked));
        let pins = self.pins.iter().map(|pins| &pins.document);
        [&self.certificate, &self.key]
            .into_iter()
            .chain(clients)
            .chain(pins)
            .collect()
    }
}
