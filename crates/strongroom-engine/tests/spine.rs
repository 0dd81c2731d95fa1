//! The spine without its edge: commands in, durable entries out.
#![expect(clippy::unwrap_used, reason = "test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_auth::permission::ReadTransactions;
use strongroom_cluster::{Cluster, OWNER, Stop, programs};
use strongroom_crypto::RootKeys;
use strongroom_domain::wallets::WalletType;
use strongroom_engine::verify::verify;
use strongroom_engine::{Engine, Failure, Idempotency, PageQuery, Settings, TransactionFilter};
use strongroom_store::{
    MemoryStore, PostgresOptions, PostgresSecrets, PostgresStore, SqliteStore, Store,
};
use strongroom_testkit::books::{Books, payout};
use strongroom_testkit::clock::FakeClock;

fn with_each_store(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    test(&SqliteStore::create(dir.path()).unwrap());
    with_postgres(|_, store| test(store));
}

/// On a private PostgreSQL; says so when its programs are not installed.
fn with_postgres(test: impl Fn(&mut Cluster, &dyn Store)) {
    let Some(programs) = programs() else {
        eprintln!("skipped: PostgreSQL's programs are not installed");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(programs, dir.path(), "").unwrap();
    let url = cluster.url(OWNER, "postgres");
    let options = PostgresOptions::new(&url, PostgresSecrets::default()).unwrap();
    let store = PostgresStore::create(options).unwrap();
    test(&mut cluster, &store);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_payout_moves_money_and_is_answered_again_under_its_key() {
    with_each_store(|store| {
        let books = Books::found(store, Arc::new(FakeClock::default()), Settings::default());
        let [from, to] = [
            books.wallet(WalletType::Master),
            books.wallet(WalletType::Operating),
        ];
        books.fund(from, 1_000);
        let mut envelope = books.envelope();
        envelope.idempotency = Some(Idempotency {
            key: [1; 16],
            request: [2; 16],
        });
        let pay = || {
            books
                .engine
                .execute_blocking(&books.caller(), payout(from, to, 250), envelope.clone())
        };
        let first = pay().ok().unwrap();
        let again = pay().ok().unwrap();
        assert!(!first.replayed() && again.replayed());
        assert_eq!(first.body(), again.body());
        assert_eq!(first.sequence(), again.sequence());
        let page = PageQuery {
            limit: 10,
            after: None,
            before: None,
        };
        let caller = books.caller::<ReadTransactions>();
        let read = books.engine.read(&caller, move |view| {
            let (_, source) = view.wallet(from)?;
            let statement = view.statement(to, &TransactionFilter::default(), &page)?;
            Ok((source.account.balances.available, statement.items.len()))
        });
        assert_eq!(runtime().block_on(read).unwrap(), (750, 1));
        books.engine.stop();
    });
}

#[test]
fn a_database_that_is_away_is_told_and_taken_up_again() {
    with_postgres(|cluster, store| {
        let kit = RootKeys::generate().recovery_text();
        let root = || RootKeys::from_recovery_text(&kit).unwrap();
        let clock = Arc::new(FakeClock::default());
        let engine = Engine::start(store, root(), clock, Settings::default(), None);
        let books = Books::found_in(engine.ok().unwrap(), "Acme");
        let [from, to] = [
            books.wallet(WalletType::Master),
            books.wallet(WalletType::Operating),
        ];
        books.fund(from, 1_000);
        cluster.stop(Stop::Immediate).unwrap();
        let pay = || books.run(payout(from, to, 250));
        assert_eq!(pay().err(), Some(Failure::Overloaded));
        assert_eq!(pay().err(), Some(Failure::Overloaded));
        cluster.run().unwrap();
        // The lease ran out meanwhile, and is renewed within a moment of the database's return.
        let begun = Instant::now();
        while let Err(failure) = pay() {
            assert_eq!(failure, Failure::Overloaded);
            assert!(begun.elapsed() < Duration::from_secs(60));
        }
        books.engine.stop();
        let report = verify(store, root(), 2).ok().unwrap();
        assert!(report.is_clean(), "{report}");
        let caller = books.caller::<ReadTransactions>();
        let read = books.engine.read(&caller, move |view| {
            Ok(view.wallet(from)?.1.account.balances.available)
        });
        assert_eq!(runtime().block_on(read).unwrap(), 750);
    });
}
