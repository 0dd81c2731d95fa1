//! The sender's work as rows: lanes and deliveries, sealed, in the table of jobs.
//!
//! Their time stands inside, not in the row's clear column: the sender holds all that is pending in memory, so
//! nothing ever looks for these rows by time.

use std::sync::Arc;

use strongroom_crypto::{Hierarchy, Purpose, RandomPool};
use strongroom_domain::entry::{decode, encode};
use strongroom_domain::event::EventType;
use strongroom_domain::webhooks::{Delivery, Lane, LaneKind};
use strongroom_store::{Batch, IdRange, JobRow};
use strongroom_types::id::{EventId, Kind, RawId, WebhookId};
use strongroom_types::mode::Scope;
use strongroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::envelope::Failure;
use crate::opened::{OpenFault, Opener};
use crate::scopes::installation;
use crate::seal::Seat;
use crate::sealers::seal_personal;
use crate::view::{Collector, Listing, PageQuery, ReadFault, View};

/// Kinds of jobs. Stored, never reused.
pub(crate) const LANE_JOB: u8 = 2;
pub(crate) const DELIVERY_JOB: u8 = 3;

/// The clear time of a row that is not found by time.
pub(crate) const UNSCHEDULED: i64 = i64::MAX;

/// The part of a seat that a job's body is.
const JOB: u8 = 2;

/// Rows of a scope that are looked at for one page. Each endpoint has 1,000 that wait at most, and stops at three days of
/// failures.
const MOST_ROWS: usize = 1_000_000;

/// Rows read at once.
const PAGE: usize = 1_000;

/// The number of a row within its scope and kind.
pub type RowId = RawId;

/// A delivery and its event, unless that is past its retention.
pub type ShownDelivery = (Delivery, Option<(EventId, EventType)>);

/// One piece of the sender's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookWork {
    Lane(Lane),
    Delivery(Delivery),
}

impl WebhookWork {
    pub fn endpoint(&self) -> WebhookId {
        match self {
            WebhookWork::Lane(lane) => lane.endpoint,
            WebhookWork::Delivery(delivery) => delivery.endpoint,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            WebhookWork::Lane(_) => LANE_JOB,
            WebhookWork::Delivery(_) => DELIVERY_JOB,
        }
    }
}

/// Whether a piece of work is the lane that an endpoint has from its making on.
pub(crate) fn is_lane_of(id: RowId, work: &WebhookWork) -> bool {
    matches!(work, WebhookWork::Lane(lane) if lane.kind == LaneKind::Follow && lane.endpoint.0 == id)
}

pub(crate) fn work_seat(scope: &Scope, kind: u8, id: RowId) -> Seat {
    let any = strongroom_types::id::AnyId {
        kind: Kind::Webhook,
        raw: id,
    };
    Seat {
        part: JOB,
        ..Seat::record(scope, any, u64::from(kind))
    }
}

/// The row of a piece of work.
pub(crate) fn seal_work(
    hierarchy: &Hierarchy,
    random: &mut RandomPool,
    (scope, id): (&Scope, RowId),
    work: &WebhookWork,
    now: Timestamp,
) -> JobRow {
    let mut plain = Vec::with_capacity(48);
    match work {
        WebhookWork::Lane(lane) => encode(lane, &mut plain),
        WebhookWork::Delivery(delivery) => encode(delivery, &mut plain),
    }
    let key = hierarchy.current(scope.number, Purpose::Record, 0, now.0);
    let mut body = Vec::with_capacity(96);
    seal_personal(
        &key,
        random,
        &work_seat(scope, work.kind(), id),
        &plain,
        &mut body,
    );
    JobRow {
        scope: scope.number,
        kind: work.kind(),
        id: id.0,
        due: UNSCHEDULED,
        attempt: 0,
        body,
    }
}

/// What a row says.
pub(crate) fn open_work(
    opener: &Opener,
    scope: &Scope,
    row: &JobRow,
) -> Result<WebhookWork, OpenFault> {
    let name = format!("the work `{}` of log {}", RawId(row.id), row.scope);
    let seat = work_seat(scope, row.kind, RawId(row.id));
    let plain = opener.blob(&row.body, &seat, &name, &mut |_| None)?;
    let malformed = |_| OpenFault::Malformed(name.clone());
    match row.kind {
        LANE_JOB => decode(&plain).map(WebhookWork::Lane).map_err(malformed),
        _ => decode(&plain).map(WebhookWork::Delivery).map_err(malformed),
    }
}

/// Where a delivery's event stands.
fn place(delivery: &Delivery) -> (u64, u16) {
    (delivery.sequence, delivery.index)
}

/// Reads a page's cursor.
fn parse_place(text: &str) -> Option<(u64, u16)> {
    let (sequence, index) = text.split_once('.')?;
    Some((sequence.parse().ok()?, index.parse().ok()?))
}

impl Engine {
    /// All work that is left, as stored.
    ///
    /// # Errors
    /// [`Failure`] of the read.
    pub async fn webhook_work(&self) -> Result<Vec<(Scope, RowId, WebhookWork)>, Failure> {
        let mut all = Vec::new();
        for scope in self.scopes().into_iter().filter(|s| *s != installation()) {
            let found = self.with_view(scope, move |view| {
                let mut found = Vec::new();
                // Deliveries first: a lane may be about those that were given up.
                for kind in [DELIVERY_JOB, LANE_JOB] {
                    let mut range = IdRange::default();
                    loop {
                        let rows = view.reader.jobs(scope.number, kind, range, PAGE)?;
                        let Some(last) = rows.last() else { break };
                        range.after = Some(last.id);
                        for row in &rows {
                            let work = open_work(&view.opener, &scope, row)?;
                            found.push((scope, RawId(row.id), work));
                        }
                    }
                }
                Ok(found)
            });
            all.extend(found.await?);
        }
        Ok(all)
    }

    /// Stores pieces of work and removes others, durably and all at once.
    ///
    /// # Errors
    /// [`Failure`] of the commit; then nothing was stored.
    pub async fn save_webhook_work(
        &self,
        kept: &[(Scope, RowId, WebhookWork)],
        done: &[(Scope, RowId, WebhookWork)],
    ) -> Result<(), Failure> {
        let (now, mut random) = (self.now(), RandomPool::new());
        let hierarchy: &Arc<Hierarchy> = &self.shared().hierarchy;
        let seal = |(scope, id, work): &(Scope, RowId, WebhookWork)| {
            seal_work(hierarchy, &mut random, (scope, *id), work, now)
        };
        let removed = done
            .iter()
            .map(|(scope, id, work)| (scope.number, work.kind(), id.0));
        self.derive(Batch {
            jobs: kept.iter().map(seal).collect(),
            removed_jobs: removed.collect(),
            ..Batch::default()
        })
        .await
    }

    /// The row of an event's retries at an endpoint: always the same one.
    pub fn delivery_row(&self, endpoint: WebhookId, event: EventId) -> RowId {
        let digest =
            strongroom_crypto::sha256(&[b"strongroom/delivery/1", &endpoint.0.0, &event.0.0]);
        RawId(digest.first_chunk().copied().unwrap_or_default())
    }
}

impl View<'_> {
    /// What an endpoint has not taken yet and what was given up, the oldest event first, with the events themselves;
    /// or one of the two.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`] when there is no such endpoint; else as every list.
    pub fn webhook_deliveries(
        &mut self,
        id: WebhookId,
        given_up: Option<bool>,
        page: &PageQuery,
    ) -> Result<Listing<ShownDelivery>, ReadFault> {
        self.webhook(id)?;
        let cursor = page.cursor(parse_place)?;
        let backward = page.is_backward();
        let is_behind = |place: (u64, u16)| match cursor {
            Some(cursor) if backward => place < cursor,
            Some(cursor) => place > cursor,
            None => true,
        };
        let mut found = self.deliveries(id)?;
        found.retain(|d| is_behind(place(d)) && given_up.is_none_or(|wanted| d.given_up == wanted));
        found.sort_by_key(place);
        if backward {
            found.reverse();
        }
        let mut collector = Collector::new(page);
        for delivery in found.into_iter().take(page.limit.saturating_add(1)) {
            let event = self.event_of(&delivery)?;
            collector.push((delivery, event));
        }
        Ok(collector.finish(|(delivery, _)| {
            let (sequence, index) = place(delivery);
            format!("{sequence}.{index}")
        }))
    }

    /// All deliveries of an endpoint, in the order of their rows, which is none.
    fn deliveries(&mut self, id: WebhookId) -> Result<Vec<Delivery>, ReadFault> {
        let (scope, mut range) = (self.scope, IdRange::default());
        let (mut found, mut scanned) = (Vec::new(), 0);
        loop {
            let rows = self.reader.jobs(scope.number, DELIVERY_JOB, range, PAGE)?;
            let Some(last) = rows.last() else {
                return Ok(found);
            };
            range.after = Some(last.id);
            scanned += rows.len();
            if scanned > MOST_ROWS {
                return Err(ReadFault::NarrowTheRange);
            }
            for row in &rows {
                match open_work(&self.opener, &scope, row)? {
                    WebhookWork::Delivery(delivery) if delivery.endpoint == id => {
                        found.push(delivery);
                    }
                    _ => {}
                }
            }
        }
    }

    fn event_of(&mut self, delivery: &Delivery) -> Result<Option<(EventId, EventType)>, ReadFault> {
        let read = self.outbox(delivery.sequence.saturating_sub(1), 1)?;
        let mut events = read.events.into_iter();
        let event = events.find(|event| event.index == delivery.index);
        Ok(event.map(|event| (event.id, event.event)))
    }
}
