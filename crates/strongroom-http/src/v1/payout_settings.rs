//! `/v1/payout-settings`: what an organization bounds its payouts by.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{ManagePayoutSettings, ReadBeneficiaries};
use strongroom_domain::beneficiaries::{
    ChangePayoutSettings, LONGEST_COOLING_OFF, PayoutSettingsView,
};
use strongroom_domain::view;
use strongroom_types::time::SECOND;

use crate::call::{Answer, Call};
use crate::json::read_object;
use crate::problem::Problem;
use crate::schema;

/// `GET /v1/payout-settings`.
pub async fn read(caller: Caller<ReadBeneficiaries>, call: Call) -> Result<Answer, Problem> {
    let now = call.engine().now();
    call.read(&caller, move |view| {
        let settings = view.payout_settings()?;
        Ok(view::json(&PayoutSettingsView::new(&settings, now)))
    })
    .await
}

/// `PATCH /v1/payout-settings`.
pub async fn change(caller: Caller<ManagePayoutSettings>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let longest = LONGEST_COOLING_OFF / SECOND;
        let seconds = fields.integer("beneficiary_cooling_off", 0, longest);
        Some(ChangePayoutSettings {
            cooling_off: seconds.map(|seconds| seconds.saturating_mul(SECOND)),
        })
    })?;
    call.execute(&caller, command).await
}

fn period() -> Schema {
    let longest = LONGEST_COOLING_OFF / SECOND;
    json!({
        "type": "integer", "minimum": 0, "maximum": longest,
        "description": "Seconds that a new account of a beneficiary waits before it is paid.",
    })
}

pub fn change_schema() -> Schema {
    schema::object(&[], vec![("beneficiary_cooling_off", period())])
}

pub fn schema() -> Schema {
    let upcoming = schema::reply(vec![
        ("beneficiary_cooling_off", period()),
        ("from", schema::time()),
    ]);
    let fields = vec![
        ("id", schema::id("pset")),
        ("object", schema::constant("payout_settings")),
        ("beneficiary_cooling_off", period()),
        ("upcoming", schema::nullable(upcoming)),
        ("updated_at", schema::nullable(schema::time())),
    ];
    schema::named("payout_settings", schema::reply(fields))
}
