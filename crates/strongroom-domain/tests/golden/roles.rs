//! A role with every condition, and who holds it.

use strongroom_auth::{Conditions, Hours, PermissionSet, Range};
use strongroom_domain::api_keys::ApiKey;
use strongroom_domain::rate_limits::{KeyRates, RateLimits, Rates, Weights};
use strongroom_domain::record::Record;
use strongroom_domain::roles::{RoleBody, RoleStatus};
use strongroom_domain::users::{Reset, User};
use strongroom_types::id::{ApiKeyId, RoleId, StoreId, TillId};
use strongroom_types::time::{Timestamp, Zone};

use crate::people::user;
use crate::{api_key, php, raw};

pub fn records() -> Vec<(&'static str, Record)> {
    let role_id = Some(RoleId(raw(60)));
    let key = ApiKey {
        role_id,
        ..api_key()
    };
    let held = ApiKey {
        till: Some(TillId(raw(62))),
        ..api_key()
    };
    let mut holder: User = user();
    holder.body.role_id = role_id;
    holder.body.reset = Some(Reset {
        hash: [3; 32],
        expires_at: Timestamp(9),
        by: Some(ApiKeyId(raw(9))),
        others: None,
    });
    vec![
        ("role", Record::Role(role())),
        ("api_key_of_a_role", Record::ApiKey(key)),
        ("api_key_of_a_till", Record::ApiKey(held)),
        ("user_of_a_role", Record::User(holder)),
        ("rate_limits", Record::RateLimits(rate_limits())),
    ]
}

fn rate_limits() -> RateLimits {
    let rates = |per_second| Rates {
        per_second: Some(per_second),
        reads_per_second: Some(3),
        writes_per_second: None,
        money_per_second: Some(1),
    };
    RateLimits {
        organization: rates(9),
        key: rates(5),
        keys: vec![KeyRates {
            key: ApiKeyId(raw(9)),
            rates: rates(2),
        }],
        weights: Weights::default(),
        report_only: true,
        updated_at: Some(Timestamp(5)),
    }
}

fn role() -> RoleBody {
    RoleBody {
        id: RoleId(raw(60)),
        name: "Night cashier".into(),
        description: Some("Sells after ten".into()),
        permissions: PermissionSet::new(vec!["create:transactions".into()]).unwrap(),
        conditions: Conditions {
            max_amount: Some(5_000),
            currencies: vec![php()],
            stores: vec![StoreId(raw(42))],
            own_shift: true,
            hours: Some(Hours {
                days: vec![5, 6],
                from: 1_320,
                until: 360,
                time_zone: Zone::parse("Asia/Manila").unwrap(),
            }),
            networks: vec![Range::parse("10.0.0.0/8").unwrap()],
        },
        status: RoleStatus::Active,
        holders: 2,
        widened_by: vec![ApiKeyId(raw(9))],
        created_at: Timestamp(5),
        updated_at: Timestamp(6),
    }
}
