//! Samples of a wallet and of books that wait for something.

use strongroom_domain::wallets::{
    Awaited, Books, Business, Owner, Wallet, WalletBody, WalletStatus, WalletType,
};
use strongroom_ledger::Account;
use strongroom_types::id::{SubjectId, WalletId};
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;

use crate::{metadata, php, raw};

pub fn wallet() -> Wallet {
    Wallet {
        body: WalletBody {
            id: WalletId(raw(2)),
            wallet_type: WalletType::SubMerchant,
            currency: php(),
            parent: Some(WalletId(raw(3))),
            subject: SubjectId(raw(2)),
            business: Some(Business {
                name: Some("Sari-Sari".into()),
                registration_number: None,
                industry: Some("retail".into()),
            }),
            reference_id: ReferenceId::parse("w-1"),
            metadata: metadata(),
            created_at: Timestamp(5),
            children: 2,
        },
        owner: Some(Owner {
            name: Some("Peña".into()),
            email: Some("p@example.com".into()),
            phone: None,
        }),
    }
}

pub fn waiting_books() -> Books {
    Books {
        status: WalletStatus::Active,
        low_balance: None,
        account: Account::empty(php()),
        awaited: Some(Awaited {
            since: raw(14),
            payments: 2,
            links: 3,
        }),
    }
}
