//! A certificate authority of a test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Issued {
    pub certificate: String,
    pub key: String,
    pub der: Vec<u8>,
    serial: u64,
}

/// What differs from an ordinary certificate.
#[derive(Clone, Copy, Default)]
pub enum Odd {
    #[default]
    Not,
    Expired,
    NotYet,
    /// Valid, and more than two thirds of its time are over.
    Old,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    pub fn der(&self) -> Vec<u8> {
        self.0.as_ref().der().to_vec()
    }

    /// A server's certificate.
    pub fn server(&self, names: &[&str]) -> Issued {
        self.issue(names, &KeyPair::generate().unwrap(), 1, Odd::Not)
    }

    pub fn issue(&self, names: &[&str], key: &KeyPair, serial: u64, odd: Odd) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, format!("number {serial}"));
        params.serial_number = Some(SerialNumber::from(serial));
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let (from, until) = match odd {
            Odd::Not => (2020, 2090),
            Odd::Expired => (2020, 2021),
            Odd::NotYet => (2089, 2090),
            Odd::Old => (1990, 2035),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(key, &self.0).unwrap();
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
            serial,
        }
    }

    /// A client's certificate.
    pub fn client(&self, serial: u64, odd: Odd) -> Issued {
        self.issue(
            &["client.example"],
            &KeyPair::generate().unwrap(),
            serial,
            odd,
        )
    }

    /// The list of those that were taken back.
    pub fn revoked(&self, revoked: &[&Issued]) -> String {
        let revoked = revoked.iter().map(|one| RevokedCertParams {
            serial_number: SerialNumber::from(one.serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

impl Issued {
    /// Writes both files, each replaced as a whole.
    pub fn write(&self, dir: &Path) {
        put(&dir.join("certificate.pem"), &self.certificate, 0o644);
        put(&dir.join("key.pem"), &self.key, 0o600);
    }
}

/// Replaces a file.
pub fn put(path: &Path, content: &str, mode: u32) {
    let beside = path.with_extension("new");
    fs::write(&beside, content).unwrap();
    fs::set_permissions(&beside, Permissions::from_mode(mode)).unwrap();
    fs::rename(&beside, path).unwrap();
}
