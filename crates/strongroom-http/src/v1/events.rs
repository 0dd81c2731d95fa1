//! The event stream: gap-free, in order of number.

use serde_json::{Value as Schema, json};
use strongroom_auth::Caller;
use strongroom_auth::permission::{ReadAudit, ReadEvents};
use strongroom_domain::event::EventType;
use strongroom_engine::View;
use strongroom_types::id::EventId;

use crate::call::{Answer, Call};
use crate::feed::Source;
use crate::json::NOBODY;
use crate::pages;
use crate::problem::{EdgeCode, Problem};
use crate::query::{Parameter, Query};
use crate::schema;

/// `GET /v1/events/{id}`.
pub async fn read(caller: Caller<ReadEvents>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(EventId::parse, EventId(NOBODY));
    call.read(&caller, move |view| Ok(view.event(id)?.body.into_bytes()))
        .await
}

/// `GET /v1/events`: oldest first; `after` the last event seen goes on where one stopped.
pub async fn list(caller: Caller<ReadEvents>, call: Call) -> Result<Answer, Problem> {
    let page = call.query().page()?;
    let types = wanted(call.query())?;
    call.read(&caller, move |view| {
        let listing = view.events(&types, &page)?;
        Ok(pages::render(&listing, |event| {
            event.body.clone().into_bytes()
        }))
    })
    .await
}

/// `GET /v1/events/stream`: events as they are committed, as server-sent events: `id` is the event's, `event` its type,
/// `data` its body. It goes on after the event named by `Last-Event-ID`, else by `after`; with neither it begins with
/// the next one. Its first lines name the event that it goes on after.
pub async fn stream(caller: Caller<ReadEvents>, call: Call) -> Result<Answer, Problem> {
    let types = wanted(call.query())?;
    let event = |text: &str| EventId::parse(text).unwrap_or(EventId(NOBODY));
    let after = match &call.last_event {
        Some(text) => Some(event(text)),
        None => call.query().id("after", event)?,
    };
    let Some(seat) = call.feeds.place(&call.credential) else {
        let text = "this key or its organization has as many streams open as it may: close one";
        return Err(Problem::new(EdgeCode::RateLimited, text).retry_after(5));
    };
    let arrivals = call.engine.arrivals(&call.credential.scope);
    let place = move |view: &mut View<'_>| {
        let number = view.event_number(after)?;
        Ok((number, view.event_of_number(number)?))
    };
    let (number, id) = call.engine.read(&caller, place).await?;
    let source = Source {
        number,
        id,
        engine: call.engine.clone(),
        credential: call.credential,
        address: call.address.to_canonical(),
        certificate: call.certificate,
        types,
        arrivals,
    };
    Ok(Answer {
        feed: Some(source.open(seat)),
        ..Answer::default()
    })
}

/// `GET /v1/events/{id}/proof`: the entry that the event is rendered from, as the audit record's proof shows it.
///
/// SECURITY: the entry holds more than the event does (who acted and from where, amounts, recipients), so the permission
/// is that of the audit log.
pub async fn proof(caller: Caller<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let id = call.id(EventId::parse, EventId(NOBODY));
    call.read(&caller, move |view| view.event_proof(id)).await
}

/// The types named in `type`, separated by commas; none means all.
fn wanted(query: &Query) -> Result<Vec<EventType>, Problem> {
    let types = query.choice("type", |text| {
        text.split(',').map(EventType::parse).collect()
    });
    Ok(types?.unwrap_or_default())
}

/// The parameters of `GET /v1/events` beside the page.
pub const FILTERS: &[Parameter] = &[Parameter::text(
    "type",
    "Only events of these types, separated by commas.",
)];

/// The parameters of `GET /v1/events/stream`.
pub const RESUME: &[Parameter] = &[Parameter::text(
    "after",
    "Go on after this event; the header `Last-Event-ID` says the same and counts more.",
)];

/// What a stream is, for the document: lines of text, no JSON value.
pub fn stream_schema() -> Schema {
    let about = "Server-sent events: `id` is the event's, `event` its type, `data` its body. It begins with an `id` alone, \
                 that of the event it goes on after.";
    json!({"type": "string", "description": about})
}

pub fn schema() -> Schema {
    let types: Vec<&str> = EventType::ALL.iter().map(|event| event.as_str()).collect();
    schema::named(
        "event",
        schema::reply(vec![
            ("id", schema::id("evt")),
            (
                "created",
                json!({"type": "integer", "description": "Unix seconds."}),
            ),
            ("type", schema::one_of(&types)),
            ("data", json!({"type": "object"})),
            ("livemode", json!({"type": "boolean"})),
        ]),
    )
}

pub fn list_schema() -> Schema {
    schema::page(schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_separated_by_commas() {
        let read = |raw: &str| {
            let query = Query::parse(Some(raw), FILTERS).unwrap();
            wanted(&query).map_err(|problem| problem.code())
        };
        assert_eq!(read(""), Ok(vec![]));
        let two = vec![EventType::PayoutFailed, EventType::WalletCredited];
        assert_eq!(read("type=payout.failed,wallet.credited"), Ok(two));
        assert_eq!(read("type=payout.failed,"), Err("invalid_parameter"));
        assert_eq!(read("type=payout"), Err("invalid_parameter"));
    }
}
