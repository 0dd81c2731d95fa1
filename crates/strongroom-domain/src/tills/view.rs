//! How tills look on the wire.

use serde::Serialize;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, ShiftId, StoreId, TillId};
use strongroom_types::metadata::Metadata;
use strongroom_types::time::Timestamp;

use crate::tills::{Digest, Lease, TillBody};

/// A till.
#[derive(Serialize)]
pub struct TillView<'a> {
    pub id: TillId,
    pub object: &'static str,
    pub store_id: StoreId,
    pub name: &'a str,
    pub status: &'static str,
    pub currency: Currency,
    pub api_key_id: Option<ApiKeyId>,
    pub public_key: Option<Digest>,
    pub open_shift_id: Option<ShiftId>,
    pub lease: Option<LeaseView>,
    pub offline: ChainView,
    pub metadata: &'a Metadata,
    pub created_at: Timestamp,
}

/// The lease that a till sells under now.
#[derive(Serialize)]
pub struct LeaseView {
    pub floor_limit: i64,
    pub total_limit: i64,
    pub used: i64,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Where an upload goes on.
#[derive(Serialize)]
pub struct ChainView {
    pub next_sequence: u64,
    pub previous: Digest,
}

impl<'a> TillView<'a> {
    pub fn new(body: &'a TillBody, now: Timestamp) -> TillView<'a> {
        let current = body.leases.iter().rev().find(|lease| lease.ends_at > now);
        TillView {
            id: body.id,
            object: "till",
            store_id: body.store,
            name: &body.name,
            status: if body.retired { "retired" } else { "active" },
            currency: body.currency,
            api_key_id: body.key,
            public_key: body.public_key,
            open_shift_id: body.open_shift,
            lease: current.map(lease),
            offline: ChainView {
                next_sequence: body.sequence.saturating_add(1),
                previous: body.head,
            },
            metadata: &body.metadata,
            created_at: body.created_at,
        }
    }
}

fn lease(lease: &Lease) -> LeaseView {
    LeaseView {
        floor_limit: lease.floor_limit,
        total_limit: lease.total_limit,
        used: lease.used,
        starts_at: lease.starts_at,
        ends_at: lease.ends_at,
    }
}
