//! Keys that are held to networks, client certificates and limits.

use strongroom_auth::{Direction, MoneyLimits, Networks, Range, Thumbprint};
use strongroom_domain::api_keys::{Allowance, ApiKey, Used};

use crate::{api_key, php};

pub fn restricted_key() -> ApiKey {
    ApiKey {
        networks: Some(Networks {
            ranges: vec![Range::parse("203.0.113.0/24").unwrap()],
            report_only: true,
        }),
        limits: Some(MoneyLimits {
            per_transaction: Some(1_000),
            per_day: Some(5_000),
            currencies: vec![php()],
            directions: vec![Direction::Out],
        }),
        ..api_key()
    }
}

pub fn certified_key() -> ApiKey {
    ApiKey {
        certificates: Some(vec![Thumbprint([7; 32])]),
        ..api_key()
    }
}

pub fn allowance() -> Allowance {
    Allowance {
        day: 20_240_115,
        used: vec![Used {
            currency: php(),
            minor: 1_000,
        }],
    }
}
