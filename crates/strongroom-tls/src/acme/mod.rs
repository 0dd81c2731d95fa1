//! Certificates from an ACME server (RFC 8555): fetched, renewed before they end, and never in the way of the one in use.
//!
//! Key and chain are one file, replaced as a whole, which the acceptor reads like any other. What fails – the directory,
//! the challenge, the disk – is told and tried again later, with pauses that grow and differ between servers.

mod order;
mod wire;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strongroom_crypto::random;
use strongroom_outbound::Outbound;
use zeroize::Zeroizing;

use crate::acceptor::Acceptor;
use crate::certificate::Certificate;
use crate::pins::PinSet;

/// The account's file, and that of key and chain.
const ACCOUNT: &str = "account";
const CERTIFICATE: &str = "certificate.pem";

/// Pauses after failures: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3_600);
/// How long to sleep at most before the certificate is looked at again.
const LOOK: Duration = Duration::from_secs(3_600);

/// What an operator says about it.
#[derive(Clone, Debug)]
pub struct AcmeSettings {
    /// The URL of the server's directory.
    pub directory: String,
    /// Such as `mailto:ops@pay.example`.
    pub contact: Vec<String>,
    pub domains: Vec<String>,
    /// Where state is kept.
    pub folder: PathBuf,
    /// A key of the operator's own that every certificate is for; else each has a new one.
    pub key: Option<PathBuf>,
    /// The pause after a first failure.
    pub first_pause: Duration,
}

impl AcmeSettings {
    pub fn new(directory: String, folder: PathBuf) -> AcmeSettings {
        AcmeSettings {
            directory,
            contact: Vec::new(),
            domains: Vec::new(),
            folder,
            key: None,
            first_pause: FIRST_PAUSE,
        }
    }

    /// The file of key and chain.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    fn account(&self) -> PathBuf {
        self.folder.join(ACCOUNT)
    }
}

/// Seals what lies in the folder, and writes there.
pub trait Custody: Send + Sync {
    fn seal(&self, plain: &[u8]) -> Vec<u8>;

    /// `None` when it was not sealed here.
    fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>>;

    /// Writes a file that its owner alone can read, whole or not at all.
    ///
    /// # Errors
    /// Why not, in words.
    fn write(&self, path: &Path, content: &[u8]) -> Result<(), String>;
}

/// Why there is no new certificate. May hold the ACME server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeFault(String);

impl AcmeFault {
    fn new(text: impl fmt::Display) -> AcmeFault {
        // What a server says is cut: it ends up in a log.
        AcmeFault(text.to_string().chars().take(500).collect())
    }
}

impl fmt::Display for AcmeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened.
pub enum AcmeEvent<'a> {
    Renewed(&'a Certificate),
    Failed {
        fault: &'a AcmeFault,
        next: Duration,
    },
}

/// Fetches and renews.
pub struct Acme {
    pub settings: AcmeSettings,
    pub outbound: Outbound,
    pub custody: Box<dyn Custody>,
}

impl Acme {
    /// Goes on for as long as the server does. `now` in seconds since 1970.
    pub async fn run(
        self,
        acceptor: Acceptor,
        now: impl Fn() -> i64 + Send,
        tell: impl Fn(AcmeEvent<'_>) + Send,
    ) {
        let mut failures = 0;
        let shift = u32::from(u16::from_be_bytes(random()));
        loop {
            let wait = acceptor.certificate().map_or(0, |certificate| {
                due(&certificate, &self.settings.domains, shift).saturating_sub(now())
            });
            if let Ok(seconds @ 1..) = u64::try_from(wait) {
                tokio::time::sleep(Duration::from_secs(seconds).min(LOOK)).await;
                continue;
            }
            match self.renew(&acceptor, shift, now()).await {
                Ok(certificate) => {
                    failures = 0;
                    acceptor.stats().fetched.add();
                    tell(AcmeEvent::Renewed(&certificate));
                }
                Err(fault) => {
                    let next = pause(
                        self.settings.first_pause,
                        failures,
                        u32::from_be_bytes(random()),
                    );
                    failures += 1;
                    acceptor.stats().fetches_failed.add();
                    tell(AcmeEvent::Failed {
                        fault: &fault,
                        next,
                    });
                    tokio::time::sleep(next).await;
                }
            }
        }
    }

    async fn renew(
        &self,
        acceptor: &Acceptor,
        shift: u32,
        now: i64,
    ) -> Result<Certificate, AcmeFault> {
        // What was fetched before is not ordered again because another of the acceptor's files kept it from being served.
        if !self.is_there(acceptor.pins(), shift, now) {
            let ordered = self.order(acceptor).await;
            acceptor.challenges().clear();
            let file = ordered?;
            self.check(&file, acceptor.pins(), now)?;
            self.custody
                .write(&self.settings.certificate(), file.as_bytes())
                .map_err(AcmeFault::new)?;
        }
        acceptor.reload(now).map_err(AcmeFault::new)?;
        let served = acceptor.certificate();
        served.ok_or_else(|| AcmeFault::new("the new certificate is not served"))
    }

    /// Whether a certificate that is not yet due lies in the folder.
    fn is_there(&self, pins: Option<PinSet>, shift: u32, now: i64) -> bool {
        let Ok(file) = std::fs::read_to_string(self.settings.certificate()).map(Zeroizing::new)
        else {
            return false;
        };
        let chain = crate::pem::parse_chain(file.as_bytes()).and_then(Certificate::of);
        let lasts =
            |certificate: &Certificate| due(certificate, &self.settings.domains, shift) > now;
        chain.is_ok_and(|certificate| lasts(&certificate)) && self.check(&file, pins, now).is_ok()
    }

    /// Whether what came is what was asked for: it replaces one that works.
    fn check(&self, file: &str, pins: Option<PinSet>, now: i64) -> Result<(), AcmeFault> {
        let chain = crate::pem::parse_chain(file.as_bytes());
        let certificate = chain.and_then(Certificate::of);
        let wrong = |what: &str| AcmeFault::new(format_args!("the server's answer {what}"));
        let certificate = certificate.map_err(wrong)?;
        certificate.check_time(now).map_err(wrong)?;
        if crate::pem::key_pin(file.as_bytes()) != Ok(certificate.pin) {
            return Err(wrong("is for another key"));
        }
        if pins.is_some_and(|pins| !pins.covers(&certificate.pin)) {
            return Err(AcmeFault::new(
                "no published pin covers the key of `tls.acme.key`",
            ));
        }
        let lacks = |domain: &&String| !certificate.is_for(domain);
        match self.settings.domains.iter().find(lacks) {
            Some(domain) => Err(wrong(&format!("is not for `{domain}`"))),
            None => Ok(()),
        }
    }
}

/// When a certificate is to be renewed: when two thirds of its time are over, up to a twelfth earlier; at once when it is
/// not for all names any more.
fn due(certificate: &Certificate, domains: &[String], shift: u32) -> i64 {
    if domains.iter().any(|domain| !certificate.is_for(domain)) {
        return i64::MIN;
    }
    let span = certificate
        .not_after
        .saturating_sub(certificate.not_before)
        .max(0);
    let earlier = (span / 12).saturating_mul(i64::from(shift)) / 65_536;
    certificate.not_after - span / 3 - earlier
}

/// The pause after a failure: doubled each time, then between a half and the whole of that.
fn pause(first: Duration, failures: u32, dice: u32) -> Duration {
    let whole = first
        .saturating_mul(2u32.saturating_pow(failures))
        .min(LONGEST_PAUSE);
    let half = whole / 2;
    half + half.mul_f64(f64::from(dice) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        let first = Duration::from_secs(60);
        for (failures, whole) in [(0, 60), (1, 120), (5, 1_920), (40, 21_600)] {
            let whole = Duration::from_secs(whole);
            assert_eq!(pause(first, failures, 0), whole / 2);
            assert_eq!(pause(first, failures, u32::MAX), whole);
        }
    }

    #[test]
    fn renewal_is_due_in_the_last_third() {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".into()]).unwrap();
        let chain = crate::pem::parse_chain(made.cert.pem().as_bytes()).unwrap();
        let mut certificate = Certificate::of(chain).unwrap();
        (certificate.not_before, certificate.not_after) = (0, 1_200);
        let domains = ["a.example".to_owned()];
        assert_eq!(due(&certificate, &domains, 0), 800);
        assert!((700..=701).contains(&due(&certificate, &domains, 65_535)));
        assert_eq!(due(&certificate, &["b.example".to_owned()], 0), i64::MIN);
    }
}
