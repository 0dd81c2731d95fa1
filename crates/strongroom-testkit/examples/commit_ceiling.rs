//! The store ceiling: the group commit alone, without HTTP, at fixed batch sizes.
//!
//! Prints one JSON line per figure: `{"name", "value", "unit"}`. Sealing, hashing and every index are on, as in the
//! server. `commit_ceiling [PAYOUTS] [DIR] [postgres]`; run it in release mode. The last word puts the books into a
//! PostgreSQL that is started for it.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]
#![expect(clippy::indexing_slicing, reason = "bench")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot run has nothing to say"
)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Instant;

use strongroom_cluster::{Cluster, OWNER, programs};
use strongroom_domain::funding::{Credit, Funding};
use strongroom_domain::wallets::WalletType;
use strongroom_engine::{Envelope, Idempotency, Settings, WallClock};
use strongroom_store::{PostgresOptions, PostgresSecrets, PostgresStore, SqliteStore, Store};
use strongroom_testkit::books::{Books, money, new_wallet, payout};
use strongroom_types::id::WalletId;
use tokio::task::JoinSet;

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WALLETS: usize = 10_000;

/// As the benchmark sets its servers.
const SETTINGS: &str = "
shared_buffers = 1GB
max_wal_size = 4GB
";

fn main() {
    let mut args = std::env::args().skip(1);
    let payouts: usize = args.next().map_or(60_000, |text| text.parse().unwrap());
    let parent = args.next().map_or_else(std::env::temp_dir, Into::into);
    let on_postgres = args.next().is_some_and(|word| word == "postgres");
    for (shape, hot) in [("spread", false), ("hot", true)] {
        for batch in [1, 10, 100, 1_000] {
            // The database runs under an account of its own and must reach its folder.
            let dir = tempfile::Builder::new()
                .permissions(Permissions::from_mode(0o755))
                .tempdir_in(&parent)
                .unwrap();
            let payouts = payouts.min(batch * 3_000);
            if on_postgres {
                let cluster = Cluster::start(programs().unwrap(), dir.path(), SETTINGS).unwrap();
                let url = cluster.url(OWNER, "postgres");
                let options = PostgresOptions::new(&url, PostgresSecrets::default()).unwrap();
                run(
                    &PostgresStore::create(options).unwrap(),
                    shape,
                    hot,
                    batch,
                    payouts,
                );
            } else {
                let store = SqliteStore::create(dir.path()).unwrap();
                run(&store, shape, hot, batch, payouts);
            }
        }
    }
}

fn run(store: &dyn Store, shape: &str, hot: bool, batch: usize, payouts: usize) {
    let settings = Settings {
        batch_limit: 1_000,
        ..Settings::default()
    };
    let books = Books::found(store, Arc::new(WallClock), settings);
    // A moment's run is not to spend minutes on its wallets.
    let wallets = Arc::new(funded(&books, WALLETS.min(payouts.max(500))));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let books = Arc::new(books);
    let sizes = store.reader().unwrap().size().unwrap();
    let before = (cpu_of("commit"), Instant::now());
    runtime.block_on(pay(Arc::clone(&books), wallets, hot, batch, payouts));
    let wall = before.1.elapsed().as_secs_f64();
    let cpu = cpu_of("commit") - before.0;
    let count = f64::from(u32::try_from(payouts).unwrap());
    let print = |name: &str, value: f64, unit: &str| {
        println!(
            "{{\"name\":\"ceiling {shape} batch {batch} {name}\",\"value\":{value:.2},\"unit\":\"{unit}\"}}"
        );
    };
    print("rate", count / wall, "payouts/s");
    print("writer cpu", cpu / count / 1_000.0, "us/payout");
    if batch == 100 {
        let after = store.reader().unwrap().size().unwrap();
        for table in after {
            let old = sizes
                .iter()
                .find(|t| t.name == table.name)
                .map_or((0, 0), |t| (t.rows, t.bytes));
            let per = |n: u64, o: u64| f64::from(u32::try_from(n - o.min(n)).unwrap()) / count;
            let (rows, bytes) = (per(table.rows, old.0), per(table.bytes, old.1));
            // Tables that grow by less than a byte a payout say nothing.
            if bytes >= 1.0 {
                print(&format!("{} rows", table.name), rows, "rows/payout");
                print(&format!("{} bytes", table.name), bytes, "bytes/payout");
            }
        }
    }
    books.engine.stop();
}

fn funded(books: &Books, count: usize) -> Vec<WalletId> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    books.wallet(WalletType::Master);
    let mut wallets = Vec::with_capacity(count);
    for _ in 0..count.div_ceil(500) {
        runtime.block_on(async {
            let caller = books.caller();
            let made = (0..500).map(|_| {
                books.engine.execute(
                    &caller,
                    new_wallet(WalletType::SubMerchant),
                    Envelope::internal(),
                )
            });
            for done in futures(made).await {
                wallets.push(WalletId(done.ok().unwrap().resource().unwrap().raw));
            }
        });
    }
    for some in wallets.chunks(500) {
        runtime.block_on(async {
            let caller = books.caller();
            let funding = |wallet: &WalletId| {
                Credit(Funding {
                    wallet: *wallet,
                    amount: money(1_000_000_000),
                    reference: None,
                    description: None,
                })
            };
            let credits = some.iter().map(|w| {
                books
                    .engine
                    .execute(&caller, funding(w), Envelope::internal())
            });
            assert!(futures(credits).await.iter().all(Result::is_ok));
        });
    }
    wallets
}

/// Awaits all at once.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        let mut waiting = false;
        for (future, output) in &mut all {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(done) => *output = Some(done),
                    std::task::Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    all.into_iter().filter_map(|(_, output)| output).collect()
}

/// `batch` callers that each send the next payout once the last is durable.
async fn pay(
    books: Arc<Books>,
    wallets: Arc<Vec<WalletId>>,
    hot: bool,
    batch: usize,
    payouts: usize,
) {
    let mut callers = JoinSet::new();
    for caller in 0..batch {
        let (books, wallets) = (Arc::clone(&books), Arc::clone(&wallets));
        callers.spawn(async move {
            let permission = books.caller();
            let mut random = u64::try_from(caller).unwrap() + 1;
            for n in 0..payouts / batch {
                let mut pick = || {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    wallets[usize::try_from(random >> 33).unwrap() % wallets.len()]
                };
                let (from, to) = if hot {
                    (wallets[0], wallets[1])
                } else {
                    (pick(), pick())
                };
                if from == to {
                    continue;
                }
                let mut envelope = Envelope::internal();
                envelope.address = "192.0.2.44".into();
                envelope.user_agent = "ceiling/1.0".into();
                let scope = books.scope;
                let key = format!("key-{caller}-{n}");
                let path = "/v1/payouts";
                let hashes: Idempotency =
                    books
                        .engine
                        .idempotency(&scope, "POST", path, &key, path, key.as_bytes());
                envelope.idempotency = Some(hashes);
                envelope.signature = Some(hashes.request);
                let done = books
                    .engine
                    .execute(&permission, payout(from, to, 1), envelope)
                    .await;
                assert!(done.is_ok());
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

/// Nanoseconds of CPU that the threads of a name have used.
fn cpu_of(name: &str) -> f64 {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let comm = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if comm.trim() == name {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            sum += stat
                .split(' ')
                .next()
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(0.0);
        }
    }
    sum
}
