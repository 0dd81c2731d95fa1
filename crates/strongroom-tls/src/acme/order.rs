//! One order: account, challenges, key, certificate.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::wire::Wire;
use super::{Acme, AcmeFault};
use crate::acceptor::Acceptor;
use crate::files::{read_private, read_public};

/// For a server that validates, and then for one that signs.
const POLLING: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));

impl Acme {
    /// A new certificate's key and chain, as one file.
    pub(super) async fn order(&self, acceptor: &Acceptor) -> Result<Zeroizing<String>, AcmeFault> {
        let account = self.account().await?;
        let domains = self.settings.domains.iter().cloned();
        let names: Vec<Identifier> = domains.map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&names)).await;
        let mut order = order.map_err(|error| said("the order", &error))?;
        answer(&mut order, acceptor).await?;
        let status = order.poll_ready(&POLLING).await;
        match status.map_err(|error| said("the validation", &error))? {
            OrderStatus::Ready | OrderStatus::Valid => {}
            _ => return Err(AcmeFault::new(refusal(&mut order).await)),
        }
        let key = self.key()?;
        let request = request(&self.settings.domains, &key)?;
        let finalized = order.finalize_csr(&request).await;
        finalized.map_err(|error| said("the certificate request", &error))?;
        let chain = order.poll_certificate(&POLLING).await;
        let chain = chain.map_err(|error| said("the certificate", &error))?;
        let key = Zeroizing::new(key.serialize_pem());
        Ok(Zeroizing::new(format!("{}{chain}", *key)))
    }

    /// The account that is kept, else a new one. One that cannot be opened is replaced: it holds nothing but a name.
    async fn account(&self) -> Result<Account, AcmeFault> {
        if let Some(kept) = self.kept()
            && let Ok(account) = self.builder().from_credentials(kept).await
        {
            return Ok(account);
        }
        let contact: Vec<&str> = self.settings.contact.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.settings.directory.clone();
        let made = self.builder().create(&wanted, directory, None).await;
        let (account, credentials) = made.map_err(|error| said("the account", &error))?;
        let plain = serde_json::to_vec(&credentials).map_err(AcmeFault::new)?;
        let sealed = self.custody.seal(&Zeroizing::new(plain));
        let written = self.custody.write(&self.settings.account(), &sealed);
        written.map_err(AcmeFault::new)?;
        Ok(account)
    }

    fn kept(&self) -> Option<AccountCredentials> {
        let sealed = read_public(&self.settings.account()).ok()?;
        let plain = self.custody.open(&sealed)?;
        let value: serde_json::Value = serde_json::from_slice(&plain).ok()?;
        // One of another directory is no account here.
        let directory = value.get("directory").and_then(serde_json::Value::as_str);
        (directory == Some(&self.settings.directory))
            .then(|| serde_json::from_slice(&plain).ok())?
    }

    fn builder(&self) -> instant_acme::AccountBuilder {
        Account::builder_with_http(Box::new(Wire(self.outbound.clone())))
    }

    /// The operator's key, or a new one.
    fn key(&self) -> Result<KeyPair, AcmeFault> {
        let Some(path) = &self.settings.key else {
            return KeyPair::generate().map_err(AcmeFault::new);
        };
        let bytes = read_private(path).map_err(AcmeFault::new)?;
        let text = std::str::from_utf8(&bytes);
        let key = text.ok().and_then(|text| KeyPair::from_pem(text).ok());
        key.ok_or_else(|| {
            AcmeFault::new(format_args!(
                "`{}` holds no key that can be used",
                path.display()
            ))
        })
    }
}

/// Answers every challenge that is open.
async fn answer(order: &mut Order, acceptor: &Acceptor) -> Result<(), AcmeFault> {
    let mut authorizations = order.authorizations();
    while let Some(next) = authorizations.next().await {
        let mut authorization = next.map_err(|error| said("an authorization", &error))?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or_else(|| {
            AcmeFault::new("the server does not offer the challenge `tls-alpn-01`")
        })?;
        let name = challenge.identifier().to_string();
        let digest = challenge.key_authorization().digest();
        acceptor
            .challenges()
            .show(&name, proof(&name, digest.as_ref())?);
        let ready = challenge.set_ready().await;
        ready.map_err(|error| said("the challenge", &error))?;
    }
    Ok(())
}

/// The certificate that answers a challenge.
fn proof(name: &str, digest: &[u8]) -> Result<Arc<CertifiedKey>, AcmeFault> {
    if digest.len() != 32 {
        return Err(AcmeFault::new("the challenge's digest has another length"));
    }
    let mut params = CertificateParams::new([name.to_owned()]).map_err(AcmeFault::new)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(AcmeFault::new)?;
    let certificate = params.self_signed(&key).map_err(AcmeFault::new)?;
    let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let signing = any_supported_type(&der).map_err(AcmeFault::new)?;
    Ok(Arc::new(CertifiedKey::new(
        vec![certificate.der().clone()],
        signing,
    )))
}

/// The request for a certificate: the names, and nothing about who asks.
fn request(domains: &[String], key: &KeyPair) -> Result<Vec<u8>, AcmeFault> {
    let mut params = CertificateParams::new(domains.to_vec()).map_err(AcmeFault::new)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(key).map_err(AcmeFault::new)?;
    Ok(request.der().to_vec())
}

/// What the server says of an order that it refused.
async fn refusal(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let mut faults = authorization
            .challenges
            .iter()
            .filter_map(|one| one.error.as_ref());
        if let Some(fault) = faults.next_back() {
            return format!("the challenge was refused: {fault}");
        }
    }
    "the order was refused".to_owned()
}

fn said(what: &str, error: &Error) -> AcmeFault {
    AcmeFault::new(format_args!("{what}: {error}"))
}
