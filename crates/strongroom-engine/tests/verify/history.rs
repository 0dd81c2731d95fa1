//! A small history with every command, on any store.

use std::sync::Arc;

use strongroom_auth::Role;
use strongroom_crypto::{RootKeys, sha256};
use strongroom_domain::api_keys::{RevokeApiKey, RollApiKey, TouchApiKeys};
use strongroom_domain::funding::{Debit, Funding};
use strongroom_domain::payments::{
    AcquirerAnswer, AdvancePayment, AnswerPayment, CapturePayment, CreatePayment, PaymentFailure,
    SendAuthorization, VoidPayment,
};
use strongroom_domain::payouts::{
    AdvancePayout, BankAccount, CancelPayout, CreatePayout, NewRecipient, ReversePayout,
};
use strongroom_domain::refunds::{AnswerRefund, CreateRefund, RefundFailure, SendRefund};
use strongroom_domain::tokens::{CreateToken, DeleteToken, ExpireToken, RevealToken, TokenUse};
use strongroom_domain::transfers::CreateTransfer;
use strongroom_domain::wallets::{
    CreateWallet, Owner, SetWalletStatus, UpdateWallet, WalletStatus, WalletType,
};
use strongroom_domain::webhooks::{CreateWebhook, Wanted};
use strongroom_engine::verify::{VerifyReport, verify};
use strongroom_engine::{Clock, Engine, Envelope, Idempotency, Settings};
use strongroom_store::{SqliteStore, Store};
use strongroom_testkit::books::{Books, money, new_wallet, payout};
use strongroom_testkit::clock::FakeClock;
use strongroom_types::card::Expiry;
use strongroom_types::id::{ApiKeyId, PaymentId, PayoutId, RefundId, TokenId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::DAY;
use strongroom_vault::CardNumber;

/// Root keys that can be had again.
pub struct Root(String);

impl Root {
    pub fn new() -> Root {
        Root(RootKeys::generate().recovery_text().to_string())
    }

    pub fn from_text(text: String) -> Root {
        Root(text)
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn keys(&self) -> RootKeys {
        RootKeys::from_recovery_text(&self.0).unwrap()
    }
}

/// A stopped store in a directory with a history in it.
pub struct Made {
    pub dir: tempfile::TempDir,
    pub root: Root,
}

impl Made {
    /// The history on SQLite, all of it in the database file.
    pub fn on_disk() -> Made {
        let made = Made {
            dir: tempfile::tempdir().unwrap(),
            root: Root::new(),
        };
        write(&SqliteStore::create(made.dir.path()).unwrap(), &made.root);
        let file = rusqlite::Connection::open(made.dir.path().join("strongroom.db")).unwrap();
        file.pragma_update(None, "wal_checkpoint", "TRUNCATE")
            .unwrap();
        made
    }

    /// A copy of the database file in a directory of its own.
    pub fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(
            self.dir.path().join("strongroom.db"),
            copy.path().join("strongroom.db"),
        )
        .unwrap();
        copy
    }

    pub fn verify(&self, dir: &std::path::Path) -> VerifyReport {
        verify(
            &SqliteStore::open_read_only(dir).unwrap(),
            self.root.keys(),
            2,
        )
        .unwrap()
    }
}

/// The actor of the history.
pub struct Author {
    pub books: Books,
    clock: Arc<FakeClock>,
    runtime: tokio::runtime::Runtime,
}

/// Writes the history and stops the engine.
pub fn write(store: &dyn Store, root: &Root) {
    let author = Author::begin(store, root);
    let wallets = author.wallets();
    author.movements(&wallets);
    author.bank_payouts(wallets[0]);
    author.keys();
    author.checkpoint();
    author.clock.advance(3 * DAY);
    author.run(author.runtime.block_on(author.books.engine.purge_replies()));
    author.many_payouts(&wallets, 300);
    author.checkpoint();
    author.clock.advance(40 * DAY);
    author.many_payouts(&wallets, 9);
    let other = Books::found_in(author.books.engine.clone(), "Umbrella");
    other.wallet(WalletType::Master);
    author.webhook();
    author.tokens();
    author.payments(wallets[0]);
    author.books.engine.stop();
}

fn approved_refund() -> AcquirerAnswer<RefundFailure> {
    AcquirerAnswer::Approved("123456".into())
}

fn declined_refund() -> AcquirerAnswer<RefundFailure> {
    AcquirerAnswer::Declined(RefundFailure::RefundDeclined)
}

fn reference(text: &str) -> Option<ReferenceId> {
    Some(ReferenceId::parse(text).unwrap())
}

impl Author {
    pub fn begin(store: &dyn Store, root: &Root) -> Author {
        let clock = Arc::new(FakeClock::default());
        let hand: Arc<dyn Clock> = clock.clone();
        let engine = Engine::start(store, root.keys(), hand, Settings::default(), None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Author {
            books: Books::found_in(engine, "Acme"),
            clock,
            runtime,
        }
    }

    fn run<T, E: std::fmt::Debug>(&self, outcome: Result<T, E>) -> T {
        self.clock.advance(7);
        outcome.unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    pub fn checkpoint(&self) {
        self.clock.advance(500);
        self.run(self.runtime.block_on(self.books.engine.checkpoint()));
    }

    pub fn wallets(&self) -> Vec<WalletId> {
        let master = self.books.wallet(WalletType::Master);
        let operating = self.books.wallet(WalletType::Operating);
        let owner = Owner {
            name: Some("Ana Cruz".into()),
            email: Some("ana@example.com".into()),
            phone: Some("+639170000000".into()),
        };
        let sub = CreateWallet {
            owner: Some(owner.clone()),
            reference_id: reference("shop-1"),
            metadata: Metadata::new(vec![("branch".into(), "7".into())]).unwrap(),
            low_balance: Some(500),
            ..new_wallet(WalletType::SubMerchant)
        };
        let sub = WalletId(self.run(self.books.run(sub)).resource().unwrap().raw);
        let change = UpdateWallet {
            id: sub,
            owner: Some(Owner {
                email: Some("cruz@example.com".into()),
                ..owner
            }),
            business: None,
            metadata: None,
            low_balance: Some(Some(400)),
        };
        self.run(self.books.run(change));
        let empty = self.books.wallet(WalletType::SubMerchant);
        for status in [
            WalletStatus::Frozen,
            WalletStatus::Active,
            WalletStatus::Closed,
        ] {
            self.run(self.books.run(SetWalletStatus { id: empty, status }));
        }
        vec![master, operating, sub]
    }

    fn movements(&self, wallets: &[WalletId]) {
        self.books.fund(wallets[0], 1_000_000);
        self.books.fund(wallets[2], 2_000);
        let funding = Funding {
            wallet: wallets[0],
            amount: money(500),
            reference: Some("till".into()),
            description: None,
        };
        self.run(self.books.run(Debit(funding)));
        let transfer = CreateTransfer {
            amount: money(700),
            source: wallets[0],
            destination: wallets[1],
            reference_id: reference("move-1"),
            description: Some("float".into()),
        };
        self.run(self.books.run(transfer));
        let named = CreatePayout {
            reference_id: reference("pay-1"),
            ..payout(wallets[2], wallets[1], 1_700)
        };
        let named = self.keyed(named, 1);
        self.run(self.books.run(ReversePayout { id: named }));
        assert!(
            self.books
                .run(payout(wallets[2], wallets[0], 1_000_000_000))
                .is_err()
        );
    }

    /// Pays under an idempotency key and a signature.
    fn keyed(&self, command: CreatePayout, n: u64) -> PayoutId {
        let made = self.run(self.books.engine.execute_blocking(
            &self.books.caller(),
            command,
            self.spending(n),
        ));
        PayoutId(made.resource().unwrap().raw)
    }

    fn spending(&self, n: u64) -> Envelope {
        let hash = |what: &str| {
            *sha256(&[what.as_bytes(), &n.to_be_bytes()])
                .first_chunk()
                .unwrap()
        };
        Envelope {
            idempotency: Some(Idempotency {
                key: hash("key"),
                request: hash("request"),
            }),
            signature: Some(hash("signature")),
            ..self.books.envelope()
        }
    }

    /// To a bank: one settled, one failed, one cancelled, one reversed, one on its way, one just begun.
    fn bank_payouts(&self, source: WalletId) {
        let settled = self.bank(source, 10_000, "001");
        let failed = self.bank(source, 10_001, "001");
        let cancelled = self.bank(source, 10_000, "002");
        let reversed = self.bank(source, 10_000, "003");
        let on_its_way = self.bank(source, 10_000, "003");
        for (id, steps) in [(settled, 3), (failed, 3), (reversed, 3), (on_its_way, 2)] {
            for _ in 0..steps {
                self.clock.advance(1_000);
                self.run(self.books.run(AdvancePayout { id, pause: 1_000 }));
            }
        }
        self.run(self.books.run(CancelPayout { id: cancelled }));
        self.run(self.books.run(ReversePayout { id: reversed }));
        self.bank(source, 10_000, "004");
    }

    fn bank(&self, source: WalletId, minor: i64, number: &str) -> PayoutId {
        let account = BankAccount {
            account_name: "Ben Reyes".into(),
            account_number: Some(number.into()),
            iban: None,
        };
        let command = CreatePayout {
            amount: money(minor),
            source: Some(source),
            recipient: NewRecipient::Bank {
                bank_code: Some("BDO".into()),
                account,
            },
            reference_id: None,
            description: None,
            metadata: Metadata::default(),
            later: None,
        };
        PayoutId(self.run(self.books.run(command)).resource().unwrap().raw)
    }

    fn keys(&self) {
        let owner = self.books.key(Role::Owner);
        let viewer = self.books.key(Role::Viewer);
        let [owner, viewer] = [owner, viewer].map(|key| ApiKeyId::parse(&key.id).unwrap());
        let minted = self
            .books
            .engine
            .mint(strongroom_auth::KeyType::Secret, self.books.scope.mode);
        self.run(self.books.run(RollApiKey {
            id: viewer,
            overlap: 1_000,
            minted,
            held: None,
        }));
        self.run(self.books.run(RevokeApiKey {
            id: viewer,
            held: None,
        }));
        let used = vec![(owner, self.books.engine.now())];
        self.run(self.books.run(TouchApiKeys { used }));
    }

    /// An endpoint, so that the sender has a position to keep.
    fn webhook(&self) {
        let command = CreateWebhook {
            wanted: Wanted {
                url: "https://shop.example.com/hook".into(),
                events: vec!["*".into()],
                description: None,
                enabled: true,
                ordered: false,
                network: None,
                shadow: false,
                challenge: false,
            },
            minted: self.books.engine.mint_webhook(None, true),
            held: Role::Owner.permissions(),
        };
        self.run(self.books.run(command));
    }

    fn token(&self, number: &str, usage: TokenUse, lifetime: Option<i64>) -> TokenId {
        let number = CardNumber::parse(number).unwrap_or_else(|fault| panic!("{fault:?}"));
        let command = CreateToken {
            reveals: false,
            card: self.books.engine.seal_card(&self.books.caller(), &number),
            expiry: Expiry::new(2030, 12).unwrap(),
            name: Some("Ana Cruz".into()),
            usage,
            lifetime,
        };
        TokenId(self.run(self.books.run(command)).resource().unwrap().raw)
    }

    /// Payments: one captured in two parts, settled and partly given back; one declined, voided, lapsed, waiting each.
    fn payments(&self, wallet: WalletId) {
        let begin = |capture| {
            let command = CreatePayment {
                token: self.token("4242424242424242", TokenUse::SingleUse, Some(DAY)),
                amount: money(1_000),
                wallet: Some(wallet),
                capture,
                reference_id: None,
                customer_id: None,
                description: None,
                metadata: Metadata::default(),
                link: None,
                return_url: None,
                maker: None,
            };
            PaymentId(self.run(self.books.run(command)).resource().unwrap().raw)
        };
        let answer = |id, answer| {
            let pause = 1_000;
            self.run(self.books.run(SendAuthorization { id, pause }));
            self.run(self.books.run(AnswerPayment { id, answer, pause }));
        };
        let approved = || AcquirerAnswer::Approved("123456".into());
        let advance = |id| {
            drop(self.run(self.books.run(AdvancePayment {
                id,
                pause: 1_000,
                heard: i64::MAX,
            })))
        };
        let paid = begin(false);
        answer(paid, approved());
        let part = Some(money(600));
        self.run(self.books.run(CapturePayment {
            currency: None,
            id: paid,
            amount: part,
        }));
        advance(paid);
        self.run(self.books.run(CapturePayment {
            currency: None,
            id: paid,
            amount: None,
        }));
        for (minor, outcome) in [
            (100, Some(approved_refund())),
            (200, Some(declined_refund())),
            (300, None),
        ] {
            self.refund(paid, minor, outcome);
        }
        let lapsed = begin(false);
        answer(lapsed, approved());
        self.clock.advance(8 * DAY);
        advance(lapsed);
        advance(paid);
        let declined = begin(true);
        answer(declined, AcquirerAnswer::Declined(PaymentFailure::LostCard));
        let voided = begin(false);
        answer(voided, approved());
        self.run(self.books.run(VoidPayment { id: voided }));
        let unanswered = begin(true);
        answer(unanswered, AcquirerAnswer::Unknown);
        answer(begin(true), approved());
        answer(begin(false), approved());
        // Given back while it waits for its settlement, and after the time of that.
        let unsettled = begin(true);
        answer(unsettled, approved());
        self.clock.advance(2_000);
        self.refund(unsettled, 10, Some(approved_refund()));
        self.refund(unsettled, 20, None);
        begin(true);
    }

    fn refund(
        &self,
        payment: PaymentId,
        minor: i64,
        answer: Option<AcquirerAnswer<RefundFailure>>,
    ) {
        let command = CreateRefund {
            currency: None,
            payment: Some(payment),
            sale: None,
            amount: Some(money(minor)),
            minor: None,
            maker: None,
            reason: "returned".into(),
            reference_id: reference(&format!("back-{minor}")),
            metadata: Metadata::default(),
        };
        let id = RefundId(self.run(self.books.run(command)).resource().unwrap().raw);
        if let Some(answer) = answer {
            let pause = 1_000;
            self.run(self.books.run(SendRefund { id, pause }));
            self.run(self.books.run(AnswerRefund { id, answer, pause }));
        }
    }

    /// Cards: one kept, one deleted, one revealed whose time is over, one that waits for its end.
    fn tokens(&self) {
        let token =
            |number: &str, lifetime: Option<i64>| self.token(number, TokenUse::MultiUse, lifetime);
        token("4242424242424242", None);
        let deleted = token("5555555555554444", Some(DAY));
        self.run(self.books.run(DeleteToken { id: deleted }));
        let expired = token("378282246310005", Some(1_000));
        let reveal = RevealToken {
            id: expired,
            reason: "dispute".into(),
        };
        self.run(self.books.run(reveal));
        self.clock.advance(1_000);
        self.run(self.books.run(ExpireToken { id: expired }));
        token("6011111111111117", Some(DAY));
    }

    pub fn many_payouts(&self, wallets: &[WalletId], count: u64) {
        for n in 0..count {
            let command = payout(wallets[0], wallets[1], 3);
            match n % 3 {
                0 => drop(self.keyed(command, self.books.engine.stats().commands)),
                _ => drop(self.run(self.books.run(command))),
            }
        }
    }

    /// Pays by a thousand at once, so that they share commits; a payout may be refused.
    pub fn pay_at_once(&self, count: u64, command: impl Fn(u64) -> CreatePayout) {
        for from in (0..count).step_by(1_000) {
            self.clock.advance(11);
            self.runtime.block_on(async {
                let mut waiting = tokio::task::JoinSet::new();
                for n in from..count.min(from + 1_000) {
                    let (engine, caller) = (self.books.engine.clone(), self.books.caller());
                    let (command, envelope) = (command(n), self.spending(n));
                    waiting.spawn(async move {
                        engine.execute(&caller, command, envelope).await.is_ok()
                    });
                }
                waiting.join_all().await
            });
        }
    }
}
