//! Beneficiaries: bank accounts that are paid by their id.

use serde_json::Value as Schema;
use strongroom_auth::Caller;
use strongroom_auth::permission::{ReadBeneficiaries, WriteBeneficiaries};
use strongroom_domain::beneficiaries::{
    BeneficiaryStatus, BeneficiaryView, CreateBeneficiary, DeleteBeneficiary, NewAccount,
    UpdateBeneficiary,
};
use strongroom_domain::payouts::BankAccount;
use strongroom_domain::view;
use strongroom_engine::BeneficiaryFilter;
use strongroom_iso20022::{Bic, Iban};
use strongroom_types::id::BeneficiaryId;

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::contact;

/// An account's number may look like a card's.
pub const EXEMPT: &[&str] = &["/account/account_number", "/account/iban"];

const MOST_NAME: usize = 140;
/// What banks pass on of it.
const MOST_REFERENCE: usize = 140;

/// `POST /v1/beneficiaries`.
pub async fn create(caller: Caller<WriteBeneficiaries>, call: Call) -> Result<Answer, Problem> {
    let command = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let name = fields.required("name", name);
        let account = fields.object("account").and_then(account);
        let account = fields.required("account", account);
        let currency = fields.currency("currency");
        let reference = fields.text("reference", MOST_REFERENCE);
        let reference_id = fields.reference_id();
        let metadata = fields.metadata();
        let NewAccount {
            bank_code,
            account_number,
            iban,
        } = account?;
        Some(CreateBeneficiary {
            bank_code,
            account: BankAccount {
                account_name: name?,
                account_number,
                iban,
            },
            currency,
            reference,
            reference_id,
            metadata: metadata.unwrap_or_default(),
        })
    })?;
    call.execute(&caller, command).await
}

/// `PATCH /v1/beneficiaries/{id}`.
pub async fn update(caller: Caller<WriteBeneficiaries>, call: Call) -> Result<Answer, Problem> {
    let id = beneficiary_id(&call);
    let command = read_object(&call.object()?, |fields| {
        let name = fields.text("name", MOST_NAME);
        let account = fields.object("account").and_then(account);
        let reference = fields.text("reference", MOST_REFERENCE);
        let metadata = fields.metadata();
        Some(UpdateBeneficiary {
            id,
            name,
            account,
            reference,
            metadata,
        })
    })?;
    call.execute(&caller, command).await
}

/// `DELETE /v1/beneficiaries/{id}`.
pub async fn delete(caller: Caller<WriteBeneficiaries>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = beneficiary_id(&call);
    call.execute(&caller, DeleteBeneficiary { id }).await
}

/// `GET /v1/beneficiaries/{id}`.
pub async fn read(caller: Caller<ReadBeneficiaries>, call: Call) -> Result<Answer, Problem> {
    let id = beneficiary_id(&call);
    call.read(&caller, move |view| {
        Ok(view::json(&BeneficiaryView::new(&view.beneficiary(id)?)))
    })
    .await
}

/// `GET /v1/beneficiaries`.
pub async fn list(caller: Caller<ReadBeneficiaries>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.beneficiaries(&filter, &page)?;
        Ok(pages::render(&listing, |beneficiary| {
            view::json(&BeneficiaryView::new(beneficiary))
        }))
    })
    .await
}

fn beneficiary_id(call: &Call) -> BeneficiaryId {
    call.id(BeneficiaryId::parse, BeneficiaryId(NOBODY))
}

/// An IBAN of the form of its country, or an account's number with the code of its bank; of either one.
fn account(mut fields: Fields<'_, '_>) -> Option<NewAccount> {
    let given = (
        fields.value("account_number").is_some(),
        fields.value("iban").is_some(),
    );
    let account_number = contact::account_number(&mut fields);
    let iban = fields.parsed("iban", "an IBAN of the form of its country", Iban::parse);
    let both = fields.value("bic").is_some() && fields.value("bank_code").is_some();
    let bank_code = contact::bank_code(&mut fields);
    let bic = fields.parsed("bic", "a BIC of 8 or 11 letters and digits", Bic::parse);
    if both {
        fields.invalid("bic", "and `bank_code` exclude each other");
    }
    match given {
        (true, true) => fields.invalid("iban", "and `account_number` exclude each other"),
        (false, false) => {
            let text = "is required, or `iban`";
            fields.fault(FaultKind::FieldRequired, "account_number", text);
        }
        _ => {}
    }
    Some(NewAccount {
        bank_code: bank_code.or_else(|| bic.map(|bic| bic.as_str().to_owned())),
        account_number,
        iban: iban.map(|iban| iban.as_str().to_owned()),
    })
}

fn filter(query: &Query) -> Result<BeneficiaryFilter, Problem> {
    Ok(BeneficiaryFilter {
        status: query.choice("status", BeneficiaryStatus::parse)?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    let all = BeneficiaryStatus::ALL.iter();
    all.map(|status| status.as_str()).collect()
}

/// The parameters of `GET /v1/beneficiaries` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Active ones when absent."),
    Parameter::text("reference_id", "The beneficiary of this reference id."),
];

fn account_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("iban", schema::line(42)),
            ("bic", schema::line(11)),
            ("account_number", schema::line(34)),
            ("bank_code", schema::line(35)),
        ],
    )
}

pub fn create_schema() -> Schema {
    schema::object(
        &["name", "account"],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("account", account_schema()),
            ("currency", schema::currency()),
            ("reference", schema::line(MOST_REFERENCE)),
            ("reference_id", schema::reference_id()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn update_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("name", schema::line(MOST_NAME)),
            ("account", account_schema()),
            ("reference", schema::line(MOST_REFERENCE)),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn schema() -> Schema {
    let account = schema::reply(vec![
        ("bank_code", schema::nullable(schema::text())),
        ("account_number", schema::nullable(schema::text())),
        ("iban", schema::nullable(schema::text())),
    ]);
    let fields = vec![
        ("id", schema::id("ben")),
        ("object", schema::constant("beneficiary")),
        ("status", schema::one_of(&statuses())),
        ("name", schema::nullable(schema::text())),
        ("account", schema::nullable(account)),
        ("currency", schema::nullable(schema::currency())),
        ("reference", schema::nullable(schema::text())),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("payable_from", schema::time()),
        ("account_changed_at", schema::time()),
        ("metadata", schema::metadata()),
        ("created_at", schema::time()),
        ("updated_at", schema::time()),
    ];
    schema::named("beneficiary", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}
