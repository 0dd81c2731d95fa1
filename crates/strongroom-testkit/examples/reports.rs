//! How long reports take over many movements, and how much memory they take on the way.
//!
//! `reports [MOVEMENTS [FOLDER]]`; run it in release mode. Fills a SQLite file with payouts between wallets, then makes a report of
//! each type that reads the whole log: whatever a report tells, it opens every entry that may have moved money. Prints one JSON
//! line per figure: `{"name", "value", "unit"}`.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run has nothing to say"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use strongroom_auth::permission::Operate;
use strongroom_auth::{Caller, SystemActor};
use strongroom_domain::reports::{Asked, ReportFormat, ReportType};
use strongroom_domain::wallets::WalletType;
use strongroom_engine::{Envelope, ReportScan, Settings, WallClock};
use strongroom_store::SqliteStore;
use strongroom_testkit::books::{Books, payout};
use strongroom_types::id::WalletId;
use strongroom_types::time::Timestamp;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Movements made at once, and wallets to spread over.
const CHUNK: usize = 500;
const WALLETS: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let movements: usize = arguments
        .next()
        .map_or(1_000_000, |text| text.parse().unwrap());
    let parent = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let store = SqliteStore::create(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let books = Arc::new(Books::found(
        &store,
        Arc::new(WallClock),
        Settings::default(),
    ));
    fill(&books, &runtime, movements);
    for kind in [
        ReportType::Payouts,
        ReportType::Fees,
        ReportType::Balances,
        ReportType::Reconciliation,
    ] {
        let before = resident();
        let began = Instant::now();
        runtime.block_on(made(&books, kind));
        let took = began.elapsed().as_secs_f64();
        let name = format!("report `{}` over {movements} payouts", kind.as_str());
        figure(&name, took, "s");
        let grown = peak().saturating_sub(before);
        figure(
            &format!("{name}, memory at the peak of all so far"),
            mebibytes(grown),
            "MiB",
        );
    }
    books.engine.stop();
}

fn fill(books: &Arc<Books>, runtime: &Runtime, movements: usize) {
    let wallets: Vec<WalletId> = (0..WALLETS)
        .map(|_| books.wallet(WalletType::SubMerchant))
        .collect();
    for wallet in &wallets {
        books.fund(*wallet, 1_000_000_000);
    }
    let place = |n: usize| wallets.get(n % WALLETS).copied().unwrap();
    let mut made = 0;
    while made < movements {
        let count = CHUNK.min(movements - made);
        let mut under_way = JoinSet::new();
        for n in made..made + count {
            let books = Arc::clone(books);
            let command = payout(place(n), place(n + 1 + n % 7), 5);
            under_way.spawn_on(
                async move {
                    let caller = books.caller();
                    let done = books.engine.execute(&caller, command, Envelope::internal());
                    done.await.map(drop)
                },
                runtime.handle(),
            );
        }
        runtime.block_on(async {
            while let Some(done) = under_way.join_next().await {
                done.unwrap().unwrap();
            }
        });
        made += count;
    }
}

async fn made(books: &Books, kind: ReportType) {
    let caller: Caller<Operate> = Caller::system(SystemActor::Housekeeping, books.scope);
    let asked = Asked {
        kind,
        format: ReportFormat::Json,
        from: Timestamp(0),
        to: Timestamp(i64::MAX),
        wallet: None,
        store: None,
        shift: None,
        kept_for: 0,
    };
    let mut scan = ReportScan::new(&asked);
    while !scan.is_done() {
        scan = books.engine.advance_report(&caller, scan).await.unwrap();
    }
    scan.into_sheet().unwrap().table().unwrap();
}

/// Bytes of this process in memory now, and the most there were.
fn resident() -> u64 {
    status("VmRSS:")
}

fn peak() -> u64 {
    status("VmHWM:")
}

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1_024
}

fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_024).unwrap()) / 1_024.0
}

fn figure(name: &str, value: f64, unit: &str) {
    println!("{{\"name\":\"{name}\",\"value\":{value:.4},\"unit\":\"{unit}\"}}");
}
