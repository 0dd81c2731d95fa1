//! Live event streams: events as they are committed, as server-sent events, until the reader goes, the key ends or the
//! server stops.
//!
//! A stream holds one page of events at most: the next is read when the reader has taken the last. It is woken by the
//! commit, not by a clock; the heartbeat is for the networks between, and for a reader that is gone without a word.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use strongroom_auth::permission::ReadEvents;
use strongroom_auth::{Caller, Credential, Thumbprint};
use strongroom_domain::event::{Event, EventType};
use strongroom_engine::Engine;
use strongroom_types::id::{ApiKeyId, EventId, OrganizationId};
use tokio::sync::{mpsc, watch};

/// Streams of one key, and of one organization.
const MOST_PER_KEY: u32 = 8;
const MOST_PER_ORGANIZATION: u32 = 64;

const HEARTBEAT: Duration = Duration::from_secs(15);

/// Milliseconds to wait before connecting again.
const RETRY: u32 = 1_000;

/// All streams that are open.
#[derive(Default)]
pub(crate) struct Feeds {
    open: Mutex<HashMap<Holder, u32>>,
    draining: watch::Sender<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Key(ApiKeyId),
    Organization(OrganizationId),
}

/// A place among the streams, given back when dropped.
pub(crate) struct Place {
    feeds: Arc<Feeds>,
    holders: [Holder; 2],
}

impl Feeds {
    /// A place for one more stream; `None` when the key or its organization has its share.
    pub fn place(self: &Arc<Self>, credential: &Credential) -> Option<Place> {
        let holders = [
            Holder::Key(credential.id),
            Holder::Organization(credential.scope.organization),
        ];
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let most = [MOST_PER_KEY, MOST_PER_ORGANIZATION];
        let is_full = |(holder, most): (&Holder, u32)| open.get(holder).is_some_and(|n| *n >= most);
        if holders.iter().zip(most).any(is_full) {
            return None;
        }
        for holder in holders {
            *open.entry(holder).or_default() += 1;
        }
        Some(Place {
            feeds: Arc::clone(self),
            holders,
        })
    }

    /// Ends all streams.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .feeds
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for holder in &self.holders {
            if let Some(count) = open.get_mut(holder) {
                *count = count.saturating_sub(1);
            }
        }
        open.retain(|_, count| *count > 0);
    }
}

/// The body of a stream's response.
pub struct Feed {
    chunks: mpsc::Receiver<Bytes>,
}

impl Feed {
    /// A stream that another node tells.
    pub(crate) fn relayed(chunks: mpsc::Receiver<Bytes>) -> Feed {
        Feed { chunks }
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Feed")
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.chunks.poll_recv(context);
        next.map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Where a stream's events come from.
pub(crate) struct Source {
    pub engine: Engine,
    pub credential: Arc<Credential>,
    pub address: IpAddr,
    pub certificate: Option<Thumbprint>,
    pub types: Vec<EventType>,
    /// The last event that the reader has.
    pub number: u64,
    /// Its id, if there is one.
    pub id: Option<EventId>,
    /// Taken before `number` was read, so that no commit falls between.
    pub arrivals: watch::Receiver<u64>,
}

impl Source {
    /// Begins to stream.
    pub fn open(self, place: Place) -> Feed {
        let (sender, chunks) = mpsc::channel(1);
        let draining = place.feeds.draining.subscribe();
        tokio::spawn(async move {
            self.run(sender, draining).await;
            // SECURITY: given back by whoever reads the log, not by the connection: a reader who hangs up at once and comes
            // back has no more of them at work than one who stays.
            drop(place);
        });
        Feed { chunks }
    }

    async fn run(mut self, chunks: mpsc::Sender<Bytes>, mut draining: watch::Receiver<bool>) {
        let mut next = greeting(self.id);
        let mut seen = 0;
        while chunks.send(next).await.is_ok() {
            let told = Instant::now();
            next = loop {
                if *draining.borrow() || chunks.is_closed() {
                    return;
                }
                // SECURITY: a key that is revoked, or loses the permission, reads nothing more.
                let Some(caller) = self.caller(&mut seen) else {
                    return;
                };
                let number = self.number;
                let read = self
                    .engine
                    .read(&caller, move |view| view.events_after(number));
                let Ok(events) = read.await else { return };
                if let Some(last) = events.last() {
                    self.number = last.number;
                    let text = self.rendered(&events);
                    match text.is_empty() {
                        // Much of the log may be of other types: the reader hears that somebody is there.
                        true if told.elapsed() >= HEARTBEAT => break still_here(),
                        true => continue,
                        false => break text,
                    }
                }
                tokio::select! {
                    _ = self.arrivals.changed() => {}
                    () = tokio::time::sleep(HEARTBEAT) => break still_here(),
                    () = chunks.closed() => return,
                    _ = draining.changed() => return,
                }
            };
        }
    }

    fn caller(&mut self, seen: &mut u64) -> Option<Caller<ReadEvents>> {
        self.credential = self.engine.still(&self.credential, seen)?;
        // SECURITY: who narrows a key after a theft has the thief out.
        if !self.credential.admits(self.address) || !self.credential.knows(self.certificate) {
            return None;
        }
        // SECURITY: nor does it outlast the hours that the role has.
        if let Some(conditions) = &self.credential.conditions {
            let address = self.address.to_canonical();
            conditions.admit(self.engine.now(), address).ok()?;
        }
        Caller::authorize(&self.credential).ok()
    }

    fn rendered(&self, events: &[Event]) -> Bytes {
        let mut text = String::new();
        for event in events {
            if self.types.is_empty() || self.types.contains(&event.event) {
                // Writing into a string does not fail; a body is one line.
                let _ = write!(
                    text,
                    "id: {}\nevent: {}\ndata: {}\n\n",
                    event.id,
                    event.event.as_str(),
                    event.body
                );
            }
        }
        Bytes::from(text)
    }
}

/// A comment, which is no event.
fn still_here() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// What every stream begins with. The id alone is no event: it tells where the stream begins, so that a reader who is cut
/// off before the first event goes on from there too.
fn greeting(id: Option<EventId>) -> Bytes {
    let place = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!("retry: {RETRY}\n{place}\n"))
}
