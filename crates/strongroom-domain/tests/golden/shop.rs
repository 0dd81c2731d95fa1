//! What is sold, where, and to whom.

use strongroom_domain::action::Action;
use strongroom_domain::customers::{Customer, CustomerBody, CustomerTotal, Person};
use strongroom_domain::entry::{EntryFacts, EventFact};
use strongroom_domain::event::EventType;
use strongroom_domain::payments::PaymentBody;
use strongroom_domain::products::{ProductBody, Terms};
use strongroom_domain::record::Record;
use strongroom_domain::refunds::RefundBody;
use strongroom_domain::sales::{OfflinePlace, SaleBody, SaleLine, SaleStatus};
use strongroom_domain::shifts::{ShiftBody, ShiftStatus, ShiftTotals, TaxSum};
use strongroom_domain::stores::StoreBody;
use strongroom_domain::tills::{Digest, Lease, TillBody};
use strongroom_ledger::Account;
use strongroom_types::id::{
    ApiKeyId, AuditId, CustomerId, PaymentId, ProductId, SaleId, ShiftId, StoreId, SubjectId,
    TillId, WalletId,
};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::cards::{payment, refund};
use crate::{facts, metadata, php, raw};

pub fn records() -> Vec<(&'static str, Record)> {
    let of_sale = Some(SaleId(raw(45)));
    let paid = PaymentBody {
        sale: of_sale,
        ..payment()
    };
    let in_cash = RefundBody {
        payment: None,
        token: None,
        wallet: None,
        sale: of_sale,
        shift: Some(ShiftId(raw(44))),
        ..refund()
    };
    let mut all = at_a_till();
    all.extend([
        ("customer", Record::Customer(customer())),
        ("product", Record::Product(product())),
        ("store", Record::Store(store())),
        ("till", Record::Till(till())),
        ("shift", Record::Shift(shift())),
        ("cash", Record::Cash(Account::empty(php()))),
        ("sale", Record::Sale(sale())),
        ("sale_completed", Record::Sale(completed())),
        ("payment_of_a_sale", Record::Payment(paid)),
        ("refund_in_cash", Record::Refund(in_cash)),
    ]);
    all
}

/// What a till's key made by itself, its shift, and what was sold without a connection before a price changed.
fn at_a_till() -> Vec<(&'static str, Record)> {
    let maker = Some(ApiKeyId(raw(9)));
    let made = PaymentBody { maker, ..payment() };
    let back = RefundBody { maker, ..refund() };
    let shift = ShiftBody {
        opened_by_till: Some(true),
        ..shift()
    };
    let dearer = ProductBody {
        former: Some(vec![Terms {
            price: Money::new(9_000, php()),
            tax_ppm: 50_000,
            until: Timestamp(7),
        }]),
        ..product()
    };
    let sale = sale();
    let place = sale.offline.map(|place| OfflinePlace {
        price_differs: Some(true),
        ..place
    });
    let differs = SaleBody {
        offline: place,
        ..sale
    };
    vec![
        ("payment_of_a_till", Record::Payment(made)),
        ("refund_of_a_till", Record::Refund(back)),
        ("shift_of_a_till", Record::Shift(shift)),
        ("product_that_changed", Record::Product(dearer)),
        ("sale_that_differs", Record::Sale(differs)),
    ]
}

fn customer() -> Customer {
    Customer {
        body: CustomerBody {
            id: CustomerId(raw(40)),
            subject: SubjectId(raw(40)),
            reference_id: ReferenceId::parse("c-1"),
            metadata: metadata(),
            totals: vec![CustomerTotal {
                currency: php(),
                sales: 2,
                amount: 300,
            }],
            created_at: Timestamp(5),
            erased_at: Some(Timestamp(9)),
            erasure: Some(AuditId(raw(4))),
        },
        person: Some(Person {
            name: Some("Peña".into()),
            email: Some("p@example.com".into()),
            phone: None,
        }),
    }
}

fn product() -> ProductBody {
    ProductBody {
        id: ProductId(raw(41)),
        sku: "COF-1".into(),
        name: "Coffee".into(),
        barcode: Some("4006381333931".into()),
        price: Money::new(9_500, php()),
        tax_ppm: 120_000,
        stock: Some(-3),
        active: true,
        metadata: metadata(),
        created_at: Timestamp(5),
        former: None,
    }
}

fn store() -> StoreBody {
    StoreBody {
        id: StoreId(raw(42)),
        name: "Makati".into(),
        currency: php(),
        wallet: Some(WalletId(raw(2))),
        metadata: metadata(),
        created_at: Timestamp(5),
        header: vec!["TIN 1".into()],
    }
}

fn till() -> TillBody {
    TillBody {
        id: TillId(raw(43)),
        store: StoreId(raw(42)),
        name: "1".into(),
        currency: php(),
        wallet: None,
        key: Some(ApiKeyId(raw(9))),
        public_key: Some(Digest([7; 32])),
        retired: false,
        open_shift: Some(ShiftId(raw(44))),
        closed_shifts: 3,
        leases: vec![Lease {
            starts_at: Timestamp(1),
            ends_at: Timestamp(9),
            floor_limit: 500,
            total_limit: 5_000,
            used: 20,
        }],
        sequence: 4,
        head: Digest([8; 32]),
        metadata: metadata(),
        created_at: Timestamp(5),
    }
}

fn tax() -> TaxSum {
    TaxSum {
        ppm: 120_000,
        net: 89,
        tax: 11,
    }
}

fn shift() -> ShiftBody {
    ShiftBody {
        id: ShiftId(raw(44)),
        status: ShiftStatus::Closed,
        till: TillId(raw(43)),
        store: StoreId(raw(42)),
        currency: php(),
        opened_by: ApiKeyId(raw(9)),
        float: 1_000,
        totals: ShiftTotals {
            sales: 1,
            voided: 2,
            refunds: 3,
            sold: 100,
            discounts: 5,
            cash: 60,
            card: 40,
            cash_in: 7,
            cash_out: 8,
            cash_refunds: 9,
            taxes: vec![tax()],
        },
        pending: 0,
        counted: Some(1_049),
        expected: Some(1_050),
        number: Some(3),
        closed_by: Some(ApiKeyId(raw(8))),
        closed_at: Some(Timestamp(9)),
        note: Some("short".into()),
        created_at: Timestamp(5),
        opened_by_till: None,
    }
}

fn sale() -> SaleBody {
    SaleBody {
        id: SaleId(raw(45)),
        status: SaleStatus::Completed,
        amount: Money::new(100, php()),
        till: Some(TillId(raw(43))),
        store: Some(StoreId(raw(42))),
        shift: Some(ShiftId(raw(44))),
        customer: Some(CustomerId(raw(40))),
        lines: vec![line()],
        subtotal: 103,
        discount: 3,
        taxes: vec![tax()],
        taxes_added: false,
        cash: 60,
        tendered: 70,
        card: 40,
        payment: Some(PaymentId(raw(14))),
        cash_refunded: 6,
        card_refunded: 4,
        reference_id: ReferenceId::parse("s-1"),
        description: Some("counter".into()),
        metadata: metadata(),
        created_at: Timestamp(5),
        audit: AuditId(raw(4)),
        offline: Some(OfflinePlace {
            sequence: 4,
            hash: Digest([8; 32]),
            sold_at: Timestamp(3),
            price_differs: None,
        }),
        voided_at: Some(Timestamp(9)),
        void_reason: Some("twice".into()),
        completed_at: None,
    }
}

fn completed() -> SaleBody {
    SaleBody {
        completed_at: Some(Timestamp(8)),
        ..sale()
    }
}

fn line() -> SaleLine {
    SaleLine {
        product: Some(ProductId(raw(41))),
        name: "Coffee".into(),
        quantity: 2,
        unit: 52,
        discount: 1,
        share: 3,
        ppm: 120_000,
        tax: 11,
        total: 100,
        counted: true,
    }
}

/// An entry of a till.
pub fn sold() -> EntryFacts {
    let detail = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let about = |event, about| EventFact {
        event,
        about: Some(about),
    };
    let id = sale().id.any();
    EntryFacts {
        action: Action::TransactionCreated,
        resource: Some(id),
        transactions: Vec::new(),
        payout: None,
        events: vec![
            about(EventType::TransactionCompleted, id),
            about(EventType::CustomerUpdated, customer().body.id.any()),
            about(EventType::ShiftOpened, shift().id.any()),
        ],
        details: vec![
            detail("transaction_amount", "100"),
            detail("transaction_currency", "PHP"),
            detail("transaction_status", "completed"),
            detail("changed", "name,email"),
        ],
        ..facts()
    }
}
