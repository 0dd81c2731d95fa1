//! Endpoints that events are sent to.

use strongroom_auth::PermissionSet;
use strongroom_domain::webhooks::{Challenge, Retired, Webhook, WebhookStatus};
use strongroom_types::id::WebhookId;
use strongroom_types::time::Timestamp;

use crate::raw;

pub fn webhook() -> Webhook {
    Webhook {
        id: WebhookId(raw(10)),
        status: WebhookStatus::Failing,
        url: "https://shop.example/hook".into(),
        events: vec!["payout.*".into()],
        description: Some("till".into()),
        ordered: true,
        readable: readable(),
        secret: "whsec_c2VjcmV0".into(),
        seed: Some([7; 32]),
        public_key: Some("whpk_AAAA".into()),
        retired: Some(Retired {
            secret: "whsec_old".into(),
            seed: None,
            until: Timestamp(9),
            cutover: Timestamp(8),
        }),
        created_at: Timestamp(5),
        updated_at: Timestamp(6),
        network: None,
        shadow: None,
        challenge: None,
    }
}

pub fn guarded_webhook() -> Webhook {
    Webhook {
        network: Some("203.0.113.0/24".into()),
        shadow: Some(true),
        challenge: Some(Challenge {
            sequence: 12,
            index: 1,
            passed_at: Some(Timestamp(7)),
        }),
        ..webhook()
    }
}

/// What a viewer could read when this was written.
fn readable() -> PermissionSet {
    let of = [
        "account",
        "wallets",
        "payouts",
        "transactions",
        "events",
        "audit_logs",
        "request_logs",
        "webhooks",
        "payments",
        "refunds",
    ];
    PermissionSet::new(of.iter().map(|of| format!("read:{of}")).collect()).unwrap()
}
