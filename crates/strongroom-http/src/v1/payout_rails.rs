//! Payout rails: the wallets whose payouts to banks leave in files.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{ManagePayoutRails, ReadPayoutRails};
use strongroom_domain::payout_rails::{
    CreatePayoutRail, MOST_IN_FILE, PayoutRailView, UpdatePayoutRail,
};
use strongroom_domain::view;
use strongroom_iso20022::{Bic, Iban, reads_as_latin};
use strongroom_types::id::PayoutRailId;
use strongroom_types::zone::DailyTime;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::schema;

/// An account's number may look like a card's.
pub const EXEMPT: &[&str] = &["/debtor/iban"];

const MOST_NAME: usize = 140;

/// `POST /v1/payout-rails`.
pub async fn create(caller: Caller<ManagePayoutRails>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let wallet = fields.wallet("wallet_id");
        let wallet = fields.required("wallet_id", wallet);
        let debtor = fields.object("debtor").and_then(|mut debtor| {
            let name = name(&mut debtor);
            let name = debtor.required("name", name);
            let iban = debtor.parsed("iban", "an IBAN of the form of its country", Iban::parse);
            let iban = debtor.required("iban", iban);
            let bic = bic(&mut debtor);
            Some((name?, iban?, bic))
        });
        let debtor = fields.required("debtor", debtor);
        let cut_off = cut_off(fields);
        let cut_off = fields.required("cut_off", cut_off);
        let batch_limit = batch_limit(fields);
        let (debtor_name, iban, bic) = debtor?;
        Some(CreatePayoutRail {
            wallet: wallet?,
            debtor_name,
            iban,
            bic,
            cut_off: cut_off?,
            batch_limit: batch_limit.unwrap_or(MOST_IN_FILE),
        })
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/payout-rails/{id}`.
pub async fn update(caller: Caller<ManagePayoutRails>, call: Call) -> Result<Answer, Problem> {
    let id = rail_id(&call);
    let command = read_object(&call.object()?, |fields| {
        let debtor = fields
            .object("debtor")
            .map(|mut debtor| (name(&mut debtor), bic(&mut debtor)));
        let (debtor_name, bic) = debtor.unwrap_or_default();
        Some(UpdatePayoutRail {
            id,
            debtor_name,
            bic,
            cut_off: cut_off(fields),
            batch_limit: batch_limit(fields),
            active: fields.boolean("active"),
        })
    })?;
    call.execute(&caller, command).await
}

/// `GET /v1/payout-rails/{id}`.
pub async fn read(caller: Caller<ReadPayoutRails>, call: Call) -> Result<Answer, Problem> {
    let id = rail_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&PayoutRailView::new(&view.payout_rail(id)?)))
    })
    .await
}

/// `GET /v1/payout-rails`.
pub async fn list(caller: Caller<ReadPayoutRails>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    call.read(&caller, move |view| {
        let listing = view.payout_rails(&page)?;
        Ok(pages::render(&listing, |rail| {
            view::json(&PayoutRailView::new(rail))
        }))
    })
    .await
}

fn rail_id(call: &Call) -> PayoutRailId {
    call.id(PayoutRailId::parse, PayoutRailId(NOBODY))
}

fn name(fields: &mut Fields<'_, '_>) -> Option<String> {
    let name = fields.text("name", MOST_NAME)?;
    if !reads_as_latin(&name) {
        fields.invalid("name", "holds no letter that banks pass on");
        return None;
    }
    Some(name)
}

fn bic(fields: &mut Fields<'_, '_>) -> Option<Bic> {
    fields.parsed("bic", "a BIC of 8 or 11 letters and digits", Bic::parse)
}

fn batch_limit(fields: &mut Fields<'_, '_>) -> Option<u32> {
    let limit = fields.integer("batch_limit", 1, i64::from(MOST_IN_FILE))?;
    u32::try_from(limit).ok()
}

fn cut_off(fields: &mut Fields<'_, '_>) -> Option<DailyTime> {
    let mut inner = fields.object("cut_off")?;
    let time = inner.string("time");
    let time = inner.required("time", time)?;
    let zone = inner.string("zone");
    let zone = inner.required("zone", zone)?;
    let daily = DailyTime::parse(time, zone);
    if daily.is_none() {
        let field = match DailyTime::parse(time, "UTC") {
            None => ("time", "must be a time of day such as `16:30`"),
            Some(_) => ("zone", "must be a time zone such as `Europe/Berlin`"),
        };
        inner.invalid(field.0, field.1);
    }
    daily
}

fn debtor_schema(required: &[&str]) -> Schema {
    let mut fields = vec![("name", schema::line(MOST_NAME)), ("bic", schema::line(11))];
    if required.contains(&"iban") {
        fields.push(("iban", schema::line(42)));
    }
    schema::object(required, fields)
}

fn cut_off_schema() -> Schema {
    schema::object(
        &["time", "zone"],
        vec![("time", schema::line(5)), ("zone", schema::line(64))],
    )
}

fn limit_schema() -> Schema {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_IN_FILE})
}

pub fn create_schema() -> Schema {
    schema::object(
        &["wallet_id", "debtor", "cut_off"],
        vec![
            ("wallet_id", schema::id("wallet")),
            ("debtor", debtor_schema(&["name", "iban"])),
            ("cut_off", cut_off_schema()),
            ("batch_limit", limit_schema()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("debtor", debtor_schema(&[])),
            ("cut_off", cut_off_schema()),
            ("batch_limit", limit_schema()),
            ("active", json!({"type": "boolean"})),
        ],
    )
}

pub fn schema() -> Schema {
    let debtor = schema::reply(vec![
        ("name", schema::text()),
        ("iban", schema::text()),
        ("bic", schema::nullable(schema::text())),
    ]);
    let cut_off = schema::reply(vec![("time", schema::text()), ("zone", schema::text())]);
    let fields = vec![
        ("id", schema::id("rail")),
        ("object", schema::constant("payout_rail")),
        ("type", schema::constant("iso20022")),
        ("wallet_id", schema::id("wallet")),
        ("currency", schema::currency()),
        ("debtor", debtor),
        ("cut_off", cut_off),
        ("batch_limit", limit_schema()),
        ("active", json!({"type": "boolean"})),
        ("open_file_id", schema::nullable(schema::id("pfile"))),
        ("created_at", schema::time()),
    ];
    schema::named("payout_rail", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
