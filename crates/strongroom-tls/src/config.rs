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
    /// Of what is in use already its time is not asked again: what has expired meanwhile keeps nothing else, such as a list of
    /// revoked certificates, from being taken up.
    pub fn read(
        settings: &TlsSettings,
        provider: &Arc<CryptoProvider>,
        in_use: Option<&Loaded>,
        now: i64,
    ) -> Result<Loaded, TlsFault> {
        let clients = settings.clients.as_ref();
        let clients = clients
            .map(|clients| Clients::read(clients, provider))
            .transpose()?;
        let pins = read_pins(settings)?;
        if let (Some(pins), Some(PinSettings { document, .. })) = (&pins, &settings.pins)
            && in_use.is_none_or(|known| known.pins.as_ref() != Some(pins))
        {
            let fault = pins.check_time(now);
            fault.map_err(|fault| TlsFault::at(document, fault))?;
        }
        let digest = clients.as_ref().map(|clients| clients.digest);
        let is_there = settings.certificate.exists() || !settings.may_come_later;
        let served = match is_there {
            true => {
                let served = serve(settings, provider, clients, pins.as_ref())?;
                let known = in_use.and_then(|known| known.served.as_ref());
                if known.map(|known| &known.certificate) != Some(&served.certificate) {
                    let fault = served.certificate.check_time(now);
                    fault.map_err(|what| TlsFault::at(&settings.certificate, what))?;
                }
                Some(served)
            }
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
) -> Result<Served, TlsFault> {
    let path = &settings.certificate;
    let certificate = read_certificate(path)?;
    let whole = certificate.with_key(&settings.key)?;
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

fn read_pins(settings: &TlsSettings) -> Result<Option<PinSet>, TlsFault> {
    let Some(PinSettings { document, signer }) = &settings.pins else {
        return Ok(None);
    };
    let bytes = read_public(document)?;
    let pins = PinSet::read(&bytes, signer);
    pins.map(Some)
        .map_err(|fault| TlsFault::at(document, fault))
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use super::*;
    use crate::pins::{PinRequest, PinSigner};

    #[test]
    fn what_is_in_use_may_expire_and_what_is_new_may_not_have() {
        let dir = tempfile::tempdir().unwrap();
        let signer = PinSigner::generate();
        let document = dir.path().join("pins.json");
        let put = |sequence, expires_at| {
            let set = signer.sign(&PinRequest {
                sequence,
                issued_at: 1_000,
                expires_at,
                hosts: Vec::new(),
                current: [1; 32],
                backups: vec![[2; 32]],
            });
            write(&document, set.unwrap().document()).unwrap();
        };
        let missing = dir.path().join("none.pem");
        let settings = TlsSettings {
            may_come_later: true,
            pins: Some(PinSettings {
                document: document.clone(),
                signer: signer.public(),
            }),
            ..TlsSettings::new(missing.clone(), missing)
        };
        let provider = provider();
        let read = |in_use: Option<&Loaded>, now| Loaded::read(&settings, &provider, in_use, now);
        put(1, 9_000);
        assert!(read(None, 9_000).is_err());
        let in_use = read(None, 8_999).unwrap();
        let again = read(Some(&in_use), 20_000).unwrap();
        assert_eq!(again.pins, in_use.pins);
        put(2, 9_500);
        assert!(read(Some(&in_use), 20_000).is_err());
        put(2, 30_000);
        assert!(read(Some(&in_use), 20_000).is_ok());
    }
}
