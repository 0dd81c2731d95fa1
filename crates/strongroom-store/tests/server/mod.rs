//! A real PostgreSQL for the tests.
#![allow(dead_code, reason = "each test binary uses some")]

use strongroom_cluster::{Cluster, OWNER, programs};
use strongroom_store::{PostgresOptions, PostgresSecrets, PostgresStore, StoreError};
use tempfile::TempDir;

pub struct Server {
    pub cluster: Cluster,
    pub folder: TempDir,
}

impl Server {
    /// Starts one; says so when PostgreSQL is not installed.
    pub fn start(settings: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: PostgreSQL's programs are not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let cluster = Cluster::start(programs, folder.path(), settings).unwrap();
        Some(Self { cluster, folder })
    }

    pub fn options(&self) -> PostgresOptions {
        self.options_of(OWNER, "postgres")
    }

    pub fn options_of(&self, role: &str, database: &str) -> PostgresOptions {
        let url = self.cluster.url(role, database);
        PostgresOptions::new(&url, PostgresSecrets::default()).unwrap()
    }

    pub fn create(&self) -> PostgresStore {
        PostgresStore::create(self.options()).unwrap()
    }

    pub fn open(&self) -> Result<PostgresStore, StoreError> {
        PostgresStore::open(self.options())
    }

    pub fn sql(&self, statement: &str) -> String {
        self.cluster.psql("postgres", statement).unwrap()
    }
}
