//! Where a test server's books are: files in its folder, or, where `STRONGROOM_TEST_STORE` names a PostgreSQL, a database
//! of their own on it that goes with them. `cargo xtask test --postgres` starts one and names it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_cluster::{programs, psql};
use strongroom_store::{PostgresOptions, PostgresSecrets, PostgresStore, SqliteStore, Store};

use crate::server::DataFolder;

/// Names the server: `postgres://role@127.0.0.1:PORT/postgres`.
const TEST_STORE: &str = "STRONGROOM_TEST_STORE";

/// The books of one test server.
pub enum Shelf {
    Files,
    Database(TestDatabase),
}

impl Shelf {
    /// As the environment says.
    pub fn chosen() -> Shelf {
        match std::env::var(TEST_STORE) {
            Ok(url) => Shelf::Database(TestDatabase::create(&url)),
            Err(_) => Shelf::Files,
        }
    }

    /// A new store.
    pub fn create(&self, folder: &Path) -> Box<dyn Store> {
        match self {
            Shelf::Files => Box::new(made(SqliteStore::create(folder))),
            Shelf::Database(database) => Box::new(made(PostgresStore::create(database.options()))),
        }
    }

    /// The store of a server that was stopped.
    pub fn open(&self, folder: &Path) -> Box<dyn Store> {
        match self {
            Shelf::Files => Box::new(made(SqliteStore::open(folder))),
            Shelf::Database(database) => Box::new(made(PostgresStore::open(database.options()))),
        }
    }

    /// Lets a reader look at what is stored now. Files must not be written meanwhile.
    pub fn look<T>(&self, folder: &Path, work: impl FnOnce(&dyn Store) -> T) -> T {
        match self {
            Shelf::Files => {
                let copy = DataFolder::copy_of(folder);
                work(&made(SqliteStore::open_read_only(copy.path())))
            }
            Shelf::Database(database) => {
                work(&made(PostgresStore::open_read_only(database.options())))
            }
        }
    }
}

fn made<T>(outcome: Result<T, strongroom_store::StoreError>) -> T {
    outcome.unwrap_or_else(|error| panic!("no store: {error}"))
}

/// A database that is dropped with this value.
pub struct TestDatabase {
    /// The address up to the database's name.
    server: String,
    port: u16,
    name: String,
}

impl TestDatabase {
    fn create(url: &str) -> TestDatabase {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t{}_{number}", std::process::id());
        let (server, _) = url
            .rsplit_once('/')
            .unwrap_or_else(|| panic!("`{TEST_STORE}` names no database"));
        let port = server.rsplit(':').next().and_then(|port| port.parse().ok());
        let database = TestDatabase {
            server: server.to_owned(),
            port: port.unwrap_or_else(|| panic!("`{TEST_STORE}` names no port")),
            name,
        };
        database.say(&format!("CREATE DATABASE {}", database.name));
        database
    }

    fn options(&self) -> PostgresOptions {
        let url = format!("{}/{}", self.server, self.name);
        PostgresOptions::new(&url, PostgresSecrets::default())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn say(&self, statement: &str) {
        let programs = programs().unwrap_or_else(|| panic!("PostgreSQL is not installed"));
        if let Err(failure) = psql(&programs, self.port, "postgres", statement) {
            panic!("{failure}");
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.say(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}
