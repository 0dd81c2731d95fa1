//! Samples of fees and reports.

use strongroom_domain::fees::{
    FeeAmounts, FeeOn, FeeSchedule, FeeSchedules, FeeTerms, OnRefund, PaymentFees, PayoutFee,
};
use strongroom_domain::payments::PaymentBody;
use strongroom_domain::payouts::{Payout, PayoutBody, Recipient};
use strongroom_domain::record::Record;
use strongroom_domain::refunds::RefundBody;
use strongroom_domain::reports::{
    Asked, ReportBody, ReportDesk, ReportFailure, ReportFormat, ReportPart, ReportStatus,
    ReportType,
};
use strongroom_domain::tills::Digest;
use strongroom_ledger::Account;
use strongroom_types::id::{ApiKeyId, FeeScheduleId, ReportId, ShiftId, StoreId, WalletId};
use strongroom_types::time::Timestamp;

use crate::cards::{payment, refund};
use crate::{payout, php, raw};

pub fn records() -> Vec<(&'static str, Record)> {
    let fees = PaymentFees {
        terms: terms(),
        charged: 240,
    };
    let charged = PaymentBody {
        fees: Some(fees),
        ..payment()
    };
    let back = RefundBody {
        fee: Some(2),
        ..refund()
    };
    let fee = PayoutFee {
        schedule: FeeScheduleId(raw(21)),
        minor: 50,
    };
    let paid_out = Payout {
        body: PayoutBody {
            fee: Some(fee),
            ..payout(Recipient::Wallet(WalletId(raw(3))))
        },
        bank: None,
    };
    let of_a_currency = ReportBody {
        asked: Asked {
            currency: Some(php()),
            ..report().asked
        },
        ..report()
    };
    let part = ReportPart {
        bytes: b"day,currency\r\n".to_vec(),
    };
    vec![
        ("fees", Record::Fees(Account::empty(php()))),
        ("fee_schedules", Record::FeeSchedules(schedules())),
        ("payment_charged", Record::Payment(charged)),
        ("refund_with_fee", Record::Refund(back)),
        ("payout_charged", Record::Payout(paid_out)),
        ("report", Record::Report(report())),
        ("report_of_a_currency", Record::Report(of_a_currency)),
        ("report_part", Record::ReportPart(part)),
        ("report_desk", Record::ReportDesk(ReportDesk { waiting: 3 })),
    ]
}

fn terms() -> FeeTerms {
    FeeTerms {
        schedule: FeeScheduleId(raw(21)),
        bps: 290,
        fixed: 15,
        minimum: 20,
        maximum: Some(5_000),
        returned: true,
    }
}

fn schedules() -> FeeSchedules {
    FeeSchedules {
        all: vec![FeeSchedule {
            id: FeeScheduleId(raw(21)),
            version: 4,
            on: FeeOn::Payouts,
            bps: 290,
            amounts: vec![FeeAmounts {
                currency: php(),
                fixed: 15,
                minimum: 20,
                maximum: Some(5_000),
            }],
            refunds: OnRefund::Returned,
            effective_from: Timestamp(9),
            created_at: Timestamp(5),
        }],
    }
}

fn report() -> ReportBody {
    ReportBody {
        id: ReportId(raw(22)),
        status: ReportStatus::Completed,
        asked: Asked {
            kind: ReportType::Tax,
            format: ReportFormat::Pdf,
            from: Timestamp(5),
            to: Timestamp(9),
            wallet: Some(WalletId(raw(2))),
            store: Some(StoreId(raw(23))),
            shift: Some(ShiftId(raw(24))),
            kept_for: 86_400_000,
            currency: None,
        },
        requested_by: ApiKeyId(raw(9)),
        created_at: Timestamp(10),
        finished_at: Some(Timestamp(11)),
        expires_at: Some(Timestamp(12)),
        lines: 7,
        size: 300_000,
        parts: 2,
        digest: Some(Digest([8; 32])),
        failure: Some(ReportFailure::NotKept),
        differences: Some(1),
    }
}
