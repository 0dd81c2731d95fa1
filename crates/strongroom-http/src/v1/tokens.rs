//! Card tokens: made from a card, listed, deleted, revealed. A card number comes in by one field of one route and
//! leaves by one field of another.

use serde_json::{Value as Schema, json};
use strongroom_auth::permission::{CreateTokens, ManageTokens, ReadTokens, RevealTokens};
use strongroom_auth::{Caller, Permission};
use strongroom_channel::message::{CardShape, NumberShape, ToVault, Unopened};
use strongroom_domain::tokens::{
    CreateToken, DeleteToken, Receipt, RevealToken, RevealView, TokenUse, TokenView,
};
use strongroom_domain::view;
use strongroom_types::card::{Brand, Expiry};
use strongroom_types::id::TokenId;
use strongroom_vault::{CardNumber, SecurityCode, code_length};

use crate::call::{Answer, Call};
use crate::cards::Wiped;
use crate::json::{FaultKind, Fields, NOBODY, parse_object, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::schema;
use crate::transit::place;
use crate::v1::wallets::expected;
use crate::vaulted::require_number;

/// The fields that a card number may stand in.
pub const EXEMPT: &[&str] = &["/card/number"];

/// How long a token lives, in seconds: those for one payment an hour unless told otherwise and a day at most, others
/// until they are deleted unless told otherwise.
const HOUR: i64 = 3_600;
const LONGEST_SINGLE: i64 = 24 * HOUR;
const LONGEST_MULTI: i64 = 10 * 365 * 24 * HOUR;

/// `POST /v1/tokens`.
pub async fn create(caller: Caller<CreateTokens>, mut call: Call) -> Result<Answer, Problem> {
    let body = Wiped(std::mem::take(&mut call.body));
    let transit = call.transit.take();
    let shape = transit.as_ref().map(|transit| &transit.card);
    let wanted = read_object(&parse_object(&body.0)?, |fields| wanted(fields, shape))?;
    drop(body);
    let engine = call.engine().clone();
    let scope = caller.tenant().scope();
    let card = match (&wanted.card, &transit) {
        (InHand::Clear(number, _), _) => engine.seal_card(&caller, number),
        (InHand::Vaulted, Some(transit)) => transit.keep(&scope).await?,
        (InHand::Vaulted, None) => return Err(Problem::internal()),
    };
    let command = CreateToken {
        card,
        expiry: wanted.expiry,
        name: wanted.name,
        usage: wanted.usage,
        lifetime: wanted.lifetime,
        reveals: reveals(&call),
    };
    let made = call.commit(&caller, command).await?;
    match (wanted.card, &transit, made.resource()) {
        (InHand::Clear(_, code), _, _) => engine.keep_code(&caller, &made, code),
        (_, Some(transit), Some(token)) if !made.replayed() => {
            transit.hold_with_answer(&scope, TokenId(token.raw));
        }
        _ => {}
    }
    Ok(Answer::of(&made))
}

/// `POST /v1/tokens/{id}/reveal`: first the entry, then the number.
pub async fn reveal(caller: Caller<RevealTokens>, call: Call) -> Result<Answer, Problem> {
    let id = token_id(&call);
    let reason = read_object(&call.object()?, |fields| {
        let reason = fields.text("reason", 200);
        fields.required("reason", reason)
    })?;
    let engine = call.engine().clone();
    let transit = call.transit.clone();
    let command = RevealToken {
        id,
        reason: reason.clone(),
    };
    if transit.is_none() {
        require_number(&caller, &call, id).await?;
    }
    let recorded = call.commit(&caller, command).await?;
    if recorded.waits() {
        return Ok(Answer::of(&recorded));
    }
    let (token, number) = match transit {
        Some(transit) => {
            let (token, digest) = engine.revealed(&caller, &recorded).await?;
            let scope = caller.tenant().scope();
            transit.reveal(&scope, id, digest).await?;
            (token, Shown::Marker(transit.marker))
        }
        None => {
            let (token, number) = engine.reveal(&caller, &recorded).await?;
            (token, Shown::Number(number))
        }
    };
    let receipt = Receipt {
        audit_log_id: recorded.facts().audit_id(),
        sequence: recorded.sequence(),
    };
    let shown = RevealView::new(&token, number.text(), &reason, receipt, recorded.time());
    Ok(Answer::json(view::json(&shown)))
}

/// `DELETE /v1/tokens/{id}`.
pub async fn delete(caller: Caller<ManageTokens>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = token_id(&call);
    let vault = call.vault.clone();
    let answer = call.execute(&caller, DeleteToken { id }).await?;
    if let Some(vault) = vault {
        // Else it is swept: what the core has no token for, nobody can ask for.
        let place = place(&caller.tenant().scope(), id);
        drop(vault.ask(&ToVault::Drop(place)).await);
    }
    Ok(answer)
}

/// `GET /v1/tokens/{id}`.
pub async fn read(caller: Caller<ReadTokens>, call: Call) -> Result<Answer, Problem> {
    let (id, now, reveals) = (token_id(&call), call.engine().now(), reveals(&call));
    call.read(&caller, move |view| {
        Ok(view::json(&TokenView::at(&view.token(id)?, now, reveals)))
    })
    .await
}

/// `GET /v1/tokens`.
pub async fn list(caller: Caller<ReadTokens>, call: Call) -> Result<Answer, Problem> {
    let (page, now, reveals) = (call.query().page()?, call.engine().now(), reveals(&call));
    call.read(&caller, move |view| {
        let listing = view.tokens(&page)?;
        Ok(pages::render(&listing, |token| {
            view::json(&TokenView::at(token, now, reveals))
        }))
    })
    .await
}

/// Whether the caller may reveal numbers.
fn reveals(call: &Call) -> bool {
    let held = &call.credential().permissions;
    held.allows(RevealTokens::NAME).is_some()
}

fn token_id(call: &Call) -> TokenId {
    call.id(TokenId::parse, TokenId(NOBODY))
}

/// What an answer shows.
enum Shown {
    Number(CardNumber),
    /// The vault puts the number there.
    Marker(String),
}

impl Shown {
    fn text(&self) -> &str {
        match self {
            Shown::Number(number) => number.expose(),
            Shown::Marker(marker) => marker,
        }
    }
}

/// A card that a request brings.
enum InHand {
    Clear(CardNumber, SecurityCode),
    Vaulted,
}

/// A token as the request describes it.
struct Wanted {
    card: InHand,
    expiry: Expiry,
    name: Option<String>,
    usage: TokenUse,
    lifetime: Option<i64>,
}

fn wanted(fields: &mut Fields<'_, '_>, shape: Option<&CardShape>) -> Option<Wanted> {
    let card = fields.object("card");
    let card = fields.required("card", card);
    let usage = fields.parsed("use", &expected(USES), TokenUse::parse);
    let usage = usage.unwrap_or(TokenUse::SingleUse);
    let seconds = match usage {
        TokenUse::SingleUse => fields
            .integer("expires_in", 1, LONGEST_SINGLE)
            .or(Some(HOUR)),
        TokenUse::MultiUse => fields.integer("expires_in", 1, LONGEST_MULTI),
    };
    let (card, expiry, name) = card_of(&mut card?, shape)?;
    Some(Wanted {
        card,
        expiry,
        name,
        usage,
        lifetime: seconds.map(|seconds| seconds * 1_000),
    })
}

type Card = (InHand, Expiry, Option<String>);

fn card_of(card: &mut Fields<'_, '_>, shape: Option<&CardShape>) -> Option<Card> {
    let number = number(card, shape);
    let number = card.required("number", number);
    let month = card.whole("exp_month", 1, 12);
    let month = card.required("exp_month", month);
    let year = card.whole("exp_year", 0, 2_099).map(century);
    let year = card.required("exp_year", year);
    let code = code(card, number.as_ref().map(|(brand, _)| *brand), shape);
    let code = card.required("cvv", code);
    let name = card.text("name", 100);
    let expiry = Expiry::new(year?, month?);
    if expiry.is_none() {
        card.invalid("exp_year", "must be a year from 2000 to 2099");
    }
    let in_hand = match (number?.1, code?) {
        (Some(number), Some(code)) => InHand::Clear(number, code),
        _ => InHand::Vaulted,
    };
    Some((in_hand, expiry?, name))
}

/// Two digits are how a card shows its year.
const fn century(year: i64) -> i64 {
    if year < 100 { 2_000 + year } else { year }
}

/// The number's brand, and the number unless the vault has it.
fn number(
    card: &mut Fields<'_, '_>,
    shape: Option<&CardShape>,
) -> Option<(Brand, Option<CardNumber>)> {
    let text = card.string("number")?;
    if shape.is_none() && text.starts_with("ey") {
        let text = "this server has no vault process, and so no key to encrypt to";
        card.fault(FaultKind::EncryptionKeyUnknown, "number", text);
        return None;
    }
    let fault = match shape.map(|shape| &shape.number) {
        None => match CardNumber::parse(text) {
            Ok(number) => return Some((number.brand(), Some(number))),
            Err(fault) => fault.as_str().to_owned(),
        },
        Some(Some(NumberShape::Good { brand, .. })) => return Some((*brand, None)),
        Some(Some(NumberShape::Faulty(fault))) => fault.clone(),
        Some(Some(NumberShape::Unopened(why))) => return unopened(card, "number", why),
        // The vault found a number wherever this process finds text.
        Some(None) => return None,
    };
    card.fault(FaultKind::CardNumberInvalid, "number", &fault);
    None
}

/// An encrypted field that the vault could not open.
fn unopened<T>(card: &mut Fields<'_, '_>, name: &'static str, why: &Unopened) -> Option<T> {
    let kind = match why.key_unknown {
        true => FaultKind::EncryptionKeyUnknown,
        false => FaultKind::EncryptionInvalid,
    };
    card.fault(kind, name, &why.text);
    None
}

/// The security code, unless the vault has it; without a good number its length cannot be judged.
fn code(
    card: &mut Fields<'_, '_>,
    brand: Option<Brand>,
    shape: Option<&CardShape>,
) -> Option<Option<SecurityCode>> {
    let text = card.string("cvv")?;
    if let Some(why) = shape.and_then(|shape| shape.code_unopened.as_deref()) {
        return unopened(card, "cvv", why);
    }
    let code = match shape.map(|shape| shape.code.unwrap_or(0)) {
        None => SecurityCode::parse(text)
            .filter(|code| brand.is_none_or(|brand| code.fits(brand)))
            .map(Some),
        Some(length) => {
            let fits = brand.map_or((3..=4).contains(&length), |brand| {
                usize::from(length) == code_length(brand)
            });
            fits.then_some(None)
        }
    };
    if code.is_none() {
        let text = match brand {
            Some(Brand::Amex) => "must be the four digits on the card's front",
            Some(_) => "must be the three digits on the card's back",
            None => "must have three or four digits",
        };
        card.fault(FaultKind::CardCodeInvalid, "cvv", text);
    }
    code
}

const USES: &[&str] = &["single_use", "multi_use"];

pub fn create_schema() -> Schema {
    let whole = |least: i64, most: i64| {
        json!({"oneOf": [
            {"type": "integer", "minimum": least, "maximum": most},
            {"type": "string", "minLength": 1, "maxLength": 4},
        ]})
    };
    let card = schema::object(
        &["number", "exp_month", "exp_year", "cvv"],
        vec![
            ("number", in_clear_or_encrypted(13, 37)),
            ("exp_month", whole(1, 12)),
            ("exp_year", whole(0, 2_099)),
            ("cvv", in_clear_or_encrypted(3, 4)),
            ("name", schema::line(100)),
        ],
    );
    let seconds = json!({"type": "integer", "minimum": 1, "maximum": LONGEST_MULTI});
    schema::object(
        &["card"],
        vec![
            ("card", card),
            ("use", schema::one_of(USES)),
            ("expires_in", seconds),
        ],
    )
}

/// A field in clear, or a compact JWE to the published key.
fn in_clear_or_encrypted(least: u64, most: u64) -> Schema {
    json!({"anyOf": [
        {"type": "string", "minLength": least, "maxLength": most},
        {"type": "string", "minLength": 100, "maxLength": 2_048, "pattern": "^ey"},
    ]})
}

pub fn reveal_schema() -> Schema {
    schema::object(&["reason"], vec![("reason", schema::line(200))])
}

fn brands() -> Schema {
    let names: Vec<&str> = Brand::ALL.iter().map(|brand| brand.as_str()).collect();
    schema::one_of(&names)
}

fn month() -> Schema {
    json!({"type": "integer", "minimum": 1, "maximum": 12})
}

fn year() -> Schema {
    json!({"type": "integer", "minimum": 2_000, "maximum": 2_099})
}

pub fn schema() -> Schema {
    let card = schema::reply(vec![
        ("brand", brands()),
        ("bin", schema::text()),
        ("last4", schema::text()),
        ("exp_month", month()),
        ("exp_year", year()),
        ("fingerprint", schema::nullable(schema::text())),
    ]);
    let fields = vec![
        ("id", schema::id("tok")),
        ("object", schema::constant("token")),
        ("status", schema::one_of(&["active", "used", "expired"])),
        ("use", schema::one_of(USES)),
        ("card", card),
        ("cardholder_name", schema::nullable(schema::text())),
        ("expires_at", schema::nullable(schema::time())),
        ("created_at", schema::time()),
    ];
    schema::named("token", schema::reply(fields))
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

pub fn deleted_schema() -> Schema {
    schema::reply(vec![
        ("id", schema::id("tok")),
        ("object", schema::constant("token")),
        ("deleted", json!({"const": true})),
    ])
}

pub fn revealed_schema() -> Schema {
    let card = schema::reply(vec![
        ("number", schema::text()),
        ("brand", brands()),
        ("exp_month", month()),
        ("exp_year", year()),
        ("name", schema::nullable(schema::text())),
    ]);
    let receipt = schema::reply(vec![
        ("audit_log_id", schema::id("audit")),
        ("sequence", json!({"type": "integer", "minimum": 1})),
    ]);
    schema::reply(vec![
        ("object", schema::constant("card_reveal")),
        ("token_id", schema::id("tok")),
        ("card", card),
        ("reason", schema::text()),
        ("receipt", receipt),
        ("created_at", schema::time()),
    ])
}
