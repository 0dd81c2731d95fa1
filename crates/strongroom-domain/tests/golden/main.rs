//! Bodies that were ever written stay readable, and renderings stay the same bytes for ever.
//!
//! `golden/v1.txt` holds one line per sample: its name and its bytes in hex, or its rendering as text. A line may be
//! added; one that changes breaks every installation. `UPDATE_GOLDEN=1` writes the file anew: review the difference.
#![expect(clippy::unwrap_used, reason = "test")]

mod alerts;
mod approvals;
mod banks;
mod cards;
mod keys;
mod links;
mod oauth;
mod people;
mod planned;
mod reports;
mod roles;
mod shop;
mod wallets;
mod webhooks;

use alerts::{alert, raised};
use approvals::{approval, delegated_approval, owned_key, plain_approval, policies, shared_key};
use banks::{account, payout};
use cards::{linked_payment, paid, payment, refund, refused_payment, taken_back, token};
use keys::{allowance, api_key, certified_key, restricted_key};
use links::payment_link;
use people::{person, person_s_key, session, staff, user};
use strongroom_domain::action::Action;
use strongroom_domain::entry::{
    ChangeLine, EntryActor, EntryChanges, EntryFacts, EventFact, Place, Transaction,
    TransactionKind, decode, encode,
};
use strongroom_domain::event::{EventType, render};
use strongroom_domain::organizations::{CurrencyWallet, Organization, Tenant};
use strongroom_domain::payouts::{Payout, Recipient};
use strongroom_domain::record::{PersonalPart, Record};
use strongroom_domain::rejection::{Code, Rejection};
use strongroom_domain::view::rendered_reply;
use strongroom_domain::wallets::{Books, WalletStatus};
use strongroom_ledger::{Account, Balances, Posting};
use strongroom_types::currency::Currency;
use strongroom_types::id::{
    AnyId, ApiKeyId, Kind, OrganizationId, PayoutId, RawId, SubjectId, TransactionId, WalletId,
};
use strongroom_types::metadata::Metadata;
use strongroom_types::mode::Mode;
use strongroom_types::money::Money;
use strongroom_types::time::Timestamp;
use wallets::{waiting_books, wallet};
use webhooks::{guarded_webhook, webhook};

fn raw(n: u8) -> RawId {
    RawId([n; 12])
}

fn php() -> Currency {
    Currency::parse("PHP").unwrap()
}

fn metadata() -> Metadata {
    Metadata::new(vec![
        ("note".into(), "Peña ₱ </b>\u{1}".into()),
        ("a".into(), "1".into()),
    ])
    .unwrap()
}

fn posting(n: u8, change: i64) -> Posting {
    Posting {
        account: AnyId {
            kind: Kind::Account,
            raw: raw(n),
        },
        currency: php(),
        change: Balances {
            available: change,
            pending: 0,
            reserved: 0,
        },
        after: Balances {
            available: 50_000 + change,
            pending: 1,
            reserved: 2,
        },
        previous: 41,
    }
}

fn facts() -> EntryFacts {
    EntryFacts {
        action: Action::PayoutCreated,
        resource: Some(PayoutId(raw(1)).any()),
        refusal: None,
        transactions: vec![Transaction {
            id: TransactionId(raw(1)),
            kind: TransactionKind::Payout,
            amount: Money::new(10_000, php()),
            cause: Some(PayoutId(raw(1)).any()),
            reference: Some("r".into()),
            description: Some("d".into()),
            postings: vec![posting(2, -10_000), posting(3, 10_000)],
        }],
        payout: Some(payout(Recipient::Wallet(WalletId(raw(3))))),
        events: vec![
            EventFact {
                event: EventType::PayoutInitiated,
                about: None,
            },
            EventFact {
                event: EventType::WalletDebited,
                about: Some(WalletId(raw(2)).any()),
            },
            EventFact {
                event: EventType::WalletLowBalance,
                about: Some(WalletId(raw(2)).any()),
            },
            EventFact {
                event: EventType::ApiKeyCreated,
                about: Some(ApiKeyId(raw(8)).any()),
            },
            EventFact {
                event: EventType::PayoutCompleted,
                about: None,
            },
        ],
        details: vec![("changed".into(), "owner".into())],
        base: raw(1),
        payment: None,
        refund: None,
    }
}

fn refused() -> EntryFacts {
    EntryFacts {
        refusal: Some(Rejection::at(
            Code::InsufficientFunds,
            "/amount",
            "too little",
        )),
        resource: None,
        transactions: Vec::new(),
        payout: None,
        events: Vec::new(),
        details: Vec::new(),
        ..facts()
    }
}

fn actor() -> EntryActor {
    EntryActor {
        credential: Some(ApiKeyId(raw(9)).any()),
        system: Some("system:rail".into()),
        request: raw(4),
        address: "192.0.2.7".into(),
        user_agent: "golden/1".into(),
        rule: "role:owner:*".into(),
        signed: true,
        user: None,
    }
}

fn changes() -> EntryChanges {
    let record = AnyId {
        kind: Kind::Account,
        raw: raw(2),
    };
    EntryChanges(vec![ChangeLine {
        record,
        version: 7,
        commitment: [5; 32],
    }])
}

fn records() -> Vec<(&'static str, Record)> {
    let bank = Recipient::BankAccount {
        subject: SubjectId(raw(6)),
        bank_code: Some("BPI".into()),
    };
    let mut all = vec![
        (
            "organization",
            Record::Organization(Organization {
                id: OrganizationId(raw(7)),
                test_scope: 2,
                live_scope: 3,
                created_at: Timestamp(5),
            }),
        ),
        (
            "tenant",
            Record::Tenant(Tenant {
                id: OrganizationId(raw(7)),
                name: "Acme".into(),
                currency: php(),
                masters: vec![CurrencyWallet {
                    currency: php(),
                    wallet: WalletId(raw(2)),
                }],
                operating: Vec::new(),
                created_at: Timestamp(5),
                owner_keys: 1,
                webhooks: Some(2),
                open_alerts: None,
                roles: None,
            }),
        ),
        (
            "books",
            Record::Books(Books {
                status: WalletStatus::Frozen,
                low_balance: Some(100),
                account: Account {
                    currency: php(),
                    balances: Balances {
                        available: 3,
                        pending: 4,
                        reserved: 5,
                    },
                    last: 6,
                },
                awaited: None,
            }),
        ),
        ("books_that_wait", Record::Books(waiting_books())),
        ("external", Record::External(Account::empty(php()))),
        ("wallet", Record::Wallet(wallet())),
        (
            "payout",
            Record::Payout(Payout {
                body: payout(bank),
                bank: Some(account()),
            }),
        ),
        ("api_key", Record::ApiKey(api_key())),
        ("api_key_restricted", Record::ApiKey(restricted_key())),
        ("api_key_certified", Record::ApiKey(certified_key())),
        ("allowance", Record::Allowance(allowance())),
        ("person_s_key", Record::ApiKey(person_s_key())),
        ("user", Record::User(user())),
        ("session", Record::Session(session())),
        ("staff", Record::Staff(staff())),
        ("webhook", Record::Webhook(webhook())),
        ("webhook_guarded", Record::Webhook(guarded_webhook())),
        ("token", Record::Token(token())),
        ("payment", Record::Payment(payment())),
        ("refund", Record::Refund(refund())),
        ("alert", Record::Alert(alert())),
        ("approval", Record::Approval(approval())),
        ("approval_plain", Record::Approval(plain_approval())),
        ("approval_policies", Record::Policies(policies())),
        ("api_key_owned", Record::ApiKey(owned_key())),
        ("api_key_shared", Record::ApiKey(shared_key())),
        ("approval_delegated", Record::Approval(delegated_approval())),
        ("payment_linked", Record::Payment(linked_payment())),
        ("payment_refused", Record::Payment(refused_payment())),
        ("payment_link", Record::PaymentLink(payment_link())),
    ];
    all.extend(shop::records());
    all.extend(banks::records());
    all.extend(reports::records());
    all.extend(oauth::records());
    all.extend(roles::records());
    all.extend(planned::records());
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, &mut out);
    out
}

/// Every sample by name, in the order of the file.
fn lines() -> Vec<(String, String)> {
    let mut lines = vec![
        ("facts".to_owned(), hex(&encoded(&facts()))),
        ("refused".to_owned(), hex(&encoded(&refused()))),
        ("actor".to_owned(), hex(&encoded(&actor()))),
        ("person".to_owned(), hex(&encoded(&person()))),
        ("changes".to_owned(), hex(&encoded(&changes()))),
    ];
    for (name, record) in records() {
        let mut business = Vec::new();
        record.business(&mut business);
        lines.push((name.to_owned(), hex(&business)));
        for part in record.personal() {
            lines.push((format!("{name} personal"), hex(&part.bytes)));
        }
    }
    let place = Place {
        sequence: 42,
        time: Timestamp(1_705_314_600_007),
        first_event: 17,
    };
    for event in render(&facts(), &place, Mode::Test) {
        lines.push((format!("event {}", event.number), event.body));
    }
    lines.push(("facts of a card".to_owned(), hex(&encoded(&paid()))));
    for event in render(&paid(), &place, Mode::Test) {
        let name = format!("event of a card {}", event.number);
        lines.push((name, event.body));
    }
    lines.push((
        "facts of a refused capture".to_owned(),
        hex(&encoded(&taken_back())),
    ));
    for event in render(&taken_back(), &place, Mode::Test) {
        lines.push(("event of a refused capture".to_owned(), event.body));
    }
    lines.push(("facts of an alert".to_owned(), hex(&encoded(&raised()))));
    for event in render(&raised(), &place, Mode::Test) {
        lines.push(("event of an alert".to_owned(), event.body));
    }
    for event in render(&shop::sold(), &place, Mode::Test) {
        lines.push(("event of a till".to_owned(), event.body));
    }
    let reply = rendered_reply(&facts(), place.time).unwrap();
    lines.push(("reply payout".to_owned(), String::from_utf8(reply).unwrap()));
    let movement = rendered_reply(
        &EntryFacts {
            payout: None,
            ..facts()
        },
        place.time,
    )
    .unwrap();
    for (name, facts) in [
        ("reply refund", paid()),
        ("reply refused payment", taken_back()),
        (
            "reply payment",
            EntryFacts {
                refund: None,
                ..paid()
            },
        ),
    ] {
        let reply = rendered_reply(&facts, place.time).unwrap();
        lines.push((name.to_owned(), String::from_utf8(reply).unwrap()));
    }
    lines.push((
        "reply transaction".to_owned(),
        String::from_utf8(movement).unwrap(),
    ));
    lines
}

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1.txt");

#[test]
fn what_was_written_is_written_again() {
    let text: String = lines()
        .iter()
        .map(|(name, line)| format!("{name} = {line}\n"))
        .collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(GOLDEN).unwrap());
}

fn stored(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(GOLDEN).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} = ")))
        .unwrap();
    bytes(line)
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn what_was_written_is_read_back() {
    assert_eq!(decode::<EntryFacts>(&stored("facts")).unwrap(), facts());
    assert_eq!(decode::<EntryFacts>(&stored("refused")).unwrap(), refused());
    assert_eq!(
        decode::<EntryFacts>(&stored("facts of a card")).unwrap(),
        paid()
    );
    assert_eq!(decode::<EntryActor>(&stored("actor")).unwrap(), actor());
    assert_eq!(decode::<EntryActor>(&stored("person")).unwrap(), person());
    assert_eq!(
        decode::<EntryChanges>(&stored("changes")).unwrap(),
        changes()
    );
    for (name, record) in records() {
        let personal: Vec<PersonalPart> = record
            .personal()
            .into_iter()
            .map(|part| PersonalPart {
                subject: part.subject,
                bytes: stored(&format!("{name} personal")),
            })
            .collect();
        let installation = matches!(record, Record::Organization(_));
        let read = Record::read(record.kind(), installation, &stored(name), &personal).unwrap();
        let (mut first, mut again) = (Vec::new(), Vec::new());
        record.business(&mut first);
        read.business(&mut again);
        assert_eq!(first, again, "{name}");
        assert_eq!(read.personal().len(), personal.len(), "{name}");
        assert_eq!(read.status(), record.status(), "{name}");
    }
}

/// A body as it was before webhooks were counted: what it lacks reads as absent.
#[test]
fn a_tenant_of_the_first_version_is_read_back() {
    let first = "01874c0707070707070707070707076441636d65635048508182635048504c02020202020202020202020280\
                 0501";
    let tenant: Tenant = decode(&bytes(first)).unwrap();
    assert_eq!((tenant.name.as_str(), tenant.owner_keys), ("Acme", 1));
    assert_eq!(tenant.webhooks, None);
}

#[test]
fn damaged_bodies_are_refused_and_never_panic() {
    for (name, record) in records() {
        let good = stored(name);
        for end in 0..good.len() {
            let cut = Record::read(
                record.kind(),
                matches!(record, Record::Organization(_)),
                &good[..end],
                &[],
            );
            assert!(cut.is_err(), "{name} cut at {end}");
        }
    }
    assert!(decode::<EntryFacts>(&[2, 0x80]).is_err());
}

#[test]
fn event_bodies_are_javascript_stable() {
    for (name, line) in lines()
        .iter()
        .filter(|(name, _)| name.starts_with("event") || name.starts_with("reply"))
    {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            !line.contains("\\/") && !line.contains("\\u003c") && !line.ends_with('\n'),
            "{name}"
        );
        assert!(value.is_object(), "{name}");
    }
}
