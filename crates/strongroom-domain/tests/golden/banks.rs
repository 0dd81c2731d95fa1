//! Samples of payouts, of the rail that they leave by, and of files to and from banks.

use strongroom_domain::bank_files::{
    BankEntry, BankFile, BankFileKind, Counts, EntryAct, EntryStatus, Mismatch,
};
use strongroom_domain::payout_files::{
    Closing, Content, FilePage, PayoutFile, PayoutFileStatus, Seat, SeatInFile,
};
use strongroom_domain::payout_rails::{OpenFile, PayoutRail};
use strongroom_domain::payouts::{
    BankAccount, Payout, PayoutBody, PayoutFailure, PayoutStatus, Recipient,
};
use strongroom_domain::record::Record;
use strongroom_types::id::{
    BankFileId, FilePageId, PayoutFileId, PayoutId, PayoutRailId, SubjectId, WalletId,
};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::time::Timestamp;
use strongroom_types::zone::DailyTime;

use crate::{metadata, php, raw};

pub fn payout(recipient: Recipient) -> PayoutBody {
    PayoutBody {
        id: PayoutId(raw(1)),
        status: PayoutStatus::Completed,
        amount: Money::new(10_000, php()),
        source: WalletId(raw(2)),
        recipient,
        reference_id: ReferenceId::parse("order-7"),
        description: Some("rent".into()),
        metadata: metadata(),
        created_at: Timestamp(1_705_314_600_007),
        processed_at: Some(Timestamp(1_705_314_600_007)),
        failure: Some(PayoutFailure::BankUnavailable),
        seat: None,
        fee: None,
        payee: None,
        later: None,
        occurrence: None,
    }
}

pub fn account() -> BankAccount {
    BankAccount {
        account_name: "Juan".into(),
        account_number: Some("001234567890".into()),
        iban: None,
    }
}

pub fn records() -> Vec<(&'static str, Record)> {
    vec![
        ("payout_seated", Record::Payout(seated())),
        ("payout_rail", Record::PayoutRail(rail())),
        ("payout_file", Record::PayoutFile(payout_file())),
        ("payout_file_page", Record::FilePage(page())),
        ("bank_file", Record::BankFile(bank_file())),
        ("bank_file_page", Record::FilePage(entries())),
    ]
}

fn seated() -> Payout {
    let recipient = Recipient::BankAccount {
        subject: SubjectId(raw(6)),
        bank_code: None,
    };
    let place = SeatInFile {
        file: PayoutFileId(raw(20)),
        page: FilePageId(raw(21)),
    };
    let seat = Seat {
        rail: PayoutRailId(raw(2)),
        place: Some(place),
    };
    Payout {
        body: PayoutBody {
            seat: Some(seat),
            failure: Some(PayoutFailure::BankRefused),
            ..payout(recipient)
        },
        bank: Some(BankAccount {
            account_number: None,
            iban: Some("DE89370400440532013000".into()),
            ..account()
        }),
    }
}

fn rail() -> PayoutRail {
    PayoutRail {
        id: PayoutRailId(raw(2)),
        currency: php(),
        debtor_name: "Acme GmbH".into(),
        iban: "GB82WEST12345698765432".into(),
        bic: Some("WESTGB22".into()),
        cut_off: DailyTime::parse("16:30", "Europe/Berlin").unwrap(),
        batch_limit: 500,
        active: true,
        open: Some(OpenFile {
            file: PayoutFileId(raw(20)),
            page: FilePageId(raw(21)),
        }),
        created_at: Timestamp(5),
    }
}

fn payout_file() -> PayoutFile {
    PayoutFile {
        id: PayoutFileId(raw(20)),
        rail: PayoutRailId(raw(2)),
        status: PayoutFileStatus::Sent,
        sum: Money::new(10_000, php()),
        count: 1,
        pages: vec![FilePageId(raw(21))],
        created_at: Timestamp(5),
        cut_off: Timestamp(9),
        closing: Some(Closing {
            at: Timestamp(9),
            debtor_name: "Acme GmbH".into(),
            iban: "GB82WEST12345698765432".into(),
            bic: None,
            day: "2024-01-15".into(),
        }),
        content: Some(Content {
            sha256: [4; 32],
            bytes: 1_234,
            format: 1,
        }),
        sent_at: Some(Timestamp(11)),
        released: 1,
    }
}

fn page() -> FilePage {
    FilePage {
        id: FilePageId(raw(21)),
        of: PayoutFileId(raw(20)).any(),
        payouts: vec![PayoutId(raw(1))],
        entries: Vec::new(),
    }
}

fn bank_file() -> BankFile {
    BankFile {
        id: BankFileId(raw(22)),
        kind: BankFileKind::Statement,
        message_id: "STMT-7".into(),
        about: None,
        wallets: vec![WalletId(raw(2))],
        sha256: [6; 32],
        bytes: 2_345,
        pages: vec![FilePageId(raw(23))],
        entries: 1,
        position: 1,
        counts: Counts {
            unmatched: 1,
            ..Counts::default()
        },
        created_at: Timestamp(12),
        completed_at: Some(Timestamp(13)),
    }
}

fn entries() -> FilePage {
    let entry = BankEntry {
        act: EntryAct::Return,
        payout: Some(PayoutId(raw(1))),
        file: Some(PayoutFileId(raw(20))),
        wallet: Some(WalletId(raw(2))),
        amount: Some(Money::new(10_000, php())),
        reason: Some("AC04".into()),
        reference: Some("PO010101010101010101010101".into()),
        bank_reference: Some("X-1".into()),
        date: Some("2024-01-16".into()),
        credit: Some(true),
        status: EntryStatus::Unmatched,
        mismatch: Some(Mismatch::AmountDiffers),
    };
    FilePage {
        id: FilePageId(raw(23)),
        of: BankFileId(raw(22)).any(),
        payouts: Vec::new(),
        entries: vec![entry],
    }
}
