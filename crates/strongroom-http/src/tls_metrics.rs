//! Numbers of TLS: how handshakes end, what reloads did, and when the certificate in use ends.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use strongroom_tls::{Acceptor, HandshakeCounts};

/// The acceptor's running totals, read when they are asked for.
pub struct TlsNumbers(pub Acceptor);

impl fmt::Debug for TlsNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsNumbers")
    }
}

impl Collector for TlsNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, value) in totals(&self.0.counts()) {
            let counter = ConstCounter::new(value);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let certificate = self
            .0
            .certificate()
            .map(|certificate| certificate.not_after);
        let pins = self.0.pins().map(|pins| pins.expires_at);
        for (name, help, value) in [
            (
                "tls_certificate_not_after_seconds",
                "When the certificate in use ends, in seconds since 1970",
                certificate,
            ),
            (
                "tls_pins_expire_seconds",
                "When the published pin set ends, in seconds since 1970",
                pins,
            ),
        ] {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}

fn totals(counts: &HandshakeCounts) -> [(&'static str, &'static str, u64); 9] {
    [
        ("tls_handshakes", "TLS handshakes done", counts.done),
        (
            "tls_handshakes_failed",
            "TLS handshakes that failed",
            counts.failed,
        ),
        (
            "tls_handshakes_timed_out",
            "TLS handshakes that took too long",
            counts.timed_out,
        ),
        (
            "tls_plain_http",
            "Connections to the TLS port that spoke plain HTTP",
            counts.plain,
        ),
        (
            "tls_handshakes_crowded",
            "Connections turned away for too many unfinished handshakes",
            counts.crowded,
        ),
        (
            "tls_reloads",
            "Reloads that took up the new files",
            counts.reloads,
        ),
        (
            "tls_reloads_failed",
            "Reloads that kept what was in use",
            counts.reloads_failed,
        ),
        (
            "acme_certificates",
            "Certificates that came from the ACME server",
            counts.fetched,
        ),
        (
            "acme_failures",
            "Attempts to get a certificate that failed",
            counts.fetches_failed,
        ),
    ]
}
