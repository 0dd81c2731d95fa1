//! The spine without its edge: commands in, durable entries out.
#![expect(clippy::unwrap_used, reason = "test")]

use std::sync::Arc;

use strongroom_auth::permission::ReadTransactions;
use strongroom_domain::wallets::WalletType;
use strongroom_engine::{Idempotency, PageQuery, Settings, TransactionFilter};
use strongroom_store::{MemoryStore, SqliteStore, Store};
use strongroom_testkit::books::{Books, payout};
use strongroom_testkit::clock::FakeClock;

fn with_each_store(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    test(&SqliteStore::create(dir.path()).unwrap());
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
