//! Webhooks: endpoints made, changed, rolled, tested, sent to again. A secret is in the reply that makes it and nowhere
//! else.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{CreateWebhooks, ManageWebhooks, ReadWebhooks};
use strongroom_domain::alerts::Rule;
use strongroom_domain::view;
use strongroom_domain::webhooks::{
    ChallengeWebhook, CreateWebhook, DeleteWebhook, DeliveryView, Replay, ReplayWebhook,
    RollWebhook, TestWebhook, UpdateWebhook, Wanted, WebhookView, is_pattern,
};
use strongroom_types::id::{EventId, WebhookId};
use strongroom_types::secret::SecretText;
use strongroom_types::time::Timestamp;

use crate::call::{Answer, Call};
use crate::json::{Fields, NOBODY, read_object};
use crate::pages;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::schema;
use crate::v1::account::mode;

/// How long an old secret signs beside the new one, in seconds: 24 hours, at most 7 days.
const OVERLAP: i64 = 86_400;
const MAX_OVERLAP: i64 = 7 * OVERLAP;

/// Shortest and longest secret of a client's own.
const LEAST_SECRET: usize = 24;
const MOST_SECRET: usize = 255;

/// What a client must know who brings a secret of its own.
const SECRET: &str = "Made for you when absent. `NextAPI-Signature` and `X-NoPOS-Signature` are keyed with the whole text; \
                      `webhook-signature` with the bytes that the base64 behind `whsec_` stands for. A secret without \
                      `whsec_`, or with something else than padded base64 behind it, keys that one too as text: \
                      libraries that always decode base64 will not verify it.";

const MOST_URL: usize = 2_048;
const MOST_NETWORK: usize = 64;
const MOST_PATTERNS: usize = 100;

/// `POST /v1/webhooks`.
pub async fn create(caller: Caller<CreateWebhooks>, call: Call) -> Result<Answer, Problem> {
    let (wanted, secret, pair) = read_object(&call.object()?, |fields| {
        let url = url(fields, &call);
        let url = fields.required("url", url);
        let events = events(fields);
        let events = fields.required("events", events);
        let secret = secret(fields);
        let description = fields.text("description", 500);
        let enabled = fields.boolean("enabled").unwrap_or(true);
        let ordered = fields.boolean("ordered").unwrap_or(false);
        let network = network(fields, &call);
        let shadow = fields.boolean("shadow").unwrap_or(false);
        let challenge = challenge(fields, &call).unwrap_or(call.requires_challenge());
        let pair = fields.boolean("ed25519").unwrap_or(false);
        let url = within(fields, &call, url, network.as_deref());
        let wanted = Wanted {
            url: url?,
            events: events?,
            description,
            enabled,
            ordered,
            network,
            shadow,
            challenge,
        };
        Some((wanted, secret, pair))
    })?;
    let command = CreateWebhook {
        wanted,
        minted: call.engine().mint_webhook(secret, pair),
        held: (*call.credential().permissions).clone(),
    };
    call.execute(&caller, command).await
}

/// `PATCH /v1/webhooks/{id}`.
pub async fn update(caller: Caller<ManageWebhooks>, call: Call) -> Result<Answer, Problem> {
    let id = webhook_id(&call);
    let held = (*call.credential().permissions).clone();
    let command = read_object(&call.object()?, |fields| {
        let described = fields.raw("description").is_some();
        let description = fields.text("description", 500);
        let narrowed = fields.raw("network").is_some();
        let (url, enabled) = (url(fields, &call), fields.boolean("enabled"));
        // SECURITY: an endpoint from before the operator asked it of all is not turned on somebody who never asked for it.
        let turns = url.is_some() || enabled == Some(true);
        let asked = (turns && call.requires_challenge()).then_some(true);
        Some(UpdateWebhook {
            id,
            url,
            events: events(fields),
            description: described.then_some(description),
            enabled,
            ordered: fields.boolean("ordered"),
            network: narrowed.then_some(network(fields, &call)),
            shadow: fields.boolean("shadow"),
            challenge: challenge(fields, &call).or(asked),
            held,
        })
    })?;
    call.execute(&caller, command).await
}

/// `DELETE /v1/webhooks/{id}`.
pub async fn delete(caller: Caller<ManageWebhooks>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = webhook_id(&call);
    call.execute(&caller, DeleteWebhook { id }).await
}

/// `POST /v1/webhooks/{id}/roll`.
pub async fn roll(caller: Caller<ManageWebhooks>, call: Call) -> Result<Answer, Problem> {
    let id = webhook_id(&call);
    let (secret, overlap, cutover) = match call.body.is_empty() {
        true => (None, OVERLAP, OVERLAP),
        false => read_object(&call.object()?, rotation)?,
    };
    let command = RollWebhook {
        id,
        minted: call.engine().mint_webhook(secret, true),
        overlap: overlap.saturating_mul(1_000),
        cutover: cutover.saturating_mul(1_000),
    };
    call.execute(&caller, command).await
}

/// `POST /v1/webhooks/{id}/test`.
pub async fn test(caller: Caller<ManageWebhooks>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = webhook_id(&call);
    call.execute(&caller, TestWebhook { id }).await
}

/// `POST /v1/webhooks/{id}/challenge`: sends the challenge once more.
pub async fn challenged(caller: Caller<ManageWebhooks>, call: Call) -> Result<Answer, Problem> {
    call.no_fields()?;
    let id = webhook_id(&call);
    call.execute(&caller, ChallengeWebhook { id }).await
}

/// `POST /v1/webhooks/{id}/replay`: one event, those of a time, or all that were given up.
pub async fn replay(caller: Caller<ManageWebhooks>, call: Call) -> Result<Answer, Problem> {
    let id = webhook_id(&call);
    let wanted = read_object(&call.object()?, wanted_again)?;
    let engine = call.engine().clone();
    let work = move |view: &mut strongroom_engine::View<'_>| match wanted {
        Again::Event(event) => {
            let (sequence, index) = view.place_of_event(event)?;
            Ok(Replay::One {
                event,
                sequence,
                index,
                // The row of its retries: asked for again and again, it waits once.
                row: engine.delivery_row(id, event),
            })
        }
        Again::Range(from, to) => Ok(Replay::Range {
            after: view.entry_before(from.plus(-1))?,
            last: view.entry_before(to)?,
        }),
        Again::Failed => Ok(Replay::GivenUp),
    };
    let what = call.engine().read(&caller, work).await?;
    call.execute(&caller, ReplayWebhook { id, what }).await
}

/// `GET /v1/webhooks/{id}`.
pub async fn read(caller: Caller<ReadWebhooks>, call: Call) -> Result<Answer, Problem> {
    let (id, mode, now) = (webhook_id(&call), call.mode(), call.engine().now());
    call.read(&caller, move |view| {
        Ok(view::json(&WebhookView::at(&view.webhook(id)?, mode, now)))
    })
    .await
}

/// `GET /v1/webhooks`.
pub async fn list(caller: Caller<ReadWebhooks>, call: Call) -> Result<Answer, Problem> {
    let (page, mode, now) = (call.query().page()?, call.mode(), call.engine().now());
    call.read(&caller, move |view| {
        let listing = view.webhooks(&page)?;
        Ok(pages::render(&listing, |webhook| {
            view::json(&WebhookView::at(webhook, mode, now))
        }))
    })
    .await
}

/// `GET /v1/webhooks/{id}/deliveries`: what it has not taken yet, and what was given up; the oldest event first.
pub async fn deliveries(caller: Caller<ReadWebhooks>, call: Call) -> Result<Answer, Problem> {
    let (id, page) = (webhook_id(&call), call.query().page()?);
    let given_up = call.query().choice("status", |text| match text {
        PENDING => Some(false),
        GIVEN_UP => Some(true),
        _ => None,
    })?;
    call.read(&caller, move |view| {
        let listing = view.webhook_deliveries(id, given_up, &page)?;
        Ok(pages::render(&listing, |(delivery, event)| {
            view::json(&DeliveryView::new(delivery, *event))
        }))
    })
    .await
}

const PENDING: &str = "pending";
const GIVEN_UP: &str = "given_up";

/// The parameters of the list of deliveries beside the page.
pub const OF_DELIVERIES: &[Parameter] = &[Parameter::one_of(
    "status",
    || vec![PENDING, GIVEN_UP],
    "Only those that wait, or only those that were given up.",
)];

fn webhook_id(call: &Call) -> WebhookId {
    call.id(WebhookId::parse, WebhookId(NOBODY))
}

fn url(fields: &mut Fields<'_, '_>, call: &Call) -> Option<String> {
    let text = fields.text("url", MOST_URL)?;
    match call.outbound().check(&text, call.mode().is_live()) {
        Ok(_) => Some(text),
        Err(fault) => {
            if fault.is_inward() {
                call.notice(Rule::WebhookTargetRefused);
            }
            fields.invalid("url", fault.to_string());
            None
        }
    }
}

/// The range that the endpoint's addresses must lie in.
fn network(fields: &mut Fields<'_, '_>, call: &Call) -> Option<String> {
    let text = fields.text("network", MOST_NETWORK)?;
    match call.outbound().network(&text, call.mode().is_live()) {
        Ok(network) => Some(network.to_string()),
        Err(fault) => {
            fields.invalid("network", fault.to_string());
            None
        }
    }
}

/// The URL, unless it names an address outside its network.
fn within(
    fields: &mut Fields<'_, '_>,
    call: &Call,
    url: Option<String>,
    network: Option<&str>,
) -> Option<String> {
    let (url, live) = (url?, call.mode().is_live());
    let network = network.and_then(|text| call.outbound().network(text, live).ok());
    let target = call.outbound().check(&url, live).ok()?;
    match target.within(network) {
        Ok(_) => Some(url),
        Err(fault) => {
            fields.invalid("url", fault.to_string());
            None
        }
    }
}

/// Whether the endpoint is to show that it wants to be sent to; the operator may ask it of all.
fn challenge(fields: &mut Fields<'_, '_>, call: &Call) -> Option<bool> {
    let challenge = fields.boolean("challenge");
    if challenge == Some(false) && call.requires_challenge() {
        fields.invalid("challenge", "is asked of every webhook by the operator");
    }
    challenge
}

fn events(fields: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    let events = fields.texts("events", MOST_PATTERNS)?;
    if events.is_empty() {
        fields.invalid("events", "must name at least one type; `*` is all of them");
        return None;
    }
    if let Some(unknown) = events.iter().find(|text| !is_pattern(text)) {
        let shown: String = unknown.chars().take(64).collect();
        fields.invalid(
            "events",
            format!("hold `{shown}`, which matches no type of event"),
        );
        return None;
    }
    Some(events)
}

fn secret(fields: &mut Fields<'_, '_>) -> Option<SecretText> {
    let text = fields.text("secret", MOST_SECRET)?;
    if text.chars().count() < LEAST_SECRET {
        fields.invalid(
            "secret",
            format!("must have {LEAST_SECRET} to {MOST_SECRET} characters"),
        );
        return None;
    }
    Some(SecretText::new(text))
}

fn rotation(fields: &mut Fields<'_, '_>) -> Option<(Option<SecretText>, i64, i64)> {
    let secret = secret(fields);
    let overlap = fields.integer("overlap_seconds", 0, MAX_OVERLAP);
    let overlap = overlap.unwrap_or(OVERLAP);
    let cutover = fields.integer("cutover_seconds", 0, MAX_OVERLAP);
    if cutover.is_some_and(|cutover| cutover > overlap) {
        fields.invalid("cutover_seconds", "must not be more than `overlap_seconds`");
    }
    Some((secret, overlap, cutover.unwrap_or(overlap)))
}

/// What a replay asks for.
enum Again {
    Event(EventId),
    Range(Timestamp, Timestamp),
    Failed,
}

fn wanted_again(fields: &mut Fields<'_, '_>) -> Option<Again> {
    let event = fields.parsed("event_id", "an event's id", |text| {
        (text.len() <= 64).then(|| EventId::parse(text).unwrap_or(EventId(NOBODY)))
    });
    let (from, to) = (fields.time("from"), fields.time("to"));
    let failed = fields.boolean("failed").filter(|failed| *failed);
    match (event, from, to, failed) {
        (Some(event), None, None, None) => Some(Again::Event(event)),
        (None, Some(from), Some(to), None) if from <= to => Some(Again::Range(from, to)),
        (None, None, None, Some(_)) => Some(Again::Failed),
        _ => {
            let text = "is one of `event_id`, `from` with a later `to`, and `failed`";
            fields.invalid("event_id", text);
            None
        }
    }
}

pub fn create_schema() -> Schema {
    let mut fields = changeable();
    fields.push(("secret", secret_field()));
    fields.push(("ed25519", flag()));
    schema::object(&["url", "events"], fields)
}

pub fn update_schema() -> Schema {
    schema::object(&[], changeable())
}

fn changeable() -> Vec<(&'static str, Schema)> {
    vec![
        ("url", schema::line(MOST_URL)),
        ("events", schema::list(schema::text())),
        ("description", schema::line(500)),
        ("enabled", flag()),
        ("ordered", flag()),
        ("network", schema::nullable(schema::line(MOST_NETWORK))),
        ("shadow", flag()),
        ("challenge", flag()),
    ]
}

fn flag() -> Schema {
    json!({"type": "boolean"})
}

fn secret_field() -> Schema {
    json!({
        "type": "string",
        "minLength": LEAST_SECRET,
        "maxLength": MOST_SECRET,
        "description": SECRET,
    })
}

pub fn roll_schema() -> Schema {
    let seconds = json!({"type": "integer", "minimum": 0, "maximum": MAX_OVERLAP});
    schema::object(
        &[],
        vec![
            ("secret", secret_field()),
            ("overlap_seconds", seconds.clone()),
            ("cutover_seconds", seconds),
        ],
    )
}

pub fn replay_schema() -> Schema {
    schema::object(
        &[],
        vec![
            ("event_id", schema::id("evt")),
            ("from", schema::time()),
            ("to", schema::time()),
            ("failed", flag()),
        ],
    )
}

fn fields() -> Vec<(&'static str, Schema)> {
    let rotation = schema::reply(vec![
        ("old_secret_until", schema::time()),
        ("single_value_headers_switch_at", schema::time()),
    ]);
    let challenge = schema::reply(vec![
        ("status", schema::one_of(&["pending", "passed"])),
        ("passed_at", schema::nullable(schema::time())),
    ]);
    vec![
        ("id", schema::id("whk")),
        ("object", schema::constant("webhook")),
        ("mode", mode()),
        ("url", schema::text()),
        ("events", schema::list(schema::text())),
        ("description", schema::nullable(schema::text())),
        ("enabled", flag()),
        (
            "disabled_reason",
            schema::nullable(schema::one_of(&[
                "by_request",
                "gone",
                "failing",
                "unverified",
            ])),
        ),
        ("ordered", flag()),
        ("network", schema::nullable(schema::text())),
        ("shadow", flag()),
        ("challenge", schema::nullable(challenge)),
        ("public_key", schema::nullable(schema::text())),
        ("rotation", schema::nullable(rotation)),
        ("created_at", schema::time()),
        ("updated_at", schema::time()),
    ]
}

pub fn schema() -> Schema {
    schema::named("webhook", schema::reply(fields()))
}

/// With the text that is shown once.
pub fn secret_schema() -> Schema {
    let mut fields = fields();
    fields.push(("secret", schema::text()));
    schema::reply(fields)
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

pub fn deleted_schema() -> Schema {
    schema::reply(vec![
        ("id", schema::id("whk")),
        ("object", schema::constant("webhook")),
        ("deleted", json!({"const": true})),
    ])
}

pub fn sending_schema() -> Schema {
    schema::reply(vec![
        ("object", schema::constant("webhook_replay")),
        ("webhook_id", schema::id("whk")),
        ("status", schema::constant("scheduled")),
        ("created_at", schema::time()),
    ])
}

pub fn deliveries_schema() -> Schema {
    let time = || schema::nullable(schema::time());
    schema::page(schema::named(
        "webhook_delivery",
        schema::reply(vec![
            ("object", schema::constant("webhook_delivery")),
            ("webhook_id", schema::id("whk")),
            ("event_id", schema::nullable(schema::id("evt"))),
            ("event_type", schema::nullable(schema::text())),
            ("status", schema::one_of(&[PENDING, GIVEN_UP])),
            ("attempts", json!({"type": "integer", "minimum": 0})),
            ("last_attempt_at", time()),
            (
                "last_response_status",
                schema::nullable(json!({"type": "integer"})),
            ),
            ("next_attempt_at", time()),
            ("kept_until", time()),
        ]),
    ))
}
