//! A PostgreSQL server as the place of the books: named on the command line or in the configuration, its password and
//! certificates in files.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use strongroom_crypto::sha256;
use strongroom_store::{PostgresOptions, PostgresSecrets};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::folder;

/// Where the books are when they are not in files.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PostgresArguments {
    /// The database with the books, as postgres://user@host:5432/name; the data directory then holds no books
    ///
    /// Keyring and request log stay in the data directory. More hosts may be named, separated by commas: the one that
    /// takes writes is used. No password belongs into the address.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,

    /// A file that holds the database's password on one line
    #[arg(long, value_name = "FILE", requires = "postgres")]
    postgres_password_file: Option<PathBuf>,

    /// A file with the authorities that sign the database's certificate, PEM; a server elsewhere must have TLS
    #[arg(long, value_name = "FILE", requires = "postgres")]
    postgres_ca_file: Option<PathBuf>,

    /// A file with the certificate to show to the database, PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "postgres_ca_file",
        requires = "postgres_key_file"
    )]
    postgres_certificate_file: Option<PathBuf>,

    /// A file with that certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "postgres_certificate_file")]
    postgres_key_file: Option<PathBuf>,
}

/// The `[store]` of a configuration file: the same, paths relative to the file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreTable {
    pub postgres: Option<String>,
    pub password_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

impl PostgresArguments {
    /// The same as a configuration's table; `None` when none of it was given.
    pub fn table(&self) -> Option<StoreTable> {
        let PostgresArguments {
            postgres,
            postgres_password_file,
            postgres_ca_file,
            postgres_certificate_file,
            postgres_key_file,
        } = self.clone();
        postgres.is_some().then_some(StoreTable {
            postgres,
            password_file: postgres_password_file,
            ca_file: postgres_ca_file,
            certificate_file: postgres_certificate_file,
            key_file: postgres_key_file,
        })
    }
}

impl StoreTable {
    /// What a configuration may say of it.
    pub fn check(&self) -> Result<(), String> {
        let Some(url) = &self.postgres else {
            return match *self == StoreTable::default() {
                true => Ok(()),
                false => Err("`store.postgres` is missing: the address of the database".to_owned()),
            };
        };
        if PostgresOptions::names_a_password(url) {
            return Err("`store.postgres` holds a password: put it into a file, and name that as `store.password_file`".to_owned());
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return Err("`store.certificate_file` and `store.key_file` go together".to_owned());
        }
        Ok(())
    }

    /// With its paths seen from a folder.
    pub fn below(self, folder: &Path) -> StoreTable {
        let below = |path: Option<PathBuf>| path.map(|path| folder.join(path));
        StoreTable {
            postgres: self.postgres,
            password_file: below(self.password_file),
            ca_file: below(self.ca_file),
            certificate_file: below(self.certificate_file),
            key_file: below(self.key_file),
        }
    }

    /// How to reach the database, when one is named.
    pub fn options(&self) -> Result<Option<PostgresOptions>, Fault> {
        let Some(url) = &self.postgres else {
            return Ok(None);
        };
        // SECURITY: every process of the machine sees a command line; and what is quoted here may be kept in a log.
        if PostgresOptions::names_a_password(url) {
            return Err(Fault::new("the database's address holds a password").hint(
                "put it into a file of its own, and name that with --postgres-password-file",
            ));
        }
        let secrets = PostgresSecrets {
            password: self
                .password_file
                .as_deref()
                .map(|path| folder::read_secret_line(path, "a password"))
                .transpose()?
                .map(|password| password.expose().to_owned()),
            authorities: self.ca_file.as_deref().map(bytes).transpose()?,
            identity: self
                .certificate_file
                .as_deref()
                .zip(self.key_file.as_deref())
                .map(|(certificate, key)| Ok::<_, Fault>((bytes(certificate)?, bytes(key)?)))
                .transpose()?,
        };
        let options = PostgresOptions::new(url, secrets)
            .map_err(|error| Fault::new(format!("the database: {error}")))?;
        Ok(Some(options))
    }

    /// The lines of a configuration file; `None` when nothing is named.
    pub fn lines(&self) -> Result<Option<String>, Fault> {
        let StoreTable {
            postgres,
            password_file,
            ca_file,
            certificate_file,
            key_file,
        } = self;
        let Some(url) = postgres else {
            return Ok(None);
        };
        let mut lines = format!("postgres = {}\n", quoted(url));
        for (name, path) in [
            ("password_file", password_file),
            ("ca_file", ca_file),
            ("certificate_file", certificate_file),
            ("key_file", key_file),
        ] {
            if let Some(path) = path {
                let path = quoted(&folder::absolute(path)?);
                lines.push_str(&format!("{name} = {path}\n"));
            }
        }
        Ok(Some(lines))
    }
}

/// A TOML string: literal where it can be.
pub(crate) fn quoted(text: &str) -> String {
    match text.contains(['\'', '\n']) {
        false => format!("'{text}'"),
        true => format!("{text:?}"),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    let text = folder::read_secret(path)?;
    Ok(text.expose().as_bytes().to_vec())
}

/// Where the demo on a database keeps its keys when no folder is named: the same for each start on it.
pub(crate) fn demo_folder(options: &PostgresOptions) -> PathBuf {
    let named = |variable| std::env::var_os(variable).map(PathBuf::from);
    let state = named("XDG_STATE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir);
    let digest = Zeroizing::new(sha256(&[options.to_string().as_bytes()]));
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    state.join("strongroom").join(format!("demo-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_it_is_read() {
        let table = StoreTable {
            postgres: Some("postgres://pay@db.example/books".into()),
            password_file: Some("/run/it's".into()),
            ca_file: Some("/etc/ca.pem".into()),
            ..StoreTable::default()
        };
        let lines = table.lines().unwrap().unwrap();
        assert_eq!(toml::from_str::<StoreTable>(&lines).unwrap(), table);
        assert_eq!(StoreTable::default().lines().unwrap(), None);
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        let table = StoreTable {
            postgres: Some("postgres://pay:geheim@127.0.0.1/books".into()),
            ..StoreTable::default()
        };
        let told = table.check().unwrap_err();
        assert!(
            told.contains("password_file") && !told.contains("geheim"),
            "{told}"
        );
        let fault = format!("{:?}", table.options().err().unwrap());
        assert!(
            fault.contains("--postgres-password-file") && !fault.contains("geheim"),
            "{fault}"
        );
    }

    #[test]
    fn a_table_without_a_database_says_so() {
        let table = StoreTable {
            ca_file: Some("ca.pem".into()),
            ..StoreTable::default()
        };
        assert!(table.check().unwrap_err().contains("store.postgres"));
        assert_eq!(StoreTable::default().check(), Ok(()));
    }
}
