//! Payouts: money leaving a wallet, to another wallet or to a bank account.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CancelPayouts, CreatePayouts, ReadPayouts, ReversePayouts};
use strongroom_auth::{Caller, Dialect};
use strongroom_domain::payouts::{
    BankAccount, CancelPayout, CreatePayout, Later, NewRecipient, PayoutFailure, PayoutStatus,
    ReversePayout,
};
use strongroom_domain::view::{self, PayoutView};
use strongroom_engine::PayoutFilter;
use strongroom_types::currency::Currency;
use strongroom_types::id::{ApiKeyId, BeneficiaryId, PayoutId, PayoutScheduleId, WalletId};
use strongroom_types::time::Timestamp;

use crate::call::{Answer, Call};
use crate::json::{FaultKind, Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::contact;
use crate::v1::tills::{may_see, unless_till};
use crate::v1::transfers::named_wallet;

/// Fields that may hold digits which look like a card number's: account numbers have any number of digits, and nearly
/// three in a hundred of sixteen would be one by chance.
pub const EXEMPT: &[&str] = &["/recipient/account_number", "/recipient/iban"];

/// `POST /v1/payouts`.
pub async fn create(caller: Caller<CreatePayouts>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let source =
        named_wallet(&body, "source_wallet_id").or_else(|| named_wallet(&body, "wallet_id"));
    let currency = call.currency(&caller, &body, source).await?;
    let (dialect, maker) = (call.dialect(), call.credential().id);
    let command = read_object(&body, |fields| new_payout(fields, currency, dialect, maker))?;
    call.execute(&caller, command).await
}

/// `POST /v1/payouts/{id}/cancel`.
pub async fn cancel(caller: Caller<CancelPayouts>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = payout_id(&call);
    call.execute(&caller, CancelPayout { id }).await
}

/// `POST /v1/payouts/{id}/reverse`.
pub async fn reverse(caller: Caller<ReversePayouts>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = payout_id(&call);
    call.execute(&caller, ReversePayout { id }).await
}

/// `GET /v1/payouts/{id}`.
pub async fn read(caller: Caller<ReadPayouts>, call: Call) -> Result<Answer, Problem> {
    let (id, key) = (payout_id(&call), call.credential().id);
    call.read(&caller, move |view| {
        may_see(view, key, None)?;
        Ok(view::json(&PayoutView::new(&view.payout(id)?)))
    })
    .await
}

/// `GET /v1/payouts`.
pub async fn list(caller: Caller<ReadPayouts>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let filter = filter(call.query())?;
    let key = call.credential().id;
    call.read(&caller, move |view| {
        let listing = unless_till(view, key, |view| view.payouts(&filter, &page))?;
        Ok(pages::render(&listing, |payout| {
            view::json(&PayoutView::new(payout))
        }))
    })
    .await
}

fn payout_id(call: &Call) -> PayoutId {
    call.id(PayoutId::parse, PayoutId(NOBODY))
}

fn new_payout(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
    maker: ApiKeyId,
) -> Option<CreatePayout> {
    let _checked = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let amount = fields.required("amount", amount);
    let source = source(fields);
    let recipient = paid_to(fields);
    let at = fields.parsed("execute_at", WHEN, moment);
    let reference_id = fields.reference_id();
    let description = fields.text("description", 500);
    let metadata = fields.metadata();
    Some(CreatePayout {
        amount: amount?,
        source,
        recipient: recipient?,
        reference_id,
        description,
        metadata: metadata.unwrap_or_default(),
        later: at.map(|at| Later { at, maker }),
    })
}

const WHEN: &str = "an RFC 3339 time, or a date such as `2026-01-15`";

/// A moment, or the first of a day in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    match is_date {
        true => Timestamp::parse(&format!("{text}T00:00:00Z")),
        false => Timestamp::parse(text),
    }
}

/// Whom it goes to: somebody described here, or a beneficiary by its id.
pub(super) fn paid_to(fields: &mut Fields<'_, '_>) -> Option<NewRecipient> {
    let beneficiary = beneficiary_id(fields);
    let inner = fields.object("recipient");
    match (fields.value("beneficiary_id").is_some(), inner) {
        (true, Some(mut inner)) => {
            inner.ignore_rest();
            fields.invalid("beneficiary_id", "and `recipient` exclude each other");
            None
        }
        (true, None) => beneficiary.map(|id| NewRecipient::Beneficiary { id, seen: None }),
        (false, inner) => {
            let recipient = inner.and_then(recipient);
            fields.required("recipient", recipient)
        }
    }
}

/// A beneficiary's id. Text that is none becomes an id that nobody has.
fn beneficiary_id(fields: &mut Fields<'_, '_>) -> Option<BeneficiaryId> {
    fields.parsed("beneficiary_id", "a beneficiary's id", |text| {
        let parsed = || BeneficiaryId::parse(text).unwrap_or(BeneficiaryId(NOBODY));
        (text.len() <= 64).then(parsed)
    })
}

/// The source under either of its names; two different ones are a fault.
pub(super) fn source(fields: &mut Fields<'_, '_>) -> Option<WalletId> {
    let source = fields.wallet("source_wallet_id");
    let alias = fields.wallet("wallet_id");
    if source.is_some() && alias.is_some() && source != alias {
        fields.invalid(
            "wallet_id",
            "differs from `source_wallet_id`, whose other name it is",
        );
    }
    source.or(alias)
}

fn recipient(mut fields: Fields<'_, '_>) -> Option<NewRecipient> {
    let kind = fields.parsed("type", "`wallet` or `bank_account`", |text| {
        matches!(text, "wallet" | "bank_account").then(|| text == "wallet")
    });
    match fields.required("type", kind) {
        Some(true) => {
            let id = fields.wallet("id");
            fields.required("id", id).map(NewRecipient::Wallet)
        }
        Some(false) => bank_account(&mut fields),
        None => {
            fields.ignore_rest();
            None
        }
    }
}

fn bank_account(fields: &mut Fields<'_, '_>) -> Option<NewRecipient> {
    let account_name = fields.text("account_name", 140);
    let account_name = fields.required("account_name", account_name);
    let bank_code = contact::bank_code(fields);
    let given = (
        fields.value("account_number").is_some(),
        fields.value("iban").is_some(),
    );
    let account_number = contact::account_number(fields);
    let iban = contact::iban(fields);
    match given {
        (true, true) => fields.invalid("iban", "and `account_number` exclude each other"),
        (false, false) => {
            let text = "is required, or `iban`";
            fields.fault(FaultKind::FieldRequired, "account_number", text);
        }
        _ => {}
    }
    Some(NewRecipient::Bank {
        bank_code,
        account: BankAccount {
            account_name: account_name?,
            account_number,
            iban,
        },
    })
}

fn filter(query: &Query) -> Result<PayoutFilter, Problem> {
    Ok(PayoutFilter {
        status: query.choice("status", PayoutStatus::parse)?,
        wallet: query.wallet("wallet_id")?,
        beneficiary: query.id("beneficiary_id", |text| {
            BeneficiaryId::parse(text).unwrap_or(BeneficiaryId(NOBODY))
        })?,
        schedule: query.id("payout_schedule_id", |text| {
            PayoutScheduleId::parse(text).unwrap_or(PayoutScheduleId(NOBODY))
        })?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

const STATUSES: &[&str] = &[
    "initiated",
    "pending",
    "processing",
    "completed",
    "failed",
    "cancelled",
    "reversed",
    "scheduled",
];

/// The parameters of `GET /v1/payouts` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of(
        "status",
        || STATUSES.to_vec(),
        "Only payouts in this state.",
    ),
    Parameter::text("wallet_id", "Only payouts from or to this wallet."),
    Parameter::text("beneficiary_id", "Only payouts to this beneficiary."),
    Parameter::text("payout_schedule_id", "Only payouts of this schedule."),
    Parameter::text("reference_id", "The payout of this reference id."),
];

pub fn create_schema() -> Schema {
    let mut whole = schema::object(
        &["amount"],
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("source_wallet_id", schema::id("wallet")),
            ("wallet_id", schema::id("wallet")),
            ("recipient", recipient_schema()),
            ("beneficiary_id", schema::id("ben")),
            ("execute_at", schema::text()),
            ("reference_id", schema::reference_id()),
            ("description", schema::line(500)),
            ("metadata", schema::metadata()),
        ],
    );
    if let Some(words) = whole.as_object_mut() {
        words.insert("anyOf".to_owned(), one_of_both());
    }
    whole
}

/// Either says whom it goes to.
pub(super) fn one_of_both() -> Schema {
    json!([{"required": ["recipient"]}, {"required": ["beneficiary_id"]}])
}

pub(super) fn recipient_schema() -> Schema {
    json!({"oneOf": [wallet_recipient(), bank_recipient()]})
}

fn wallet_recipient() -> Schema {
    schema::object(
        &["type", "id"],
        vec![
            ("type", schema::constant("wallet")),
            ("id", schema::id("wallet")),
        ],
    )
}

fn bank_recipient() -> Schema {
    schema::object(
        &["type", "account_name"],
        vec![
            ("type", schema::constant("bank_account")),
            ("account_name", schema::line(140)),
            ("bank_code", schema::line(35)),
            ("account_number", schema::line(34)),
            ("iban", schema::line(42)),
        ],
    )
}

pub fn schema() -> Schema {
    let failures: Vec<&str> = PayoutFailure::ALL.iter().map(|f| f.as_str()).collect();
    let payout = schema::reply(vec![
        ("id", schema::id("payout")),
        ("object", schema::constant("payout")),
        ("status", schema::one_of(STATUSES)),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("source_wallet_id", schema::id("wallet")),
        ("recipient", shown_recipient()),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("description", schema::nullable(schema::text())),
        ("metadata", schema::metadata()),
        ("failure_code", schema::nullable(schema::one_of(&failures))),
        ("processed_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ]);
    // Where a schedule of fees was in force.
    let fees = [
        ("fee", schema::minor()),
        ("fee_decimal", schema::text()),
        ("net", schema::minor()),
        ("net_decimal", schema::text()),
    ];
    let payout = fees.into_iter().fold(payout, |payout, (name, field)| {
        schema::optional(payout, name, field)
    });
    // Of what was planned, or goes to a beneficiary.
    let planned = [
        ("execute_at", schema::time()),
        ("beneficiary_id", schema::id("ben")),
        ("payout_schedule_id", schema::id("psched")),
        ("occurrence", json!({"type": "integer", "minimum": 1})),
    ];
    let payout = planned.into_iter().fold(payout, |payout, (name, field)| {
        schema::optional(payout, name, field)
    });
    let payout = schema::optional(payout, "payout_file_id", schema::id("pfile"));
    schema::named("payout", payout)
}

pub(super) fn shown_recipient() -> Schema {
    json!({"oneOf": [wallet_recipient(), shown_account()]})
}

fn shown_account() -> Schema {
    schema::reply(vec![
        ("type", schema::constant("bank_account")),
        ("id", schema::id("subj")),
        ("account_name", schema::nullable(schema::text())),
        ("bank_code", schema::nullable(schema::text())),
        ("account_number", schema::nullable(schema::text())),
        ("iban", schema::nullable(schema::text())),
    ])
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_object;

    fn create(body: &str) -> Result<CreatePayout, Vec<(&'static str, String)>> {
        let object = parse_object(body.as_bytes()).unwrap();
        let php = Currency::parse("PHP");
        let maker = ApiKeyId(NOBODY);
        let read = |fields: &mut Fields<'_, '_>| new_payout(fields, php, Dialect::Nextapi, maker);
        read_object(&object, read).map_err(|faults| {
            faults
                .into_iter()
                .map(|fault| (fault.kind.code(), fault.pointer))
                .collect()
        })
    }

    fn refused(body: &str, expected: &[(&'static str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(code, at)| (*code, (*at).to_owned()))
            .collect();
        assert_eq!(create(body).err().unwrap_or_default(), expected, "{body}");
    }

    #[test]
    fn the_documents_body_becomes_a_command() {
        let body =
            r#"{"amount":10000,"currency":"PHP","recipient":{"type":"wallet","id":"wallet_123"}}"#;
        let command = create(body).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(command.amount.minor, 10_000);
        assert!(matches!(
            command.recipient,
            NewRecipient::Wallet(WalletId(NOBODY))
        ));
        assert_eq!(command.source, None);
    }

    #[test]
    fn bank_accounts_have_exactly_one_number() {
        let body = |inner: &str| {
            format!(
                r#"{{"amount":1,"recipient":{{"type":"bank_account","account_name":"Ana",{inner}}}}}"#
            )
        };
        assert!(create(&body(r#""bank_code":"BDO","account_number":"001234""#)).is_ok());
        assert!(create(&body(r#""iban":"GB82WEST12345698765432""#)).is_ok());
        refused(
            &body(r#""bank_code":"BDO""#),
            &[("field_required", "/recipient/account_number")],
        );
        refused(
            &body(r#""account_number":"1","iban":"GB82WEST12345698765432""#),
            &[("invalid_field", "/recipient/iban")],
        );
        refused(
            &body(r#""id":"wallet_1","account_number":"1""#),
            &[("unknown_field", "/recipient/id")],
        );
    }

    #[test]
    fn a_recipient_of_unknown_type_is_one_fault() {
        refused(
            r#"{"amount":1,"recipient":{"type":"cash","id":"x","account_name":7}}"#,
            &[("invalid_field", "/recipient/type")],
        );
        refused(r#"{"amount":1}"#, &[("field_required", "/recipient")]);
        refused(
            r#"{"amount":1,"recipient":{}}"#,
            &[("field_required", "/recipient/type")],
        );
    }

    #[test]
    fn a_beneficiary_stands_for_a_recipient() {
        let with = |inner: &str| format!(r#"{{"amount":1,"beneficiary_id":"ben_1"{inner}}}"#);
        let command = create(&with("")).unwrap_or_else(|faults| panic!("{faults:?}"));
        let nobody = BeneficiaryId(NOBODY);
        assert!(
            matches!(command.recipient, NewRecipient::Beneficiary { id, seen: None } if id == nobody)
        );
        refused(
            &with(r#","recipient":{"type":"wallet","id":"x"}"#),
            &[("invalid_field", "/beneficiary_id")],
        );
        refused(
            r#"{"amount":1,"beneficiary_id":7}"#,
            &[("invalid_field", "/beneficiary_id")],
        );
    }

    #[test]
    fn a_time_is_a_moment_or_a_day() {
        let at = |text: &str| {
            let body = format!(r#"{{"amount":1,"beneficiary_id":"ben_1","execute_at":"{text}"}}"#);
            create(&body).map(|command| command.later.unwrap().at.to_string())
        };
        let day = "2026-01-15T00:00:00.000Z";
        assert_eq!(at("2026-01-15").as_deref(), Ok(day));
        assert_eq!(at("2026-01-15T01:00:00+01:00").as_deref(), Ok(day));
        for odd in [
            "soon",
            "2026-02-30",
            "2026-1-5",
            "15-01-2026",
            "2026-01-15T10:00",
        ] {
            assert_eq!(
                at(odd),
                Err(vec![("invalid_field", "/execute_at".to_owned())]),
                "{odd}"
            );
        }
    }

    #[test]
    fn both_names_of_the_source_must_agree() {
        let wallet = |n: u8| format!("wallet_{}", format!("{n:02x}").repeat(12));
        let body = |a: u8, b: u8| {
            format!(
                r#"{{"amount":1,"source_wallet_id":"{}","wallet_id":"{}","recipient":{{"type":"wallet","id":"w"}}}}"#,
                wallet(a),
                wallet(b)
            )
        };
        assert!(create(&body(1, 1)).is_ok());
        refused(&body(1, 2), &[("invalid_field", "/wallet_id")]);
    }

    #[test]
    fn the_list_of_states_is_the_one_understood() {
        assert!(
            STATUSES
                .iter()
                .all(|text| PayoutStatus::parse(text).is_some())
        );
    }
}
