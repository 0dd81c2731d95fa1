//! Beneficiaries, what is planned, and what bounds it.

use strongroom_domain::beneficiaries::{
    Beneficiary, BeneficiaryBody, BeneficiaryStatus, PayoutSettings, Upcoming,
};
use strongroom_domain::payout_schedules::{
    End, Missed, Next, PayoutSchedule, PayoutScheduleBody, PayoutScheduleStatus,
};
use strongroom_domain::payouts::{Later, Occurrence, Payee, Payout, PayoutStatus, Recipient};
use strongroom_domain::record::Record;
use strongroom_types::id::{
    ApiKeyId, BeneficiaryId, PayoutId, PayoutScheduleId, SubjectId, WalletId,
};
use strongroom_types::money::Money;
use strongroom_types::reference::ReferenceId;
use strongroom_types::rhythm::{Day, Interval, Rhythm};
use strongroom_types::time::Timestamp;
use strongroom_types::zone::DailyTime;

use crate::banks::{account, payout};
use crate::{metadata, php, raw};

pub fn records() -> Vec<(&'static str, Record)> {
    vec![
        ("beneficiary", Record::Beneficiary(beneficiary())),
        ("payout_settings", Record::PayoutSettings(settings())),
        ("payout_scheduled", Record::Payout(scheduled())),
        ("payout_schedule", Record::PayoutSchedule(schedule())),
    ]
}

fn beneficiary() -> Beneficiary {
    Beneficiary {
        body: BeneficiaryBody {
            id: BeneficiaryId(raw(41)),
            subject: SubjectId(raw(41)),
            status: BeneficiaryStatus::Active,
            bank_code: Some("COBADEFF".into()),
            currency: Some(php()),
            reference: Some("rent".into()),
            reference_id: ReferenceId::parse("vendor-7"),
            metadata: metadata(),
            payable_from: Timestamp(9),
            account_changed_at: Timestamp(8),
            account_version: 2,
            created_at: Timestamp(7),
            updated_at: Timestamp(8),
        },
        account: Some(account()),
    }
}

fn settings() -> PayoutSettings {
    PayoutSettings {
        cooling_off: 86_400_000,
        upcoming: Some(Upcoming {
            cooling_off: 60_000,
            from: Timestamp(9),
        }),
        updated_at: Some(Timestamp(8)),
    }
}

fn scheduled() -> Payout {
    let recipient = Recipient::BankAccount {
        subject: SubjectId(raw(41)),
        bank_code: Some("COBADEFF".into()),
    };
    let mut body = payout(recipient);
    body.status = PayoutStatus::Scheduled;
    body.payee = Some(Payee {
        id: BeneficiaryId(raw(41)),
        only: Some(2),
    });
    body.later = Some(Later {
        at: Timestamp(1_705_400_000_000),
        maker: ApiKeyId(raw(9)),
    });
    body.occurrence = Some(Occurrence {
        schedule: PayoutScheduleId(raw(42)),
        number: 3,
    });
    Payout { body, bank: None }
}

fn schedule() -> PayoutSchedule {
    let at = DailyTime::parse("09:30", "Asia/Manila").unwrap();
    let start = Day::parse("2026-01-31").unwrap();
    PayoutSchedule {
        body: PayoutScheduleBody {
            id: PayoutScheduleId(raw(42)),
            status: PayoutScheduleStatus::Active,
            amount: Money::new(10_000, php()),
            source: WalletId(raw(2)),
            recipient: Recipient::BankAccount {
                subject: SubjectId(raw(42)),
                bank_code: Some("BPI".into()),
            },
            payee: None,
            reference_id: ReferenceId::parse("salary"),
            description: Some("rent".into()),
            metadata: metadata(),
            rhythm: Rhythm::new(Interval::Monthly, Some(31), start, at).unwrap(),
            end: End::After(12),
            missed: Missed::Skip,
            maker: ApiKeyId(raw(9)),
            next: Some(Next {
                number: 4,
                at: Timestamp(1_705_400_000_000),
            }),
            made: 2,
            skipped: 1,
            last: Some(PayoutId(raw(1))),
            created_at: Timestamp(7),
            updated_at: Timestamp(8),
        },
        bank: Some(account()),
    }
}
