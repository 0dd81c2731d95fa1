//! Certificates from an ACME server: what the configuration says, and what the installation lends for it.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use strongroom_engine::Engine;
use strongroom_outbound::{Outbound, Policy, Roots};
use strongroom_tls::Acceptor;
use strongroom_tls::acme::{Acme, AcmeEvent, AcmeSettings, Custody};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::folder;
use crate::tls::{now, shown};

/// The folder of its state, in the data directory.
const FOLDER: &str = "acme";

/// `[tls.acme]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcmeTable {
    directory: String,
    #[serde(default)]
    contact: Vec<String>,
    pub domains: Vec<String>,
    authorities: Option<PathBuf>,
    key: Option<PathBuf>,
    retry_seconds: Option<u16>,
}

impl AcmeTable {
    pub fn check(&self, pinned: bool) -> Result<(), String> {
        if !self.directory.starts_with("https://") {
            return Err("`tls.acme.directory` must be an address with https".to_owned());
        }
        let odd = |domain: &&String| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            domain.is_empty() || domain.starts_with('.') || !domain.bytes().all(is_name)
        };
        match self.domains.iter().find(odd) {
            Some(domain) => {
                return Err(format!(
                    "`tls.acme.domains`: `{domain}` is no name of a host"
                ));
            }
            None if self.domains.is_empty() => {
                return Err("`tls.acme.domains` is empty".to_owned());
            }
            None => {}
        }
        if let Some(contact) = self
            .contact
            .iter()
            .find(|contact| !contact.starts_with("mailto:"))
        {
            return Err(format!(
                "`tls.acme.contact`: `{contact}` does not begin with `mailto:`"
            ));
        }
        match pinned && self.key.is_none() {
            true => Err(
                "`tls.pins` with `tls.acme` needs `tls.acme.key`: pins are of a key that stays"
                    .to_owned(),
            ),
            false => Ok(()),
        }
    }

    pub fn below(self, folder: &Path) -> AcmeTable {
        AcmeTable {
            authorities: self.authorities.map(|path| folder.join(path)),
            key: self.key.map(|path| folder.join(path)),
            ..self
        }
    }

    /// Where key and chain are put.
    pub fn certificate(&self, data: &Path) -> PathBuf {
        self.settings(data).certificate()
    }

    fn settings(&self, data: &Path) -> AcmeSettings {
        let standard = AcmeSettings::new(self.directory.clone(), data.join(FOLDER));
        let pause = self
            .retry_seconds
            .map(|seconds| std::time::Duration::from_secs(seconds.max(1).into()));
        AcmeSettings {
            contact: self.contact.clone(),
            domains: self.domains.clone(),
            key: self.key.clone(),
            first_pause: pause.unwrap_or(standard.first_pause),
            ..standard
        }
    }
}

/// What fetches certificates, ready to run once there is an engine.
pub(crate) struct AcmeSource {
    settings: AcmeSettings,
    outbound: Outbound,
}

impl AcmeSource {
    pub fn new(table: &AcmeTable, data: &Path) -> Result<AcmeSource, Fault> {
        let settings = table.settings(data);
        let authorities = table
            .authorities
            .as_deref()
            .map(folder::read_text)
            .transpose()?;
        let everywhere = ["0.0.0.0/0", "::/0"]
            .iter()
            .filter_map(|text| text.parse::<IpNet>().ok());
        // The directory is the operator's own choice, and often within the operator's own network.
        let policy = Policy {
            networks: everywhere.collect(),
            roots: Roots {
                extra: authorities.into_iter().collect(),
            },
            ..Policy::default()
        };
        let outbound = Outbound::new(policy);
        let outbound = outbound.map_err(|_| {
            Fault::new("`tls.acme.authorities` holds no certificate that can be read")
        })?;
        Ok(AcmeSource { settings, outbound })
    }

    pub async fn run(self, acceptor: Acceptor, engine: Engine) {
        let acme = Acme {
            settings: self.settings,
            outbound: self.outbound,
            custody: Box::new(Installation(engine)),
        };
        acme.run(acceptor, now, tell).await;
    }
}

fn tell(event: AcmeEvent<'_>) {
    match event {
        AcmeEvent::Renewed(certificate) => {
            let until = certificate.not_after;
            tracing::info!(
                certificate = shown(certificate),
                until,
                "a certificate was fetched"
            );
        }
        AcmeEvent::Failed { fault, next } => {
            let seconds = next.as_secs();
            tracing::error!(%fault, retry_seconds = seconds, "no certificate was fetched");
        }
    }
}

struct Installation(Engine);

impl Custody for Installation {
    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        self.0.seal_transport(plain)
    }

    fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.open_transport(sealed)
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), String> {
        let folder = path.parent().map_or(Ok(()), folder::make);
        let written = folder.and_then(|()| folder::write(path, content));
        written.map_err(|fault| fault.text().to_owned())
    }
}
