//! TLS as an operator says it, on the command line and in the configuration; and what goes on beside the server for it:
//! files that are watched, certificates that are fetched.

mod acme;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use strongroom_engine::{Clock, WallClock};
use strongroom_tls::pins::from_text;
use strongroom_tls::{Acceptor, Certificate, ClientSettings, PinSettings, TlsSettings};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use crate::config::Config;
use crate::fault::Fault;
use crate::running::system;

pub(crate) use acme::{AcmeSource, AcmeTable};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often the log is told of a certificate that ends soon, in looks.
const REMIND: u32 = 6 * 1_800;
/// What is soon, in seconds.
pub(crate) const SOON: i64 = 14 * 86_400;

/// The lines of a configuration without TLS.
pub(crate) const NO_TLS: &str = r#"# TLS in this server. Empty, it speaks plain HTTP.
[tls]
# certificate = "tls/certificate.pem"
# key = "tls/key.pem"
# Whether TLS 1.2 is spoken too.
# tls12 = true
# Clients' certificates: who issues them, which were taken back, and whether one is `required` or `optional`.
# client_authorities = "tls/clients.pem"
# client_revoked = "tls/clients.crl"
# client_certificates = "optional"
# The signed pin set (`strongroom pins`), and the public key that it must be signed by.
# pins = "tls/pins.json"
# pins_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
# handshake_seconds = 10
# handshakes = 1024

# Certificates from an ACME server instead of the two files: a table [tls.acme], see docs/tls.md.
"#;

/// `[tls]`. Paths are relative to the configuration's folder.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsTable {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    #[serde(default)]
    tls12: bool,
    client_authorities: Option<PathBuf>,
    client_revoked: Option<PathBuf>,
    client_certificates: Option<Demand>,
    pins: Option<PathBuf>,
    pins_key: Option<String>,
    handshake_seconds: Option<u16>,
    handshakes: Option<u32>,
    pub acme: Option<AcmeTable>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Demand {
    Optional,
    Required,
}

/// The same on the command line, as far as it goes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TlsArguments {
    /// The certificate to serve with those that issued it, PEM; with --tls-key the server speaks TLS itself
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Its private key, PEM, in a file that nobody else may read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Speak TLS 1.2 too, with AEAD suites and forward secrecy only
    #[arg(long)]
    tls12: bool,

    /// TLS ends at a proxy before this server, which may then listen in clear beyond loopback
    #[arg(long)]
    pub behind_proxy: bool,
}

impl TlsTable {
    /// What a configuration may say of it.
    pub fn check(&self) -> Result<(), String> {
        let together = |one: bool, other: bool, text: &str| match one == other {
            true => Ok(()),
            false => Err(text.to_owned()),
        };
        let (certificate, key) = (self.certificate.is_some(), self.key.is_some());
        together(
            certificate,
            key,
            "`tls.certificate` and `tls.key` go together",
        )?;
        if let Some(acme) = &self.acme {
            if certificate {
                return Err("`tls.certificate` and `tls.acme` exclude each other".to_owned());
            }
            acme.check(self.pins.is_some())?;
        }
        let (authorities, demand) = (&self.client_authorities, self.client_certificates);
        let text = "`tls.client_authorities` and `tls.client_certificates` go together";
        together(authorities.is_some(), demand.is_some(), text)?;
        if self.client_revoked.is_some() && authorities.is_none() {
            return Err("`tls.client_revoked` needs `tls.client_authorities`".to_owned());
        }
        let (pins, signer) = (self.pins.is_some(), self.pins_key.is_some());
        together(pins, signer, "`tls.pins` and `tls.pins_key` go together")?;
        match &self.pins_key {
            Some(text) if from_text(text).is_none() => {
                Err("`tls.pins_key` is no public key as `strongroom pins key` shows it".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// With its paths seen from a folder.
    pub fn below(self, folder: &Path) -> TlsTable {
        let below = |path: Option<PathBuf>| path.map(|path| folder.join(path));
        TlsTable {
            certificate: below(self.certificate),
            key: below(self.key),
            client_authorities: below(self.client_authorities),
            client_revoked: below(self.client_revoked),
            pins: below(self.pins),
            acme: self.acme.map(|acme| acme.below(folder)),
            ..self
        }
    }

    fn settings(&self, certificate: PathBuf, key: PathBuf) -> TlsSettings {
        let standard = TlsSettings::new(certificate, key);
        let clients = self
            .client_authorities
            .clone()
            .zip(self.client_certificates);
        let signer = self.pins_key.as_deref().and_then(from_text);
        let seconds = self
            .handshake_seconds
            .map(|seconds| Duration::from_secs(seconds.max(1).into()));
        TlsSettings {
            may_come_later: self.acme.is_some(),
            tls12: self.tls12,
            clients: clients.map(|(authorities, demand)| ClientSettings {
                authorities,
                revoked: self.client_revoked.clone(),
                required: demand == Demand::Required,
            }),
            pins: self
                .pins
                .clone()
                .zip(signer)
                .map(|(document, signer)| PinSettings { document, signer }),
            handshake_time: seconds.unwrap_or(standard.handshake_time),
            handshakes: self.handshakes.unwrap_or(standard.handshakes),
            ..standard
        }
    }
}

/// What TLS is to be like; `None` when it is not spoken here.
pub(crate) fn settings(
    config: &Config,
    arguments: &TlsArguments,
) -> Result<Option<TlsSettings>, Fault> {
    let table = config.tls().cloned().unwrap_or_default();
    let named = arguments.tls_cert.clone().zip(arguments.tls_key.clone());
    let fetched = table
        .acme
        .as_ref()
        .map(|acme| acme.certificate(config.data()));
    let files = match (named, fetched) {
        (Some(_), Some(_)) => {
            return Err(Fault::new("--tls-cert and `tls.acme` exclude each other"));
        }
        (Some(named), None) => Some(named),
        // Key and chain are one file there.
        (None, Some(file)) => Some((file.clone(), file)),
        (None, None) => table.certificate.clone().zip(table.key.clone()),
    };
    let Some((certificate, key)) = files else {
        return match arguments.tls12 || table != TlsTable::default() {
            true => Err(Fault::new("TLS is set up, but no certificate is named")
                .hint("name `tls.certificate` and `tls.key`, or `tls.acme`, or --tls-cert and --tls-key")),
            false => Ok(None),
        };
    };
    let mut settings = table.settings(certificate, key);
    settings.tls12 |= arguments.tls12;
    settings.hosts = config.hosts();
    if let Some(acme) = &table.acme {
        settings.hosts.retain(|host| !acme.domains.contains(host));
        if let Some(host) = settings.hosts.first() {
            let text = format!("`tls.acme.domains` lacks `{host}`, which `public_origins` names");
            return Err(Fault::new(text));
        }
    }
    Ok(Some(settings))
}

/// Refuses to listen in clear beyond this machine, unless it was said that TLS ends before it.
pub(crate) fn refuse_clear(
    config: &Config,
    arguments: &TlsArguments,
    tls: bool,
) -> Result<(), Fault> {
    let behind_proxy = arguments.behind_proxy || config.behind_proxy;
    if tls || behind_proxy || config.listen.ip().is_loopback() {
        return Ok(());
    }
    let text = format!(
        "`listen` is {}, where keys would travel in clear",
        config.listen
    );
    Err(Fault::new(text).hint(
        "name a certificate (--tls-cert, --tls-key, or `[tls]`), or say --behind-proxy if TLS ends at a proxy before it",
    ))
}

/// Reads and checks what TLS needs.
pub(crate) fn open(settings: TlsSettings) -> Result<Acceptor, Fault> {
    Acceptor::open(settings, now()).map_err(|fault| Fault::new(fault.to_string()))
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    WallClock.now().0 / 1_000
}

/// Reads the files again when they change, and at each SIGHUP; reminds of a certificate that ends soon.
pub(crate) fn watch(acceptor: &Acceptor) -> Result<impl Future<Output = ()> + Send + use<>, Fault> {
    let acceptor = acceptor.clone();
    let asked = signal(SignalKind::hangup());
    let mut asked = asked.map_err(|error| system("the signals cannot be listened to", &error))?;
    Ok(async move {
        let (mut looks, mut number) = (interval(LOOK), 0u32);
        loop {
            let is_asked = tokio::select! {
                _ = looks.tick() => false,
                _ = asked.recv() => true,
            };
            if is_asked || acceptor.is_outdated() {
                reload(&acceptor);
                number = 0;
            }
            if number.is_multiple_of(REMIND) {
                remind(&acceptor);
            }
            number = number.wrapping_add(1);
        }
    })
}

fn reload(acceptor: &Acceptor) {
    match acceptor.reload(now()) {
        Ok(()) => {
            let thumbprint = acceptor
                .certificate()
                .map(|certificate| shown(&certificate));
            tracing::info!(certificate = thumbprint, "TLS files read again");
        }
        Err(fault) => {
            tracing::error!(%fault, "TLS files are not as they should be; what was read before stays in use");
        }
    }
}

fn remind(acceptor: &Acceptor) {
    let now = now();
    if let Some(certificate) = acceptor.certificate()
        && certificate.not_after - now
            < SOON.min((certificate.not_after - certificate.not_before) / 4)
    {
        let days = (certificate.not_after - now) / 86_400;
        tracing::warn!(days, "the TLS certificate ends soon");
    }
    if let Some(pins) = acceptor.pins()
        && pins.expires_at - now < SOON
    {
        tracing::warn!(
            days = (pins.expires_at - now) / 86_400,
            "the pin set ends soon"
        );
    }
}

/// A certificate's thumbprint.
pub(crate) fn shown(certificate: &Certificate) -> String {
    let bytes = certificate.thumbprint.iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
