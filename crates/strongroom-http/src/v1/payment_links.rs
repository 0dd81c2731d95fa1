//! Payment links: made, listed, read, cancelled. They are paid on the page of [`crate::pay`].

use hyper::Uri;
use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CancelPaymentLinks, CreatePaymentLinks, ReadPaymentLinks};
use strongroom_auth::{Caller, Dialect, KeyType};
use strongroom_crypto::random;
use strongroom_domain::payment_links::{
    CancelPaymentLink, CreatePaymentLink, LinkCustomer, PaymentLinkStatus, PaymentLinkView,
};
use strongroom_domain::payments::PaymentFailure;
use strongroom_domain::view;
use strongroom_engine::PaymentLinkFilter;
use strongroom_types::currency::Currency;
use strongroom_types::id::{PaymentLinkId, RawId};

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::{Parameter, Query};
use crate::schema;
use crate::v1::contact;
use crate::v1::transfers::named_wallet;

/// The longest address of a page to go on to, in bytes.
pub const LONGEST_URL: usize = 2_048;

/// `POST /v1/payment-links`.
pub async fn create(caller: Caller<CreatePaymentLinks>, call: Call) -> Result<Answer, Problem> {
    let body = call.object()?;
    let wallet = named_wallet(&body, "wallet_id");
    let currency = call.currency(&caller, &body, wallet).await?;
    let (dialect, origin) = (call.dialect(), call.link_origin.clone());
    let command = read_object(&body, |fields| new_link(fields, currency, dialect, origin))?;
    call.execute(&caller, command).await
}

/// `POST /v1/payment-links/{id}/cancel`.
pub async fn cancel(caller: Caller<CancelPaymentLinks>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let (id, origin) = (link_id(&call), call.link_origin.clone());
    call.execute(&caller, CancelPaymentLink { id, origin })
        .await
}

/// `GET /v1/payment-links/{id}`.
pub async fn read(caller: Caller<ReadPaymentLinks>, call: Call) -> Result<Answer, Problem> {
    let (id, now, origin) = (
        link_id(&call),
        call.engine().now(),
        call.link_origin.clone(),
    );
    let is_public = call.credential().key_type == KeyType::Publishable;
    call.read(&caller, move |view| {
        let link = view.payment_link(id)?;
        let shown = PaymentLinkView::new(&link, &origin, now);
        Ok(view::json(&match is_public {
            true => shown.for_anybody(),
            false => shown,
        }))
    })
    .await
}

/// `GET /v1/payment-links`.
pub async fn list(caller: Caller<ReadPaymentLinks>, call: Call) -> Result<Answer, Problem> {
    let (page, now, origin) = (
        call.query().page()?,
        call.engine().now(),
        call.link_origin.clone(),
    );
    let filter = filter(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.payment_links(&filter, &page, now)?;
        Ok(pages::render(&listing, |link| {
            view::json(&PaymentLinkView::new(link, &origin, now))
        }))
    })
    .await
}

fn link_id(call: &Call) -> PaymentLinkId {
    call.id(PaymentLinkId::parse, PaymentLinkId(NOBODY))
}

fn new_link(
    fields: &mut Fields<'_, '_>,
    currency: Option<Currency>,
    dialect: Dialect,
    origin: String,
) -> Option<CreatePaymentLink> {
    let _checked = fields.currency("currency");
    let amount = fields.amount("amount", currency, dialect);
    let amount = fields.required("amount", amount);
    let wallet = fields.wallet("wallet_id");
    let description = fields.text("description", 500);
    let customer = fields.object("customer").map(|mut customer| {
        let email = contact::email(&mut customer);
        let name = customer.text("name", 200);
        LinkCustomer { email, name }
    });
    let expires_at = fields.time("expires_at");
    let reference_id = fields.reference_id();
    let success_url = fields.parsed("success_url", AN_ADDRESS, page_url);
    let cancel_url = fields.parsed("cancel_url", AN_ADDRESS, page_url);
    let metadata = fields.metadata();
    Some(CreatePaymentLink {
        // SECURITY: whoever knows the id can pay, so all of it is random.
        id: PaymentLinkId(RawId(random())),
        amount: amount?,
        wallet,
        description,
        customer: customer.filter(|customer| customer.email.is_some() || customer.name.is_some()),
        expires_at,
        reference_id,
        success_url,
        cancel_url,
        metadata: metadata.unwrap_or_default(),
        origin,
    })
}

pub const AN_ADDRESS: &str =
    "an https address of at most 2048 characters, without user and password";

/// An address that a payer may be led to. SECURITY: a page of the web, nothing that runs (`javascript:`), nothing with a
/// user's name in front of the host, which people read as the host.
pub fn page_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host();
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    let scheme = match uri.scheme_str()? {
        "https" => true,
        "http" => local,
        _ => false,
    };
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"'<>\\`".contains(c);
    let plain = !text.contains(odd) && text.len() <= LONGEST_URL && !host.is_empty();
    (scheme && plain && !authority.as_str().contains('@')).then(|| text.to_owned())
}

fn filter(query: &Query) -> Result<PaymentLinkFilter, Problem> {
    Ok(PaymentLinkFilter {
        status: query.choice("status", PaymentLinkStatus::parse)?,
        reference_id: query.reference_id()?,
        created_after: query.time("created_after")?,
        created_before: query.time("created_before")?,
    })
}

fn statuses() -> Vec<&'static str> {
    PaymentLinkStatus::ALL.iter().map(|s| s.as_str()).collect()
}

/// The parameters of `GET /v1/payment-links` beside the page and the time range.
pub const FILTERS: &[Parameter] = &[
    Parameter::one_of("status", statuses, "Only links in this state."),
    Parameter::text("reference_id", "The link of this reference id."),
];

pub fn create_schema() -> Schema {
    let customer = schema::object(
        &[],
        vec![
            (
                "email",
                json!({"type": "string", "minLength": 3, "maxLength": 254}),
            ),
            ("name", schema::line(200)),
        ],
    );
    let address = || json!({"type": "string", "minLength": 9, "maxLength": LONGEST_URL});
    schema::object(
        &["amount"],
        vec![
            ("amount", schema::amount()),
            ("currency", schema::currency()),
            ("wallet_id", schema::id("wallet")),
            ("description", schema::line(500)),
            ("customer", customer),
            ("expires_at", schema::time()),
            ("reference_id", schema::reference_id()),
            ("success_url", address()),
            ("cancel_url", address()),
            ("metadata", schema::metadata()),
        ],
    )
}

pub fn schema() -> Schema {
    let failures: Vec<&str> = PaymentFailure::ALL.iter().map(|f| f.as_str()).collect();
    let text = || schema::nullable(schema::text());
    let customer = schema::reply(vec![("email", text()), ("name", text())]);
    let fields = vec![
        ("id", schema::id("plink")),
        ("object", schema::constant("payment_link")),
        ("url", schema::text()),
        ("status", schema::one_of(&statuses())),
        ("amount", schema::minor()),
        ("amount_decimal", schema::text()),
        ("currency", schema::currency()),
        ("wallet_id", schema::id("wallet")),
        ("description", text()),
        ("customer", schema::nullable(customer)),
        ("reference_id", schema::nullable(schema::reference_id())),
        ("success_url", text()),
        ("cancel_url", text()),
        ("metadata", schema::nullable(schema::metadata())),
        ("payment_id", schema::nullable(schema::id("pay"))),
        ("attempts", json!({"type": "integer", "minimum": 0})),
        (
            "last_failure_code",
            schema::nullable(schema::one_of(&failures)),
        ),
        ("expires_at", schema::time()),
        ("ended_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("payment_link", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

#[cfg(test)]
mod tests {
    use super::page_url;

    #[test]
    fn payers_are_led_to_pages_of_the_web() {
        for good in [
            "https://shop.example/thanks?order=7",
            "https://shop.example:8443/",
            "http://localhost:3000/done",
            "http://127.0.0.1:8080/",
        ] {
            assert_eq!(page_url(good).as_deref(), Some(good));
        }
        for bad in [
            "",
            "shop.example",
            "/thanks",
            "//shop.example/",
            "http://shop.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://user@shop.example/",
            "https://shop.example@evil.example/",
            "https://shop.example/\"onclick=x",
            "https://",
            "https:///x",
        ] {
            assert_eq!(page_url(bad), None, "{bad}");
        }
    }
}
