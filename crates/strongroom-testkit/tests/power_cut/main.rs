//! A power cut at any moment of a real run: what the system calls say was not synced vanishes, whole or in part.
//!
//! A child process pays on a SQLite store while `strace` writes its system calls down. The files are then built again
//! as a disk would have them after a cut at some call: everything that a completed sync covers, and of the rest any
//! part. On each of them the engine must start, hold every payout acknowledged before the cut, and verify clean.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod disk;
mod trace;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use strongroom_auth::permission::ReadWallets;
use strongroom_crypto::RootKeys;
use strongroom_domain::wallets::WalletType;
use strongroom_engine::{Clock, Engine, Idempotency, Settings, View};
use strongroom_store::SqliteStore;
use strongroom_testkit::books::{Books, payout};
use strongroom_testkit::clock::FakeClock;
use strongroom_testkit::dice::Dice;
use strongroom_types::id::WalletId;
use strongroom_types::mode::Mode;

use disk::Disk;
use trace::Call;

const FOLDER: &str = "STRONGROOM_TEST_FOLDER";
const FUNDS: i64 = 1_000_000;
const CLIENTS: u8 = 4;
const PAYOUTS: u8 = 40;
const CUTS: usize = 40;

/// What the child leaves for its parent, beside the store.
struct Shop {
    recovery: String,
    from: WalletId,
    to: WalletId,
}

impl Shop {
    fn write(&self, folder: &Path) {
        let text = format!("{}\n{}\n{}", self.from, self.to, self.recovery);
        std::fs::write(folder.join("shop"), text).unwrap();
    }

    fn read(folder: &Path) -> Shop {
        let text = std::fs::read_to_string(folder.join("shop")).unwrap();
        let [from, to, recovery] = text.splitn(3, '\n').collect::<Vec<_>>().try_into().unwrap();
        let wallet = |id: &str| WalletId::parse(id).unwrap();
        Shop {
            recovery: recovery.to_owned(),
            from: wallet(from),
            to: wallet(to),
        }
    }

    fn root(&self) -> RootKeys {
        RootKeys::from_recovery_text(&self.recovery).unwrap()
    }

    /// The `n`-th payout of a client; says whether it was made before.
    fn pay(&self, books: &Books, client: u8, n: u8) -> bool {
        let mut envelope = books.envelope();
        let key = [client + 1, n, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];
        envelope.idempotency = Some(Idempotency { key, request: key });
        let command = payout(self.from, self.to, 1);
        books
            .engine
            .execute_blocking(&books.caller(), command, envelope)
            .ok()
            .unwrap()
            .replayed()
    }
}

fn start(store: &SqliteStore, root: RootKeys) -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::default());
    Engine::start(store, root, clock, Settings::default(), None).unwrap()
}

#[test]
fn no_lost_write_on_power_cut() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let traced = dir.path().join("trace");
    let run = Command::new("strace")
        .args(["-f", "-xx", "-s", "10000000", "-o"])
        .arg(&traced)
        .args([
            "-e",
            "trace=openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,close",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_pays", "--ignored", "--nocapture"])
        .env(FOLDER, dir.path())
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let calls = trace::read(&traced, dir.path());
    let shop = Shop::read(dir.path());
    // The store is made before the first payout; a cut while it is being made leaves nothing to lose.
    let begun = calls
        .iter()
        .position(|call| matches!(call, Call::Acknowledged(_)))
        .unwrap();
    let mut dice = Dice::new(11);
    for _ in 0..CUTS {
        let cut = begun + dice.below(calls.len() - begun + 1);
        let (disk, acknowledged) = Disk::after(&calls[..cut]);
        let folder = tempfile::tempdir().unwrap();
        disk.lay(folder.path(), &mut dice);
        check(&shop, folder.path(), &acknowledged, cut);
    }
}

/// The store as the cut left it holds what was acknowledged, once, and is sound.
fn check(shop: &Shop, folder: &Path, acknowledged: &[(u8, u8)], cut: usize) {
    let store =
        SqliteStore::open(folder).unwrap_or_else(|error| panic!("cut at call {cut}: {error}"));
    let report = strongroom_engine::verify::verify(&store, shop.root(), 1).unwrap();
    assert!(report.is_clean(), "cut at call {cut}: {report}");
    let engine = start(&store, shop.root());
    let scope = engine
        .scopes()
        .into_iter()
        .find(|scope| scope.number == 2)
        .unwrap();
    let books = Books {
        organization: scope.organization,
        scope,
        engine,
    };
    assert_eq!(
        books.engine.scope_of(scope.organization, Mode::Test),
        Some(scope)
    );
    for (client, n) in acknowledged {
        assert!(
            shop.pay(&books, *client, *n),
            "payout {n} of client {client} is lost, cut at call {cut}"
        );
    }
    let mut made = 0;
    for client in 0..CLIENTS {
        for n in 0..PAYOUTS {
            made += i64::from(shop.pay(&books, client, n));
        }
    }
    assert!(made >= i64::try_from(acknowledged.len()).unwrap());
    let all = i64::from(CLIENTS) * i64::from(PAYOUTS);
    assert_eq!(
        balances(shop, &books),
        (FUNDS - all, all),
        "cut at call {cut}"
    );
    books.engine.stop();
}

fn balances(shop: &Shop, books: &Books) -> (i64, i64) {
    let (from, to) = (shop.from, shop.to);
    let work = move |view: &mut View<'_>| {
        let (_, source) = view.wallet(from)?;
        let (_, target) = view.wallet(to)?;
        Ok((
            source.account.balances.available,
            target.account.balances.available,
        ))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(books.engine.read(&books.caller::<ReadWallets>(), work))
        .unwrap()
}

#[test]
#[ignore = "run by no_lost_write_on_power_cut"]
fn child_pays() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let root = RootKeys::generate();
    let recovery = root.recovery_text().to_string();
    let store = SqliteStore::create(&folder.join("store")).unwrap();
    let books = Books::found_in(start(&store, root), "Shop");
    let [from, to] = [
        books.wallet(WalletType::Master),
        books.wallet(WalletType::Operating),
    ];
    books.fund(from, FUNDS);
    let shop = Shop { recovery, from, to };
    shop.write(&folder);
    let told = std::fs::File::create(folder.join("acknowledged")).unwrap();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (shop, books, mut told) = (&shop, &books, &told);
            scope.spawn(move || {
                for n in 0..PAYOUTS {
                    assert!(!shop.pay(books, client, n));
                    // One system call: the moment at which the client knows.
                    told.write_all(&[client, n]).unwrap();
                }
            });
        }
    });
    books.engine.stop();
}
