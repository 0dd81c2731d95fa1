//! How long a million entries take. Ignored: `cargo test --release -p strongroom-engine --test verify -- --ignored`.

use std::time::Instant;

use strongroom_domain::wallets::WalletType;
use strongroom_engine::verify::{audit_verify, verify};
use strongroom_store::{SqliteStore, Store};
use strongroom_testkit::books::payout;

use crate::history::{Author, Root};

#[test]
#[ignore = "takes minutes: run it in release when verify's speed matters"]
fn a_million_entries() {
    let count: u64 = std::env::var("STRONGROOM_ENTRIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let root = Root::new();
    let store = SqliteStore::create(dir.path()).unwrap();
    let author = Author::begin(&store, &root);
    let mut wallets = vec![author.books.wallet(WalletType::Master)];
    wallets.resize_with(1_000, || author.books.wallet(WalletType::SubMerchant));
    wallets
        .iter()
        .for_each(|wallet| author.books.fund(*wallet, 1_000_000_000));
    author.pay_at_once(count, |n| {
        let n = usize::try_from(n).unwrap();
        payout(wallets[n * 7 % 1_000], wallets[(n * 13 + 1) % 1_000], 1)
    });
    author.checkpoint();
    author.books.engine.stop();
    drop(author);
    drop(store);
    let store = SqliteStore::open_read_only(dir.path()).unwrap();
    let begin = Instant::now();
    assert!(store.reader().unwrap().check().unwrap().is_empty());
    println!("the store's own check: {:?}", begin.elapsed());
    for threads in [1, 2] {
        let begin = Instant::now();
        let report = verify(&store, root.keys(), threads).unwrap();
        println!(
            "verify on {threads} threads: {:?} for {} postings",
            begin.elapsed(),
            report.postings
        );
        assert!(report.is_clean(), "{report}");
    }
    let begin = Instant::now();
    assert!(audit_verify(&store, root.keys(), None).unwrap().is_clean());
    println!("audit verify: {:?}", begin.elapsed());
}
