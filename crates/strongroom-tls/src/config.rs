//! From the files to what a handshake uses. All or nothing: one bad file, and there is no configuration.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion, version};

use crate::certificate::{Certificate, read_certificate};
use crate::clients::Clients;
use crate::fault::TlsFault;
use crate::files::read_public;
use crate::pins::PinSet;
use crate::settings::{PinSettings, TlsSettings};

/// Tickets after a full handshake.
const TICKETS: usize = 2;

/// Everything that was read and fits together.
pub(crate) struct Loaded {
    /// `None` until the first certificate came.
    pub served: Option<Served>,
    pub pins: Option<PinSet>,
    /// Changes when who may come in does.
    pub clients: Option<[u8; 32]>,
}

pub(crate) struct Served {
    pub config: Arc<ServerConfig>,
    pub certificate: Certificate,
}

/// The cryptography that handshakes use: AEAD suites with forward secrecy, the hybrid of X25519 and ML-KEM-768 first.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl Loaded {
    pub fn read(
        settings: &TlsSettings,
        provider: &Arc<CryptoProvider>,
        now: i64,
    ) -> Result<Loaded, TlsFault> {
        let clients = settings.clients.as_ref();
        let clients = clients
            .map(|clients| Clients::read(clients, provider))
            .transpose()?;
        let pins = read_pins(settings, now)?;
        let digest = clients.as_ref().map(|clients| clients.digest);
        let is_there = settings.certificate.exists() || !settings.may_come_later;
        let served = match is_there {
            true => Some(serve(settings, provider, clients, pins.as_ref(), now)?),
            false => None,
        };
        Ok(Loaded {
            served,
            pins,
            clients: digest,
        })
    }
}

fn serve(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    clients: Option<Clients>,
    pins: Option<&PinSet>,
    now: i64,
) -> Result<Served, TlsFault> {
    let path = &settings.certificate;
    let certificate = read_certificate(path)?;
    let whole = certificate.with_key(&settings.key)?;
    certificate
        .check_time(now)
        .map_err(|what| TlsFault::at(path, what))?;
    if let Some(host) = settings.hosts.iter().find(|host| !certificate.is_for(host)) {
        let what = format!("holds a certificate that is not for `{host}`");
        return Err(TlsFault::at(path, what));
    }
    if let (Some(pins), Some(PinSettings { document, .. })) = (pins, &settings.pins)
        && !pins.covers(&certificate.pin)
    {
        // SECURITY: clients that hold to the published pins would be cut off, or taught to ignore them.
        let what = format!(
            "holds a certificate whose key no pin in `{}` covers",
            document.display()
        );
        return Err(TlsFault::at(path, what));
    }
    let config = config(settings, provider, clients, whole).map_err(|_| {
        TlsFault::at(
            path,
            "cannot be served: the TLS library refuses the configuration",
        )
    })?;
    Ok(Served {
        config: Arc::new(config),
        certificate,
    })
}

fn config(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
    clients: Option<Clients>,
    whole: Arc<CertifiedKey>,
) -> Result<ServerConfig, rustls::Error> {
    const ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
    const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
    let versions = if settings.tls12 { BOTH } else { ONLY_13 };
    let proves_clients = clients.is_some();
    let verifier = match clients {
        Some(clients) => clients.verifier,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(whole)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = true;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if proves_clients {
        // SECURITY: a resumed session does not ask for the certificate again, which may be revoked by then.
        config.send_tls13_tickets = 0;
    } else {
        // Its keys live in memory and are changed every six hours.
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = TICKETS;
    }
    Ok(config)
}

fn read_pins(settings: &TlsSettings, now: i64) -> Result<Option<PinSet>, TlsFault> {
    let Some(PinSettings { document, signer }) = &settings.pins else {
        return Ok(None);
    };
    let bytes = read_public(document)?;
    let pins = PinSet::read(&bytes, signer).and_then(|pins| pins.check_time(now).map(|()| pins));
    pins.map(Some)
        .map_err(|fault| TlsFault::at(document, fault))
}
