//! Where the server is and how it is spoken to: the address, the password, and TLS.
//!
//! TLS checks the server's certificate and its name, always; in clear the protocol is spoken only
//! with a server on this machine.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::hurry::Hurry;

const CONNECT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(5);

/// What beside the address a connection needs; texts of files, in PEM where they are certificates.
#[derive(Default)]
pub struct PostgresSecrets {
    pub password: Option<String>,
    /// The authorities that may have signed the server's certificate.
    pub authorities: Option<Vec<u8>>,
    /// A client certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Which of several servers will do.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// SECURITY: money is never decided from a copy that may lag behind.
    Primary,
    /// For looking at one moment, whichever it is.
    Any,
}

/// How to reach one database.
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    shown: String,
    hurry: Hurry,
}

impl PostgresOptions {
    /// Reads an address of the form `postgres://user@host:port/database`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it; never the password.
    pub fn new(url: &str, secrets: PostgresSecrets) -> Result<Self, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("the address must begin with `postgres://`".to_owned());
        }
        // What the library says about it may quote the password.
        let mut config: Config = url.parse().map_err(|_| {
            "the address is not of the form `postgres://user@host:port/database`".to_owned()
        })?;
        let (Some(user), Some(database)) = (config.get_user(), config.get_dbname()) else {
            return Err("the address must name a user and a database".to_owned());
        };
        if config.get_hosts().is_empty() {
            return Err("the address must name a host".to_owned());
        }
        let shown = format!("{user}@{}/{database}", hosts(&config));
        let local = config.get_hosts().iter().all(is_local) && config.get_hostaddrs().is_empty();
        let tls = tls(&secrets)?;
        if !local && tls.is_none() {
            return Err(
                "a server on another machine is spoken to by TLS alone: name the file of the authorities that signed its certificate"
                    .to_owned(),
            );
        }
        if let Some(password) = &secrets.password {
            config.password(password);
        }
        // SECURITY: whatever the address says, TLS is never optional where it is wanted.
        config.ssl_mode(match tls {
            Some(_) => SslMode::Require,
            None => SslMode::Disable,
        });
        config
            .application_name("strongroom")
            .connect_timeout(CONNECT)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(2)
            .tcp_user_timeout(2 * KEEPALIVE);
        Ok(Self {
            config,
            tls,
            shown,
            hurry: Hurry::default(),
        })
    }

    /// The same for a store of its own, which nobody else hurries.
    pub(super) fn unhurried(self) -> Self {
        Self {
            hurry: Hurry::default(),
            ..self
        }
    }

    /// What ends all waiting on sessions to this address.
    pub(super) fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// True when the address itself holds a password.
    #[must_use]
    pub fn names_a_password(url: &str) -> bool {
        url.parse::<Config>()
            .is_ok_and(|config| config.get_password().is_some())
    }

    /// Whether all its servers are on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.config.get_hosts().iter().all(is_local)
    }

    pub(super) async fn connect(&self, role: Role) -> Result<Client, tokio_postgres::Error> {
        let mut config = self.config.clone();
        config.target_session_attrs(match role {
            Role::Primary => TargetSessionAttrs::ReadWrite,
            Role::Any => TargetSessionAttrs::Any,
        });
        match &self.tls {
            Some(tls) => {
                let tls = MakeRustlsConnect::new((**tls).clone());
                let (client, connection) = config.connect(tls).await?;
                drop(tokio::spawn(connection));
                Ok(client)
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                drop(tokio::spawn(connection));
                Ok(client)
            }
        }
    }
}

impl fmt::Display for PostgresOptions {
    /// User, hosts and database; no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn hosts(config: &Config) -> String {
    let ports = config.get_ports();
    let name = |(place, host): (usize, &Host)| {
        let port = ports.get(place).or(ports.first()).unwrap_or(&5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        }
    };
    let names: Vec<String> = config.get_hosts().iter().enumerate().map(name).collect();
    names.join(",")
}

fn is_local(host: &Host) -> bool {
    match host {
        // A name is resolved by whoever runs the network, so only this one counts.
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn tls(secrets: &PostgresSecrets) -> Result<Option<Arc<ClientConfig>>, String> {
    let Some(authorities) = &secrets.authorities else {
        return match secrets.identity {
            Some(_) => Err("a client certificate needs TLS: name the authorities too".to_owned()),
            None => Ok(None),
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authorities, "authorities")? {
        roots
            .add(certificate)
            .map_err(|error| format!("the file of authorities: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let config = match &secrets.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| "the client key's file holds no key in PEM".to_owned())?;
            let chain = certificates(chain, "the client certificate")?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("the client certificate: {error}"))?
        }
    };
    Ok(Some(Arc::new(config)))
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("the file of {what} is not in PEM"))?;
    if found.is_empty() {
        return Err(format!("the file of {what} holds no certificate in PEM"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{PostgresOptions, PostgresSecrets};

    fn fault(url: &str) -> String {
        PostgresOptions::new(url, PostgresSecrets::default())
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn a_server_elsewhere_is_refused_without_tls() {
        for url in [
            "postgres://u@10.0.0.1/db",
            "postgres://u@db.example/db?sslmode=disable",
            "postgres://u@localhost,db.example/db",
            "postgres://u@127.0.0.1/db?hostaddr=10.0.0.1",
        ] {
            assert!(fault(url).contains("TLS"), "{url}");
        }
        for url in [
            "postgres://u@127.0.0.1/db",
            "postgresql://u@localhost:99/db",
            "postgres://u@[::1]/db",
        ] {
            assert_eq!(fault(url), "", "{url}");
        }
    }

    #[test]
    fn an_odd_address_is_explained_without_its_password() {
        for url in [
            "mysql://u:geheim@localhost/db",
            "postgres://u:geheim@localhost:port/db",
            "postgres://u:geheim@localhost/db?danger=1",
            "postgres://localhost/db",
        ] {
            let text = fault(url);
            assert!(
                text.contains("address") && !text.contains("geheim"),
                "{text}"
            );
        }
        let options = PostgresOptions::new(
            "postgres://u:geheim@localhost/db",
            PostgresSecrets::default(),
        );
        assert_eq!(options.unwrap().to_string(), "u@localhost:5432/db");
        assert!(PostgresOptions::names_a_password(
            "postgres://u:geheim@localhost/db"
        ));
    }
}
