//! How long reports take over many movements, and how much memory they take on the way.
//!
//! `reports [MOVEMENTS [FOLDER]]`; run it in release mode. Fills a SQLite file with transactions of a till, and makes the report of sales;
//! then another with payouts between wallets, and makes a report of each type that reads the whole log: whatever a report tells, it
//! opens every entry that may have moved money. Prints one JSON line per figure: `{"name", "value", "unit"}`.
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
use strongroom_domain::command::Command;
use strongroom_domain::reports::{Asked, ReportFormat, ReportType};
use strongroom_domain::sales::{CreateSale, NewItem, NewSale, Tender};
use strongroom_domain::shifts::OpenShift;
use strongroom_domain::stores::CreateStore;
use strongroom_domain::tills::{CreateTill, Hand};
use strongroom_domain::wallets::WalletType;
use strongroom_engine::{Envelope, ReportScan, Settings, WallClock};
use strongroom_store::SqliteStore;
use strongroom_testkit::books::{Books, money, payout, php};
use strongroom_types::id::{ApiKeyId, RawId, StoreId, TillId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::time::Timestamp;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Movements made at once, and wallets and tills to spread over.
const CHUNK: usize = 500;
const WALLETS: usize = 200;
const TILLS: usize = 50;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let movements: usize = arguments
        .next()
        .map_or(1_000_000, |text| text.parse().unwrap());
    let parent = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let bench = Bench {
        parent,
        runtime,
        movements,
    };
    bench.on("transactions", sell, &[ReportType::Sales, ReportType::Tax]);
    let over_payouts = [
        ReportType::Payouts,
        ReportType::Fees,
        ReportType::Balances,
        ReportType::Reconciliation,
    ];
    bench.on("payouts", pay, &over_payouts);
}

struct Bench {
    parent: PathBuf,
    runtime: Runtime,
    movements: usize,
}

impl Bench {
    /// Fills new books, and makes reports over them.
    fn on(&self, what: &str, fill: fn(&Arc<Books>, &Bench), kinds: &[ReportType]) {
        let folder = tempfile::tempdir_in(&self.parent).unwrap();
        let store = SqliteStore::create(folder.path()).unwrap();
        let (clock, settings) = (Arc::new(WallClock), Settings::default());
        let books = Arc::new(Books::found(&store, clock, settings));
        fill(&books, self);
        for kind in kinds {
            let before = resident();
            let began = Instant::now();
            self.runtime.block_on(made(&books, *kind));
            let took = began.elapsed().as_secs_f64();
            let name = format!("report `{}` over {} {what}", kind.as_str(), self.movements);
            figure(&name, took, "s");
            let grown = peak().saturating_sub(before);
            let name = format!("{name}, memory at the peak of all so far");
            figure(&name, mebibytes(grown), "MiB");
        }
        books.engine.stop();
    }
}

/// Sales of one piece for cash, at one till after another.
fn sell(books: &Arc<Books>, bench: &Bench) {
    let hand = Hand {
        key: ApiKeyId(RawId::ZERO),
        manages: true,
    };
    let store = books.run(CreateStore {
        name: "Bench".into(),
        currency: None,
        wallet: None,
        header: Vec::new(),
        metadata: Metadata::default(),
    });
    let store = StoreId(store.unwrap().resource().unwrap().raw);
    let tills: Vec<TillId> = (0..TILLS)
        .map(|n| {
            let till = books.run(CreateTill {
                store,
                name: n.to_string(),
                key: None,
                public_key: None,
                metadata: Metadata::default(),
            });
            let till = TillId(till.unwrap().resource().unwrap().raw);
            let shift = OpenShift {
                till: Some(till),
                float: None,
                hand,
                note: None,
            };
            books.run(shift).unwrap();
            till
        })
        .collect();
    filled(books, bench, move |n| CreateSale {
        sale: sold(n),
        tender: Tender {
            cash: true,
            ..Tender::default()
        },
        till: tills.get(n % TILLS).copied(),
        hand,
    });
}

fn sold(n: usize) -> NewSale {
    let minor = 100 + i64::try_from(n % 1_000).unwrap();
    let item = NewItem {
        product: None,
        name: Some("Tea".into()),
        quantity: 1,
        unit: Some(money(minor)),
        discount: None,
        ppm: Some(120_000),
    };
    NewSale {
        currency: php(),
        items: vec![item],
        discount: None,
        taxes_added: false,
        amount: None,
        customer: None,
        reference_id: None,
        description: None,
        metadata: Metadata::default(),
    }
}

fn pay(books: &Arc<Books>, bench: &Bench) {
    let wallets: Vec<WalletId> = (0..WALLETS)
        .map(|_| books.wallet(WalletType::SubMerchant))
        .collect();
    for wallet in &wallets {
        books.fund(*wallet, 1_000_000_000);
    }
    let place = move |n: usize| wallets.get(n % WALLETS).copied().unwrap();
    filled(books, bench, move |n| {
        payout(place(n), place(n + 1 + n % 7), 5)
    });
}

/// Carries commands out, many at once.
fn filled<C: Command + 'static>(books: &Arc<Books>, bench: &Bench, command: impl Fn(usize) -> C) {
    let (runtime, movements) = (&bench.runtime, bench.movements);
    let mut made = 0;
    while made < movements {
        let count = CHUNK.min(movements - made);
        let mut under_way = JoinSet::new();
        for n in made..made + count {
            let books = Arc::clone(books);
            let command = command(n);
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
        currency: None,
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
