//! The server's side: the live stream, opened behind the last event whenever it ends; what is stored is read by pages
//! where there is no event to open it behind, and where no stream is to be had.

use std::pin::pin;
use std::time::Duration;

use strongroom_client::{Client, ClientError, EventStream, StoredEvent};
use strongroom_engine::Clock;
use strongroom_types::id::EventId;
use strongroom_types::time::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::fault::{Halt, ListenFault};
use crate::forward::{Forward, Next};
use crate::journal::{Journal, News};
use crate::pause::Pause;
use crate::position::{Position, Start};

/// Between two attempts to reach the server.
const PAUSE: Pause = Pause {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(10),
};

/// Attempts to reach a server that was never reached: a wrong address does not mend itself.
const FIRST_ATTEMPTS: u32 = 5;

/// How often the clock is looked at, and how far it may have moved beyond that before the machine has slept. What was
/// connected before a sleep mostly is no more, without a word of it.
const LOOK: Duration = Duration::from_secs(5);
const SLEPT: i64 = 15_000;

/// What is followed.
pub struct Wanted {
    pub start: Start,
    /// Types of events; none means all.
    pub types: Vec<&'static str>,
}

/// Brings the events of a server to a receiver.
pub struct Listener<J> {
    server: Client,
    forward: Forward,
    types: Vec<&'static str>,
    /// `None` until the server has said where "now" is.
    position: Option<Position>,
    /// The server answered once, now or before a restart.
    met: bool,
    /// Failures to reach the server in a row.
    failures: u32,
    /// The last stream was not opened: pages are read before the next attempt.
    heals: bool,
    clock: Box<dyn Clock>,
    journal: J,
    stop: watch::Receiver<bool>,
}

impl<J: Journal> Listener<J> {
    /// `resumed`: it goes on where an earlier one ended, so that the server is known to be there. It ends when `stop`
    /// turns true, or its sender is gone.
    pub fn new(
        (server, forward): (Client, Forward),
        (wanted, resumed): (Wanted, bool),
        clock: impl Clock + 'static,
        journal: J,
        stop: watch::Receiver<bool>,
    ) -> Listener<J> {
        let position = match wanted.start {
            Start::Now => None,
            Start::At(position) => Some(position),
        };
        Listener {
            server,
            forward,
            types: wanted.types,
            position,
            met: resumed,
            failures: 0,
            heals: false,
            clock: Box::new(clock),
            journal,
            stop,
        }
    }

    /// Follows until it is told to stop.
    ///
    /// # Errors
    /// [`ListenFault`], what waiting does not mend.
    pub async fn run(&mut self) -> Result<(), ListenFault<J::Fault>> {
        loop {
            let cause = match self.follow().await {
                Halt::Told => return Ok(()),
                Halt::Fault(fault) => return Err(fault),
                Halt::Away(cause) => cause,
            };
            self.failures = self.failures.saturating_add(1);
            if !self.met && self.failures >= FIRST_ATTEMPTS {
                return Err(ListenFault::Server(ClientError::Unreachable(cause)));
            }
            let wait = PAUSE.after(self.failures);
            self.journal.tell(&News::Lost(&cause, wait));
            if self.rest(wait).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Goes on from the position until something ends it.
    async fn follow(&mut self) -> Halt<J::Fault> {
        match self.connected().await {
            Ok(never) => match never {},
            Err(halt) => halt,
        }
    }

    async fn connected(&mut self) -> Result<std::convert::Infallible, Halt<J::Fault>> {
        let mut stream = loop {
            // Page and stream take turns, so that neither keeps the other from getting through.
            if std::mem::take(&mut self.heals) || self.position == Some(Position::Beginning) {
                self.heal().await?;
            }
            let cursor = self.position.and_then(Position::cursor);
            let opening = self.server.stream_events(cursor.as_deref(), &self.types);
            let opened = told(&mut self.stop, opening).await?;
            self.heals = opened.is_err();
            let stream = opened?;
            if self.takes_up(&stream)? {
                break stream;
            }
        };
        self.reached();
        if let Some(position) = self.position {
            self.journal.tell(&News::Following(position));
        }
        loop {
            let event = self.next(&mut stream).await?;
            self.forward(&event).await?;
        }
    }

    /// Brings what is stored behind the position. All types are read, so that the position moves past those that are
    /// not wanted: a server refuses to look for few among very many.
    async fn heal(&mut self) -> Result<(), Halt<J::Fault>> {
        let Some(mut position) = self.position else {
            return Ok(());
        };
        loop {
            let cursor = position.cursor();
            let reading = self.server.stored_events(cursor.as_deref());
            let page = told(&mut self.stop, reading).await??;
            self.reached();
            for event in &page.data {
                position = Position::After(id_of(event)?);
                if self.types.is_empty() || self.types.contains(&event.event_type.as_str()) {
                    self.forward(event).await?;
                }
            }
            if self.position != Some(position) {
                self.move_to(position)?;
            }
            if !page.has_more || page.data.is_empty() {
                return Ok(());
            }
        }
    }

    /// Learns where a stream begins; whether that is where this listener stands.
    fn takes_up(&mut self, stream: &EventStream) -> Result<bool, Halt<J::Fault>> {
        let begins = stream.begins_after().map(id).transpose()?;
        let begins = begins.map_or(Position::Beginning, Position::After);
        match self.position {
            None => {
                self.move_to(begins)?;
                Ok(true)
            }
            // Between reading nothing and the stream the first events happened: they are to be read.
            Some(Position::Beginning) => Ok(begins == Position::Beginning),
            Some(Position::After(_)) => Ok(true),
        }
    }

    /// The next event of the stream. A machine that slept is taken for one whose connections are gone.
    async fn next(&mut self, stream: &mut EventStream) -> Result<StoredEvent, Halt<J::Fault>> {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = self.clock.now();
        // Kept over the looks: the stream counts how long it is silent.
        let mut coming = pin!(stream.next());
        loop {
            tokio::select! {
                event = &mut coming => {
                    let ended = || Halt::Away("the server ended the stream".into());
                    return event?.ok_or_else(ended);
                }
                _ = looks.tick() => {
                    let now = self.clock.now();
                    if slept(last, now) {
                        return Err(Halt::Away("this machine slept".into()));
                    }
                    last = now;
                }
                _ = self.stop.wait_for(|stop| *stop) => return Err(Halt::Told),
            }
        }
    }

    /// Sends an event until it is taken, and moves past it.
    async fn forward(&mut self, event: &StoredEvent) -> Result<(), Halt<J::Fault>> {
        let id = id_of(event)?;
        let mut number = 1;
        loop {
            let clock = &*self.clock;
            let sent = self
                .forward
                .attempt(clock, (id, event), number, &mut self.stop);
            let Some((next, attempt)) = sent.await else {
                return Err(Halt::Told);
            };
            let news = match next {
                Next::Taken => News::Delivered(attempt),
                Next::PassOver => News::PassedOver(attempt),
                Next::Again(wait) => {
                    self.journal.tell(&News::Failed(attempt, wait));
                    self.rest(wait).await?;
                    number = number.saturating_add(1);
                    continue;
                }
                Next::Gone => return Err(ListenFault::Gone.into()),
                Next::Refused(fault) => return Err(ListenFault::Receiver(fault).into()),
            };
            self.move_to(Position::After(id))?;
            self.journal.tell(&news);
            return Ok(());
        }
    }

    fn move_to(&mut self, position: Position) -> Result<(), Halt<J::Fault>> {
        self.journal.keep(position).map_err(ListenFault::Keep)?;
        self.position = Some(position);
        Ok(())
    }

    fn reached(&mut self) {
        self.met = true;
        self.failures = 0;
    }

    async fn rest(&mut self, wait: Duration) -> Result<(), Halt<J::Fault>> {
        told(&mut self.stop, sleep(wait)).await
    }
}

/// Does something, unless a stop is asked for.
async fn told<T, K>(
    stop: &mut watch::Receiver<bool>,
    work: impl Future<Output = T>,
) -> Result<T, Halt<K>> {
    tokio::select! {
        done = work => Ok(done),
        _ = stop.wait_for(|stop| *stop) => Err(Halt::Told),
    }
}

fn slept(last: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(last.0) > SLEPT
}

fn id_of(event: &StoredEvent) -> Result<EventId, ClientError> {
    id(&event.id)
}

fn id(text: &str) -> Result<EventId, ClientError> {
    let malformed = || ClientError::Malformed("an event's id is of another form".into());
    EventId::parse(text).ok_or_else(malformed)
}
