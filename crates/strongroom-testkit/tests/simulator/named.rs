//! The rows of REGRESSIONS.md that a failing disk proves.

use std::sync::Arc;

use strongroom_auth::permission::Operate;
use strongroom_crypto::RootKeys;
use strongroom_domain::action::Action;
use strongroom_domain::command::{Command, Moment};
use strongroom_domain::decision::Decision;
use strongroom_domain::facts::{Facts, Keys};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::wallets::WalletType;
use strongroom_engine::{Committed, Engine, EngineState, Failure, Settings, View};
use strongroom_testkit::books::{Books, payout};
use strongroom_testkit::clock::FakeClock;
use strongroom_testkit::faulty::{Disk, Fault};
use strongroom_types::id::WalletId;
use strongroom_types::mode::{Mode, Scope};

use crate::clients::{caller, envelope};

/// A shop on a disk, with some money in one wallet.
struct Shop {
    disk: Disk,
    recovery: String,
    books: Books,
    from: WalletId,
    to: WalletId,
}

impl Shop {
    fn open() -> Shop {
        let disk = Disk::default();
        let recovery = RootKeys::generate().recovery_text().to_string();
        let books = Books::found_in(start(&disk, &recovery), "Shop");
        let [from, to] = [
            books.wallet(WalletType::Master),
            books.wallet(WalletType::Operating),
        ];
        books.fund(from, 1_000);
        Shop {
            disk,
            recovery,
            books,
            from,
            to,
        }
    }

    /// The `n`-th client pays 1.
    fn pay(&self, n: u8) -> Result<Committed, Failure> {
        let command = payout(self.from, self.to, 1);
        self.books.engine.execute_blocking(
            &self.books.caller(),
            command,
            envelope([n + 1; 16], [n; 16]),
        )
    }

    /// What stands on the source's and the target's account.
    fn balances(&self) -> (i64, i64) {
        let (from, to) = (self.from, self.to);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let work = move |view: &mut View<'_>| {
            let available = |wallet: (_, strongroom_domain::wallets::Books)| {
                wallet.1.account.balances.available
            };
            Ok((available(view.wallet(from)?), available(view.wallet(to)?)))
        };
        let reader = caller::<strongroom_auth::permission::ReadWallets>(self.books.scope);
        runtime
            .block_on(self.books.engine.read(&reader, work))
            .unwrap()
    }

    /// Power off, power on.
    fn restart(&mut self) {
        self.disk.cut_power();
        self.books.engine.stop();
        let engine = start(&self.disk, &self.recovery);
        let scope = engine
            .scope_of(self.books.organization, Mode::Test)
            .unwrap();
        self.books = Books {
            engine,
            organization: self.books.organization,
            scope,
        };
    }
}

fn start(disk: &Disk, recovery: &str) -> Engine {
    let root = RootKeys::from_recovery_text(recovery).unwrap();
    Engine::start(
        &disk.open(),
        root,
        Arc::new(FakeClock::default()),
        Settings::default(),
        None,
    )
    .unwrap()
}

#[test]
fn an_unsynced_batch_was_never_acknowledged() {
    for acknowledged in 0..12u8 {
        let mut shop = Shop::open();
        for n in 0..acknowledged {
            shop.pay(n).ok().unwrap();
        }
        // The last batch is written and not synced when the power goes: it may not be acknowledged.
        shop.disk.arm(0, Fault::LostBefore);
        assert_eq!(shop.pay(acknowledged).err(), Some(Failure::Halted));
        shop.restart();
        let paid = i64::from(acknowledged);
        assert_eq!(shop.balances(), (1_000 - paid, paid));
        for n in 0..acknowledged {
            assert!(
                shop.pay(n).ok().unwrap().replayed(),
                "payout {n} of {acknowledged} was lost"
            );
        }
        assert!(!shop.pay(acknowledged).ok().unwrap().replayed());
        assert_eq!(shop.balances(), (999 - paid, paid + 1));
        shop.books.engine.stop();
    }
}

#[test]
fn fsync_error_halts() {
    for (fault, stands) in [(Fault::LostBefore, 1), (Fault::LostAfter, 2)] {
        let mut shop = Shop::open();
        shop.pay(0).ok().unwrap();
        shop.disk.arm(0, fault);
        assert_eq!(shop.pay(1).err(), Some(Failure::Halted));
        // Nothing is guessed: no later request is acknowledged, a replay of an earlier one neither.
        assert!(matches!(shop.books.engine.state(), EngineState::Halted(_)));
        for n in [0, 1, 2] {
            assert_eq!(shop.pay(n).err(), Some(Failure::Halted));
        }
        let durable = shop.disk.applied();
        shop.restart();
        assert_eq!(shop.balances(), (1_000 - stands, stands));
        assert!(shop.disk.applied() > durable, "a restart is put on record");
        assert_eq!(shop.pay(1).ok().unwrap().replayed(), stands == 2);
        assert_eq!(shop.balances(), (998, 2));
        shop.books.engine.stop();
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let mut shop = Shop::open();
    // The first looks for what there is one of at most; later ones only write.
    shop.pay(8).ok().unwrap();
    for n in 0..8u8 {
        shop.disk.arm(0, Fault::Full);
        assert_eq!(shop.pay(n).err(), Some(Failure::StorageFull));
        assert_eq!(shop.balances(), (999 - i64::from(n), 1 + i64::from(n)));
        assert!(!shop.pay(n).ok().unwrap().replayed());
    }
    shop.restart();
    assert_eq!(shop.balances(), (991, 9));
    shop.books.engine.stop();
}

/// A command that panics where no decision is under way.
struct Broken;

impl Command for Broken {
    type Permission = Operate;

    /// Asked for when its refusal is put on record.
    fn action(&self) -> Action {
        std::panic::resume_unwind(Box::new("broken"))
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        Keys::default()
    }

    fn decide(&self, _: &Facts, _: &mut Moment) -> Result<Decision, Rejection> {
        Err(Rejection::new(Code::NotFound, "refused"))
    }
}

#[test]
fn a_panic_of_the_commit_thread_halts() {
    let mut shop = Shop::open();
    shop.pay(0).ok().unwrap();
    let broken = shop.books.run(Broken).err();
    assert_eq!(broken, Some(Failure::Halted));
    assert_eq!(shop.pay(1).err(), Some(Failure::Halted));
    assert!(matches!(shop.books.engine.state(), EngineState::Halted(_)));
    shop.restart();
    assert!(shop.pay(0).ok().unwrap().replayed());
    assert_eq!(shop.balances(), (999, 1));
    shop.books.engine.stop();
}
