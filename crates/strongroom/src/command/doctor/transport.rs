//! What the server needs of TLS: listener, certificate, key, pins.

use strongroom_tls::Acceptor;
use strongroom_types::time::Timestamp;

use super::Finding;
use crate::config::Config;
use crate::tls::{self, SOON, TlsArguments, now};

/// Listener, TLS, certificate and pins.
pub(super) fn findings(config: &Config, arguments: &TlsArguments) -> Vec<Finding> {
    let settings = match tls::settings(config, arguments) {
        Ok(settings) => settings,
        Err(fault) => return vec![Finding::Fail(fault.text().to_owned())],
    };
    let clear = tls::refuse_clear(config, arguments, settings.is_some());
    let listen = config.listen;
    let mut findings = vec![match (&settings, clear) {
        (_, Err(fault)) => Finding::Fail(fault.text().to_owned()),
        (Some(_), Ok(())) => Finding::Ok(format!("the API listens on {listen} and speaks TLS")),
        (None, Ok(())) if listen.ip().is_loopback() => {
            Finding::Ok(format!("the API listens on {listen} alone, in clear"))
        }
        (None, Ok(())) => Finding::Warn(format!(
            "the API listens on {listen} in clear, behind a proxy: live keys are refused"
        )),
    }];
    let Some(settings) = settings else {
        return findings;
    };
    if settings.tls12 {
        findings.push(Finding::Warn("TLS 1.2 is spoken too".to_owned()));
    }
    match Acceptor::open(settings, now()) {
        Ok(acceptor) => findings.extend(served(&acceptor)),
        Err(fault) => findings.push(Finding::Fail(fault.to_string())),
    }
    findings
}

fn served(acceptor: &Acceptor) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = acceptor.settings().certificate.display().to_string();
    match acceptor.certificate() {
        None => findings.push(Finding::Warn(format!(
            "`{file}` is not there yet; the server fetches it from the ACME server"
        ))),
        Some(certificate) => {
            findings.push(Finding::Ok(format!("`{file}` and its key belong together")));
            findings.push(ends("the certificate", certificate.not_after));
            if acceptor.settings().hosts.is_empty() && !acceptor.settings().may_come_later {
                let text = "`public_origins` names no https origin, so no host is held against the certificate";
                findings.push(Finding::Warn(text.to_owned()));
            }
        }
    }
    if let Some(pins) = acceptor.pins() {
        let text = format!("pin set {} covers the certificate's key", pins.sequence);
        findings.push(Finding::Ok(text));
        findings.push(ends("the pin set", pins.expires_at));
    }
    findings
}

fn ends(what: &str, end: i64) -> Finding {
    let text = format!(
        "{what} holds until {}",
        Timestamp(end.saturating_mul(1_000))
    );
    match end - now() < SOON {
        true => Finding::Warn(format!("{text}: renew it")),
        false => Finding::Ok(text),
    }
}
